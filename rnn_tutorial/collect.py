"""Collecting: a policy acts in a vector env and fills the rollout buffer."""

from dataclasses import dataclass

import numpy as np
import torch
from gymnasium.vector import AutoresetMode, VectorEnv

from rnn_tutorial.buffer import RolloutBuffer
from rnn_tutorial.policy import RNNPolicy, draw_action
from rnn_tutorial.recurrent import State, take
from rnn_tutorial.rollout import executed, next_flags
from rnn_tutorial.settings import Settings


@dataclass
class Carry:
    """The inputs of the next step, carried from one rollout to the next.

    Episodes go on across rollouts.

    Attributes:
        observation: (N, *obs).
        reset: (N,) bool, whether the observation begins an episode.
        valid: (N,) bool, false where the step only resets the env.
        state: the policy's state before the step.
        episode_return: (N,), the rewards of the running episodes so far, summed.
    """

    observation: np.ndarray
    reset: np.ndarray
    valid: np.ndarray
    state: State
    episode_return: np.ndarray


def begin(policy: RNNPolicy, env: VectorEnv, seed: int) -> Carry:
    """Reset all envs."""
    n = env.num_envs
    observation, _ = env.reset(seed=seed)
    state = policy.initial_state(n)
    return Carry(observation, np.ones(n, bool), np.ones(n, bool), state, np.zeros(n))


@torch.no_grad()
def collect(
    policy: RNNPolicy,
    env: VectorEnv,
    carry: Carry,
    settings: Settings,
    generator: torch.Generator,
) -> tuple[RolloutBuffer, Carry, list[float]]:
    """Run the policy for T steps of every env.

    Args:
        policy, env: the actor, and a vector env with autoreset mode SAME_STEP or NEXT_STEP.
        carry: from `begin` or from the previous rollout.
        settings: T, L, gamma, lambda, reward scale.
        generator: of the actions.

    Returns:
        The buffer, with advantages; the carry of the next rollout; the returns of the episodes that
        ended.
    """
    length, n = settings.rollout_length, env.num_envs
    buffer = RolloutBuffer(length, n, settings.bptt_length)
    mode = env.metadata["autoreset_mode"]
    same_step = mode == AutoresetMode.SAME_STEP
    true_next_value = torch.zeros(length, n)
    returns: list[float] = []
    for t in range(length):
        obs = torch.as_tensor(carry.observation, dtype=torch.float32)
        output, state = policy.step(obs, carry.state, torch.as_tensor(carry.reset))
        action = draw_action(output.distribution, False, generator)
        step = env.step(executed(action.numpy(), env.action_space))
        observation, reward, terminated, truncated, info = step
        ends = terminated | truncated
        buffer.add(
            carry.state,
            observation=obs,
            action=action,
            log_prob=output.distribution.log_prob(action),
            value=output.value,
            reward=reward * settings.reward_scale,
            reset=carry.reset,
            terminated=terminated,
            truncated=truncated,
            valid=carry.valid,
        )
        if not same_step and t > 0:  # this step's observation is the true last one
            true_next_value[t - 1] = output.value
        if same_step and truncated.any():
            cut = np.flatnonzero(truncated)
            last = torch.as_tensor(np.stack([info["final_obs"][i] for i in cut]).astype(np.float32))
            true_next_value[t, cut] = policy.step(last, take(state, cut))[0].value
        earned = carry.episode_return + reward
        returns += earned[ends].tolist()
        reset, valid = next_flags(mode, ends, carry.valid)
        carry = Carry(observation, reset, valid, state, np.where(ends, 0.0, earned))
    obs = torch.as_tensor(carry.observation, dtype=torch.float32)
    last_value = policy.step(obs, carry.state, torch.as_tensor(carry.reset))[0].value
    if not same_step:
        true_next_value[-1] = last_value
    buffer.finish(last_value, true_next_value, settings.gamma, settings.gae_lambda)
    return buffer, carry, returns
