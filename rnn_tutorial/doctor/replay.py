"""A collected rollout and its minibatches, brought together: which entry is which step."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Any

import numpy as np
from torch import Tensor

from rnn_tutorial.doctor.learner import Columns, Learner
from rnn_tutorial.nest import leaves

KEY = ("observation", "action", "log_prob", "value")  # what tells one step from another
REQUIRED = ("observation", "action", "reset", "terminated", "truncated")


class NotApplicableError(Exception):
    """Says why a check cannot be made."""


def array(value: Any) -> np.ndarray:
    """A tensor or array as NumPy, without a graph; a nest's entries (T, N, ...) side by side."""
    if isinstance(value, (Mapping, tuple, list)):
        parts = [array(part) for _, part in leaves(value)]
        return np.concatenate([part.reshape(*part.shape[:2], -1) for part in parts], -1)
    return value.detach().cpu().numpy() if isinstance(value, Tensor) else np.asarray(value)


def tolerance(dtype: Any, length: int, scale: float) -> float:
    """What rounding may add up to over some steps, for numbers of this size."""
    kind = dtype if np.issubdtype(dtype, np.floating) else np.float32
    return float(32 * np.finfo(kind).eps * np.sqrt(length) * max(1.0, scale))


@dataclass(frozen=True)
class Batch:
    """A minibatch.

    Attributes:
        native: its columns, as the learner gave them.
        valid: (L, B), the entries that are learned from.
        place: (L, B), t * N + n of the step that a valid entry is, -1 for none.
        warm: (L, B), the entries of a burn-in: steps before a sequence's first valid one, which
            only compute its state.
        first: (B,), the place of each sequence's first entry, the burn-in's included.
    """

    native: Columns
    valid: np.ndarray
    place: np.ndarray
    warm: np.ndarray
    first: np.ndarray

    @property
    def padded_in_front(self) -> bool:
        """Whether padding stands before a sequence's first step."""
        begun = np.cumsum(self.valid | self.warm, axis=0) > 0
        return bool((~begun & begun[-1:]).any())

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
        self.key = tuple(name for name in KEY if name in self.rollout)
        batches = _listed(learner.minibatches(), self.T * self.N)
        self.batches = [self._batch(batch) for batch in batches]

    @property
    def replays(self) -> bool:
        """Whether the learner draws sequences from a store: it warms states up, or keeps no odds.

        Such sequences may overlap, and need not make up the whole rollout.
        """
        return "log_prob" not in self.rollout or any(batch.warm.any() for batch in self.batches)

    @cached_property
    def state_gaps(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Of each sequence: how far its state is from acting's, its first place, the state, stale.

        `stale` marks a sequence that begins an episode with the last episode's state, which nothing
        clears: the rollout's reset flag is missing in the minibatch.
        """
        acting, ended = (
            column.reshape(self.T * self.N, -1) for column in (self.column("state"), self.ended)
        )
        parts = []
        for batch in self.batches:
            if "state" not in batch.native:
                raise NotApplicableError("the learner's minibatches have no 'state'")
            given = array(batch.native["state"])
            begins = np.append(self.begins.ravel(), False)[batch.first]
            stored = np.append(self.rollout["reset"].ravel(), False)[batch.first]
            dropped = stored & ~array(batch.native.get("reset", stored[None]))[0].astype(bool)
            gap = np.abs(given - acting[batch.first]).max(-1, initial=0.0)
            left = np.abs(given - ended[batch.first]).max(-1, initial=0.0) <= self.state_bound
            gap[begins] = np.abs(given[begins]).max(-1, initial=0.0)
            gap[begins & ~(left & dropped)] = 0.0
            stale = begins & (gap > self.state_bound)
            kept = batch.first >= 0
            parts.append((gap[kept], batch.first[kept], given[kept], stale[kept]))
        gap, first, given, stale = (np.concatenate(each) for each in zip(*parts, strict=True))
        return gap, first, given, stale

    @cached_property
    def ended(self) -> np.ndarray:
        """(T, N, numbers), the state that the step before each step left."""
        return np.concatenate((self.before["next_state"][-1:], self.column("next_state")[:-1]))

    @cached_property
    def state_bound(self) -> float:
        """What rounding may add to a state."""
        state = self.column("state")
        return tolerance(state.dtype, self.T, float(np.abs(state).max(initial=0.0)))

    @cached_property
    def idle(self) -> bool:
        """Whether the step after each end looks like an env's resetting step, and isn't marked.

        Its reward is exactly 0 after every end, in a task where a 0 is too rare for chance.
        """
        if not self.rollout["valid"].all() or "reward" not in self.rollout:
            return False
        after = self.ends[:-1]
        reward = self.rollout["reward"][1:]
        zero, count = np.mean(reward[~after] == 0.0), int(after.sum())
        return count >= 2 and bool((reward[after] == 0.0).all()) and zero**count < 1e-3

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
        rows = _rows(self.rollout, self.key)[self.rollout["valid"].ravel()]
        return len(np.unique(rows)) == len(rows)

    @cached_property
    def _places(self) -> dict[bytes, int]:
        rows = _rows(self.rollout, self.key)
        return {row.tobytes(): place for place, row in enumerate(rows)}

    def _batch(self, native: Columns) -> Batch:
        missing = [name for name in self.key if name not in native]
        if missing:
            raise ValueError(f"minibatch: expected the columns {self.key}, missing {missing}")
        columns = {name: array(native[name]) for name in self.key}
        shape = columns["action"].shape[:2]
        for name, column in columns.items():
            if column.shape[:2] != shape or column.ndim < 2:
                raise ValueError(f"minibatch: expected {name} (L, B, ...), got {column.shape}")
        valid = array(native.get("valid", np.ones(shape))).astype(bool)
        found = [self._places.get(row.tobytes(), -1) for row in _rows(columns, self.key)]
        place = np.reshape(found, shape)
        # A burn-in's steps lead up to the first one that is learned from, without a gap.
        warm = np.zeros_like(valid)
        for t in reversed(range(len(valid) - 1)):
            leads = (place[t] >= 0) & (place[t + 1] == place[t] + self.N)
            warm[t] = ~valid[: t + 1].any(axis=0) & leads & (valid[t + 1] | warm[t + 1])
        first = np.where(valid[0] | warm[0], place[0], -1)
        return Batch(native, valid, np.where(valid, place, -1), warm, first)


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
    count = int(np.prod(columns["action"].shape[:2]))
    parts = [columns[name].reshape(count, -1).astype(np.float64) + 0.0 for name in names]
    rows = np.ascontiguousarray(np.concatenate(parts, axis=1))
    return rows.view(np.dtype((np.void, rows.shape[1] * 8))).ravel()
