"""A progress bar under a slow cell, removed when the work is done."""

from collections.abc import Iterable, Iterator
from typing import TypeVar

from IPython.display import HTML, clear_output, display

Item = TypeVar("Item")


def progress(items: Iterable[Item], what: str = "") -> Iterator[Item]:
    """Yield the items, and show under the cell how many are done.

    At the end the bar is removed, with everything else that the cell has shown so far: print and
    draw after the loop, not in it.

    Args:
        items: the items of the loop; they are listed first, to count them.
        what: a few words next to the bar.
    """
    everything = list(items)
    bar = display(_bar(0, len(everything), what), display_id=True)
    for done, item in enumerate(everything):
        if bar is not None:  # None outside of a notebook
            bar.update(_bar(done, len(everything), what))
        yield item
    clear_output()


def _bar(done: int, total: int, what: str) -> HTML:
    return HTML(f"<progress value='{done}' max='{total}'></progress> {what} {done} of {total}")
