"""The first check: the three methods can be called, and their outputs have the right axes."""

import re
from typing import Any

import torch

from rnn_tutorial.doctor.examination import Examination, Outcome, failed, passed
from rnn_tutorial.doctor.nest import form, is_float, leaves, numbers
from rnn_tutorial.doctor.probe import Probe, SubjectError

OTHER_N = 3


def runs(exam: Examination) -> Outcome:
    """The three methods can be called, and their outputs have the axes (N, ...) and (T, N, ...)."""
    probe = exam.first
    n, steps = probe.N, probe.T
    flags = probe.flags(probe.rng.random((steps, n)) < 0)
    obs = probe.array(probe.draw(steps, n))
    try:
        of_step, state = probe.call("step", obs[0], probe.initial(n), flags[0])
    except SubjectError as error:
        return failed(str(error), cause=_wrong_size(str(error), n))
    other = probe.array(probe.draw(1, OTHER_N))[0]
    of_other, _ = probe.call("step", other, probe.initial(OTHER_N), flags[0, :OTHER_N])
    try:
        of_unroll, last = probe.call("unroll", obs, probe.initial(n), flags)
    except SubjectError as error:
        return _unroll_failed(exam, error)
    problem = _set_layout(probe, of_step, of_other, of_unroll)
    if problem:
        if problem.cause == SWAPPED:
            exam.outcomes["axes_order"] = problem
        return problem
    for method, nest in (("step", (of_step, state)), ("unroll", (of_unroll, last))):
        for path, array in leaves(nest):
            values = numbers(array)
            if values.isnan().any() or values.isposinf().any():
                what = ("output", "state")[int(path[1])] + path[3:]
                return failed(f"{method} returned NaN or inf in {what} for finite observations")
    names = ", ".join(dict.fromkeys(probe.column_names()))
    return passed(f"initial_state, step and unroll; {names}")


SWAPPED = "Batch and time are swapped: unroll reads or returns (N, T, ...) instead of (T, N, ...)."


def _unroll_failed(exam: Examination, error: SubjectError) -> Outcome:
    """`unroll` raised; where it runs for T = N, its axes are the reason."""
    probe = exam.first
    n = probe.N
    try:
        square = probe.flags(probe.rng.random((n, n)) < 0)
        probe.call("unroll", probe.array(probe.draw(n, n)), probe.initial(n), square)
    except SubjectError:
        return failed(str(error), cause=_wrong_size(str(error), n))
    exam.outcomes["axes_order"] = failed(f"unroll runs only where T = N: {error}", cause=SWAPPED)
    return failed(str(error), cause=SWAPPED)


def _wrong_size(error: str, n: int) -> str:
    """A cause for an error that sets another size against the number of envs, "" for others."""
    sizes = {int(size) for size in re.findall(r"size of tensor [ab] \((\d+)\)", error)}
    other = sizes - {n}
    if n not in sizes or len(other) != 1:
        return ""
    return (
        f"A size of {other.pop()} stands where the number of envs, {n}, belongs: it was taken from "
        "another axis, or from len() of a dict or tuple, which counts its entries."
    )


def _set_layout(probe: Probe, of_step: Any, of_other: Any, of_unroll: Any) -> Outcome | None:
    """Finds out which outputs have the axes of time and env; says what is wrong with them."""
    n, steps = probe.N, probe.T
    by_step, by_other, by_unroll = leaves(of_step), leaves(of_other), leaves(of_unroll)
    paths = [path for path, _ in by_step]
    if not paths:
        return failed("step returned no array as its output")
    if [path for path, _ in by_unroll] != paths or [path for path, _ in by_other] != paths:
        others = ", ".join(path or "one array" for path, _ in by_unroll) or "nothing"
        names = ", ".join(path or "one array" for path in paths)
        return failed(f"outputs of unroll ({others}) and of step ({names}) differ in structure")
    column, layout, whole = 0, [], None
    for (path, one), (_, other), (_, many) in zip(by_step, by_other, by_unroll, strict=True):
        shape, got = tuple(one.shape), tuple(many.shape)
        constant = shape == tuple(other.shape)
        used = not constant and shape[:1] == (n,) and got == (steps, *shape)
        if not used and not constant:
            problem = _wrong_shape(path, shape, got, steps, n)
            if got != shape:
                return problem
            whole = problem  # such as a state among the outputs, unless it is the only one
        if constant and got == shape and _same(one, other) and not _same(one, many):
            return failed(
                f"output{path}, which has no axis of envs, is another one in unroll than in step",
                cause="A parameter of the output is treated in two ways.",
                cure="Let step and unroll share the lines that make their outputs.",
            )
        width = numbers(one).numel() // n if used else 0
        layout.append((path, used, slice(column, column + width)))
        column += width
    if not column:
        return whole or failed(f"no output has an axis of {n} envs: {form(of_step)}")
    probe.layout = layout
    floats = [
        torch.full((columns.stop - columns.start,), is_float(array))
        for (_, used, columns), (_, array) in zip(layout, by_step, strict=True)
        if used
    ]
    real = torch.cat(floats)
    probe.kept = real if real.any() else None  # whole numbers may flip where two are as good
    return None


def _same(a: Any, b: Any) -> bool:
    """Equal but for rounding."""
    return torch.allclose(numbers(a), numbers(b), rtol=1e-3, atol=1e-6, equal_nan=True)


def _wrong_shape(
    path: str, shape: tuple[int, ...], got: tuple[int, ...], steps: int, n: int
) -> Outcome:
    what = f"output{path}: step returned {shape}, unroll {got}, expected (N, ...) and (T, N, ...) "
    what += f"with T = {steps}, N = {n}"
    if got == (n, steps, *shape[1:]):
        return failed(what, cause=SWAPPED)
    if got[:1] == (steps * n,):
        return failed(what, cause="unroll returns time and batch folded into one axis.")
    if got == shape:
        cause = "unroll returns one output for the whole sequence (h_n, or output[-1])."
        return failed(what, cause=cause)
    if shape[:1] != (n,):
        return failed(what, cause="step returns an output without the batch axis in front.")
    return failed(what, cause="step and unroll return outputs of different shapes.")
