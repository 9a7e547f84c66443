"""Checks of the exercises on the recurrent policy: resets, encoders, log-probabilities.

Each check has its own seeds, so its verdict is always the same.
"""

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from torch import Tensor, nn
from torch.distributions import MultivariateNormal, Normal

from rnn_tutorial.exercises.verdict import Instance, Verdict, WrongForm, judge
from rnn_tutorial.policy import PolicyOutput, RNNPolicy


class StepOnly(RNNPolicy):
    """A policy that only takes single steps; the caller must clear the state."""

    def step(
        self, obs: Tensor, state: Any, reset: Tensor | None = None
    ) -> tuple[PolicyOutput, Any]:
        if reset is not None:
            raise WrongForm("clear the state yourself, and call policy.step(obs_nd, state)")
        return super().step(obs, state)

    def unroll(self, *_: Any, **__: Any) -> Any:
        raise WrongForm("write the loop yourself instead of unroll: call policy.step for each t")


def check_step_loop(answer: Callable[[RNNPolicy, Tensor, Tensor, Tensor], Any]) -> Verdict:
    """Check a loop over time that clears the states of the envs whose episode begins.

    Args:
        answer: takes a policy, `obs_tnd` (T, N, D), `state` (layers, N, H) and `reset_tn` (T, N)
            bool; returns the values (T, N). It may call `policy.step` without a reset, but not
            `unroll`.

    Returns:
        The verdict; the expected values come from running every episode alone, as one sequence.
    """
    return judge(
        answer,
        [
            _stepping(11, (9, 3), [(3, 0), (5, 1), (6, 0), (0, 2), (7, 0)], layers=2),
            _stepping(14, (6, 5), [(0, 1), (2, 4), (3, 0), (4, 4)], layers=1),
        ],
        axes=("time", "env"),
        praise="equals every episode run alone, also after a reset in the middle.",
    )


def _stepping(seed: int, size: tuple[int, int], begins: list[Any], layers: int) -> Instance:
    """A policy, data, and resets at each (t, env) of `begins`."""
    features, hidden = 4, 8
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        policy = StepOnly(
            gym.spaces.Box(-np.inf, np.inf, (features,), np.float32),
            gym.spaces.Box(-1.0, 1.0, (2,), np.float32),
            hidden_size=hidden,
            num_layers=layers,
            encoder_size=16,
        ).requires_grad_(False)
        obs, start = 2 * torch.randn(*size, features), torch.randn(layers, size[1], hidden).tanh()
    reset, zeros = torch.zeros(size, dtype=torch.bool), torch.zeros_like(start)
    for place in begins:
        reset[place] = True

    expected = torch.empty(size)
    for env in range(size[1]):
        cuts = sorted({0, len(obs), *reset[:, env].nonzero().flatten().tolist()})
        for begin, end in pairwise(cuts):
            first = (zeros if reset[begin, env] else start)[:, env : env + 1]
            output, _ = RNNPolicy.unroll(policy, obs[begin:end, env : env + 1], first)
            expected[begin:end, env] = output.value[:, 0]
    setattr(policy.core, "unroll", policy.unroll)  # noqa: B010  (the core has the same loop)

    def run(reset: Tensor, begin: Tensor = start, cleared: Any = zeros, keep: Any = None) -> Tensor:
        """A loop with mistakes: its first state, the state at a reset, the state at every step."""
        state, values = begin, []
        for obs_nd, reset_n in zip(obs, reset, strict=True):
            state = state if keep is None else keep
            state = torch.where(reset_n[None, :, None], cleared, state)
            output, state = policy.step(obs_nd, state)
            values.append(output.value)
        return torch.stack(values)

    def one_layer(layer: int) -> Tensor:
        state, values = start.clone(), []
        for obs_nd, reset_n in zip(obs, reset, strict=True):
            state[layer, reset_n] = 0.0
            output, state = policy.step(obs_nd, state)
            values.append(output.value)
        return torch.stack(values)

    never, late, early, not_first = (torch.zeros_like(reset) for _ in range(4))
    late[1:], early[:-1], not_first[1:] = reset[:-1], reset[1:], reset[1:]
    mistakes = {
        "the state is never cleared: reset_tn is not used": run(never),
        "off by one: clear the state before step t, not after it": run(late),
        "off by one: reset_tn[t] is for step t; this clears one step too early": run(early),
        "the reset at t = 0 is missing": run(not_first),
        "one env's reset clears the states of all envs": run(reset.any(1, True).expand_as(reset)),
        "the flags are inverted: clear the state where reset_tn is true": run(~reset),
        "the state is not carried from step to step": run(~never),
        "the start state is used at every step: pass on the state that step returns": (
            run(reset, keep=start)
        ),
        "at a reset the state must become zero, not the start state": run(reset, cleared=start),
        "start from the given state, not from zero": run(reset, zeros),
        "stack the values over the first axis: this is (N, T)": expected.T,
        "this is the last step only; collect the value of every step": expected[-1],
    }
    if layers > 1:
        mistakes["only the first layer is cleared: clear every layer's state"] = one_layer(0)
        mistakes["only the last layer is cleared: clear every layer's state"] = one_layer(-1)
    return Instance((policy, obs, start, reset), expected, mistakes)


