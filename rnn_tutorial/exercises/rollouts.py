"""Checks of the exercises on rollouts: the returns of episodes, and whether a memory is used.

Each check has its own seeds, so its verdict is always the same.
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
    """Check a function that sums the rewards of each episode in a stream.

    Args:
        answer: takes `reward_t` (T,) and `reset_t` (T,) bool, true at t = 0; returns the
            undiscounted returns (episodes,), including that of the unfinished last episode.

    Returns:
        The verdict; the expected values come from a loop that runs backward in time.
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
        "the reward of an episode's first step went to the previous one: split before step t "
        "where reset_t[t] is true": late,
        "the reward of the last step of an episode went to the next one": early,
        "the last episode is missing; include it although it is unfinished": expected[:-1],
        "the first episode is missing; it begins at t = 0": expected[1:],
        "observation 0 begins an episode: there is none before it": [0.0, *expected],
        "the sum runs on across the boundaries: start each episode at zero": running,
        "this is the mean reward of each episode; return the sum": expected / lengths,
        "this is the sum of the whole stream; return one for each episode": reward.sum(),
        "this is the sum so far at each step; return one number for each episode": np.concatenate(
            [np.cumsum(part) for part in np.split(reward, begins[1:])]
        ),
        "these are the lengths of the episodes, not their returns": lengths,
        "this is the first reward of each episode, not the sum of all its rewards": reward[reset],
    }
    return Instance((reward, reset), expected, mistakes)


def check_memory_effect(answer: Callable[[RNNPolicy, Tensor, Tensor], Any]) -> Verdict:
    """Check a function that measures from a recording how much a policy uses its memory.

    Args:
        answer: takes a policy, its observations `obs_tnd` (T, N, D) and the means of its actions
            `mean_tna` (T, N, A); returns (T, N): the change of the mean if the memory were zero
            before this step only, as the largest absolute value over the action's dimensions.

    Returns:
        The verdict over a GRU with a reset in its recording, a policy that returns a state but
        never uses it, and an LSTM; the expected values come from unrolls with a reset at every
        step.
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
    """A policy that starts each step from zeros, whatever state it is given."""

    def step(self, obs: Tensor, state: State, reset: Tensor | None = None) -> Any:
        return super().step(obs, self.initial_state(len(obs)), reset)


def _recording(
    seed: int, size: tuple[int, int], cell: str, action_size: int = 2, forgets: bool = False
) -> Instance:
    """A policy, its observations (T, N, D) and the means of its actions (T, N, A)."""
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
        "the changes are signed: return the size": change.amax(-1),
        "the changes are signed: take the absolute value": (-change).amax(-1),
        "the signed changes were summed; return the largest size": change.sum(-1),
        "averaged over the action's dimensions; return the largest": size_of.mean(-1),
        "summed over the action's dimensions; return the largest": size_of.sum(-1),
        "this is the Euclidean length; return the largest of the dimensions": change.norm(dim=-1),
        "this is the first dimension of the action only": size_of[..., 0],
        "this is the last dimension of the action only": size_of[..., -1],
        "this is one number for each dimension: take the largest over the last axis": size_of,
        "the largest over the envs was taken; the action's axis is the last": size_of.amax(1),
        "this is one number for all; return one for each time and env": size_of.max(),
        "the memory is zero before step 0 only and is carried on from there; every step needs "
        "a zero state": (mean - kept_zero).abs().amax(-1),
        "the mean was recomputed without the resets; use the recorded one": (
            (kept_zero - blank).abs().amax(-1)
        ),
        "this is the size of the mean: compare it with the mean from a zero state": (
            mean.abs().amax(-1)
        ),
        "this is the mean from a zero state: compare it with the recorded one": (
            blank.abs().amax(-1)
        ),
        "this is the change from one step to the next, memory and observation together": (
            (mean - before).abs().amax(-1)
        ),
        "the observation was set to zero, and the memory was not": (
            (mean - unrolled(0 * obs, reset)).abs().amax(-1)
        ),
        "observation and memory were both set to zero; keep the observation": (
            (mean - unrolled(0 * obs, always)).abs().amax(-1)
        ),
        "the state was set to ones; set it to zero": ((mean - from_ones).abs().amax(-1)),
        "this is relative to the mean; return the change itself": (size_of / mean.abs()).amax(-1),
        "this is the square; return the size itself": (change**2).amax(-1),
        "this says whether it changes; return by how much": size_of.amax(-1) > 0,
    }
    return Instance((policy, obs, mean), size_of.amax(-1), mistakes)
