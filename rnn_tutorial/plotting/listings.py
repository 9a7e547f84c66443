"""Diffs, source code and reports on a page, in the theme's own ink, wrapped between words only."""

from collections.abc import Collection, Mapping
from html import escape
from inspect import getsource
from typing import Any

from IPython.display import display

from rnn_tutorial.colours import ACTION, CELL, INK
from rnn_tutorial.doctor.report import Report, folded, table

TINTS = {"+": f"{ACTION}33", "-": f"{CELL}33", "@": f"{INK}33"}  # a fifth of full strength
WIDTH = 0.6  # em, of a character; JupyterLab lets no "ch" through


def listing_html(text: str, tints: Mapping[str, str] | None = None) -> str:
    """Return lines of code as HTML.

    A line that is too long for the page goes on below, indented more than it began.

    Args:
        text: the lines.
        tints: the first character of a line -> the colour that lies under the line.
    """
    lines = []
    for line in text.splitlines():
        sign = line[:1] if tints else ""
        hang = WIDTH * (len(line) - len(line[len(sign) :].lstrip()) + 4)
        tint = f"background:{tints[sign]};" if tints and sign in tints else ""
        place = f"padding-left:{hang:.1f}em;text-indent:-{hang:.1f}em"
        lines.append(f'<div style="{tint}{place}">{escape(line) or " "}</div>')
    style = "font:12px/1.5 monospace;white-space:pre-wrap;overflow-x:auto"
    return f'<div style="{style}">{"".join(lines)}</div>'


def diff_html(diff: str) -> str:
    """Return a unified diff as HTML, its changed lines tinted."""
    return listing_html(diff, TINTS)


def show_diff(diff: str) -> None:
    """Show a unified diff under the cell."""
    display({"text/html": diff_html(diff), "text/plain": diff}, raw=True)


def show_source(*things: Any) -> None:
    """Show the source of classes and functions under the cell."""
    source = "\n".join(map(getsource, things)).rstrip()
    display({"text/html": listing_html(source), "text/plain": source}, raw=True)


def show_report(report: Report, checks: Collection[str] = ()) -> None:
    """Show some rows of a doctor's report under the cell, and fold all of them away below.

    Args:
        report: of the doctor.
        checks: the rows to show; none means those that failed.
    """
    names = checks or report.failed
    some = [check for check in report if check.name in names]
    html = f"<p><b>{escape(report.verdict)}</b></p>{table(some)}"
    html += folded(f"all {len(report.checks)} checks", report)
    plain = "\n".join([report.verdict, *map(str, some)])
    display({"text/html": html, "text/plain": plain}, raw=True)
