"""The acting loop: a policy and a vector env take turns, one step at a time.

Recording (`rollout.record`), collecting (`collect.collect`) and the widgets stand above this loop.
It carries observation, state and flags from step to step, hands each reset to the policy, which
clears its own state, and copies what the env returns before the env can write to it again.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import gymnasium as gym
import numpy as np
import torch
from gymnasium.vector import AutoresetMode, SyncVectorEnv, VectorEnv
from torch import Tensor

from rnn_tutorial.actions import draw_action, same_actions
from rnn_tutorial.interventions import Intervention
from rnn_tutorial.nest import Nest
from rnn_tutorial.observations import final_observation, stack
from rnn_tutorial.policy import PolicyOutput, RNNPolicy
from rnn_tutorial.recurrent import State, clear_state

Array = np.ndarray


class Carry(NamedTuple):
    """The inputs of the next step, carried on from the last one.

    Attributes:
        observation: (N, *obs), tensors, or a nest of them.
        reset: (N,) bool, whether the observation begins an episode.
        valid: (N,) bool, false where the step only resets the env.
        state: the policy's state, not yet cleared by `reset`.
        earned: (N,), the rewards of the running episodes so far, summed.
        info: of the observation, as the env returned it.
    """

    observation: Nest
    reset: Array
    valid: Array
    state: State
    earned: Array
    info: dict[str, Any]


class Step(NamedTuple):
    """One step of N envs.

    Attributes:
        now: the step's inputs, the state as an intervention left it.
        output: of the policy.
        action: (N, *action), as drawn.
        reward: (N,) float64.
        terminated, truncated: (N,) bool.
        ended: the envs whose episode ended.
        last: their true last observations (len(ended), *obs); None where none ended, and for an env
            with NEXT_STEP, whose next observations these are.
        returns: of the episodes that ended.
        then: the inputs of the next step.
    """

    now: Carry
    output: PolicyOutput
    action: Tensor
    reward: Array
    terminated: Array
    truncated: Array
    ended: list[int]
    last: Nest | None
    returns: list[float]
    then: Carry


def begin(
    policy: RNNPolicy,
    env: VectorEnv,
    seed: int | tuple[int, ...] | list[int],
    options: dict[str, Any] | None = None,
) -> Carry:
    """Reset all envs.

    Args:
        policy, env: the actor, and a vector env with autoreset mode SAME_STEP or NEXT_STEP.
        seed: gives each env a seed of its own by `env_seeds`; a list holds a seed for each env.
        options: of `env.reset`.

    Raises:
        ValueError: for a vector env without autoreset, a policy with other actions than the env's,
            or a seed that is no whole number, at least 0.
    """
    autoreset_mode(env)
    ours, theirs = policy.action_space, env.single_action_space
    if not same_actions(ours, theirs):
        raise ValueError(f"policy: expected the env's actions {theirs}, got a policy for {ours}")
    n, yes = env.num_envs, np.ones(env.num_envs, bool)
    seeds = seed if isinstance(seed, list) else env_seeds(seed, n)
    try:
        observation, info = env.reset(seed=seeds, options=options)  # type: ignore[arg-type]
    except (gym.error.Error, TypeError):  # a vector env with one generator for all its envs
        observation, info = env.reset(seed=seeds[0], options=options)
    seen = policy.to_tensors(observation)
    return Carry(seen, yes, yes, policy.initial_state(n), np.zeros(n), info)


def act(
    policy: RNNPolicy,
    env: VectorEnv,
    carry: Carry,
    *,
    generator: torch.Generator | None = None,
    deterministic: bool = False,
    intervention: Intervention | None = None,
) -> Iterator[Step]:
    """Act without end; take as many steps as you need.

    Args:
        policy: acts without a graph.
        env: with autoreset mode SAME_STEP or NEXT_STEP.
        carry: from `begin`, or from an earlier step.
        generator: of the actions, on the policy's device; None means torch's global generator.
        deterministic: takes each distribution's mode instead of drawing.
        intervention: maps t and the state, cleared where an episode begins, to the state that step
            t starts from. Where it returns another state, the policy starts from exactly this and
            gets no reset.

    Yields:
        One `Step` after another.

    Example:
        >>> from itertools import islice
        >>> env = gym.make_vec("rnn_tutorial/CuedPoint-v0", num_envs=2, horizon=3)
        >>> policy = RNNPolicy(env.single_observation_space, env.single_action_space)
        >>> carry = begin(policy, env, seed=0)
        >>> [step.now.reset.any().item() for step in islice(act(policy, env, carry), 5)]
        [True, False, False, True, False]
    """
    mode, space, device, t = autoreset_mode(env), env.single_action_space, policy.device, 0
    same_step = mode == AutoresetMode.SAME_STEP
    while True:
        now, reset = carry, torch.as_tensor(carry.reset, device=device)
        if intervention is not None:
            cleared = clear_state(now.state, reset)
            chosen = intervention(t, cleared)
            if chosen is not cleared:
                now, reset = now._replace(state=chosen), torch.zeros_like(reset)
        with torch.no_grad():
            output, state = policy.step(now.observation, now.state, reset)
            action = draw_action(output.distribution, deterministic, generator)
        result = env.step(executed(action.cpu().numpy(), space))
        reward, terminated, truncated = (np.array(part) for part in result[1:4])
        observation, info = policy.to_tensors(result[0]), result[4]
        ends, earned = terminated | truncated, now.earned + reward
        ended, returns, last = [], [], None
        if ends.any():
            ended = np.flatnonzero(ends).tolist()
            returns, earned = earned[ended].tolist(), np.where(ends, 0.0, earned)
            if same_step:
                rows = [final_observation(info["final_obs"], i) for i in ended]
                last = policy.to_tensors(stack(rows))
        flags = next_flags(mode, ends, now.valid)
        carry = Carry(observation, *flags, state, earned, info)
        yield Step(now, output, action, reward, terminated, truncated, ended, last, returns, carry)
        t += 1


def env_seeds(seed: int | tuple[int, ...], n: int) -> list[int]:
    """A seed for each of n envs, drawn by NumPy's SeedSequence; the first ones don't depend on n.

    Unlike seed, seed + 1, ..., they make no two runs with different seeds share an env's stream.
    They have 32 bits, which is what some envs take.

    Args:
        seed: one number or several, such as (seed, iteration), each at least 0.

    Raises:
        ValueError: for a seed that is no whole number, at least 0.

    Example:
        >>> len({*env_seeds(0, 64), *env_seeds(1, 64), *env_seeds((0, 1), 64)})
        192
        >>> env_seeds(0, 64)[:2] == env_seeds(0, 2)
        True
    """
    for number in seed if isinstance(seed, tuple) else (seed,):
        check_seed(number)
    return [int(number) for number in np.random.SeedSequence(seed).generate_state(n)]


def check_seed(seed: Any) -> int:
    """Return a seed as Python's number; a ValueError unless it is a whole number, at least 0."""
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or seed < 0:
        raise ValueError(f"seed: expected a whole number, at least 0, got {seed!r}")
    return int(seed)


