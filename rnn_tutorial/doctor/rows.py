"""Observations of several entries as rows of numbers, which is what the checks draw and change."""

from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from torch import Tensor

from rnn_tutorial.doctor.subject import Observations
from rnn_tutorial.observations import entries, is_float_box, map_entries, sample_batch

SPAN = 255  # steps of a whole number without bounds
REACH = 2.0  # of a float without bounds, to both sides of zero
FAR = 1e6  # a bound beyond this is none
KINDS = {"uint8": torch.uint8, "int8": torch.int8}  # of tensors; other whole numbers are int64


class RowSubject:
    """A subject with Dict, Tuple or MultiDiscrete observations, as one that takes rows (..., D).

    A row is a number between 0 and 1 for each number of an observation, and spread over what this
    one can be. Where all of them are whole numbers, the row has whole numbers as well, so that no
    gradient is expected of them.

    Args:
        subject: takes nests of arrays.
        space: of one observation.
    """

    def __init__(self, subject: Any, space: Any) -> None:
        self.subject, self.observation_space = subject, space
        self.parts = [part for _, part in entries(space)]
        self.ranges = [_range(part) for part in self.parts]
        self.sizes = [len(low) for low, _ in self.ranges]

    @property
    def spec(self) -> Observations:
        """The form of the rows."""
        inner = tuple(size for part in self.parts for size in part.shape or ())
        shape = (sum(self.sizes),)
        if any(map(is_float_box, self.parts)):
            return Observations(shape, "float", 0.0, 1.0, inner)
        constant = all((low == high).all() for low, high in self.ranges)
        return Observations(shape, "int64", 0, 0 if constant else SPAN, inner)

    def initial_state(self, n: int) -> Any:
        """That of the subject."""
        return self.subject.initial_state(n)

    def step(self, obs: Any, state: Any, reset: Any) -> tuple[Any, Any]:
        """The subject's step, rows (N, D)."""
        return self.subject.step(self.nest(obs), state, reset)

    def unroll(self, obs: Any, state: Any, reset: Any) -> tuple[Any, Any]:
        """The subject's unroll, rows (T, N, D)."""
        return self.subject.unroll(self.nest(obs), state, reset)

    def nest(self, rows: Any) -> Any:
        """Observations from rows (*lead, D), tensors or arrays as the rows are."""
        stops = np.cumsum(self.sizes)
        made = iter(
            _entry(part, rows[..., stop - size : stop], *bounds)
            for part, size, stop, bounds in zip(
                self.parts, self.sizes, stops, self.ranges, strict=True
            )
        )
        space = self.observation_space
        return map_entries(lambda *_: next(made), space, sample_batch(space))


def _entry(space: Any, row: Any, low: Any, high: Any) -> Any:
    """One entry's array from its part of the rows."""
    lowest, highest = (
        torch.as_tensor(bound, device=row.device) if isinstance(row, Tensor) else bound
        for bound in (low, high)
    )
    lead = row.shape[:-1]
    if is_float_box(space):
        spread: Any = lowest + row * (highest - lowest)
        kind: Any = row.dtype
    else:
        values = highest - lowest + 1
        whole = row % values if "int" in str(row.dtype) else row * values // 1
        spread, kind = (lowest + whole).clip(lowest, highest), space.dtype
    spread = spread.reshape(*lead, *(space.shape or ()))
    if not isinstance(spread, Tensor):
        return spread.astype(kind)
    return spread.to(kind if isinstance(kind, torch.dtype) else KINDS.get(kind.name, torch.int64))


def _range(space: Any) -> tuple[np.ndarray, np.ndarray]:
    """The least and the greatest value of each number of an entry."""
    if isinstance(space, spaces.Box):
        low, high = (np.ravel(bound).astype(np.float64) for bound in (space.low, space.high))
        reach = REACH if is_float_box(space) else SPAN // 2
        below, above = low <= -FAR, high >= FAR
        low = np.where(below, np.where(above, -reach, high - 2 * reach), low)
        return low, np.where(above | (high > low + FAR), low + 2 * reach, high)
    if isinstance(space, spaces.MultiBinary):
        return np.zeros(int(np.prod(space.shape))), np.ones(int(np.prod(space.shape)))
    count = np.ravel(space.n if isinstance(space, spaces.Discrete) else space.nvec)
    start = np.ravel(space.start).astype(np.float64)
    return start, start + count - 1