def check_fold(answer: Callable[[nn.Module, Tensor], Any]) -> Verdict:
    """Check a function that puts an encoder of flat batches in front of a recurrent layer.

    Args:
        answer: takes an encoder (B, C, H, W) -> (B, features) and images (T, N, C, H, W); returns
            features (T, N, features).

    Returns:
        The verdict; the expected values come from encoding one image at a time.
    """
    return judge(
        answer,
        [_images(12, (4, 3, 2, 6, 6), features=5), _images(15, (3, 5, 1, 5, 7), features=4)],
        axes=("time", "env", "feature"),
        praise="equals encoding every image by itself.",
    )


def _images(seed: int, shape: tuple[int, ...], features: int) -> Instance:
    """An encoder and images of a shape (T, N, C, H, W)."""
    t, n, channels, height, width = shape
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        encoder = nn.Sequential(
            nn.Conv2d(channels, 3, 3, stride=2),
            nn.LeakyReLU(),
            nn.Flatten(),
            nn.Linear(3 * ((height - 1) // 2) * ((width - 1) // 2), features),
        ).requires_grad_(False)
        images = torch.randn(shape)
    expected = torch.stack([torch.cat([encoder(one[None]) for one in step]) for step in images])
    flat = expected.flatten(0, 1)
    by_env = encoder(images.transpose(0, 1).flatten(0, 1))
    mistakes = {
        "the features are still a flat batch: unfold them to (T, N, features)": flat,
        "time is unfolded, the envs are not: (T, N, features) has three axes": flat.reshape(t, -1),
        "unfolded as (N, T): use the sizes in the order of folding": (flat.reshape(n, t, -1)),
        "unfolded as (N, T) and transposed: time and envs are mixed": (
            flat.reshape(n, t, -1).transpose(0, 1)
        ),
        "transposed before folding, reshaped after it: time and envs are mixed": (
            by_env.reshape(t, n, -1)
        ),
        "this is (N, T, features): transpose the first two axes": by_env.reshape(n, t, -1),
        "these are the features of the first time step only": expected[0],
        "averaged over the envs: each image has its own features": expected.mean(1),
    }
    return Instance((encoder, images), expected, mistakes)


def check_joint_log_prob(answer: Callable[[Tensor, Tensor, Tensor], Any]) -> Verdict:
    """Check the log-probability of actions under a Normal with independent dimensions.

    Args:
        answer: takes mean, standard deviation and action, each (T, N, A); returns (T, N).

    Returns:
        The verdict; the expected values come from a multivariate normal with a diagonal covariance.
    """
    return judge(
        answer,
        [_gaussian(13, (5, 3, 2)), _gaussian(16, (2, 4, 3))],
        axes=("time", "env"),
        praise="equals a normal over all dimensions at once, with a diagonal covariance.",
    )


def _gaussian(seed: int, shape: tuple[int, int, int]) -> Instance:
    """Mean, standard deviation and action of a shape (T, N, A)."""
    generator = torch.Generator().manual_seed(seed)
    mean, noise = torch.randn(2, *shape, generator=generator)
    std = torch.rand(shape, generator=generator) + 0.3
    action = mean + std * noise
    each = Normal(mean, std).log_prob(action)
    whole = MultivariateNormal(mean, torch.diag_embed(std**2)).log_prob(action)
    constant, square, log_std = math.log(2 * math.pi) / 2, noise**2 / 2, std.log()
    mistakes = {
        "this is one number for each dimension: sum over the action's dimensions": each,
        "sum, not mean: independent probabilities multiply, their logarithms add": each.mean(-1),
        "summed over the envs; the action's dimensions are the last axis": each.sum(1),
        "summed over time; the action's dimensions are the last axis": each.sum(0),
        "summed over every axis: each action has its own log-probability": each.sum(),
        "an action may have more dimensions than two: sum over all of them": (
            each[..., :2].sum(-1)
        ),
        "keepdim leaves an axis of size one: return (T, N)": each.sum(-1, keepdim=True),
        "this is the logarithm of a sum of densities; independent densities multiply": (
            each.exp().sum(-1).log()
        ),
        "this is the density itself: return its logarithm": whole.exp(),
        "this is the negative log-likelihood": -whole,
        "std was squared: the normal distribution takes std, not the variance": (
            Normal(mean, std**2).log_prob(action).sum(-1)
        ),
        "the root of std was taken: it is already the standard deviation": (
            Normal(mean, std.sqrt()).log_prob(action).sum(-1)
        ),
        "the constant was subtracted once: subtract it for every dimension": (
            (-square - log_std).sum(-1) - constant
        ),
        "half the logarithm of 2 pi is missing": (-square - log_std).sum(-1),
        "log 2 pi must be halved": (each - constant).sum(-1),
        "the logarithm of std is missing": (-square - constant).sum(-1),
        "the logarithm of std was added: subtract it": (-square + log_std - constant).sum(-1),
        "the square must be halved": (-2 * square - log_std - constant).sum(-1),
        "the distance to the mean must be divided by std": (
            (-((action - mean) ** 2) / 2 - log_std - constant).sum(-1)
        ),
        "divide by std before squaring": (
            (-((action - mean) ** 2) / std / 2 - log_std - constant).sum(-1)
        ),
    }
    return Instance((mean, std, action), whole, mistakes)