def executed(action: Any, space: gym.Space) -> Array:
    """The actions as an env executes them: clipped to a Box, counted from a space's start.

    Args:
        action: drawn actions, of one env or of all.
        space: the action space of one env, or of a vector env.

    Example:
        >>> executed(np.array([-3.0, 0.5]), gym.spaces.Box(-1.0, 1.0, (2,)))
        array([-1. ,  0.5], dtype=float32)
        >>> executed(np.array(0), gym.spaces.Discrete(2, start=5))
        array(5)
    """
    action = np.asarray(action)
    if isinstance(space, gym.spaces.Box):
        if space.dtype is not None and space.dtype.kind in "iu":
            action = np.rint(action)
        inside = np.minimum(np.maximum(action, space.low), space.high)
        return inside.astype(space.dtype, copy=False)
    start = getattr(space, "start", 0)
    return np.asarray(action + start if np.any(start) else action, space.dtype)


def next_flags(mode: AutoresetMode, ends: Array, valid: Array) -> tuple[Array, Array]:
    """`reset` and `valid` (N,) of the next step, computed from the episodes that this one ended.

    With SAME_STEP the next observation begins the new episode. With NEXT_STEP the env spends the
    step after an end on resetting, and the step after that begins the episode.
    """
    return (ends, valid) if mode == AutoresetMode.SAME_STEP else (~valid, ~ends)


def autoreset_mode(env: VectorEnv) -> AutoresetMode:
    """The autoreset mode of a vector env, SAME_STEP or NEXT_STEP.

    Raises:
        ValueError: for an env with DISABLED, or one that does not say.
    """
    mode = (env.metadata or {}).get("autoreset_mode")
    if mode not in (AutoresetMode.SAME_STEP, AutoresetMode.NEXT_STEP):
        got = 'none in env.metadata["autoreset_mode"]' if mode is None else mode.name
        raise ValueError(f"env: expected autoreset mode SAME_STEP or NEXT_STEP, got {got}")
    return mode


def as_vector(env: gym.Env) -> VectorEnv:
    """Wrap a single env as a vector env with N = 1 and autoreset mode SAME_STEP.

    Wrap the single env, if at all: gymnasium's vector wrappers of observations refuse SAME_STEP.

    Raises:
        TypeError: for anything else than an env.
    """
    if not isinstance(env, gym.Env):
        raise TypeError(f"env: expected a gymnasium env, an instance and no id, got {env!r}")
    return SyncVectorEnv([lambda: env], autoreset_mode=AutoresetMode.SAME_STEP)
