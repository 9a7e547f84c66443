"""Runs a policy in an env, single or vector, and records all that a picture may need."""

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
        observation: (T, N, *obs), what step t saw.
        next_observation: (T, N, *obs), the true next one: at an episode's end its last, not the
            first of the next episode.
        action: (T, N, *action), as drawn, before any clipping to the action space.
        log_prob: (T, N), joint over the action's dimensions.
        value: (T, N).
        reward: (T, N).
        reset: (T, N) bool, true where observation t begins an episode.
        terminated, truncated: (T, N) bool, how step t ended its episode, if it did.
        valid: (T, N) bool, false only for the step that a NEXT_STEP vector env spends on
            resetting, in which the action is ignored.
        distribution: the action distribution's parameters by name, each (T, N, ...).
        memory: the state that step t started from, after clearing and intervention, by name:
            "hidden" (T, layers, N, H), and "cell" for the LSTM.
        state: the state after step t, of the same form.
        info: the numbers that the env said beside observation t (the goal, say), each (T, N, ...).
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
        """The stretches of time of env's episodes, in order; the last one may be unfinished."""
        starts = np.flatnonzero(self.reset[:, env])
        stops = [*starts[1:], len(self)]
        spans = [slice(int(a), int(b)) for a, b in zip(starts, stops, strict=True)]
        return [slice(s.start, s.stop - int(not self.valid[s.stop - 1, env])) for s in spans]

    def path(self, env: int, episode: slice) -> Array:
        """The first two numbers of each observation of an episode, the last one's included.

        For the point envs these are the positions (steps + 1, 2). Steps within an episode that put
        the point back at its start (a trial's) are drawn as they were observed.
        """
        seen = self.observation[episode, env, :2]
        return np.concatenate((seen, self.next_observation[episode, env][-1:, :2]))

    def returns(self) -> Array:
        """The undiscounted returns of all finished episodes, env by env, in order of time."""
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
    """Runs a policy for `num_steps` steps; envs that end an episode begin the next one.

    Args:
        policy: the policy; run without a graph, in the train or eval mode that it is in.
        env: a gymnasium env, recorded with N = 1, or a vector env whose autoreset mode is
            SAME_STEP or NEXT_STEP.
        num_steps: T, at least 1.
        seed: of the env's first reset and of the generator that draws the actions.
        deterministic: takes each distribution's mode instead of drawing.
        intervention: a function of t and the state that gives the state step t starts from, such
            as `zero`, `freeze` or `replace`; applied after the clearing at resets.
        options: handed to the first reset, e.g. {"goal": (x, y)}.

    Raises:
        ValueError: for fewer than one step, or a vector env that does not reset by itself.
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
    """The actions as an env is given them: clipped to a Box, otherwise as they were drawn."""
    return np.clip(action, space.low, space.high) if isinstance(space, gym.spaces.Box) else action


def next_flags(mode: AutoresetMode, ends: Array, valid: Array) -> tuple[Array, Array]:
    """`reset` and `valid` (N,) of the next step, from which episodes this one ended.

    With SAME_STEP the next observation begins the new episode. With NEXT_STEP the step after an
    end is spent on resetting, and the one after it begins.
    """
    return (ends, valid) if mode == AutoresetMode.SAME_STEP else (~valid, ~ends)


def as_vector(env: gym.Env) -> VectorEnv:
    """A single env as a vector env of one that resets in the step that ends an episode."""
    return SyncVectorEnv([lambda: env], autoreset_mode=AutoresetMode.SAME_STEP)


def _named(state: State) -> dict[str, Array]:
    parts = state if isinstance(state, tuple) else (state,)
    return _arrays(dict(zip(("hidden", "cell"), parts, strict=False)))


def _arrays(tensors: dict[str, torch.Tensor]) -> dict[str, Array]:
    return {name: tensor.cpu().numpy() for name, tensor in tensors.items()}


def _numbers(info: dict[str, Any], n: int) -> dict[str, Array]:
    """Of an info, the entries that are a number or an array of numbers for each env."""
    arrays = {k: v for k, v in info.items() if isinstance(v, np.ndarray) and not k.startswith("_")}
    return {k: v for k, v in arrays.items() if v.dtype.kind in "biuf" and v.shape[:1] == (n,)}


def _stack(steps: list[dict[str, Any]]) -> dict[str, Any]:
    """A list of (nested) records as one record of arrays, time first."""
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
