"""What can be examined: the three methods, and the observations they take."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch


@runtime_checkable
class Subject(Protocol):
    """Anything with these three methods, over torch tensors or NumPy arrays.

    - Time comes first: observations of a sequence are (T, N, *obs), N environments.
    - The state is any nest (array, tuple, list, dict, named tuple, dataclass, None) of arrays, each
      with one axis of N; the subject takes it and returns it. No memory: None or empty arrays.
    - `reset` is boolean and true where an observation begins an episode: the state of that env is
      brought back to `initial_state` before the step.
    - The output is a tensor, a tuple, a dict, a named tuple, a dataclass or a torch distribution,
      or a nest of these; each array (N, ...) in `step` and (T, N, ...) in `unroll`. It is one
      function of observations and state: the action's distribution rather than a draw from it.
    """

    def initial_state(self, n: int, /) -> Any:
        """The state of n envs before their first step."""

    def step(self, obs: Any, state: Any, reset: Any, /) -> tuple[Any, Any]:
        """One step: obs (N, *obs), reset (N,) -> the output and the state after the step."""

    def unroll(self, obs: Any, state: Any, reset: Any, /) -> tuple[Any, Any]:
        """T steps: obs (T, N, *obs), reset (T, N) -> the outputs and the state after the last."""


Number = int | float  # the runtime checks take an int for no float
Scale = float | str
BITS = "bits"
METHODS = ("initial_state", "step", "unroll")


def missing_methods(subject: Any) -> list[str]:
    """Which of the three methods a subject lacks."""
    return [name for name in METHODS if not callable(ask(subject, name))]


def ask(subject: Any, name: str) -> Any:
    """A member of a subject, None where it has none or raises when it is asked."""
    try:
        return getattr(subject, name, None)
    except Exception:
        return None


@dataclass(frozen=True)
class Observations:
    """What one observation looks like.

    Attributes:
        shape: of one observation, () for a number.
        dtype: NumPy's name of it ("float", "int64", "uint8" ...); "float" takes the subject's own.
        low: the least value; None for a float without bounds.
        high: the greatest value, included.
        sizes: further numbers that T and N must not be taken for, besides the shape's.
    """

    shape: tuple[int, ...]
    dtype: str = "float"
    low: Number | None = None
    high: Number | None = None
    sizes: tuple[int, ...] = ()

    @property
    def whole_numbers(self) -> bool:
        return self.dtype == "bool" or np.dtype(self.dtype).kind in "iu"

    @property
    def constant(self) -> bool:
        """Whether only one observation is possible."""
        return self.low is not None and self.low == self.high

    def least(self) -> float:
        """Zero, or the least value allowed where zero is not."""
        allowed = self.low is None or self.high is None or self.low <= 0 <= self.high
        return 0.0 if allowed else float(self.low or 0.0)

    def within(self, values: np.ndarray) -> np.ndarray:
        """Values brought into the bounds, where there are any."""
        bounded = self.low is not None and self.high is not None
        return np.clip(values, self.low, self.high) if bounded else values

    def draw(
        self, rng: np.random.Generator, lead: tuple[int, ...], scale: Scale = 1.0
    ) -> np.ndarray:
        """Observations (*lead, *shape): whole numbers or numbers in bounds, else normal * scale.

        The scale BITS stands for zeros and ones, which flags and one-hot vectors are made of.
        """
        shape = lead + self.shape
        if self.whole_numbers:
            assert self.low is not None
            assert self.high is not None
            return rng.integers(int(self.low), int(self.high), shape, endpoint=True)
        if self.low is not None and self.high is not None:
            return rng.uniform(self.low, self.high, shape)
        if isinstance(scale, str):
            return rng.integers(0, 2, shape).astype(float)
        return rng.normal(size=shape) * scale


def observations_of(
    subject: Any,
    shape: int | tuple[int, ...] | None = None,
    dtype: Any = None,
    bounds: tuple[Number, Number] | None = None,
) -> Observations:
    """The observations a subject takes, from what is given and what the subject says of itself.

    Args:
        subject: its `obs_shape` or `observation_space` is asked where no shape is given.
        shape: of one observation; a number stands for a vector of that length.
        dtype: torch's, NumPy's or its name.
        bounds: least and greatest value; for whole numbers (0, 1) unless given, bytes (0, 255).

    Raises:
        ValueError: if no shape is given and the subject names none.
    """
    space, said = ask(subject, "observation_space"), ask(subject, "obs_shape")
    known = getattr(space, "shape", None)
    given: Any = shape
    if given is None and isinstance(said, (int, np.integer, tuple, list)):
        given = said
    if isinstance(given, (int, np.integer)):
        given = (given,)
    _check_form(given, bounds)
    shape = None if given is None else tuple(map(int, given))
    # Floats whose shape was said otherwise are drawn without bounds; codes and bytes never are.
    codes = known is not None and shape == tuple(known) and _dtype_of(space) is not None
    if (shape is None and known is not None) or (codes and dtype is None):
        shape = known
        dtype = _dtype_of(space) if dtype is None else dtype
        bounds = _bounds_of(space) if bounds is None else bounds
    if shape is None:
        raise ValueError(
            "obs_shape: expected the shape of one observation, e.g. obs_shape=(5,), got None and "
            "a subject with neither obs_shape nor observation_space"
        )
    name = "float" if dtype is None else str(dtype).removeprefix("torch.")
    name = getattr(dtype, "__name__", name) if isinstance(dtype, type) else name
    if name != "bfloat16" and np.dtype(name).kind not in "fiub":
        raise ValueError(f"obs_dtype: expected floats, whole numbers or bool, got {dtype}")
    if bounds is None and (name == "bool" or (name != "bfloat16" and np.dtype(name).kind in "iu")):
        bounds = (0, 255) if name == "uint8" else (0, 1)
    low, high = bounds or (None, None)
    return Observations(shape, name, low, high)


def _check_form(shape: Any, bounds: Any) -> None:
    """Raise a ValueError for a shape or bounds that no observation can have."""
    sizes = shape if isinstance(shape, Sequence) else (shape,)
    whole = all(isinstance(size, (int, np.integer)) and size > 0 for size in sizes)
    if shape is not None and not whole:
        raise ValueError(f"obs_shape: expected whole numbers, at least 1, got {shape!r}")
    if bounds is not None and not (
        isinstance(bounds, Sequence)
        and len(bounds) == 2
        and all(isinstance(bound, Real) and math.isfinite(bound) for bound in bounds)
        and bounds[0] <= bounds[1]
    ):
        raise ValueError(f"obs_bounds: expected (least, greatest), finite, got {bounds!r}")


def _dtype_of(space: Any) -> Any:
    kind = np.dtype(space.dtype).kind
    return None if kind == "f" else space.dtype


def _bounds_of(space: Any) -> tuple[Number, Number] | None:
    """The bounds of a Box, Discrete, MultiDiscrete or MultiBinary space, where it has any."""
    if hasattr(space, "n") and hasattr(space, "start"):
        return int(space.start), int(space.start + space.n - 1)
    if hasattr(space, "nvec"):
        return 0, int(np.min(space.nvec)) - 1
    if hasattr(space, "low"):
        low, high = float(np.max(space.low)), float(np.min(space.high))
        if math.isfinite(low) and math.isfinite(high) and low < high and high - low < 1e6:
            return low, high
    return None


def torch_dtype(name: str) -> torch.dtype:
    """NumPy's name of a dtype -> torch's dtype."""
    return getattr(torch, "bool" if name == "bool" else name)
