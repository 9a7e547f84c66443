"""A collected rollout and its minibatches, brought together: which entry is which step."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Any

import numpy as np
from torch import Tensor

from rnn_tutorial.doctor.learner import Columns, Learner

KEY = ("observation", "action", "log_prob", "value")
REQUIRED = ("observation", "action", "log_prob", "value", "reset", "terminated", "truncated")


class NotApplicableError(Exception):
    """Says why a check cannot be made."""


def array(value: Any) -> np.ndarray:
    """A tensor or array as NumPy, without a graph."""
    return value.detach().cpu().numpy() if isinstance(value, Tensor) else np.asarray(value)


def tolerance(dtype: Any, length: int, scale: float) -> float:
    """What rounding may add up to over some steps, for numbers of this size."""
    kind = dtype if np.issubdtype(dtype, np.floating) else np.float32
    return float(32 * np.finfo(kind).eps * np.sqrt(length) * max(1.0, scale))


@dataclass(frozen=True)
class Batch:
    """A minibatch; `place` (L, B) is t * N + n of the step that an entry is, -1 for none."""

    native: Columns
    valid: np.ndarray
    place: np.ndarray

    def disorder(self, n: int) -> int:
        """How many of the sequences are not consecutive times of one env, of n."""
        number = 0
        for column in self.place.T:
            entries = np.flatnonzero(column >= 0)
            start, env = column[entries] // n - entries, column[entries] % n
            number += len(np.unique(start)) > 1 or len(np.unique(env)) > 1
        return number


class Replay:
    """Two rollouts in a row, and one epoch of minibatches over the second.

    Args:
        learner: asked to collect twice and then for its minibatches; nothing is learned.

    Attributes:
        before, rollout: the columns of the two rollouts, as NumPy arrays.
        T, N: steps and envs of the second.
        batches: its minibatches.

    Raises:
        ValueError: for columns that are missing or do not fit.
    """

    def __init__(self, learner: Learner) -> None:
        self.learner = learner
        self.before, self.rollout = (_read(learner.collect()) for _ in range(2))
        self.T, self.N = self.rollout["reset"].shape
        batches = _listed(learner.minibatches(), self.T * self.N)
        self.batches = [self._batch(batch) for batch in batches]

    def column(self, name: str) -> np.ndarray:
        """A column of the second rollout, where the learner has it."""
        if name not in self.rollout:
            raise NotApplicableError(f"the learner's rollout has no {name!r}")
        return self.rollout[name]

    def astray(self, batch: Batch) -> bool:
        """Whether a minibatch's advantages are not those of its steps, up to a normalisation."""
        if "advantage" not in batch.native or "advantage" not in self.rollout:
            return False
        steps = batch.valid & (batch.place >= 0)
        given = array(batch.native["advantage"]).astype(np.float64)[steps]
        right = self.rollout["advantage"].astype(np.float64).ravel()[batch.place[steps]]
        if len(given) < 3 or np.ptp(right) == 0.0 or np.ptp(given) == 0.0:
            return False
        return bool(np.corrcoef(given, right)[0, 1] < 0.999)

    def step(self, place: Any) -> str:
        """A step in words, from its place t * N + n."""
        return f"step {int(place) // self.N} of env {int(place) % self.N}"

    @property
    def ends(self) -> np.ndarray:
        """(T, N), where a step ended its episode."""
        return self.rollout["terminated"] | self.rollout["truncated"]

    @cached_property
    def begins(self) -> np.ndarray:
        """(T, N), where a step begins an episode: the valid step after one that ended."""
        pending = np.ones(self.N, bool)
        expected = []
        for part in (self.before, self.rollout):
            ends = part["terminated"] | part["truncated"]
            for valid, end in zip(part["valid"], ends, strict=True):
                expected.append(pending & valid)
                pending = np.where(valid, end, pending)
        return np.stack(expected[-self.T :])

    @cached_property
    def distinct(self) -> bool:
        """Whether no two steps of the rollout are alike in all that a minibatch shows of them."""
        rows = _rows(self.rollout, KEY)[self.rollout["valid"].ravel()]
        return len(np.unique(rows)) == len(rows)

    @cached_property
    def _places(self) -> dict[bytes, int]:
        rows = _rows(self.rollout, KEY)
        return {row.tobytes(): place for place, row in enumerate(rows)}

    def _batch(self, native: Columns) -> Batch:
        missing = [name for name in KEY if name not in native]
        if missing:
            raise ValueError(f"minibatch: expected the columns {KEY}, missing {missing}")
        columns = {name: array(native[name]) for name in KEY}
        shape = columns["value"].shape
        if len(shape) != 2:
            raise ValueError(f"minibatch: expected values (L, B), got shape {shape}")
        valid = array(native.get("valid", np.ones(shape))).astype(bool)
        found = [self._places.get(row.tobytes(), -1) for row in _rows(columns, KEY)]
        return Batch(native, valid, np.where(valid, np.reshape(found, shape), -1))


def _read(columns: Columns) -> dict[str, np.ndarray]:
    missing = [name for name in REQUIRED if name not in columns]
    if missing:
        raise ValueError(f"rollout: expected the columns {REQUIRED}, missing {missing}")
    read = {name: array(value) for name, value in columns.items()}
    lead = read["reset"].shape
    for name in ("reset", "terminated", "truncated"):
        read[name] = read[name].astype(bool)
    read["valid"] = read.get("valid", np.ones(lead)).astype(bool)
    for name, column in read.items():
        if column.ndim and column.shape[:2] != lead:
            raise ValueError(f"rollout: expected {name} (T, N) = {lead}, got {column.shape}")
    return read


def _listed(batches: Iterable[Columns], most: int) -> list[Columns]:
    found = list(islice(batches, most + 1))
    if not found:
        raise ValueError("minibatches: expected at least one, got none")
    if len(found) > most:
        raise ValueError(f"minibatches: expected one epoch, got more of them than the {most} steps")
    return found


def _rows(columns: dict[str, np.ndarray], names: tuple[str, ...]) -> np.ndarray:
    """Each entry's numbers as one item of bytes, so that steps can be told apart exactly."""
    count = int(np.prod(columns["value"].shape[:2]))
    parts = [columns[name].reshape(count, -1).astype(np.float64) + 0.0 for name in names]
    rows = np.ascontiguousarray(np.concatenate(parts, axis=1))
    return rows.view(np.dtype((np.void, rows.shape[1] * 8))).ravel()
