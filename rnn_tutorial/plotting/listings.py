"""Diffs and source code on a page, in the theme's own ink, wrapped between words only."""

from html import escape
from inspect import getsource
from typing import Any

from IPython.display import display

from rnn_tutorial.colours import ACTION, CELL, INK

TINTS = {"+": f"{ACTION}33", "-": f"{CELL}33", "@": f"{INK}33"}  # a fifth of full strength


def diff_html(diff: str) -> str:
    """Return a unified diff as HTML.

    A line that is too long for the page goes on below, indented more than it began.
    """
    lines = []
    for line in diff.splitlines():
        indent = len(line) - len(line[1:].lstrip()) + 4
        place = f"padding-left:{indent}ch;text-indent:-{indent}ch"
        tint = f"background:{TINTS[line[0]]};" if line[:1] in TINTS else ""
        lines.append(f'<div style="{tint}{place}">{escape(line) or " "}</div>')
    style = "font:12px/1.5 monospace;white-space:pre-wrap;overflow-x:auto"
    return f'<div style="{style}">{"".join(lines)}</div>'


def show_diff(diff: str) -> None:
    """Show a unified diff under the cell."""
    display({"text/html": diff_html(diff), "text/plain": diff}, raw=True)


def show_source(*things: Any) -> None:
    """Show the source of classes and functions under the cell."""
    source = "\n".join(map(getsource, things)).rstrip()
    display({"text/markdown": f"```python\n{source}\n```", "text/plain": source}, raw=True)
