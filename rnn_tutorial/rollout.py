"""Recording a policy in an env, single or vector: every quantity of every step."""

from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from gymnasium.vector import AutoresetMode, SyncVectorEnv, VectorEnv

from rnn_tutorial.interventions import Intervention, freeze, replace, zero
from rnn_tutorial.policy import RNNPolicy, distribution_parameters, draw_action
from rnn_tutorial.recurrent import State, clear_state

__all__ = ["Rollout", "as_vector", "executed", "freeze", "next_flags", "record", "replace", "zero"]

Array = np.ndarray


@dataclass(frozen=True)
class Rollout:
    """T steps of N envs, time-major; every field is a NumPy array.

    Attributes:
        observation: (T, N, *obs), the input of step t.
        next_observation: (T, N, *obs), the true next one: at the end of an episode its last
            observation, not the first of the next episode.
        action: (T, N, *action), as drawn, before any clipping to the action space.
        log_prob: (T, N), joint over the action's dimensions.
        value: (T, N).
        reward: (T, N).
        reset: (T, N) bool, true where observation t begins an episode.
        terminated, truncated: (T, N) bool, how step t ended its episode, if it did.
        valid: (T, N) bool, false only for a step that a NEXT_STEP vector env spends on resetting;
            the env ignores its action.
        distribution: the action distribution's parameters by name, each (T, N, ...).
        memory: the state before step t, after clearing and intervention, by name: "hidden"
            (T, layers, N, H), and "cell" for the LSTM.
        state: the state after step t, in the same form.
        info: the numbers in the info of observation t, such as the goal, each (T, N, ...).

    Example:
        >>> env = gym.make("rnn_tutorial/CuedPoint-v0", horizon=3)
        >>> policy = RNNPolicy(env.observation_space, env.action_space, hidden_size=8)
        >>> rollout = record(policy, env, num_steps=7, seed=0)
        >>> rollout
        Rollout(T=7, N=1, episodes=3)
        >>> rollout.episodes(env=0)
        [slice(0, 3, None), slice(3, 6, None), slice(6, 7, None)]
        >>> rollout.returns().shape, rollout.path(0, slice(0, 3)).shape
        ((2,), (4, 2))
    """

    observation: Array
    next_observation: Array
    action: Array
    log_prob: Array
    value: Array
    reward: Array
    reset: Array
    terminated: Array
    truncated: Array
    valid: Array
    distribution: dict[str, Array]
    memory: dict[str, Array]
    state: dict[str, Array]
    info: dict[str, Array]

    def __len__(self) -> int:
        return len(self.reward)

    @property
    def num_envs(self) -> int:
        return self.reward.shape[1]

    def __repr__(self) -> str:
        episodes = sum(len(self.episodes(env)) for env in range(self.num_envs))
        return f"Rollout(T={len(self)}, N={self.num_envs}, episodes={episodes})"

    def episodes(self, env: int = 0) -> list[slice]:
        """The steps of each episode of one env, in order; the last episode may be unfinished."""
        starts = np.flatnonzero(self.reset[:, env])
        stops = [*starts[1:], len(self)]
        spans = [slice(int(a), int(b)) for a, b in zip(starts, stops, strict=True)]
        return [slice(s.start, s.stop - int(not self.valid[s.stop - 1, env])) for s in spans]

    def path(self, env: int, episode: slice) -> Array:
        """The first two numbers of each observation of an episode, its last one included.

        In the point envs these are the positions (steps + 1, 2), in a trial with the jumps back to
        the start.
        """
        seen = self.observation[episode, env, :2]
        return np.concatenate((seen, self.next_observation[episode, env][-1:, :2]))

    def returns(self) -> Array:
        """Undiscounted returns of all finished episodes, env by env, in order of time."""
        return np.array(
            [
                self.reward[span, env].sum()
                for env in range(self.num_envs)
                for span in self.episodes(env)
                if (self.terminated | self.truncated)[span.stop - 1, env]
            ]
        )


