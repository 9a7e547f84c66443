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
from rnn_tutorial.checks import whole_number
from rnn_tutorial.interventions import Intervention
from rnn_tutorial.last_observations import (
    count_suspects,
    keep_last_observations,
    last_observations,
)
from rnn_tutorial.nest import Nest, same_numbers
from rnn_tutorial.observations import same_observations
from rnn_tutorial.policy import PolicyOutput, RNNPolicy
from rnn_tutorial.recurrent import State, clear_state, map_state

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
        suspects: ends so far that look as if the env wrote over its last observation; None once it
            is known that it does not.
    """

    observation: Nest
    reset: Array
    valid: Array
    state: State
    earned: Array
    info: dict[str, Any]
    suspects: int | None = None


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
        ValueError: for a vector env without autoreset, a policy with other observations or actions
            than the env's, or a seed that isn't a whole number, at least 0.
    """
    mode = autoreset_mode(env)
    check_spaces(policy, env)
    suspects = None
    if mode == AutoresetMode.SAME_STEP and not keep_last_observations(env):
        suspects = 0
    n, yes = env.num_envs, np.ones(env.num_envs, bool)
    seeds = seed if isinstance(seed, list) else env_seeds(seed, n)
    try:
        observation, info = env.reset(seed=seeds, options=options)  # type: ignore[arg-type]
    except (gym.error.Error, TypeError):  # a vector env with one generator for all its envs
        observation, info = env.reset(seed=seeds[0], options=options)
    seen = policy.to_tensors(observation)
    return Carry(seen, yes, yes, policy.initial_state(n), np.zeros(n), info, suspects)


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
            t starts from; it may also change the state in place. Where the state is another one
            then, the policy starts from exactly this and gets no reset.

    Yields:
        One `Step` after another.

    Raises:
        ValueError: for rewards or flags of another shape than (N,), or a SAME_STEP env without its
            last observations.

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
            given = map_state(torch.clone, cleared)
            chosen = intervention(t, given)
            if chosen is not given or not same_numbers(given, cleared):
                now, reset = now._replace(state=chosen), torch.zeros_like(reset)
        with torch.no_grad():
            output, state = policy.step(now.observation, now.state, reset)
            action = draw_action(output.distribution, deterministic, generator)
        result = env.step(executed(action.cpu().numpy(), space))
        reward = _row("rewards", result[1], len(reset), "biuf").astype(np.float64)
        terminated, truncated = (
            _row(name, part, len(reset), "b")
            for name, part in zip(("terminated", "truncated"), result[2:4], strict=True)
        )
        observation, info = policy.to_tensors(result[0]), result[4]
        ends = terminated | truncated
        earned = now.earned + np.where(now.valid, reward, 0.0)  # not of a step that only resets
        ended, returns, last, suspects = [], [], None, now.suspects
        if ends.any():
            ended = np.flatnonzero(ends).tolist()
            returns, earned = earned[ended].tolist(), np.where(ends, 0.0, earned)
            if same_step:
                seen = last_observations(info, ended, env.single_observation_space)
                last = policy.to_tensors(seen)
                suspects = count_suspects(suspects, now.observation, last, observation, ended)
        flags = next_flags(mode, ends, now.valid)
        carry = Carry(observation, *flags, state, earned, info, suspects)
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
    return whole_number("seed", seed, 0, 2**63 - 1)  # torch's generators take no larger one


def check_spaces(policy: RNNPolicy, env: VectorEnv, exactly: bool = False) -> None:
    """Raise a ValueError for a policy with other observations or actions than the env's.

    Args:
        exactly: the bounds of the actions count as well, since the mean reaches as far as they do.
    """
    ours, theirs = policy.observation_space, env.single_observation_space
    if not same_observations(ours, theirs, policy.images):
        raise ValueError(
            f"policy: expected the env's observations {theirs}, got a policy for {ours}"
        )
    ours, theirs = policy.action_space, env.single_action_space
    if not same_actions(ours, theirs) or (exactly and ours != theirs):
        raise ValueError(f"policy: expected the env's actions {theirs}, got a policy for {ours}")


def _row(name: str, values: Any, n: int, kinds: str) -> Array:
    """A copy of N numbers or flags, as an env returned them."""
    array = np.array(values)
    if array.shape != (n,) or array.dtype.kind not in kinds:
        kind = "bool" if kinds == "b" else "numbers"
        raise ValueError(
            f"env: expected {name} of shape ({n},), {kind}, got {array.dtype} {array.shape}"
        )
    return array


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
    if isinstance(mode, str) and mode in {each.value for each in AutoresetMode}:
        mode = AutoresetMode(mode)
    if mode not in (AutoresetMode.SAME_STEP, AutoresetMode.NEXT_STEP):
        said = getattr(mode, "name", repr(mode))
        got = 'none in env.metadata["autoreset_mode"]' if mode is None else said
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
