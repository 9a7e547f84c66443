"""Checks on rollouts: what episodes returned, and a state carried through."""

from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np
import torch

from rnn_tutorial.exercises.verdict import Verdict, judge
from rnn_tutorial.policy import RNNPolicy
from rnn_tutorial.recurrent import clear_state


def check_episode_returns(answer: Callable[[Any, Any], Any]) -> Verdict:
    """Judges `answer(reward_t, reset_t) -> returns (episodes,)`, the last one unfinished."""
    reward = np.array([1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0])
    reset = np.array([1, 0, 0, 1, 0, 1, 0, 0], dtype=bool)
    expected, total = [], 0.0
    for r, begins in zip(reward[::-1], reset[::-1], strict=True):
        total += r
        if begins:
            expected.append(total)
            total = 0.0
    return judge(
        lambda: answer(reward.copy(), reset.copy()),
        expected[::-1],
        axes=("episode",),
        mistakes={
            "the reward of the first step of an episode went to the one before: the split must "
            "come before step t where reset[t] is true": [15.0, 48.0, 192.0],
            "the last episode is missing; it is unfinished, and asked for": [7.0, 24.0],
            "the rewards run on over the boundaries: the sum was not begun anew": (
                [7.0, 31.0, 255.0]
            ),
        },
        praise="every reward belongs to the episode in which it was earned.",
    )


def check_carry(answer: Callable[[Any, Any, Any], Any]) -> Verdict:
    """Judges `answer(policy, obs_tnd, reset_tn) -> value_tn`, computed with `policy.step` alone."""
    space = gym.spaces.Box(-1.0, 1.0, (3,))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        policy = RNNPolicy(space, gym.spaces.Discrete(2), hidden_size=8, encoder_size=8)
        for weight in policy.parameters():
            torch.nn.init.normal_(weight, std=0.7)
        obs = torch.randn(9, 3, 3)
    reset = torch.zeros(9, 3, dtype=torch.bool)
    reset[0] = True
    reset[4, 1] = reset[6, 2] = True

    def stepped(
        clear_after: bool = False, forget: bool = False, keep: bool = False
    ) -> torch.Tensor:
        state, values = policy.initial_state(3), []
        for t in range(len(obs)):
            now = None if keep or clear_after else reset[t]
            output, state = policy.step(obs[t], state, now)
            values.append(output.value)
            if clear_after:
                state = clear_state(state, reset[t])
            if forget:
                state = policy.initial_state(3)
        return torch.stack(values)

    with torch.no_grad():
        expected = policy.unroll(obs, policy.initial_state(3), reset)[0].value
        mistakes = {
            "the state is never cleared: an episode begins with the memory of another": (
                stepped(keep=True)
            ),
            "the state is cleared after step t instead of before it": stepped(clear_after=True),
            "the state is not carried from step to step: this policy is an amnesiac": (
                stepped(forget=True)
            ),
        }
    return judge(
        lambda: answer(policy, obs.clone(), reset.clone()),
        expected,
        axes=("time", "env"),
        mistakes=mistakes,
        praise="nine steps by hand equal one unroll, resets included.",
    )
