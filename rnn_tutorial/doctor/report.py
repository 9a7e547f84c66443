"""What an examination found: one finding a check, and the report that lists them."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from html import escape
from typing import Any

PASSED, FAILED, NOT_APPLICABLE = "passed", "failed", "not applicable"
MARKS = {PASSED: "✓", FAILED: "✗", NOT_APPLICABLE: "·"}


@dataclass(frozen=True)
class Finding:
    """The outcome of one check.

    Attributes:
        name: of the check, e.g. "step_equals_unroll".
        status: "passed", "failed" or "not applicable".
        evidence: what was seen; for a check that does not apply, why not.
        cause: the likely mistake by name; empty unless failed.
        cure: what to do about it; empty unless failed.
        section: the page that explains it, "<notebook>.ipynb: <title of the section>".
        excess: the largest difference in tolerances, at most 1 where the check passed; None where
            the check compares no numbers.
    """

    name: str
    status: str
    evidence: str
    cause: str = ""
    cure: str = ""
    section: str = ""
    excess: float | None = None

    @property
    def link(self) -> str:
        """The section as a link that JupyterLab follows: "<notebook>.ipynb#<anchor>"."""
        notebook, _, title = self.section.partition(": ")
        return f"{notebook}#{title.replace(' ', '-')}" if title else notebook

    def __str__(self) -> str:
        line = f"{MARKS[self.status]} {self.name:<23} {self.status}: {self.evidence}"
        if self.status != FAILED:
            return line
        notes = [("cause", self.cause), ("cure", self.cure), ("read", self.section)]
        return " | ".join([line, *(f"{word}: {text}" for word, text in notes if text)])


@dataclass(frozen=True, repr=False)
class Report:
    """All findings of one examination; a table in a notebook, one line a check in a terminal.

    Attributes:
        subject: what was examined, in a word.
        checks: the findings, in the order of examination.
    """

    subject: str
    checks: tuple[Finding, ...]

    @property
    def failed(self) -> tuple[str, ...]:
        """Names of the checks that failed."""
        return tuple(check.name for check in self.checks if check.status == FAILED)

    @property
    def healthy(self) -> bool:
        """Whether no check failed."""
        return not self.failed

    @property
    def verdict(self) -> str:
        """The report in one line."""
        counts = [
            f"{sum(check.status == status for check in self.checks)} {status}"
            for status in (PASSED, FAILED, NOT_APPLICABLE)
        ]
        word = "healthy" if self.healthy else "sick"
        return f"{self.subject}: {word} ({', '.join(counts)})"

    def __getitem__(self, name: str) -> Finding:
        """The finding of a check, by its name."""
        for check in self.checks:
            if check.name == name:
                return check
        raise KeyError(f"expected one of {[check.name for check in self.checks]}, got {name!r}")

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.checks)

    def to_dict(self) -> dict[str, Any]:
        """The report in dicts, lists, strings and numbers that json.dumps takes."""
        return {
            "subject": self.subject,
            "healthy": self.healthy,
            "failed": list(self.failed),
            "checks": [_finite(asdict(check)) for check in self.checks],
        }

    def __str__(self) -> str:
        return "\n".join([self.verdict, *map(str, self.checks)])

    __repr__ = __str__

    def to_html(self, only_failed: bool = False) -> str:
        """The report as a table, of all checks or of those that failed."""
        shown = [check for check in self.checks if check.status == FAILED or not only_failed]
        header = HEADER[: 3 if self.healthy else 5]
        head = "".join(f"<th style='text-align:left'>{word}</th>" for word in header)
        rows = "".join(_row(check, len(header)) for check in shown)
        return (
            f"<p><b>{escape(self.verdict)}</b></p>"
            f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
        )

    def _repr_html_(self) -> str:
        return self.to_html()


HEADER = ("check", "status", "evidence", "likely cause and cure", "read")
COLOURS = {PASSED: "#009E73", FAILED: "#D55E00", NOT_APPLICABLE: "#767676"}


def _row(check: Finding, columns: int) -> str:
    advice = page = ""
    if check.status == FAILED:
        advice = f"<b>{escape(check.cause)}</b> {escape(check.cure)}"
        page = f"<a href='{escape(check.link)}'>{escape(check.section)}</a>"
    status = f"{MARKS[check.status]} {check.status}"
    cells = [
        f"<code>{escape(check.name)}</code>",
        f"<span style='white-space:nowrap;color:{COLOURS[check.status]}'>{status}</span>",
        escape(check.evidence),
        advice,
        page,
    ][:columns]
    return "<tr>" + "".join(f"<td style='text-align:left'>{cell}</td>" for cell in cells) + "</tr>"


def _finite(finding: dict[str, Any]) -> dict[str, Any]:
    """JSON knows no infinity: an excess without bound becomes the largest float."""
    excess = finding["excess"]
    if excess is not None:
        finding["excess"] = min(float(excess), 1.7e308) if excess == excess else 1.7e308
    return finding
