"""Checks of the exercises on the PPO loss: the log-ratio, the clipped mean, the bootstrap."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from gymnasium.spaces import Box

from rnn_tutorial.exercises.verdict import Instance, Verdict, judge
from rnn_tutorial.policy import RNNPolicy
from rnn_tutorial.recurrent import State, clear_state


def _valid(length: int, count: int) -> torch.Tensor:
    """The mask of sequences of which the last two are padded, by one and by two steps."""
    valid = torch.ones(length, count, dtype=torch.bool)
    valid[-1, -2] = valid[-2:, -1] = False
    return valid


def check_log_ratio(answer: Callable[..., Any]) -> Verdict:
    """Check the joint log-ratio of actions of several dimensions, 0 on padding.

    Args:
        answer: (mean_lba, std_lba, action_lba, old_log_prob_lb, valid_lb) -> log_ratio_lb.
    """
    return judge(
        answer,
        [_log_ratio_instance(11, 4, 3, 2), _log_ratio_instance(12, 5, 4, 3)],
        axes=("step", "sequence"),
        tolerance=1e-4,
        praise="joint over the action's dimensions, and 0 on padding.",
    )


def _log_ratio_instance(seed: int, length: int, count: int, dimensions: int) -> Instance:
    """The log-density of each action is written out and computed in float64."""
    draws = torch.Generator().manual_seed(seed)
    mean, action, spread = torch.randn(3, length, count, dimensions, generator=draws)
    std, valid = 0.5 + spread.abs(), _valid(length, count)
    old = torch.randn(length, count, generator=draws) - 2.0
    old[~valid] = -7.0  # padding may hold anything
    scale, before, real = std.double().numpy(), old.double().numpy(), valid.numpy()
    distance = (action - mean).double().numpy()
    clipped = (action.clamp(-1.0, 1.0) - mean).double().numpy()

    def density(scale: Any, distance: Any = distance) -> Any:
        return -0.5 * (distance / scale) ** 2 - np.log(scale) - 0.5 * np.log(2 * np.pi)

    each = density(scale)
    new = each.sum(-1)
    ratio = new - before
    each_ratio = each - before[..., None]

    def masked(x: Any) -> Any:
        return np.where(real, x, 0.0)

    return Instance(
        (mean, std, action, old, valid),
        masked(ratio),
        {
            "padding was left in: the log-ratio must be 0 where valid_lb is false": ratio,
            "only the new log-probability was set to 0 on padding; set the difference to 0": (
                masked(new) - before
            ),
            "the mask is inverted: the real steps were set to 0": np.where(real, 0.0, ratio),
            "padding was cut out; keep the shape (L, B), with 0 on padding": ratio[real],
            "this is old minus new: the sign is reversed": masked(-ratio),
            "this is the ratio itself; return its logarithm": masked(np.exp(ratio)),
            "this is the ratio, with padding left in; its logarithm has to be 0 there": np.exp(
                ratio
            ),
            "one log-probability was divided by the other; the logarithm of a quotient is a "
            "difference": masked(new / before),
            "this is only the new log-probability; subtract the old one": masked(new),
            "this is the difference of the probabilities, not of their logarithms": (
                masked(np.exp(new) - np.exp(before))
            ),
            "the log-probabilities of the action's dimensions were averaged; the joint one is "
            "their sum": masked(each.mean(-1) - before),
            "this is one log-probability for each dimension of the action; the joint one is "
            "their sum": np.where(real[..., None], each_ratio, 0.0),
            "this is one for each dimension of the action, with padding left in": each_ratio,
            "the old log-probability is already joint; it was subtracted once for each dimension": (
                masked(each_ratio.sum(-1))
            ),
            "only the first dimension of the action was used": masked(each[..., 0] - before),
            "std was used as a variance; it is the standard deviation": (
                masked(density(np.sqrt(scale)).sum(-1) - before)
            ),
            "the variance was used in place of the standard deviation": (
                masked(density(scale**2).sum(-1) - before)
            ),
            "std was used as its own logarithm": masked(density(np.exp(scale)).sum(-1) - before),
            "the action was clipped; use the density of the action as drawn": (
                masked(density(scale, clipped).sum(-1) - before)
            ),
            "log std and the constant are missing from the density": (
                masked(-0.5 * ((distance / scale) ** 2).sum(-1) - before)
            ),
            "the logarithm of std is missing from the density": (
                masked(ratio + np.log(scale).sum(-1))
            ),
            "the constant 0.5 log(2 pi) of each dimension is missing from the density": (
                masked(ratio + dimensions * 0.5 * np.log(2 * np.pi))
            ),
        },
    )


def check_clipped_loss(answer: Callable[..., Any]) -> Verdict:
    """Check the clipped policy loss, averaged over the real steps.

    Args:
        answer: (log_ratio_lb, advantage_lb, valid_lb, clip) -> loss, a number.
    """
    return judge(
        answer,
        [_clipped_instance(21, 4, 3, 0.2), _clipped_instance(22, 6, 5, 0.1)],
        axes=(),
        praise="the smaller of the two gains, averaged over the real steps.",
    )


def _clipped_instance(seed: int, length: int, count: int, clip: float) -> Instance:
    """A step's gain by cases: a good action's ratio is clipped above, a bad one's below."""
    draws = torch.Generator().manual_seed(seed)
    log_ratio, advantage = torch.randn(2, length, count, generator=draws)
    valid = _valid(length, count)
    log_ratio[~valid], advantage[~valid] = 2.0, 9.0
    every, gain, real = log_ratio.double().exp().numpy(), advantage.double().numpy(), valid.numpy()
    inside = np.clip(every, 1 - clip, 1 + clip)
    smaller = gain * np.where(gain > 0, np.minimum(every, 1 + clip), np.maximum(every, 1 - clip))
    normal = (gain - gain[real].mean()) / gain[real].std()
    loss = -smaller[real].mean()

    def mean(gains: Any) -> Any:
        return -gains[real].mean()

    by_sequence = (smaller * real).sum(0) / real.sum(0)
    logs = log_ratio.double().numpy()
    return Instance(
        (log_ratio, advantage, valid, clip),
        loss,
        {
            "the mean includes the padding": -smaller.mean(),
            "padding was set to 0, but still counted in the mean": -(smaller * real).mean(),
            "this is the sum: divide it by the number of real steps": (-smaller[real].sum()),
            "this is a mean of the sequences' means, in which a step of a short one counts more": (
                -by_sequence.mean()
            ),
            "the gain is to be maximised, so the loss is minus its mean": -loss,
            "the larger of the two gains was taken; PPO takes the smaller": (
                mean(np.maximum(every * gain, inside * gain))
            ),
            "the smaller ratio was taken; PPO takes the smaller gain, and with a negative "
            "advantage that is the larger ratio": mean(np.minimum(every, inside) * gain),
            "only the clipped gain was taken: then nothing pulls back a ratio that is out of range "
            "and makes things worse": mean(inside * gain),
            "nothing was clipped": mean(every * gain),
            "the log-ratio was used as the ratio: exp is missing": (
                mean(np.minimum(logs * gain, np.clip(logs, 1 - clip, 1 + clip) * gain))
            ),
            "the log-ratio was clipped to plus or minus clip; the ratio is clipped to 1 plus or "
            "minus clip": mean(np.minimum(every * gain, np.exp(np.clip(logs, -clip, clip)) * gain)),
            "the ratio was clipped to plus or minus clip; clip it around 1": (
                mean(np.minimum(every * gain, np.clip(every, -clip, clip) * gain))
            ),
            "the gain was clipped; clip the ratio": (
                mean(np.minimum(every * gain, np.clip(every * gain, 1 - clip, 1 + clip)))
            ),
            "the ratio was clipped from above only": (
                mean(np.minimum(every * gain, np.minimum(every, 1 + clip) * gain))
            ),
            "the advantages were normalised again; they already are": (
                mean(np.minimum(every * normal, inside * normal))
            ),
            "this is the loss of each step; return the mean": -smaller,
            "this is the loss of each real step; return the mean": -smaller[real],
        },
    )


