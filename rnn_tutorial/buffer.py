"""The rollout buffer: storing a rollout of a recurrent policy and cutting it into minibatches.

Storage is time-major (T, N, ...). It keeps `reset`, `terminated` and `truncated` as three separate
flags, and the policy's state before steps 0, L, 2L, ..., where L is the BPTT length: the states
from which the sequences cut there start.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from rnn_tutorial.recurrent import State, map_state, take

COLUMNS = {"observation", "action", "log_prob", "value", "reward"}
COLUMNS |= {"reset", "terminated", "truncated", "valid"}


@dataclass(frozen=True)
class Sequences:
    """B sequences of up to L steps, time-major and padded at their ends.

    Attributes:
        observation: (L, B, *obs).
        action: (L, B, *action), as drawn.
        log_prob, value: (L, B), of the policy that acted.
        advantage: (L, B).
        target: (L, B), the critic's target: advantage + value.
        reset: (L, B) bool.
        valid: (L, B) bool, false for padding and for steps that an env spent on resetting.
        state: the state before each sequence, batch axis B.
    """

    observation: Tensor
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
    ) -> None:
        self.bptt_length = length if bptt_length is None else bptt_length
        if not 1 <= self.bptt_length <= length:
            raise ValueError(f"bptt_length: expected 1 to {length}, got {bptt_length}")
        self.length, self.num_envs, self.device = length, num_envs, device
        self.clear()

    def clear(self) -> None:
        """Empty the buffer."""
        self.steps = 0
        self.states: list[State] = []
        self._columns: dict[str, Tensor] = {}

    def add(self, state: State, **step: Tensor | np.ndarray) -> None:
        """Store one step of every env.

        Args:
            state: the policy's state before this step, not yet cleared by its reset.
            **step: the entries of `COLUMNS`, each (N, ...).

        Raises:
            ValueError: if the buffer is full, a column is missing or unknown, or an entry does not
                have N rows.
        """
        if self.steps == self.length:
            raise ValueError(f"buffer: expected at most {self.length} steps; clear() it first")
        if step.keys() != COLUMNS:
            odd = sorted(step.keys() ^ COLUMNS)
            raise ValueError(f"step: expected the columns {sorted(COLUMNS)}; differing: {odd}")
        if self.steps % self.bptt_length == 0:
            self.states.append(map_state(lambda part: part.detach().clone(), state))
        for name, value in step.items():
            row = torch.as_tensor(value, device=self.device)
            if len(row) != self.num_envs:
                raise ValueError(f"{name}: expected {self.num_envs} rows, got {len(row)}")
            row = row.float() if row.dtype == torch.float64 else row
            if name not in self._columns:
                shape = (self.length, *row.shape)
                self._columns[name] = torch.zeros(shape, dtype=row.dtype, device=self.device)
            self._columns[name][self.steps] = row
        self.steps += 1

    def __getitem__(self, name: str) -> Tensor:
        """A stored column, (T, N, ...)."""
        return self._columns[name]

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
        """
        if self.steps < self.length:
            raise ValueError(f"buffer: expected {self.length} steps, got {self.steps}")
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
        self._columns["target"] = self["advantage"] + value

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
            stretches = torch.cat((column, padding)).unflatten(0, (pieces, length))
            return stretches.transpose(0, 1).flatten(1, 2)  # (L, pieces * N, ...)

        if "advantage" not in self._columns:
            raise ValueError("sequences: expected finish() first, there are no advantages yet")
        chosen = self.states if states is None else states
        columns = {name: cut(self._columns[name]) for name in TIME_MAJOR}
        return Sequences(**columns, state=join_states(chosen))


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
    advantage, running = torch.empty_like(delta), torch.zeros_like(delta[0])
    for t in reversed(range(len(delta))):
        running = delta[t] + gamma * gae_lambda * running * goes_on[t]
        advantage[t] = running
    return advantage


def minibatches(
    sequences: Sequences, number: int, generator: torch.Generator | None = None
) -> Iterator[Sequences]:
    """Shuffle whole sequences into minibatches; each sequence is in exactly one of them.

    Args:
        sequences: B of them.
        number: of minibatches; their sizes differ by at most one.
        generator: of the shuffle, on the CPU.

    Raises:
        ValueError: for fewer sequences than minibatches.
    """
    count = sequences.reset.shape[1]
    if not 1 <= number <= count:
        raise ValueError(f"number: expected 1 to {count} minibatches of sequences, got {number}")
    order = torch.randperm(count, generator=generator).to(sequences.reset.device)
    for chosen in order.tensor_split(number):
        yield pick(sequences, chosen)


def pick(sequences: Sequences, chosen: Tensor) -> Sequences:
    """The sequences with these indices."""
    columns = {name: getattr(sequences, name)[:, chosen] for name in TIME_MAJOR}
    return Sequences(**columns, state=take(sequences.state, chosen))


def masked_mean(x: Tensor, valid: Tensor) -> Tensor:
    """The mean of the valid entries: padding is left out of the sum and of the count."""
    return x.masked_fill(~valid, 0.0).sum() / valid.sum()


def normalise(x: Tensor, valid: Tensor) -> Tensor:
    """Scale to mean 0 and standard deviation 1 over the valid entries; 0 elsewhere."""
    centred = (x - masked_mean(x, valid)).masked_fill(~valid, 0.0)
    return centred / (masked_mean(centred.square(), valid).sqrt() + 1e-8)


def join_states(states: list[State]) -> State:
    """Concatenate states along the batch axis."""
    hidden = [state[0] if isinstance(state, tuple) else state for state in states]
    cell = [state[1] for state in states if isinstance(state, tuple)]
    return (torch.cat(hidden, 1), torch.cat(cell, 1)) if cell else torch.cat(hidden, 1)
