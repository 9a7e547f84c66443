"""The instrument: runs a subject on made-up observations and turns what comes back into numbers."""

from dataclasses import dataclass
from itertools import chain, count
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rnn_tutorial.doctor import memory_guard
from rnn_tutorial.doctor.comparison import EPS, Difference, Ruler
from rnn_tutorial.doctor.nest import (
    clone,
    leaves,
    numbers,
    size_in_bytes,
)
from rnn_tutorial.doctor.preparation import seed_all
from rnn_tutorial.doctor.subject import Observations, Scale, torch_dtype
from rnn_tutorial.doctor.watchdog import TooLongError, limited

WAYS = ("step", "unroll")
TIME_LIMIT = 60.0  # seconds
WILD = 1e3  # what an uninitialised buffer may hold


class SubjectError(Exception):
    """What a subject did in one of its calls: it raised, or returned what nobody can use."""


@dataclass
class Run:
    """What a subject returned for a sequence.

    Attributes:
        outputs: (T, N, K), every number of every output that has the axes T and N.
        state: after the last step.
    """

    outputs: Tensor
    state: Any


class Probe:
    """A subject under examination, its observations and its tolerance.

    Every call gets fresh copies of its arguments, and what comes back is copied as well, so that
    a subject that writes into them spoils no other check.

    Args:
        subject: a copy that may be worked on.
        spec: its observations.
        seed: of the observations.
        dtype: of floating-point observations.
        device: of tensors.
        use_torch: tensors, or NumPy arrays.
        memory_limit: bytes that the examination may add to the process.
        time_limit: seconds that a call may take; after one that takes longer none is made.
    """

    hanging: list[str]  # the call that did not return; copies of a probe share it

    def __init__(
        self,
        subject: Any,
        spec: Observations,
        seed: int,
        dtype: torch.dtype,
        device: torch.device,
        use_torch: bool,
        memory_limit: int,
        time_limit: float = TIME_LIMIT,
    ) -> None:
        self.subject, self.spec, self.seed = subject, spec, seed
        self.dtype, self.device, self.use_torch = dtype, device, use_torch
        self.memory_limit, self.memory_before = memory_limit, memory_guard.resident()
        self.time_limit, self.hanging = time_limit, []
        self.rng = np.random.default_rng(seed)
        self.default_dtype = torch.get_default_dtype()
        self.scale: Scale = 1.0
        self.layout: list[tuple[str, bool, slice]] = []  # path, used, columns
        self.kept: Tensor | None = None  # columns compared; None means all
        self.batch_axes: dict[str, int | None] = {}
        self.T, self.N = self._sizes()
        self.ruler = Ruler(EPS[str(dtype)], self.T)

    def _sizes(self) -> tuple[int, int]:
        """T and N that are no size of the observation, so that a wrong axis cannot fit."""
        taken = {*self.spec.shape, *self.spec.sizes}
        n = next(size for size in chain((5, 7, 11, 4), count(6)) if size not in taken)
        times = chain((13, 17, 19, 23), count(16))
        return next(size for size in times if size not in {*taken, n}), n

    # What goes in.

    def draw(self, steps: int, n: int, scale: Scale | None = None) -> np.ndarray:
        """Observations (steps, n, *obs)."""
        return self.spec.draw(self.rng, (steps, n), self.scale if scale is None else scale)

    def pattern(self, steps: int, n: int) -> np.ndarray:
        """Reset flags (steps, n): first, last, in a row, none at all, each in some env."""
        reset = np.zeros((steps, n), dtype=bool)
        last = steps - 1
        times: tuple[list[int], ...] = ([0, 4, 5], [last], [3], [1, 6, last - 1, last], [])
        for env in range(n):
            reset[times[env % len(times)], env] = True
        return reset

    def wild(self, count: int) -> np.ndarray:
        """Observations (count, *obs), far larger than usual where they have no bounds."""
        return self.spec.draw(self.rng, (count,), WILD)

    def array(self, values: np.ndarray) -> Any:
        """Values as the subject takes them: a fresh tensor on its device, or a fresh array."""
        name = self.spec.dtype
        floats = name == "float" or not self.spec.whole_numbers
        if not self.use_torch:
            dtype = str(self.dtype).removeprefix("torch.") if floats else name
            return np.array(values, dtype=dtype)
        kind = self.dtype if floats else torch_dtype(name)
        return torch.tensor(values, dtype=kind, device=self.device)

    def flags(self, reset: np.ndarray) -> Any:
        """Reset flags as the subject takes them, boolean."""
        return torch.tensor(reset, device=self.device) if self.use_torch else np.array(reset)

    # Calls.

    def initial(self, n: int) -> Any:
        """A copy of `initial_state(n)`."""
        return clone(self.call("initial_state", n))

    def call(self, method: str, *arguments: Any, grad: bool = False) -> Any:
        """Calls the subject; whatever goes wrong is a SubjectError that names the call."""
        if self.hanging:
            raise SubjectError(f"not called any more: {self.hanging[0]}")
        try:
            with torch.set_grad_enabled(grad), limited(self.time_limit):
                result = getattr(self.subject, method)(*arguments)
        except TooLongError:
            self.hanging.append(
                f"{_where(method, arguments)} did not return within {self.time_limit:g} s"
            )
            raise SubjectError(self.hanging[0]) from None
        except MemoryError as error:
            raise SubjectError(
                f"{_where(method, arguments)} asked for too much memory: {error}"
            ) from None
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # also SystemExit, and exceptions that are no Exception
            text = " ".join(str(error).split())[:300]
            where = _where(method, arguments)
            raise SubjectError(f"{where} raised {type(error).__name__}: {text}") from error
        self._weigh(result, method, arguments)
        if method == "initial_state":
            return result
        if not isinstance(result, (tuple, list)) or len(result) != 2:
            got = type(result).__name__
            got += f" of {len(result)}" if isinstance(result, (tuple, list)) else ""
            where = _where(method, arguments)
            raise SubjectError(f"{where} returned a {got}, expected a pair (output, state)")
        return result

    def _weigh(self, result: Any, method: str, arguments: tuple[Any, ...]) -> None:
        size = size_in_bytes(result)
        if size > self.memory_limit:
            raise SubjectError(f"{_where(method, arguments)} returned {size / 2**30:.3g} GiB")
        grown = memory_guard.resident() - self.memory_before
        if grown > self.memory_limit:
            where = _where(method, arguments)
            raise SubjectError(f"after {where} the process holds {grown / 2**30:.3g} GiB more")

    def run(
        self, way: str, obs: np.ndarray, state: Any = None, reset: np.ndarray | None = None
    ) -> Run:
        """Observations (T, N, *obs) through `unroll`, or through `step` T times.

        Args:
            way: "step" or "unroll".
            obs: (T, N, *obs).
            state: before the first step; None stands for the initial state.
            reset: (T, N) boolean; None for no reset.
        """
        steps, n = obs.shape[:2]
        state = self.initial(n) if state is None else clone(state)
        reset = np.zeros((steps, n), dtype=bool) if reset is None else reset
        if way == "unroll":
            output, state = self.call("unroll", self.array(obs), state, self.flags(reset))
            return Run(self.flatten(output, (steps, n), "unroll"), clone(state))
        rows = []
        for obs_t, reset_t in zip(obs, reset, strict=True):
            output, state = self.call("step", self.array(obs_t), state, self.flags(reset_t))
            rows.append(self.flatten(output, (n,), "step"))
            state = clone(state)
        return Run(torch.stack(rows), state)

    def warm(self, n: int, steps: int = 6) -> Any:
        """A state that has seen something: after a few steps from the initial state."""
        return self.run("step", self.draw(steps, n)).state

    # What comes out.

    def flatten(self, output: Any, lead: tuple[int, ...], method: str) -> Tensor:
        """The numbers of an output that has the axes `lead`, as float64 (*lead, K)."""
        found = leaves(output)
        if [path for path, _ in found] != [path for path, _, _ in self.layout]:
            got = ", ".join(path or "one array" for path, _ in found) or "nothing"
            raise SubjectError(f"{method} returned another structure than before: {got}")
        parts = []
        for (path, array), (_, used, columns) in zip(found, self.layout, strict=True):
            if not used:
                continue
            if tuple(array.shape[: len(lead)]) != lead:
                expected = ", ".join(map(str, lead))
                raise SubjectError(
                    f"{method} returned output{path} of shape {tuple(array.shape)}, expected "
                    f"({expected}, ...)"
                )
            part = numbers(array).reshape(*lead, -1)
            if part.shape[-1] != columns.stop - columns.start:
                raise SubjectError(f"{method} returned output{path} of {tuple(array.shape)}")
            parts.append(part)
        flat = torch.cat(parts, dim=-1)
        return flat if self.kept is None else flat[..., self.kept]

    def column_names(self) -> list[str]:
        names = [
            f"output{path}"
            for path, used, columns in self.layout
            if used
            for _ in range(columns.stop - columns.start)
        ]
        if self.kept is None:
            return names
        return [name for name, kept in zip(names, self.kept.tolist(), strict=True) if kept]

    # Comparing.

    def compare(
        self,
        a: Tensor,
        b: Tensor,
        start: int = 0,
        envs: Any = None,
        bare: bool = False,
        slack: float = 1.0,
    ) -> Difference:
        """The largest difference of two outputs (T, N, K), in tolerances; see `Ruler.compare`."""
        return self.ruler.compare(a, b, self.column_names(), start, envs, bare, slack)

    def same_state(self, way: str, a: Any, b: Any, steps: int = 4) -> Difference:
        """Whether two states mean the same: equal numbers, or equal outputs from there on."""
        n = self._n_of(a)
        if all(
            left.shape == right.shape and torch.equal(numbers(left), numbers(right))
            for (_, left), (_, right) in zip(leaves(a), leaves(b), strict=True)
        ):
            return Difference(0.0, "equal states", torch.zeros(steps, n, dtype=torch.bool))
        obs = self.draw(steps, n)
        on_a, on_b = self.run(way, obs, a), self.run(way, obs, b)
        return self.compare(on_a.outputs, on_b.outputs)

    def _n_of(self, state: Any) -> int:
        for path, array in leaves(state):
            axis = self.batch_axes.get(path)
            if axis is not None:
                return int(array.shape[axis])
        return self.N

    def reseed(self) -> None:
        """Sets the global generators to where they stood at the start of the examination."""
        seed_all(self.seed)


def _where(method: str, arguments: tuple[Any, ...]) -> str:
    """A call in words: the method, and the form of its arguments."""
    return f"{method}({', '.join(map(_describe, arguments))})"


def _describe(argument: Any) -> str:
    if isinstance(argument, int):
        return str(argument)
    found = leaves(argument)
    if isinstance(argument, (Tensor, np.ndarray)):
        return f"{str(argument.dtype).removeprefix('torch.')} {tuple(argument.shape)}"
    shapes = ", ".join(str(tuple(array.shape)) for _, array in found[:3])
    return f"state [{shapes}{', ...' if len(found) > 3 else ''}]" if found else "no state"
