"""The rollout buffer: storing a rollout of a recurrent policy and cutting it into minibatches.

Storage is time-major (T, N, ...). It keeps `reset`, `terminated` and `truncated` as three separate
flags, and the policy's state before steps 0, L, 2L, ..., where L is the BPTT length: the states
from which the sequences cut there start.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import partial
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from rnn_tutorial.nest import Nest, leaves, map_nest
from rnn_tutorial.recurrent import State, map_state, take

COLUMNS = {"observation", "action", "log_prob", "value", "reward"}
COLUMNS |= {"reset", "terminated", "truncated", "valid"}
FLOATS = {"log_prob", "value", "reward"}  # whatever they are given as


class NotFiniteError(ArithmeticError):
    """A number is NaN or infinite; the message says which, and where it came from."""


@dataclass(frozen=True)
class Sequences:
    """B sequences of up to L steps, time-major and padded at their ends.

    Attributes:
        observation: (L, B, *obs), or a nest of these.
        action: (L, B, *action), as drawn.
        log_prob, value: (L, B), of the policy that acted.
        advantage: (L, B).
        target: (L, B), the critic's target: advantage + value.
        reset: (L, B) bool.
        valid: (L, B) bool, false for padding and for steps that an env spent on resetting.
        state: the state before each sequence, batch axis B.
    """

    observation: Nest
    action: Tensor
    log_prob: Tensor
    value: Tensor
    advantage: Tensor
    target: Tensor
    reset: Tensor
    valid: Tensor
    state: State


TIME_MAJOR = [entry.name for entry in fields(Sequences) if entry.name != "state"]


class RolloutBuffer:
    """T steps of N envs, their advantages and value targets, and the sequences cut from them.

    Args:
        length: T.
        num_envs: N.
        bptt_length: L, the steps in one sequence, from 1 to T; None means T.
        device: of the stored tensors.
        dtype: of the stored numbers that are not integers or flags; rewards always are.

    Attributes:
        states: the states before steps 0, L, 2L, ...

    Raises:
        ValueError: for a BPTT length outside 1 to T.

    Example:
        >>> buffer, zero, no = RolloutBuffer(5, 2, 3), torch.zeros(2), torch.zeros(2).bool()
        >>> flags = {"reset": no, "terminated": no, "truncated": no, "valid": ~no}
        >>> step = {"observation": torch.zeros(2, 4), "action": torch.zeros(2, 1), **flags}
        >>> for _ in range(5):
        ...     buffer.add(torch.zeros(1, 2, 8), log_prob=zero, value=zero, reward=zero + 1, **step)
        >>> buffer.finish(zero, torch.zeros(5, 2), gamma=1.0, gae_lambda=1.0)
        >>> buffer["advantage"][:, 0]
        tensor([5., 4., 3., 2., 1.])
        >>> sequences = buffer.sequences()  # (L, B): two stretches of time for each of two envs
        >>> sequences.advantage.shape, sequences.valid[:, -1]  # a step of padding at the end
        (torch.Size([3, 4]), tensor([ True,  True, False]))
    """

    def __init__(
        self,
        length: int,
        num_envs: int,
        bptt_length: int | None = None,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self.bptt_length = length if bptt_length is None else bptt_length
        if not 1 <= self.bptt_length <= length:
            raise ValueError(f"bptt_length: expected 1 to {length}, got {bptt_length}")
        self.length, self.num_envs = length, num_envs
        self.device, self.dtype = device, dtype
        self.clear()

    def clear(self) -> None:
        """Empty the buffer."""
        self.steps = 0
        self.states: list[State] = []
        self._rows: dict[str, list[Nest]] = {}
        self._columns: dict[str, Nest] = {}

    def add(self, state: State, **step: Nest) -> None:
        """Store a copy of one step of every env; a step that is refused changes nothing.

        Args:
            state: the policy's state before this step, not yet cleared by its reset.
            **step: the entries of `COLUMNS`, each (N, ...), or a nest of these.

        Raises:
            ValueError: if the buffer is full, a column is missing or unknown, or an entry does not
                have N rows or is of another form than at the first step.
        """
        if self.steps == self.length:
            raise ValueError(f"buffer: expected at most {self.length} steps; clear() it first")
        _check_names(step)
        rows = {
            name: map_nest(lambda part: torch.as_tensor(part).detach().clone(), value)
            for name, value in step.items()
        }
        for name, row in rows.items():
            _check_row(name, row, self._rows[name][0] if self.steps else row, self.num_envs)
        if self.steps % self.bptt_length == 0:
            self.states.append(map_state(lambda part: part.detach().clone(), state))
        for name, row in rows.items():
            self._rows.setdefault(name, []).append(row)
        self._columns.clear()
        self.steps += 1

    def fill(self, states: Sequence[State], **columns: Any) -> None:
        """Store a whole rollout at once; the buffer keeps what it is given, and copies nothing.

        Args:
            states: the state before each of the T steps.
            **columns: the entries of `COLUMNS`, each of T rows (N, ...).

        Raises:
            ValueError: if a column is missing or unknown, or does not have T rows of N.
        """
        _check_names(columns)
        for name, rows in columns.items():
            if len(rows) != self.length:
                raise ValueError(f"{name}: expected {self.length} steps, got {len(rows)}")
            _check_row(name, rows[0], rows[0], self.num_envs)
        self.clear()
        self.states = [map_state(torch.detach, each) for each in states[:: self.bptt_length]]
        self._rows, self.steps = dict(columns), self.length

    def __getitem__(self, name: str) -> Nest:
        """A stored column, (T, N, ...), zeros for the steps to come."""
        if name not in self._columns:
            rows = self._rows[name]
            missing = [map_nest(_zeros, rows[0])] * (self.length - self.steps)
            column = partial(self._column, name in FLOATS)
            self._columns[name] = map_nest(column, *rows, *missing)
        return self._columns[name]

    def _column(self, is_float: bool, *rows: Any) -> Tensor:
        if isinstance(rows[0], np.ndarray):
            column = torch.as_tensor(np.stack(rows))
        else:
            column = torch.stack([row.detach() for row in rows])
        to = self.dtype if is_float or column.is_floating_point() else column.dtype
        return column.to(self.device, to)

    def finish(
        self,
        last_value: Float[Tensor, " N"],
        true_next_value: Float[Tensor, "T N"],
        gamma: float,
        gae_lambda: float,
    ) -> None:
        """Compute the advantages and value targets of a full buffer; see `gae`.

        Args:
            last_value: V of the observation after the last step.
            true_next_value: where step t truncated an episode, V of its last observation.
            gamma, gae_lambda: as in `gae`.

        Raises:
            ValueError: if the buffer is not full.
            NotFiniteError: for a reward or an advantage that is NaN or infinite.
        """
        if self.steps < self.length:
            raise ValueError(f"buffer: expected {self.length} steps, got {self.steps}")
        require_finite("reward", self["reward"], ("step", "env"))
        value = self["value"]
        self._columns["advantage"] = gae(
            self["reward"],
            value,
            torch.cat((value[1:], last_value[None])),
            true_next_value,
            self["terminated"],
            self["truncated"],
            gamma,
            gae_lambda,
        )
        require_finite("advantage", self["advantage"], ("step", "env"))
        self._columns["target"] = self["advantage"] + value

    def explained_variance(self) -> float:
        """The share of the value targets' variance that the values explain, of valid steps.

        1 is perfect, 0 no better than a constant; NaN where all targets are the same.
        """
        valid = self["valid"]
        target, error = self["target"][valid], (self["target"] - self["value"])[valid]
        spread = target.var(correction=0)
        return float(1.0 - error.var(correction=0) / spread) if spread > 0 else float("nan")

    def sequences(self, states: list[State] | None = None) -> Sequences:
        """All steps as sequences: N for each of the ceil(T / L) stretches of time.

        Args:
            states: the state before each stretch; None means the stored ones.

        Raises:
            ValueError: before `finish`.
        """
        length, pieces = self.bptt_length, -(-self.length // self.bptt_length)

        def cut(column: Tensor) -> Tensor:
            missing = pieces * length - self.length
            padding = column.new_zeros((missing, *column.shape[1:]))
            if column.dtype not in (torch.bool, self.dtype):  # codes: 0 may be none
                padding = column[-1:].expand_as(padding)
            stretches = torch.cat((column, padding)).unflatten(0, (pieces, length))
            return stretches.transpose(0, 1).flatten(1, 2)  # (L, pieces * N, ...)

        if "advantage" not in self._columns:
            raise ValueError("sequences: expected finish() first, there are no advantages yet")
        chosen = self.states if states is None else states
        columns = {name: map_nest(cut, self[name]) for name in TIME_MAJOR}
        return Sequences(**columns, state=join_states(chosen))


def _check_names(columns: Mapping[str, Any]) -> None:
    if columns.keys() != COLUMNS:
        odd = sorted(columns.keys() ^ COLUMNS)
        raise ValueError(f"step: expected the columns {sorted(COLUMNS)}; differing: {odd}")


def _check_row(name: str, row: Nest, first: Nest, n: int) -> None:
    """Raise a ValueError unless a column's row has the first row's form, and n rows itself."""
    parts, firsts = leaves(row, name), leaves(first, name)
    if [path for path, _ in parts] != [path for path, _ in firsts]:
        expected, got = ([path for path, _ in each] for each in (firsts, parts))
        raise ValueError(f"{name}: expected the entries {expected}, got {got}")
    for (path, part), (_, before) in zip(parts, firsts, strict=True):
        if part.ndim == 0 or len(part) != n:
            rows = len(part) if part.ndim else "a single number"
            raise ValueError(f"{path}: expected {n} rows, got {rows}")
        if part.shape != before.shape:
            shapes = tuple(before.shape), tuple(part.shape)
            raise ValueError(f"{path}: expected shape {shapes[0]}, got {shapes[1]}")


def _zeros(row: Any) -> Any:
    return np.zeros_like(row) if isinstance(row, np.ndarray) else torch.zeros_like(row)


def gae(
    reward: Float[Tensor, "T N"],
    value: Float[Tensor, "T N"],
    next_value: Float[Tensor, "T N"],
    true_next_value: Float[Tensor, "T N"],
    terminated: Bool[Tensor, "T N"],
    truncated: Bool[Tensor, "T N"],
    gamma: float,
    gae_lambda: float,
) -> Float[Tensor, "T N"]:
    """Generalised advantage estimates (Schulman et al. 2016, https://arxiv.org/abs/1506.02438).

    The value after step t is 0 if the step terminated its episode (truncated or not),
    `true_next_value[t]` if it only truncated it, and `next_value[t]` otherwise. The sum stops at
    the end of an episode, of either kind.

    Args:
        reward, terminated, truncated: of each step.
        value: V of the observation at each step.
        next_value: V of the observation after each step, where the episode goes on.
        true_next_value: V of the episode's last observation, where the step was truncated.
        gamma, gae_lambda: the discount, and the weight of the longer estimates.
    """
    follows = torch.where(truncated, true_next_value, next_value).masked_fill(terminated, 0.0)
    delta = reward + gamma * follows - value
    goes_on = ~(terminated | truncated)
    weight = gamma * gae_lambda * goes_on.to(delta.dtype)
    advantage, running = [], torch.zeros_like(delta[0])
    for delta_t, weight_t in zip(delta.flip(0), weight.flip(0), strict=True):
        running = torch.addcmul(delta_t, weight_t, running)
        advantage.append(running)
    return torch.stack(advantage).flip(0)


def minibatches(
    sequences: Sequences, number: int, generator: torch.Generator | None = None
) -> Iterator[Sequences]:
    """Shuffle whole sequences into minibatches; each sequence is in exactly one of them.

    Args:
        sequences: B of them.
        number: of minibatches; their sizes differ by at most one.
        generator: of the shuffle.

    Raises:
        ValueError: for fewer sequences than minibatches.
    """
    count = sequences.reset.shape[1]
    if not 1 <= number <= count:
        raise ValueError(f"number: expected 1 to {count} minibatches of sequences, got {number}")
    device = "cpu" if generator is None else generator.device
    order = torch.randperm(count, generator=generator, device=device).to(sequences.reset.device)
    for chosen in order.tensor_split(number):
        yield pick(sequences, chosen)


def pick(sequences: Sequences, chosen: Tensor) -> Sequences:
    """The sequences with these indices."""
    columns = {
        name: map_nest(lambda part: part[:, chosen], getattr(sequences, name))
        for name in TIME_MAJOR
    }
    return Sequences(**columns, state=take(sequences.state, chosen))


def masked_mean(x: Tensor, valid: Tensor) -> Tensor:
    """The mean of the valid entries: padding is left out of the sum and of the count.

    0 without any valid entry.
    """
    return x.masked_fill(~valid, 0.0).sum() / valid.sum().clamp(min=1)


def normalise(x: Tensor, valid: Tensor) -> Tensor:
    """Scale to mean 0 and standard deviation 1 over the valid entries; 0 elsewhere."""
    centred = (x - masked_mean(x, valid)).masked_fill(~valid, 0.0)
    return centred / (masked_mean(centred.square(), valid).sqrt() + 1e-8)


def join_states(states: list[State]) -> State:
    """Concatenate states along the batch axis."""
    return map_nest(lambda *parts: torch.cat(parts, 1), *states)


def require_finite(name: str, x: Tensor, axes: tuple[str, ...]) -> None:
    """Raise a NotFiniteError that says where the first NaN or infinite number is."""
    if not torch.isfinite(x).all():
        index = (~torch.isfinite(x)).nonzero()[0].tolist()
        where = "".join(f", {axis} {i}" for axis, i in zip(axes, index, strict=False))
        got = x[tuple(index)].item()
        raise NotFiniteError(f"{name}: expected finite numbers, got {got}{where}")
