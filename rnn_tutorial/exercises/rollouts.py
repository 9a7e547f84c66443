"""Checks of the exercises on rollouts: what episodes returned, and whether a memory is used.

Each check draws its policies and data from its own seeds, so that its verdict never changes.
"""

from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from torch import Tensor, nn

from rnn_tutorial.exercises.verdict import Instance, Verdict, judge
from rnn_tutorial.policy import RNNPolicy
from rnn_tutorial.recurrent import State, map_state


def check_episode_returns(answer: Callable[[Any, Any], Any]) -> Verdict:
    """Checks a function that sums the rewards of each episode in a stream.

    Args:
        answer: takes `reward_t` (T,) and `reset_t` (T,) bool, true at t = 0; returns the
            undiscounted returns (episodes,), that of the unfinished last episode included.

    Returns:
        The verdict; expected values come from going through the stream from its end.
    """
    return judge(
        answer,
        [_stream(3, 9, (0, 3, 5)), _stream(4, 12, (0, 1, 6, 7)), _stream(5, 6, (0, 5))],
        axes=("episode",),
        praise="every reward belongs to the episode in which it was earned.",
    )


def _stream(seed: int, steps: int, begins: tuple[int, ...]) -> Instance:
    reward = np.random.default_rng(seed).normal(1.0, 1.0, steps)
    reset = np.isin(np.arange(steps), begins)
    expected: list[float] = []
    total = 0.0
    for r, begins_here in zip(reward[::-1], reset[::-1], strict=True):
        total += r
        if begins_here:
            expected.insert(0, total)
            total = 0.0
    lengths = np.diff((*begins, steps))
    late = [part.sum() for part in np.split(reward, np.array(begins[1:]) + 1)]
    early = [part.sum() for part in np.split(reward, np.array(begins[1:]) - 1)]
    running = np.cumsum(expected)
    mistakes = {
        "the reward of the first step of an episode went to the one before: the split must come "
        "before step t where reset_t[t] is true": late,
        "the reward of the last step of an episode went to the next one": early,
        "the last episode is missing; it is unfinished, and asked for": expected[:-1],
        "the first episode is missing; it begins at t = 0": expected[1:],
        "observation 0 begins an episode: there is none before it": [0.0, *expected],
        "the rewards run on over the boundaries: each episode's sum begins at zero": running,
        "the mean reward of each episode; its sum is asked for": expected / lengths,
        "the sum of the whole stream; one for each episode is asked for": reward.sum(),
        "the sum so far at each step; one number for each episode is asked for": np.concatenate(
            [np.cumsum(part) for part in np.split(reward, begins[1:])]
        ),
        "the lengths of the episodes, not their returns": lengths,
        "the reward at which each episode begins, not the sum of all its rewards": reward[reset],
    }
    return Instance((reward, reset), expected, mistakes)


def check_memory_effect(answer: Callable[[RNNPolicy, Tensor, Tensor], Any]) -> Verdict:
    """Checks a function that finds out from a recording whether a policy uses its memory.

    Args:
        answer: takes a policy, the observations `obs_tnd` (T, N, D) that it saw and the means of
            its actions `mean_tna` (T, N, A); returns (T, N): by how much the mean would have
            changed, had the memory been zero before that step alone; the largest change among
            the action's dimensions, as an absolute value.

    Returns:
        The verdict, over a GRU with an episode's end in it, an amnesiac whose every state looks
        alive, and an LSTM; expected values come from unrolls in which every step is a reset.
    """
    return judge(
        answer,
        [
            _recording(6, (8, 3), cell="gru"),
            _recording(7, (5, 2), cell="rnn", forgets=True),
            _recording(8, (6, 4), cell="lstm", action_size=3),
        ],
        axes=("time", "env"),
        praise="agrees with unrolls that clear the state at every step, for three policies.",
    )


class _Amnesiac(RNNPolicy):
    """Starts each step from zeros, whatever state it is given, and returns a state."""

    def step(self, obs: Tensor, state: State, reset: Tensor | None = None) -> Any:
        return super().step(obs, self.initial_state(len(obs)), reset)


def _recording(
    seed: int, size: tuple[int, int], cell: str, action_size: int = 2, forgets: bool = False
) -> Instance:
    """A policy, what it saw (T, N, D) and the means of its actions (T, N, A)."""
    features, (steps, envs) = 4, size
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        policy = (_Amnesiac if forgets else RNNPolicy)(
            gym.spaces.Box(-np.inf, np.inf, (features,), np.float32),
            gym.spaces.Box(-1.0, 1.0, (action_size,), np.float32),
            cell=cell,
            hidden_size=8,
            encoder_size=8,
        ).requires_grad_(False)
        for weight in policy.parameters():
            nn.init.normal_(weight, std=0.5)
        obs = torch.randn(*size, features)
    always, reset = torch.ones(size, dtype=torch.bool), torch.zeros(size, dtype=torch.bool)
    reset[0] = reset[steps // 2, 0] = True
    zeros = policy.initial_state(envs)

    def unrolled(obs: Tensor, reset: Tensor | None, start: State = zeros) -> Tensor:
        mean: Tensor = RNNPolicy.unroll(policy, obs, start, reset)[0].distribution.mean
        return mean

    blank = unrolled(obs, always)
    mean = blank if forgets else unrolled(obs, reset)
    change = mean - blank
    size_of = change.abs()
    before = torch.cat((mean[:1], mean[:-1]))
    ones = map_state(torch.ones_like, zeros)
    from_ones = torch.cat([unrolled(step[None], None, ones) for step in obs])
    kept_zero = unrolled(obs, None)
    mistakes = {
        "signed: the size of the change is asked for": change.amax(-1),
        "signed: the absolute value of the change is asked for": (-change).amax(-1),
        "summed with its sign; the largest size is asked for": change.sum(-1),
        "averaged over the action's dimensions; the largest is asked for": size_of.mean(-1),
        "summed over the action's dimensions; the largest is asked for": size_of.sum(-1),
        "a length (Euclidean); the largest of the dimensions is asked for": change.norm(dim=-1),
        "the first dimension of the action alone": size_of[..., 0],
        "the last dimension of the action alone": size_of[..., -1],
        "one number for each dimension: take the largest of the last axis": size_of,
        "the largest over the envs; the action's dimensions are the last axis": size_of.amax(1),
        "one number for all; it is asked for at each time, in each env": size_of.max(),
        "the memory is zero before step 0 alone and is carried on from there; every step needs "
        "a zero state": (mean - kept_zero).abs().amax(-1),
        "the mean is recomputed here without the resets; take the recorded one": (
            (kept_zero - blank).abs().amax(-1)
        ),
        "the size of the mean itself: compare it with that from a zero state": (
            mean.abs().amax(-1)
        ),
        "the mean from a zero state itself: compare it with the recorded one": (
            blank.abs().amax(-1)
        ),
        "the change from one step to the next, memory and observation at once": (
            (mean - before).abs().amax(-1)
        ),
        "the observation is zero here, and the memory is not": (
            (mean - unrolled(0 * obs, reset)).abs().amax(-1)
        ),
        "observation and memory are both zero here; the observation must stay": (
            (mean - unrolled(0 * obs, always)).abs().amax(-1)
        ),
        "the state is full of ones; the memory is to be zero": ((mean - from_ones).abs().amax(-1)),
        "relative to the mean; the change itself is asked for": (size_of / mean.abs()).amax(-1),
        "squared; the size itself is asked for": (change**2).amax(-1),
        "whether it changes; by how much is asked for": size_of.amax(-1) > 0,
    }
    return Instance((policy, obs, mean), size_of.amax(-1), mistakes)
