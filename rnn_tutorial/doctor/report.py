"""What an examination found: one finding a check, and the report that lists them."""

import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from html import escape
from typing import Any

PASSED, FAILED, NOT_APPLICABLE = "passed", "failed", "not applicable"
WIDTH = 100  # of a printed line, in characters
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
        lines = [f"{MARKS[self.status]} {self.name:<23} {self.status}: {self.evidence}"]
        if self.status == FAILED:
            notes = [("cause", self.cause), ("cure", self.cure), ("read", self.section)]
            lines += [f"    {word}: {text}" for word, text in notes if text]
        return "\n".join(textwrap.fill(line, WIDTH, subsequent_indent=8 * " ") for line in lines)


@dataclass(frozen=True, repr=False)
class Report:
    """All findings of one examination; a table in a notebook, wrapped lines in a terminal.

    Both begin with what failed, and fold the rest away; `report["runs"]` shows one finding.

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
        lines = [self.verdict, *(str(check) for check in self.checks if check.status == FAILED)]
        for status in (PASSED, NOT_APPLICABLE):
            names = [check.name for check in self.checks if check.status == status]
            if names:
                text = f"{MARKS[status]} {status}: {', '.join(names)}"
                lines.append(textwrap.fill(text, WIDTH, subsequent_indent="    "))
        return "\n".join(lines)

    __repr__ = __str__

    def to_html(self, only_failed: bool = False) -> str:
        """The report as HTML: what failed as a table, the rest folded away or left out."""
        failures = [check for check in self.checks if check.status == FAILED]
        rest = [check for check in self.checks if check.status != FAILED]
        html = f"<p><b>{escape(self.verdict)}</b></p>" + (table(failures) if failures else "")
        if rest and not only_failed:
            html += folded(f"{len(rest)} more checks", rest)
        return html

    def _repr_html_(self) -> str:
        return self.to_html()


def table(findings: Iterable[Finding]) -> str:
    """Findings as an HTML table."""
    head = "".join(f"<th style='text-align:left'>{word}</th>" for word in HEADER)
    rows = "".join(map(_rows, findings))
    return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def folded(summary: str, findings: Iterable[Finding]) -> str:
    """Findings as an HTML table that opens with a click."""
    return f"<details><summary>{escape(summary)}</summary>{table(findings)}</details>"


HEADER = ("check", "status", "evidence")
COLOURS = {PASSED: "#009E73", FAILED: "#D55E00", NOT_APPLICABLE: "#767676"}


def _rows(check: Finding) -> str:
    """A finding's row; where the check failed, cause and cure in a second row below it."""
    status = f"{MARKS[check.status]} {check.status}"
    cells = (
        f"<code style='white-space:nowrap'>{escape(check.name)}</code>",
        f"<span style='white-space:nowrap;color:{COLOURS[check.status]}'>{status}</span>",
        escape(check.evidence),
    )
    style = "text-align:left;vertical-align:top;overflow-wrap:anywhere"
    row = "".join(f"<td style='{style}'>{cell}</td>" for cell in cells)
    if check.status != FAILED:
        return f"<tr>{row}</tr>"
    page = f"<a href='{escape(check.link)}' target='_blank'>{escape(check.section)}</a>"
    advice = f"<b>Likely: {escape(check.cause)}</b> {escape(check.cure)} Read: {page}"
    return f"<tr>{row}</tr><tr><td></td><td colspan='2' style='text-align:left'>{advice}</td></tr>"


def _finite(finding: dict[str, Any]) -> dict[str, Any]:
    """JSON knows no infinity: an excess without bound becomes the largest float."""
    excess = finding["excess"]
    if excess is not None:
        finding["excess"] = min(float(excess), 1.7e308) if excess == excess else 1.7e308
    return finding
