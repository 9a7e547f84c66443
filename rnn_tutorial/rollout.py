"""Recording a policy in an env, single or vector: every quantity of every step."""

from dataclasses import dataclass
from itertools import islice
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from gymnasium.vector import VectorEnv
from jaxtyping import Float

from rnn_tutorial.acting import Carry, act, as_vector, begin, check_seed
from rnn_tutorial.actions import distribution_parameters
from rnn_tutorial.checks import whole_number
from rnn_tutorial.interventions import Intervention, freeze, replace, zero
from rnn_tutorial.nest import Nest, leaves, map_nest
from rnn_tutorial.policy import RNNPolicy
from rnn_tutorial.recurrent import clear_state, named_parts

__all__ = ["Rollout", "episode_returns", "freeze", "record", "replace", "zero"]

Array = np.ndarray


@dataclass(frozen=True)
class Rollout:
    """T steps of N envs, time-major; every field is a NumPy array.

    Attributes:
        observation: (T, N, *obs), the input of step t; for a Dict or Tuple space a nest of these.
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
        memory: the state that step t is to start from, by the core's names: "hidden"
            (T, layers, N, H), and "cell" for the LSTM. It is the state after step t - 1, zero where
            an episode begins, or what an intervention put there. Whether the policy does start
            from it is seen in `state`: the policy clears its own state.
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

    observation: Nest
    next_observation: Nest
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

        Raises:
            TypeError: for observations that aren't vectors.
        """
        if not isinstance(self.observation, np.ndarray) or self.observation.ndim < 3:
            raise TypeError("path: expected observations that are vectors, e.g. not a Dict")
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
        seed: of the env's first reset and of the actions. Each env of a vector env gets a seed of
            its own by `rnn_tutorial.acting.env_seeds`.
        deterministic: takes each distribution's mode instead of drawing.
        intervention: maps t and the state to the state that step t starts from, such as `zero`,
            `freeze` or `replace`; see `rnn_tutorial.acting.act`.
        options: of the first reset, e.g. {"goal": (x, y)}.

    Raises:
        ValueError: for fewer than one step, or what `rnn_tutorial.acting.begin` refuses.

    Example:
        >>> envs = gym.make_vec("rnn_tutorial/CuedPoint-v0", num_envs=2)
        >>> spaces = envs.single_observation_space, envs.single_action_space
        >>> rollout = record(RNNPolicy(*spaces, cell="lstm"), envs, num_steps=5, seed=0)
        >>> rollout.observation.shape, rollout.memory["cell"].shape
        ((5, 2, 5), (5, 2, 2, 64))
    """
    num_steps = whole_number("num_steps", num_steps, 1)
    vector, carry, generator = _begin(policy, env, seed, options)
    info, n = _numbers(carry.info, vector.num_envs), vector.num_envs
    loop = act(
        policy,
        vector,
        carry,
        generator=generator,
        deterministic=deterministic,
        intervention=intervention,
    )
    steps: list[dict[str, Any]] = []
    for step in islice(loop, num_steps):
        now, output = step.now, step.output
        memory = now.state
        if now is carry and now.reset.any():  # not as an intervention left it
            memory = clear_state(memory, torch.as_tensor(now.reset, device=policy.device))
        true_next = _arrays(step.then.observation)
        if step.last is not None:
            for (_, row), (_, last) in zip(leaves(true_next), leaves(step.last), strict=True):
                row[step.ended] = last.cpu().numpy()
        steps.append(
            {
                "observation": _arrays(now.observation),
                "next_observation": true_next,
                "action": _arrays(step.action),
                "log_prob": _arrays(output.distribution.log_prob(step.action)),
                "value": _arrays(output.value),
                "reward": step.reward,
                "reset": now.reset,
                "terminated": step.terminated,
                "truncated": step.truncated,
                "valid": now.valid,
                "distribution": _arrays(distribution_parameters(output.distribution)),
                "memory": _arrays(named_parts(policy.core, memory)),
                "state": _arrays(named_parts(policy.core, step.then.state)),
                "info": info,
            }
        )
        carry, info = step.then, _numbers(step.then.info, n)
    return Rollout(**_stack(steps))


def episode_returns(
    policy: RNNPolicy,
    env: gym.Env | VectorEnv,
    episodes: int,
    seed: int,
    *,
    deterministic: bool = False,
) -> Float[Array, " episodes"]:
    """The undiscounted returns of whole episodes: the honest evaluation.

    Every env plays the same number of episodes, its first ones, or one fewer. To take the episodes
    that finish first instead would favour the short ones.

    Args:
        policy, env, deterministic: as in `record`; the env must end its episodes by itself.
        episodes: number of returns.
        seed: of the env's first reset and of the actions.

    Raises:
        ValueError: for fewer than one episode, or what `rnn_tutorial.acting.begin` refuses.

    Example:
        >>> envs = gym.make_vec("rnn_tutorial/CuedPoint-v0", num_envs=2)
        >>> policy = RNNPolicy(envs.single_observation_space, envs.single_action_space)
        >>> episode_returns(policy, envs, episodes=5, seed=0).shape
        (5,)
    """
    episodes = whole_number("episodes", episodes, 1)
    vector, carry, generator = _begin(policy, env, seed)
    n = vector.num_envs
    played: list[list[float]] = [[] for _ in range(n)]
    wanted = [episodes // n + (i < episodes % n) for i in range(n)]
    for step in act(policy, vector, carry, generator=generator, deterministic=deterministic):
        for i, value in zip(step.ended, step.returns, strict=True):
            played[i].append(value)
        if all(len(mine) >= most for mine, most in zip(played, wanted, strict=True)):
            break
    return np.array(
        [value for mine, most in zip(played, wanted, strict=True) for value in mine[:most]]
    )


def _begin(
    policy: RNNPolicy,
    env: gym.Env | VectorEnv,
    seed: int,
    options: dict[str, Any] | None = None,
) -> tuple[VectorEnv, Carry, torch.Generator]:
    """A vector env at its first step, and the generator of the actions.

    A single env keeps the seed that it is given; a vector env's envs get one each.
    """
    seed = check_seed(seed)
    generator = torch.Generator(policy.device).manual_seed(seed)
    if isinstance(env, VectorEnv):
        return env, begin(policy, env, seed, options), generator
    vector = as_vector(env)
    return vector, begin(policy, vector, [seed], options), generator


def _arrays(tensors: Nest) -> Nest:
    """Copies as NumPy arrays."""
    return map_nest(lambda tensor: tensor.detach().cpu().numpy().copy(), tensors)


def _numbers(info: dict[str, Any], n: int) -> dict[str, Array]:
    """The entries of an info that hold a number, or an array of numbers, for each env."""
    arrays = {k: v for k, v in info.items() if isinstance(k, str) and isinstance(v, np.ndarray)}
    return {
        k: v.copy()
        for k, v in arrays.items()
        if v.dtype.kind in "biuf" and v.shape[:1] == (n,) and not k.startswith("_")
    }


def _stack(steps: list[dict[str, Any]]) -> dict[str, Any]:
    """Stack a list of records into one record of (nests of) arrays, time first."""
    forms = [{(k, v.shape) for k, v in step["info"].items()} for step in steps]
    common = {name for name, _ in set.intersection(*forms)}  # at every step, of one shape
    for step in steps:
        step["info"] = {k: step["info"][k] for k in steps[0]["info"] if k in common}
    return {
        name: map_nest(lambda *rows: np.stack(rows), *(step[name] for step in steps))
        for name in steps[0]
    }