def record(
    policy: RNNPolicy,
    env: gym.Env | VectorEnv,
    num_steps: int,
    *,
    seed: int,
    deterministic: bool = False,
    intervention: Intervention | None = None,
    options: dict[str, Any] | None = None,
) -> Rollout:
    """Run a policy for `num_steps` steps; when an episode ends, its env begins the next one.

    Args:
        policy: run without a graph, in its present train or eval mode.
        env: a gymnasium env, recorded with N = 1, or a vector env with autoreset mode SAME_STEP or
            NEXT_STEP.
        num_steps: T, at least 1.
        seed: of the env's first reset and of the actions.
        deterministic: takes each distribution's mode instead of drawing.
        intervention: maps t and the state to the state that step t starts from, such as `zero`,
            `freeze` or `replace`; applied after the clearing at resets.
        options: of the first reset, e.g. {"goal": (x, y)}.

    Raises:
        ValueError: for fewer than one step, or a vector env without autoreset.

    Example:
        >>> envs = gym.make_vec("rnn_tutorial/CuedPoint-v0", num_envs=2)
        >>> spaces = envs.single_observation_space, envs.single_action_space
        >>> rollout = record(RNNPolicy(*spaces, cell="lstm"), envs, num_steps=5, seed=0)
        >>> rollout.observation.shape, rollout.memory["cell"].shape
        ((5, 2, 5), (5, 2, 2, 64))
    """
    if num_steps < 1:
        raise ValueError(f"num_steps: expected at least 1, got {num_steps}")
    vector = env if isinstance(env, VectorEnv) else as_vector(env)
    mode = vector.metadata.get("autoreset_mode", AutoresetMode.NEXT_STEP)
    if mode == AutoresetMode.DISABLED:
        raise ValueError("env: expected autoreset mode SAME_STEP or NEXT_STEP, got DISABLED")
    n = vector.num_envs
    parameter = next(policy.parameters())
    generator = torch.Generator(parameter.device).manual_seed(seed)

    observation, info = vector.reset(seed=seed, options=options)
    state = policy.initial_state(n)
    reset, valid = np.ones(n, bool), np.ones(n, bool)
    steps: list[dict[str, Any]] = []
    with torch.no_grad():
        for t in range(num_steps):
            memory = clear_state(state, torch.as_tensor(reset, device=parameter.device))
            if intervention is not None:
                memory = intervention(t, memory)
            obs = torch.as_tensor(observation, dtype=parameter.dtype, device=parameter.device)
            output, state = policy.step(obs, memory)
            action = draw_action(output.distribution, deterministic, generator)
            raw = action.cpu().numpy()
            step = vector.step(executed(raw, vector.action_space))
            next_obs, reward, terminated, truncated, next_info = step
            ends = terminated | truncated
            true_next = np.array(next_obs)
            if "final_obs" in next_info:
                for i in np.flatnonzero(ends):
                    true_next[i] = next_info["final_obs"][i]
            steps.append(
                {
                    "observation": np.array(observation),
                    "next_observation": true_next,
                    "action": raw,
                    "log_prob": output.distribution.log_prob(action).cpu().numpy(),
                    "value": output.value.cpu().numpy(),
                    "reward": np.array(reward),
                    "reset": reset,
                    "terminated": np.array(terminated),
                    "truncated": np.array(truncated),
                    "valid": valid,
                    "distribution": _arrays(distribution_parameters(output.distribution)),
                    "memory": _named(memory),
                    "state": _named(state),
                    "info": _numbers(info, n),
                }
            )
            observation, info = next_obs, next_info
            reset, valid = next_flags(mode, ends, valid)
    return Rollout(**_stack(steps))


def executed(action: Array, space: gym.Space) -> Array:
    """The actions as an env executes them: clipped to a Box, otherwise as drawn."""
    return np.clip(action, space.low, space.high) if isinstance(space, gym.spaces.Box) else action


def next_flags(mode: AutoresetMode, ends: Array, valid: Array) -> tuple[Array, Array]:
    """`reset` and `valid` (N,) of the next step, computed from the episodes that this one ended.

    With SAME_STEP the next observation begins the new episode. With NEXT_STEP the env spends the
    step after an end on resetting, and the step after that begins the episode.
    """
    return (ends, valid) if mode == AutoresetMode.SAME_STEP else (~valid, ~ends)


def as_vector(env: gym.Env) -> VectorEnv:
    """Wrap a single env as a vector env with N = 1 and autoreset mode SAME_STEP."""
    return SyncVectorEnv([lambda: env], autoreset_mode=AutoresetMode.SAME_STEP)


def _named(state: State) -> dict[str, Array]:
    parts = state if isinstance(state, tuple) else (state,)
    return _arrays(dict(zip(("hidden", "cell"), parts, strict=False)))


def _arrays(tensors: dict[str, torch.Tensor]) -> dict[str, Array]:
    return {name: tensor.cpu().numpy() for name, tensor in tensors.items()}


def _numbers(info: dict[str, Any], n: int) -> dict[str, Array]:
    """The entries of an info that hold a number, or an array of numbers, for each env."""
    arrays = {k: v for k, v in info.items() if isinstance(v, np.ndarray) and not k.startswith("_")}
    return {k: v for k, v in arrays.items() if v.dtype.kind in "biuf" and v.shape[:1] == (n,)}


def _stack(steps: list[dict[str, Any]]) -> dict[str, Any]:
    """Stack a list of (nested) records into one record of arrays, time first."""
    stacked: dict[str, Any] = {}
    for name, first in steps[0].items():
        values = [step[name] for step in steps]
        if isinstance(first, dict):
            common = set.intersection(*(set(value) for value in values))
            values = [{k: value[k] for k in first if k in common} for value in values]
            stacked[name] = _stack(values) if first else {}
        else:
            stacked[name] = np.stack(values)
    return stacked
