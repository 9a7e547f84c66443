"""Checks on the PPO loss of a recurrent policy: the log-ratio, the clipped mean, the bootstrap."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from gymnasium.spaces import Box

from rnn_tutorial.exercises.verdict import Verdict, judge
from rnn_tutorial.policy import RNNPolicy
from rnn_tutorial.recurrent import State, clear_state

CLIP = 0.2


def _valid() -> torch.Tensor:
    """Four steps of three sequences; the last two sequences are padded at their ends."""
    valid = torch.ones(4, 3, dtype=torch.bool)
    valid[3, 1] = valid[2:, 2] = False
    return valid


def check_log_ratio(answer: Callable[..., Any]) -> Verdict:
    """Judges the joint log-ratio of actions with two dimensions, 0 where there is no step.

    Args:
        answer: (mean_lba, std_lba, action_lba, old_log_prob_lb, valid_lb) -> log_ratio_lb.
    """
    draws = torch.Generator().manual_seed(11)
    mean, action, spread = torch.randn(3, 4, 3, 2, generator=draws)
    std, valid = 0.5 + spread.abs(), _valid()
    old = torch.randn(4, 3, generator=draws) - 2.0
    old[~valid] = -7.0  # padding is whatever was left in memory
    error = (action - mean).numpy().astype(np.float64) / std.numpy()
    each = -0.5 * error**2 - np.log(std.numpy()) - 0.5 * np.log(2 * np.pi)
    ratio, mask = each.sum(-1) - old.numpy(), valid.numpy()
    arguments = (mean, std, action, old, valid)
    return judge(
        lambda: answer(*(tensor.clone() for tensor in arguments)),
        np.where(mask, ratio, 0.0),
        axes=("step", "sequence"),
        mistakes={
            "padding was left in: where valid_lb is false the log-ratio has to be 0": ratio,
            "old minus new: the sign is turned round": np.where(mask, -ratio, 0.0),
            "that is the ratio itself, its logarithm was asked for": np.where(
                mask, np.exp(ratio), 0.0
            ),
            "the ratio, and padding left in": np.exp(ratio),
            "the log-probabilities of the action's dimensions were averaged; a joint one is "
            "their sum": np.where(mask, each.mean(-1) - old.numpy(), 0.0),
            "there is one log-probability for each dimension of the action; the joint one is "
            "their sum": np.where(mask[..., None], each - old.numpy()[..., None], 0.0),
            "one for each dimension of the action, and padding left in": (
                each - old.numpy()[..., None]
            ),
            "only the first dimension of the action was taken": np.where(
                mask, each[..., 0] - old.numpy(), 0.0
            ),
        },
        tolerance=1e-4,
        praise="joint over the action's dimensions, and silent on padding.",
    )


def check_clipped_loss(answer: Callable[..., Any]) -> Verdict:
    """Judges the clipped policy loss, averaged over the real steps; clip is 0.2.

    Args:
        answer: (log_ratio_lb, advantage_lb, valid_lb, clip) -> loss, a number.
    """
    log_ratio = torch.tensor(
        [[0.0, 0.5, -0.5], [0.1, -0.4, 0.6], [0.7, 0.3, 2.0], [-0.6, 1.5, 2.0]]
    )
    advantage = torch.tensor(
        [[1.0, 2.0, 1.0], [-1.0, -2.0, -1.5], [0.5, -1.0, 9.0], [2.0, 9.0, 9.0]]
    )
    valid = _valid()

    def by_step(pick: Callable[[float, float], float], padding: bool = False) -> list[float]:
        numbers = zip(log_ratio.flatten(), advantage.flatten(), valid.flatten(), strict=True)
        gains = []
        for log_r, gain, real in numbers:
            ratio = float(np.exp(float(log_r)))
            clipped = min(max(ratio, 1 - CLIP), 1 + CLIP)
            if real or padding:
                gains.append(pick(ratio * float(gain), clipped * float(gain)))
        return gains

    right = by_step(min)
    whole = by_step(min, padding=True)
    loss = -sum(right) / len(right)
    return judge(
        lambda: answer(log_ratio.clone(), advantage.clone(), valid.clone(), CLIP),
        loss,
        axes=(),
        mistakes={
            "padding was averaged in": -sum(whole) / len(whole),
            "padding was set to 0 and still counted in the n": -sum(right) / len(whole),
            "the sum was taken, and not divided by the number of real steps": -sum(right),
            "the gain is to be maximised, so the loss is minus its mean": -loss,
            "the larger of the two gains was taken; PPO takes the smaller": (
                -float(np.mean(by_step(max)))
            ),
            "only the clipped gain was taken: a ratio out of range that makes things worse is then "
            "never pulled back": -float(np.mean(by_step(lambda free, clipped: clipped))),
            "nothing was clipped": -float(np.mean(by_step(lambda free, clipped: free))),
        },
        praise="the smaller of the two gains, averaged over the steps that happened.",
    )


def check_bootstrap(answer: Callable[..., Any]) -> Verdict:
    """Judges V of what follows a rollout's last step, for envs that go on and one that was cut off.

    Args:
        answer: (policy, next_obs_nd, final_obs_nd, state_before, state_after, truncated_n) ->
            value_n; `policy.step` as in this package.
    """
    space = Box(-np.inf, np.inf, (3,))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        policy = RNNPolicy(space, Box(-1.0, 1.0, (2,)), hidden_size=8, encoder="none")
        obs, next_obs, final_obs = torch.randn(6, 4, 3), torch.randn(4, 3), torch.randn(4, 3)
    truncated = torch.tensor([False, True, False, False])
    zero = policy.initial_state(4)

    @torch.no_grad()
    def value(last: torch.Tensor, seen: torch.Tensor) -> np.ndarray:
        """V of an observation that follows those that were seen, in one pass over all of them."""
        output, _ = policy.unroll(torch.cat((seen, last[None])), zero)
        return output.value[-1].numpy()

    def state_of(seen: torch.Tensor) -> State:
        with torch.no_grad():
            return policy.unroll(seen, zero)[1]

    before, after = state_of(obs[:-1]), state_of(obs)
    follows = torch.where(truncated[:, None], final_obs, next_obs)
    fresh = truncated.numpy()
    cleared = clear_state(after, truncated)
    with torch.no_grad():
        forgot_final = policy.step(final_obs, cleared)[0].value.numpy()
        another = policy.step(next_obs, cleared)[0].value.numpy()
    right = value(follows, obs)

    def run() -> Any:
        with torch.no_grad():
            return answer(
                policy, next_obs.clone(), final_obs.clone(), before, after, truncated.clone()
            )

    return judge(
        run,
        right,
        axes=("env",),
        mistakes={
            "state_before was used: the memory of the last step itself is missing": (
                value(follows, obs[:-1])
            ),
            "zeros were used: the critic was asked without any memory": value(follows, obs[:0]),
            "next_obs of the truncated env is the first of another episode; its own last one is "
            "final_obs": value(next_obs, obs),
            "this is V of the next episode's first observation where the episode was cut off": (
                another
            ),
            "the state was cleared for final_obs, which is still of the old episode": np.where(
                fresh, forgot_final, right
            ),
            "final_obs stands for envs that go on as well": value(final_obs, obs),
        },
        praise="the state after the last step, and of a cut-off episode its own last observation.",
    )
