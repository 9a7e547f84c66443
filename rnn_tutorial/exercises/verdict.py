"""Judging an exercise: not attempted, right, or wrong with the first difference.

A check calls the reader's function on several random instances and compares each result with one
computed in a different way. It also knows the results of typical mistakes, so that it can name the
likely one.
"""

import dis
import sysconfig
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

Axes = Sequence[str | Sequence[str]]

STUBS = ("return None", "return ...", "raise NotImplementedError", "raise NotImplementedError()")
# Code in these folders is not the reader's: this package, installed ones, the standard library.
LIBRARIES = [Path(__file__).resolve().parents[1]]
LIBRARIES += [Path(sysconfig.get_path(name)) for name in ("stdlib", "purelib", "platlib")]


class WrongForm(ValueError):
    """The result has a form that the check cannot read; the message says expected and got."""


@dataclass(frozen=True)
class Verdict:
    """The outcome of a check, displayed as a coloured box in a notebook.

    Attributes:
        status: "not attempted", "right" or "wrong".
        message: the praise, or the first difference and the likely mistake.
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


@dataclass(frozen=True)
class Instance:
    """One call of the reader's function, with its right result.

    Attributes:
        arguments: of the call.
        expected: the right result, array-like of any shape, computed in a different way.
        mistakes: the name of a typical mistake -> its result for these arguments.
    """

    arguments: tuple[Any, ...]
    expected: Any
    mistakes: Mapping[str, Any] = field(default_factory=dict)


def judge(
    answer: Callable[..., Any],
    instances: Iterable[Instance],
    *,
    axes: Axes,
    call: Callable[..., Any] | None = None,
    praise: str = "agrees with an independent computation.",
    tolerance: float = 1e-5,
) -> Verdict:
    """Try an answer on every instance; the first wrong one decides.

    Args:
        answer: the reader's function.
        instances: their tensors and arrays are copied before each call.
        axes: a name for each axis of `expected`, e.g. `("time", "env")`, used in the message; for
            an axis of separate cases, a name for each of its entries.
        call: calls the answer, as `call(answer, *arguments)`; None means `answer(*arguments)`. It
            raises `WrongForm` for a result that it cannot read.
        praise: the message for a right answer.
        tolerance: the largest difference that counts as equal, absolute and relative.

    Returns:
        The verdict. An untouched stub is not attempted. An exception is a wrong answer, shown with
        the reader's own line; None is a wrong answer, too.
    """
    if untouched(answer):
        return NOT_ATTEMPTED
    for instance in instances:
        arguments = [_copy(argument) for argument in instance.arguments]
        try:
            got = answer(*arguments) if call is None else call(answer, *arguments)
            fault = _compare(got, instance, axes, tolerance)
        except WrongForm as error:
            fault = str(error)
        except Exception as error:
            fault = describe_error(error)
        if fault:
            return Verdict("wrong", fault)
    return Verdict("right", praise)


def untouched(answer: Any) -> bool:
    """Return whether a function's body, apart from its docstring, is still that of a stub."""
    return _instructions(answer) in [_instructions(_stub(body)) for body in STUBS]


def describe_error(error: Exception) -> str:
    """An exception in an answer, in words, with the last line of the reader's code."""
    what = f"{type(error).__name__}: {error}"
    own = [
        place
        for place in traceback.extract_tb(error.__traceback__)
        if not any(Path(place.filename).is_relative_to(folder) for folder in LIBRARIES)
    ]
    if not own:
        return f"calling your function raised {what}"
    return f"your code raised {what}" + (f" (line: {own[-1].line})" if own[-1].line else "")


def as_array(value: Any) -> np.ndarray:
    """Convert a tensor, number or nested list to a float64 array, without gradients.

    Raises:
        WrongForm: for None.
    """
    if value is None or value is Ellipsis:
        raise WrongForm("your function returned None: does every path reach a `return`?")
    if hasattr(value, "detach"):
        value = value.detach().cpu().numpy()
    elif isinstance(value, (list, tuple)) or (
        isinstance(value, np.ndarray) and value.dtype == object
    ):
        value = [as_array(entry) for entry in value]
    return np.asarray(value, dtype=np.float64)


def _stub(body: str) -> Callable[[], Any]:
    names: dict[str, Any] = {}
    exec(f"def stub(): {body}", names)
    stub: Callable[[], Any] = names["stub"]
    return stub


def _instructions(function: Any) -> list[tuple[str, Any]] | None:
    """Names and arguments of a Python function's instructions; None for any other callable."""
    code = getattr(function, "__code__", None)
    return None if code is None else [(i.opname, i.argval) for i in dis.get_instructions(code)]


def _copy(argument: Any) -> Any:
    if isinstance(argument, dict):
        return {key: _copy(value) for key, value in argument.items()}
    if isinstance(argument, (list, tuple)):
        return type(argument)(_copy(value) for value in argument)
    if isinstance(argument, np.ndarray):
        return argument.copy()
    return argument.clone() if hasattr(argument, "detach") else argument


def _compare(got: Any, instance: Instance, axes: Axes, tolerance: float) -> str:
    """The fault of a result in words; empty if it is right."""
    expected = as_array(instance.expected)
    try:
        found = as_array(got)
    except WrongForm:
        raise
    except (TypeError, ValueError):
        return f"expected numbers of shape {expected.shape}, got a {type(got).__name__}"
    if _same(found, expected, tolerance):
        return ""
    fault = _difference(found, expected, axes, tolerance)
    for name, result in instance.mistakes.items():
        if _same(found, as_array(result), tolerance):
            return f"{fault}\nLikely: {name}."
    return fault


def _same(a: np.ndarray, b: np.ndarray, tolerance: float) -> bool:
    return a.shape == b.shape and bool(_close(a, b, tolerance).all())


def _close(a: np.ndarray, b: np.ndarray, tolerance: float) -> np.ndarray:
    return np.asarray(np.isclose(a, b, rtol=tolerance, atol=tolerance, equal_nan=True))


def _difference(got: np.ndarray, expected: np.ndarray, axes: Axes, tolerance: float) -> str:
    """The first difference, and the largest where it is elsewhere."""
    if got.shape != expected.shape:
        names = ", ".join(a if isinstance(a, str) else "case" for a in axes) or "a single number"
        return f"expected shape {expected.shape} ({names}), got {got.shape}"

    def place(index: tuple[int, ...]) -> str:
        named = zip(axes, index, strict=True)
        return ", ".join(f"{a} {i}" if isinstance(a, str) else a[i] for a, i in named)

    differs = np.argwhere(~_close(got, expected, tolerance))
    first = tuple(int(i) for i in differs[0])
    two = _tell_apart(float(expected[first]), float(got[first]))
    text = f"first differs at {place(first) or 'the result'}: expected {two[0]}, got {two[1]}"
    size = np.nan_to_num(np.abs(got - expected), nan=0.0, posinf=np.inf)
    worst = tuple(int(i) for i in np.unravel_index(size.argmax(), size.shape))
    if size[worst] > 2 * size[first]:
        text += f"; the largest difference, {size[worst]:.3g}, is at {place(worst)}"
    return text


def _tell_apart(a: float, b: float) -> tuple[str, str]:
    """Format two different numbers with as many digits as show the difference, at least four."""
    for digits in range(4, 17):
        if f"{a:.{digits}g}" != f"{b:.{digits}g}":
            break
    return f"{a:.{digits}g}", f"{b:.{digits}g}"
