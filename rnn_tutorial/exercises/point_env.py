"""Checks of the exercises on the point envs: resets, a memory by hand, last observations.

Each check runs real envs and has its own seeds, so its verdict is always the same.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import chain
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from gymnasium.wrappers import TimeLimit
from numpy.typing import NDArray

from rnn_tutorial.envs.memory import CuedPointEnv
from rnn_tutorial.envs.point import PointEnv
from rnn_tutorial.exercises.verdict import Instance, Verdict, WrongForm, as_array, judge

Array = NDArray[Any]
NEAR = 0.15  # at full speed a point that never slows down jitters this far around its goal


def check_reset_flags(answer: Callable[[Array, Array], Any]) -> Verdict:
    """Check a function that computes reset flags from the two kinds of episode end.

    Args:
        answer: takes `terminated_tn` and `truncated_tn` (T, N), as returned by step t; returns
            `reset_tn` (T, N): does observation t begin an episode?

    Returns:
        The verdict; the expected values come from counting the age of every episode.
    """
    return judge(
        answer,
        [_flags(4, 9, 3), _flags(5, 6, 4)],
        axes=("time", "env"),
        praise="marks the first observation of every episode, and no other.",
    )


def _flags(seed: int, steps: int, envs: int) -> Instance:
    terminated, truncated = np.random.default_rng(seed).random((2, steps, envs)) < 0.3
    terminated[1, 0] = truncated[1, 0] = truncated[-1, 0] = truncated[-1, 1] = True
    done, expected = terminated | truncated, np.zeros((steps, envs), dtype=bool)
    for env in range(envs):
        age = 0
        for t in range(steps):
            expected[t, env] = age == 0
            age = 0 if done[t, env] else age + 1

    def shifted(ends: Array, first: Any = True) -> Array:
        return np.concatenate((np.full((1, envs), first), ends[:-1]))

    unmoved, unset = done.copy(), shifted(done)
    unmoved[0], unset[0] = True, done[0]
    mistakes = {
        "off by one: if step t reports an end, observation t + 1 begins an episode": done,
        "row 0 is right; the other rows must be moved by one step, too": unmoved,
        "moved the wrong way: if step t reports an end, observation t + 1 begins an episode": (
            np.concatenate((done[1:], done[:1]))
        ),
        "moved by two steps: observation t + 1 comes right after step t": shifted(shifted(done)),
        "moved along the envs: time is the first axis": np.roll(done, 1, axis=1),
        "truncated episodes end too": shifted(terminated),
        "terminated episodes end too": shifted(truncated),
        "either end is enough; this requires both": shifted(terminated & truncated),
        "both ends may be reported at once; this leaves such steps out": (
            shifted(terminated ^ truncated)
        ),
        "a flag is 0 or 1; here two ends at once give 2": shifted(1 * terminated + truncated),
        "observation 0 comes from reset() and begins an episode": shifted(done, False),
        "row 0 was not set: observation 0 comes from reset()": unset,
        "np.roll moves the last row to t = 0, where every env begins an episode": (
            np.roll(done, 1, axis=0)
        ),
        "inverted: the flag is true where an episode begins": ~expected,
        "the first row is missing: observation 0 comes from reset()": done[:-1],
        "one row too many: an end at the last step belongs to observation T, not recorded here": (
            np.concatenate((np.ones((1, envs)), done))
        ),
    }
    return Instance((terminated, truncated), expected, mistakes)


def check_cue_memory(answer: Callable[[Array, Array], Any]) -> Verdict:
    """Check a policy with a hand-written memory on `CuedPointEnv`.

    Every way of reaching the goal is right, at any speed. The goals lie anywhere, the episodes of
    the envs end at different times, and one env begins with steps in which nothing moves, so the
    point's position cannot replace the memory.

    Args:
        answer: takes `obs_n5` (N, 5) and `memory_n2` (N, 2), zeros before the first step; returns
            the actions (N, 2) and the new memory (N, 2).

    Returns:
        The verdict on the position at the end of each of two episodes.
    """
    return judge(
        answer,
        [_cues(6, (30, 24, 36)), _cues(7, (25, 32, 28, 36))],
        axes=("episode", "env", "coordinate"),
        call=_places,
        praise="reaches the goal in every episode, after seeing it once.",
        tolerance=0.1,
    )


def _cues(seed: int, horizons: tuple[int, ...]) -> Instance:
    """Two goals for each env, the second roughly opposite to the first, and nearer."""
    rng = np.random.default_rng(seed)
    angle = rng.uniform(0, 2 * math.pi, len(horizons))
    angles = np.stack((angle, angle + math.pi + rng.uniform(-0.6, 0.6, len(horizons))))
    goals = np.array((1.2, 0.7))[:, None, None] * np.stack((np.cos(angles), np.sin(angles)), -1)
    first, second = goals

    def ends(target: Callable[[Array, Array], Array], gain: float = 10.0) -> Array:
        """The final positions under a policy with a mistake in its target."""

        def policy(obs: Array, memory: Array) -> tuple[Array, Array]:
            memory = np.where(obs[:, 4:] == 1, obs[:, 2:4], memory)
            return gain * target(obs, memory), memory

        return _places(policy, goals, horizons)

    def own_place(obs: Array, _: Array) -> Array:
        norm = np.maximum(np.linalg.norm(obs[:, :2], axis=1, keepdims=True), 1e-9)
        return np.where(obs[:, 4:] == 1, obs[:, 2:4], obs[:, :2] / norm) - obs[:, :2]

    def one_flag(obs: Array, memory: Array) -> tuple[Array, Array]:
        memory = obs[:, 2:4] if obs[0, 4] == 1 else memory
        return 10.0 * (memory - obs[:, :2]), memory

    mistakes = {
        "the point ends where it began: after the cue the observation holds zeros, so take the "
        "goal from the memory, written where the flag is 1 and kept elsewhere": 0 * goals,
        "the memory keeps the first episode's goal; a new cue must replace it": [first, first],
        "the cues add up; a new cue must replace the old one": [first, first + second],
        "the new cue is averaged with the old one; it must replace it": [
            first,
            (first + second) / 2,
        ],
        "the new cue is mixed with the old memory; it must replace it": [
            first / 2,
            first / 4 + second / 2,
        ],
        "the action must point from the position to the goal, not from (0, 0)": (
            ends(lambda obs, memory: memory)
        ),
        "the action points away from the goal: it is the goal minus the position": (
            ends(lambda obs, memory: obs[:, :2] - memory)
        ),
        "x and y are swapped": goals[..., ::-1],
        "the point's position is used instead of a memory; the goal may lie nearer or farther": (
            ends(own_place)
        ),
        "each env has its own flag; this reads one flag for all": (
            _places(one_flag, goals, horizons)
        ),
    }
    return Instance((goals, horizons), goals, mistakes)


def _places(policy: Callable[[Array, Array], Any], goals: Array, horizons: Sequence[int]) -> Array:
    """The final position (episodes, N, 2) of each episode, or its goal if that is reached.

    The goal counts as reached if the episode ends near it, or if every moving step comes nearer.
    """
    delays = [0] * (len(horizons) - 1) + [4]
    envs = [CuedPointEnv(horizon=h, delay=d) for h, d in zip(horizons, delays, strict=True)]
    begun = [env.reset(options={"goal": g}) for env, g in zip(envs, goals[0], strict=True)]
    obs, memory = np.stack([first for first, _ in begun]), np.zeros((len(envs), 2))
    places, done = goals.copy(), [0] * len(envs)
    distances: list[list[float]] = [[float(np.linalg.norm(goal))] for goal in goals[0]]
    while min(done) < len(goals):
        action, memory = _act(policy, obs, memory)
        obs = obs.copy()
        for i, env in enumerate(envs):
            obs[i], _, _, over, info = env.step(action[i])
            distances[i].append(info["distance"])
            if over:
                if done[i] < len(goals):
                    way = np.array(distances[i][delays[i] :])
                    nearer = (np.diff(way) < 0) | (way[1:] < NEAR)
                    if not (nearer.all() or way[-1] < NEAR):
                        places[done[i], i] = obs[i, :2]
                done[i] += 1
                goal = goals[done[i] % len(goals), i]
                obs[i], _ = env.reset(options={"goal": goal})
                distances[i] = [float(np.linalg.norm(goal))]
    return places


def _act(policy: Callable[[Array, Array], Any], obs: Array, memory: Any) -> tuple[Array, Any]:
    """The actions (N, 2) and the new memory that a policy returns."""
    result = policy(obs.copy(), memory)
    if not isinstance(result, (tuple, list)) or len(result) != 2:
        as_array(result)  # raises its own message for None
        raise WrongForm(
            f"expected a pair, the actions and the new memory, got a {type(result).__name__}"
        )
    for name, value in zip(("actions", "memory"), result, strict=True):
        try:
            got: Any = as_array(value).shape
        except (TypeError, ValueError):
            got = f"a {type(value).__name__}"
        if got != (len(obs), 2):
            raise WrongForm(f"{name}: expected shape ({len(obs)}, 2), got {got}")
    return as_array(result[0]), result[1]


def check_true_next_obs(answer: Callable[[Array, dict[str, Any]], Any]) -> Verdict:
    """Check a function that finds the true next observations under SAME_STEP autoreset.

    Args:
        answer: takes next observations (N, D) and info, as returned by a vector env's `step`, with
            "final_obs" as an array (N, D) or as gymnasium's own array of objects (N,); returns
            (N, D): the last observation of an episode where one ended.

    Returns:
        The verdict; the expected values come from single envs, observed before their reset.
    """
    return judge(
        answer,
        chain(
            _vector_steps(5, PointEnv, (2, 3, 5), objects=False),
            _vector_steps(8, CuedPointEnv, (3, 2), objects=True),
            _vector_steps(9, PointEnv, (3, 2), objects=False),  # N = D: a mask fits both axes
        ),
        axes=("env", "coordinate"),
        call=_numbers,
        praise="equals single envs observed before their reset, with both forms of final_obs.",
    )


def _numbers(answer: Callable[..., Any], next_obs: Array, info: dict[str, Any]) -> Any:
    got = answer(next_obs, info)
    if isinstance(got, np.ndarray) and got.dtype == object:
        raise WrongForm(
            "expected an array of numbers (N, D), got one of objects: gymnasium's final_obs holds "
            "an array for each env whose episode ended, and None for the others"
        )
    return got


def _vector_steps(
    seed: int, make: Callable[[], gym.Env], limits: Sequence[int], objects: bool
) -> Iterator[Instance]:
    """Six steps of a vector env with episodes of `limits` steps, compared with single envs."""
    rng = np.random.default_rng(seed)
    vector = SyncVectorEnv(
        [partial(TimeLimit, make(), limit) for limit in limits],
        autoreset_mode=AutoresetMode.SAME_STEP,
    )
    singles = [make() for _ in limits]
    vector.reset(seed=seed)
    for i, env in enumerate(singles):
        env.reset(seed=seed + i)
    for _ in range(6):
        action = rng.uniform(-1, 1, (len(limits), 2)).astype(np.float32)
        led_to = np.array([env.step(a)[0] for env, a in zip(singles, action, strict=True)])
        next_obs, _, _, over, info = vector.step(action)
        for env, ended in zip(singles, over, strict=True):
            if ended:
                env.reset()
        if not over.any():
            yield Instance((next_obs, {}), led_to)
            continue
        # Where no episode ended, final_obs has no meaning in our own envs; here it is 9.
        rows = np.where(over[:, None], led_to, np.float32(9.0))
        first = np.where((np.arange(len(over)) == over.argmax())[:, None], led_to, next_obs)
        mistakes = {
            "where an episode ended, this is the next episode's first observation": next_obs,
            "final_obs is valid only where _final_obs is true": rows,
            "the mask is inverted": np.where(over[:, None], next_obs, rows),
            "only the first ended episode was replaced: each has its own last observation": first,
        }
        if len(over) == led_to.shape[1]:
            name = "the mask (N,) runs along the coordinates here: make it a column, (N, 1)"
            mistakes[name] = np.where(over, rows, next_obs)
        final = info["final_obs"] if objects else rows
        yield Instance((next_obs, {"final_obs": final, "_final_obs": over}), led_to, mistakes)
