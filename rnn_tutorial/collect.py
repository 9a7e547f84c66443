"""Collecting: a policy acts in a vector env and fills the rollout buffer."""

from itertools import islice

import torch
from gymnasium.vector import AutoresetMode, VectorEnv

from rnn_tutorial.acting import Carry, Step, act, autoreset_mode
from rnn_tutorial.actions import join_distributions
from rnn_tutorial.buffer import RolloutBuffer
from rnn_tutorial.policy import RNNPolicy
from rnn_tutorial.recurrent import take
from rnn_tutorial.settings import Settings


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
        carry: from `begin` or from the previous rollout. Episodes go on across rollouts.
        settings: T, L, gamma, lambda, reward scale.
        generator: of the actions, on the policy's device.

    Returns:
        The buffer, with advantages; the carry of the next rollout; the returns of the episodes that
        ended.

    Raises:
        NotFiniteError: for a reward or a value that is NaN or infinite.
    """
    length, n = settings.rollout_length, env.num_envs
    buffer = RolloutBuffer(length, n, settings.bptt_length, policy.device, policy.dtype)
    steps: list[Step] = []
    true_next_value = torch.zeros(length, n, device=policy.device, dtype=policy.dtype)
    for t, step in enumerate(islice(act(policy, env, carry, generator=generator), length)):
        steps.append(step)
        if step.last is not None and step.truncated.any():
            state = take(step.then.state, step.ended)
            true_next_value[t, step.ended] = policy.step(step.last, state)[0].value
    carry = steps[-1].then
    distribution = join_distributions([step.output.distribution for step in steps])
    action = torch.stack([step.action for step in steps])
    buffer.fill(
        [step.now.state for step in steps],
        observation=[step.now.observation for step in steps],
        action=action,
        log_prob=distribution.log_prob(action),
        value=[step.output.value for step in steps],
        reward=[step.reward * settings.reward_scale for step in steps],
        reset=[step.now.reset for step in steps],
        terminated=[step.terminated for step in steps],
        truncated=[step.truncated for step in steps],
        valid=[step.now.valid for step in steps],
    )
    reset = torch.as_tensor(carry.reset, device=policy.device)
    last_value = policy.step(carry.observation, carry.state, reset)[0].value
    if autoreset_mode(env) == AutoresetMode.NEXT_STEP:  # the next observation is the true one
        true_next_value = torch.cat((buffer["value"][1:], last_value[None]))
    returns = [value for step in steps for value in step.returns]
    buffer.finish(last_value, true_next_value, settings.gamma, settings.gae_lambda)
    return buffer, carry, returns
