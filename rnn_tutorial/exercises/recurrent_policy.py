"""Checks of the exercises on the recurrent policy: resets, encoders, log-probabilities.

Each check builds a small random policy and data from its own seed, so that its verdict never
changes.
"""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from torch import Tensor, nn
from torch.distributions import Independent, MultivariateNormal, Normal

from rnn_tutorial.exercises.verdict import Verdict, judge
from rnn_tutorial.policy import RNNPolicy

T, N, D = 9, 3, 4


def _policy_and_data() -> tuple[RNNPolicy, Tensor, Tensor]:
    """A seeded GRU policy without gradients, observations (T, N, D) and a state (2, N, 8)."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(11)
        policy = RNNPolicy(
            gym.spaces.Box(-np.inf, np.inf, (D,), np.float32),
            gym.spaces.Box(-1.0, 1.0, (2,), np.float32),
            hidden_size=8,
            encoder_size=16,
        ).requires_grad_(False)
        return policy, 2 * torch.randn(T, N, D), torch.randn(2, N, 8).tanh()


def check_step_loop(answer: Callable[[RNNPolicy, Tensor, Tensor, Tensor], Any]) -> Verdict:
    """Checks a loop over time that clears the states of the envs whose episode begins.

    Args:
        answer: takes a policy, `obs_tnd` (T, N, D), `state` (2, N, H) and `reset_tn` (T, N) bool,
            returns the values (T, N); it may use `policy.step` without its reset argument.

    Returns:
        The verdict; expected values come from running every episode alone, as one sequence.
    """
    policy, obs, state = _policy_and_data()
    reset = torch.zeros(T, N, dtype=torch.bool)
    reset[3, 0] = reset[5, 1] = reset[6, 0] = reset[0, 2] = True

    def episodes(reset_tn: Tensor, start: Tensor = state) -> Tensor:
        value = torch.empty(T, N)
        for env in range(N):
            cuts = sorted({0, T, *reset_tn[:, env].nonzero().flatten().tolist()})
            for begin, end in pairwise(cuts):
                goes_on = begin == 0 and not reset_tn[0, env]
                first = start[:, env : env + 1] if goes_on else policy.initial_state(1)
                output, _ = policy.unroll(obs[begin:end, env : env + 1], first)
                value[begin:end, env] = output.value[:, 0]
        return value

    never = torch.zeros_like(reset)
    late = torch.cat((never[:1], reset[:-1]))
    everyone = reset.any(dim=1, keepdim=True).expand_as(reset)
    amnesiac = torch.ones_like(reset)
    zeros = torch.zeros_like(state)
    return judge(
        lambda: answer(policy, obs.clone(), state.clone(), reset.clone()),
        episodes(reset),
        axes=("time", "env"),
        mistakes={
            "nobody clears the state: reset_tn is not used": episodes(never),
            "off by one: clear the state before step t, not after it": episodes(late),
            "one env's reset clears the states of all envs": episodes(everyone),
            "the state is not carried from step to step": episodes(amnesiac),
            "the given state is the one before step 0; do not begin at zero": episodes(
                reset, zeros
            ),
        },
        praise="equals every episode run alone, also where a reset comes in the middle.",
    )


def check_fold(answer: Callable[[nn.Module, Tensor], Any]) -> Verdict:
    """Checks a function that puts an encoder of flat batches in front of a recurrent layer.

    Args:
        answer: takes an encoder (B, C, H, W) -> (B, features) and images (T, N, C, H, W), returns
            features (T, N, features).

    Returns:
        The verdict; expected values come from encoding one image at a time.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(12)
        encoder = nn.Sequential(
            nn.Conv2d(2, 3, 3, stride=2), nn.LeakyReLU(), nn.Flatten(), nn.Linear(12, 5)
        ).requires_grad_(False)
        images = torch.randn(4, 3, 2, 6, 6)
    expected = torch.stack([torch.cat([encoder(one[None]) for one in step]) for step in images])
    flat = expected.flatten(0, 1)
    swapped = images.transpose(0, 1)
    return judge(
        lambda: answer(encoder, images.clone()),
        expected,
        axes=("time", "env", "feature"),
        mistakes={
            "the features are still a flat batch: bring them back to (T, N, features)": flat,
            "unfolded as (N, T): use the sizes in the order in which they were folded": (
                flat.reshape(3, 4, 5)
            ),
            "unfolded as (N, T) and transposed: time and envs are mixed": (
                flat.reshape(3, 4, 5).transpose(0, 1)
            ),
            "transposed before folding, reshaped after it: time and envs are mixed": encoder(
                swapped.flatten(0, 1)
            ).reshape(4, 3, 5),
        },
        praise="equals encoding every image by itself.",
    )


def check_joint_log_prob(answer: Callable[[Tensor, Tensor, Tensor], Any]) -> Verdict:
    """Checks the log-probability of actions under a Normal with independent dimensions.

    Args:
        answer: takes mean, standard deviation and action, each (T, N, A), returns (T, N).

    Returns:
        The verdict; expected values come from a multivariate normal with a diagonal covariance.
    """
    generator = torch.Generator().manual_seed(13)
    mean, noise = torch.randn(2, 5, N, 2, generator=generator)
    std = torch.rand(5, N, 2, generator=generator) + 0.3
    action = mean + std * noise
    each = Normal(mean, std).log_prob(action)
    whole = MultivariateNormal(mean, torch.diag_embed(std**2)).log_prob(action)
    return judge(
        lambda: answer(mean.clone(), std.clone(), action.clone()),
        whole,
        axes=("time", "env"),
        mistakes={
            "one number per dimension: sum over the action's dimensions": each,
            "sum, not mean: independent probabilities multiply, their logarithms add": each.mean(
                -1
            ),
            "summed over the envs; the action's dimensions are the last axis": each.sum(1),
            "the logarithm of a sum of densities; independent densities multiply": each.exp()
            .sum(-1)
            .log(),
            "the density itself: its logarithm is asked for": whole.exp(),
            "a normal density has std in front, not its square (the variance)": Independent(
                Normal(mean, std**2), 1
            ).log_prob(action),
        },
        praise="equals a two-dimensional normal with a diagonal covariance.",
    )
