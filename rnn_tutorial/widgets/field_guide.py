"""The field guide: choose a bug; see its diff, its picture and the doctor's report."""

from html import escape

import ipywidgets as w

from rnn_tutorial.doctor import Report
from rnn_tutorial.doctor.zoo import BUGS, FILES
from rnn_tutorial.plotting.bugs import draw_bug
from rnn_tutorial.plotting.figures import png_bytes
from rnn_tutorial.plotting.listings import diff_html
from rnn_tutorial.widgets.live import LiveView


class FieldGuide(LiveView):
    """List of bugs, with the chosen one's story and diff, its picture, and the doctor's report.

    A bug is drawn and examined when it is chosen for the first time; picture and report are kept.

    Args:
        bug: the bug to begin with.

    Attributes:
        reports: name -> report, of the bugs chosen so far.

    Raises:
        ValueError: for a bug that the zoo does not have.
    """

    def __init__(self, bug: str = "amnesia") -> None:
        if bug not in BUGS:
            raise ValueError(f"bug: expected one of {list(BUGS)}, got {bug!r}")
        options = [
            (f"{file.__name__.rpartition('.')[2]} · {one.name}", one.name)
            for file in FILES
            for one in file.BUGS
        ]
        self.reports: dict[str, Report] = {}
        self._pictures: dict[str, bytes] = {}
        self.choice = w.Dropdown(options=options, value=bug, description="bug")
        self.choice.layout.width = "420px"
        self.choice.layout.max_width = "100%"
        self.words, self.report = w.HTML(), w.HTML()
        super().__init__([self.choice, self.words], self._picture, self._describe)
        self.children = [
            self.choice,
            self.words,
            self.failure,
            self.image,
            self.caption,
            self.report,
        ]
        self.choice.observe(self.refresh, "value")

    def _show(self) -> None:
        bug = BUGS[self.choice.value]
        lesson = "the first patient (below)"
        met = ", ".join(dict.fromkeys(lesson if "lesson" in p else p for p in bug.met))
        self.words.value = (
            f"<p><b>{escape(bug.title)}</b> {escape(bug.story)} <i>Met in: {escape(met)}.</i></p>"
            f"{diff_html(bug.diff)}"
        )
        if bug.name not in self.reports:
            self.report.value = "<p>Under examination ...</p>"
            self.reports[bug.name] = bug.examine()
        super()._show()
        self.report.value = self.reports[bug.name].to_html(only_failed=True)

    def _picture(self) -> bytes:
        name = self.choice.value
        if name not in self._pictures:
            self._pictures[name] = png_bytes(draw_bug(BUGS[name]))
        return self._pictures[name]

    def _describe(self) -> str:
        bug = BUGS[self.choice.value]
        found = ", ".join(self.reports[bug.name].failed)
        return (
            f"{bug.title} Hidden states in acting and in training, healthy and sick; below them, "
            f"learning curves with the bug and without. Failed checks: {found}."
        )
