"""What every measurement shares: one row of the table, and timing side by side."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median


class Skipped(Exception):
    """A subject that cannot be measured on this machine; says what is missing."""


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        name: what was measured.
        ours: our figure, the median of the repeats.
        other: the figure beside it, measured in the same run; None where the target is absolute.
        ratio: the ratio that the target speaks of, None where it speaks of none.
        target: what is to be reached, in words.
        holds: whether it is.
        unit: of `ours` and `other`.
    """

    name: str
    ours: float
    other: float | None
    ratio: float | None
    target: str
    holds: bool
    unit: str


def at_most(name: str, ours: float, other: float, target: float, unit: str) -> Row:
    """Ours over other is to be at most `target`; both are costs."""
    ratio = ours / other
    return Row(name, ours, other, ratio, f"ours / other <= {target:g}", ratio <= target, unit)


def times_faster(name: str, ours: float, other: float, target: float, unit: str) -> Row:
    """Other over ours is to be at least `target`; both are costs."""
    ratio = other / ours
    return Row(name, ours, other, ratio, f"other / ours >= {target:g}", ratio >= target, unit)


def times_more(name: str, ours: float, other: float, target: float, unit: str) -> Row:
    """Ours over other is to be at least `target`; both are rates."""
    ratio = ours / other
    return Row(name, ours, other, ratio, f"ours / other >= {target:g}", ratio >= target, unit)


def limit(name: str, ours: float, target: float, unit: str) -> Row:
    """Ours is to be at most `target`, whatever anything else takes."""
    return Row(name, ours, None, None, f"<= {target:g} {unit}", ours <= target, unit)


def side_by_side(functions: Sequence[Callable[[], object]], repeats: int) -> list[float]:
    """Median seconds of each function, called in turn, forwards and backwards, after one warm-up.

    A machine that slows down for a while then slows all of them alike.
    """
    for function in functions:
        function()
    seconds: list[list[float]] = [[] for _ in functions]
    order = list(range(len(functions)))
    for _ in range(repeats):
        for i in order:
            start = time.perf_counter()
            functions[i]()
            seconds[i].append(time.perf_counter() - start)
        order.reverse()
    return [median(row) for row in seconds]
