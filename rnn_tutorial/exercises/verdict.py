"""How an exercise is judged: not attempted, right, or wrong with the first place that differs.

A check calls the reader's function on data it chose, compares the result with one computed in a
different way, and knows the results of typical mistakes, so that it can name the likely one.
"""

import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Verdict:
    """The outcome of a check; shows itself as one coloured line in a notebook.

    Attributes:
        status: "not attempted", "right" or "wrong".
        message: what was found.
    """

    status: str
    message: str

    @property
    def right(self) -> bool:
        return self.status == "right"

    def __repr__(self) -> str:
        mark = {"right": "✓ right", "wrong": "✗ not yet"}.get(self.status, "· not attempted")
        return f"{mark}: {self.message}"

    def _repr_html_(self) -> str:
        kind = {"right": "success", "wrong": "danger"}.get(self.status, "info")
        text = escape(repr(self)).replace("\n", "<br>")
        return f'<div class="alert alert-{kind}">{text}</div>'


NOT_ATTEMPTED = Verdict(
    "not attempted", "write your answer in the stub above, then run this again."
)


def judge(
    answer: Callable[[], Any],
    expected: Any,
    *,
    axes: Sequence[str | Sequence[str]],
    mistakes: Mapping[str, Any] | None = None,
    praise: str = "agrees with an independent computation.",
    tolerance: float = 1e-5,
) -> Verdict:
    """Runs an answer and compares it with what is expected.

    Args:
        answer: calls the reader's function; None or ... back means that the stub is untouched.
        expected: the right result, array-like of any shape, computed in a different way.
        axes: a name for each axis of `expected`, e.g. `("time", "env")`, used in the message; or,
            for an axis of separate cases, a name for each of its entries.
        mistakes: the name of a typical mistake -> the result that it would give.
        praise: what to say of a right answer.
        tolerance: the largest absolute difference that counts as equal.

    Returns:
        A verdict; an exception in the answer is a wrong answer, with the reader's line in it.
    """
    try:
        got = answer()
    except NotImplementedError:
        return NOT_ATTEMPTED
    except Exception as error:
        places = traceback.extract_tb(error.__traceback__)
        own = [place for place in places if "site-packages" not in place.filename] or places
        return Verdict(
            "wrong", f"your code raised {type(error).__name__}: {error} (line: {own[-1].line})"
        )
    if got is None or got is Ellipsis:
        return NOT_ATTEMPTED
    return _compare(got, expected, axes, mistakes or {}, praise, tolerance)


def _compare(
    got: Any,
    expected: Any,
    axes: Sequence[str | Sequence[str]],
    mistakes: Mapping[str, Any],
    praise: str,
    tolerance: float,
) -> Verdict:
    try:
        got_array = as_array(got)
    except (TypeError, ValueError):
        shape = as_array(expected).shape
        return Verdict("wrong", f"expected numbers of shape {shape}, got a {type(got).__name__}")
    expected_array = as_array(expected)
    for name, result in mistakes.items():
        if _same(got_array, as_array(result), tolerance) and not _same(
            got_array, expected_array, tolerance
        ):
            place = _first_difference(got_array, expected_array, axes, tolerance)
            return Verdict("wrong", f"{place}\nLikely: {name}.")
    if not _same(got_array, expected_array, tolerance):
        return Verdict("wrong", _first_difference(got_array, expected_array, axes, tolerance))
    return Verdict("right", praise)


def as_array(value: Any) -> np.ndarray:
    """A tensor, number or nested list as a float64 array; gradients are left behind."""
    if hasattr(value, "detach"):
        value = value.detach().cpu().numpy()
    elif isinstance(value, (list, tuple)):
        value = [as_array(entry) for entry in value]
    return np.asarray(value, dtype=np.float64)


def _same(a: np.ndarray, b: np.ndarray, tolerance: float) -> bool:
    return a.shape == b.shape and np.allclose(a, b, rtol=0.0, atol=tolerance, equal_nan=True)


def _first_difference(
    got: np.ndarray, expected: np.ndarray, axes: Sequence[str | Sequence[str]], tolerance: float
) -> str:
    if got.shape != expected.shape:
        names = ", ".join(a if isinstance(a, str) else "case" for a in axes) or "a single number"
        return f"expected shape {expected.shape} ({names}), got {got.shape}"
    differs = ~np.isclose(got, expected, rtol=0.0, atol=tolerance, equal_nan=True)
    index = tuple(int(i) for i in np.argwhere(differs)[0])
    places = [f"{a} {i}" if isinstance(a, str) else a[i] for a, i in zip(axes, index, strict=True)]
    where = ", ".join(places) or "the result"
    return f"first differs at {where}: expected {expected[index]:.4g}, got {got[index]:.4g}"
