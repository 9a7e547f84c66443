"""A bar under a cell that takes long, gone when the work is done."""

from collections.abc import Iterable, Iterator
from typing import TypeVar

from IPython.display import HTML, clear_output, display

Item = TypeVar("Item")


def progress(items: Iterable[Item], what: str = "") -> Iterator[Item]:
    """Yield the items, and show under the cell how many are done.

    The bar is taken away at the end, with whatever the cell has shown so far: print and draw after
    the loop, not in it.

    Args:
        items: what the loop goes through; counted first.
        what: a few words beside the bar.
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