def check_bootstrap(answer: Callable[..., Any]) -> Verdict:
    """Check V after a rollout's last step, for envs that go on and for truncated ones.

    Args:
        answer: (policy, next_obs_nd, final_obs_nd, state_before, state_after, truncated_n) ->
            value_n; `policy.step` as in this package.
    """

    def call(answer: Callable[..., Any], *arguments: Any) -> Any:
        with torch.no_grad():
            return answer(*arguments)

    return judge(
        answer,
        [
            _bootstrap_instance(5, "gru", [False, True, False, False]),
            _bootstrap_instance(6, "rnn", [True, False, False, True, False]),
        ],
        axes=("env",),
        call=call,
        praise="the state after the last step, and for truncated envs their own last observation.",
    )


@torch.no_grad()
def _bootstrap_instance(seed: int, cell: str, cut_off: list[bool]) -> Instance:
    """V from one pass over all of an env's observations, with the last one behind them."""
    n, space = len(cut_off), Box(-np.inf, np.inf, (3,))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        policy = RNNPolicy(space, Box(-1.0, 1.0, (2,)), cell, hidden_size=8, encoder="none")
        obs, next_obs, final_obs = torch.randn(6, n, 3), torch.randn(n, 3), torch.randn(n, 3)
    truncated, zero = torch.tensor(cut_off), policy.initial_state(n)

    def value(last: torch.Tensor, seen: torch.Tensor = obs) -> np.ndarray:
        """V of an observation that comes after `seen`."""
        output, _ = policy.unroll(torch.cat((seen, last[None])), zero)
        return output.value[-1].numpy()

    def state_of(seen: torch.Tensor) -> State:
        return policy.unroll(seen, zero)[1]

    before, after = state_of(obs[:-1]), state_of(obs)
    follows = torch.where(truncated[:, None], final_obs, next_obs)
    cleared = clear_state(after, truncated)
    right = value(follows)

    def where_cut(other: Any) -> np.ndarray:
        """The right values, except for the truncated envs."""
        return np.where(cut_off, other, right)

    return Instance(
        (policy, next_obs, final_obs, before, after, truncated),
        right,
        {
            "state_before was used: it does not include the last step": (value(follows, obs[:-1])),
            "a state of zeros was used: the critic had no memory": value(follows, obs[:0]),
            "next_obs of a truncated env begins another episode; the last observation of its own "
            "is final_obs": value(next_obs),
            "for truncated envs, this is V of the next episode's first observation": (
                policy.step(next_obs, cleared)[0].value.numpy()
            ),
            "the state was cleared before final_obs, which belongs to the old episode": where_cut(
                policy.step(final_obs, cleared)[0].value.numpy()
            ),
            "state_before was used for final_obs, which comes after the last step": where_cut(
                value(final_obs, obs[:-1])
            ),
            "the state is one step too late: it already includes next_obs": (
                where_cut(value(final_obs, torch.cat((obs, next_obs[None]))))
            ),
            "truncation was treated as termination: a truncated env has V of final_obs, "
            "not 0": where_cut(0.0),
            "final_obs was used for envs that go on as well": value(final_obs),
            "the two observations were exchanged: final_obs is for the truncated envs": value(
                torch.where(truncated[:, None], next_obs, final_obs)
            ),
            "the envs are in another order here, the truncated ones last": np.concatenate(
                (right[~truncated.numpy()], right[truncated.numpy()])
            ),
            "this is the state; V is in the output of policy.step": after,
        },
    )
