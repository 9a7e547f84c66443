"""Checks of the exercises on the point envs: resets, last observations, a memory by hand.

Each check runs real envs on actions drawn from its own seed, so that its verdict never changes.
"""

from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

import rnn_tutorial  # noqa: F401  (registers the envs)
from rnn_tutorial.envs.oracle import oracle_action
from rnn_tutorial.envs.point import PointEnv
from rnn_tutorial.exercises.verdict import Verdict, judge

Array = NDArray[Any]
LIMITS = (2, 3, 5)  # after how many steps the episodes of three envs end
EPISODE = 30


def check_reset_flags(answer: Callable[[Array, Array], Any]) -> Verdict:
    """Checks a function that turns the two ends of episodes into reset flags.

    Args:
        answer: takes `terminated_tn` and `truncated_tn` (T, N), what step t returned; returns
            `reset_tn` (T, N): does observation t begin an episode?

    Returns:
        The verdict; expected values come from counting the age of every episode.
    """
    rng = np.random.default_rng(4)
    terminated, truncated = rng.random((2, 9, 3)) < 0.25
    expected = np.zeros((9, 3), dtype=bool)
    for env in range(3):
        age = 0
        for t in range(9):
            expected[t, env] = age == 0
            age = 0 if terminated[t, env] or truncated[t, env] else age + 1
    first = np.ones((1, 3), dtype=bool)
    done = terminated | truncated
    late = expected.copy()
    late[0] = False
    return judge(
        lambda: answer(terminated.copy(), truncated.copy()),
        expected,
        axes=("time", "env"),
        mistakes={
            "off by one: the end reported by step t makes observation t + 1 a beginning": done,
            "truncated episodes end too": np.concatenate((first, terminated[:-1])),
            "terminated episodes end too": np.concatenate((first, truncated[:-1])),
            "either end is enough; this asks for both": np.concatenate(
                (first, (terminated & truncated)[:-1])
            ),
            "observation 0 comes from reset() and begins an episode": late,
        },
        praise="marks the first observation of every episode, and no other.",
    )


def check_true_next_obs(answer: Callable[[Array, dict[str, Any]], Any]) -> Verdict:
    """Checks a function that finds what each step truly led to, under SAME_STEP autoreset.

    Args:
        answer: takes what a vector env's `step` returned, next observations (N, D) and info;
            returns (N, D): the last observation of an episode where one ended.

    Returns:
        The verdict; expected values come from single envs, looked at before they are reset.
    """
    rng, envs = np.random.default_rng(5), [PointEnv(horizon=9) for _ in LIMITS]
    for env in envs:
        env.reset(seed=5)
    steps, true, shown, last = [], [], [], []
    for t in range(1, 7):
        led_to = np.array([env.step(rng.uniform(-1, 1, 2))[0] for env in envs])
        next_obs, over = led_to.copy(), np.array([t % limit == 0 for limit in LIMITS])
        for i in np.flatnonzero(over):
            next_obs[i] = envs[i].reset()[0]
        # Where no episode ended the entry is not valid, and so it is filled with nonsense here.
        final = np.where(over[:, None], led_to, np.float32(9.0))
        info = {"final_obs": final, "_final_obs": over} if over.any() else {}
        steps.append((next_obs, info))
        true.append(led_to)
        shown.append(next_obs)
        last.append(final if over.any() else led_to)

    def answers() -> Any:
        got = [answer(obs.copy(), {k: v.copy() for k, v in info.items()}) for obs, info in steps]
        return None if any(one is None or one is Ellipsis for one in got) else np.array(got)

    return judge(
        answers,
        np.array(true),
        axes=("time", "env", "coordinate"),
        mistakes={
            "where an episode ended this is the next episode's first observation": np.array(shown),
            "final_obs is valid only where _final_obs is true": np.array(last),
        },
        praise="equals single envs looked at before their reset.",
    )


def check_cue_memory(answer: Callable[[Array, Array], Any]) -> Verdict:
    """Checks a policy with a memory written by hand, on `rnn_tutorial/CuedPoint-v0`.

    Args:
        answer: takes `obs_nd` (N, 5) and `memory_n2` (N, 2), zeros before the first step; returns
            the actions (N, 2) and the new memory (N, 2).

    Returns:
        The verdict, over the positions in two episodes of three envs; the expected ones are those
        of the oracle, which takes the goal from the env and needs no memory.
    """

    def blind(obs: Array, memory: Array) -> Any:
        return oracle_action(obs[:, :2], obs[:, 2:4]), memory

    def first_cue_for_ever(obs: Array, memory: Array) -> Any:
        memory = np.where((memory == 0).all(1, keepdims=True), obs[:, 2:4], memory)
        return oracle_action(obs[:, :2], memory), memory

    def keeping(obs: Array, memory: Array, gain: float = 10.0) -> Any:
        memory = np.where(obs[:, 4:] == 1, obs[:, 2:4], memory)
        return gain * (memory - obs[:, :2]), memory

    def slow(obs: Array, memory: Array) -> Any:
        return keeping(obs, memory, gain=1.0)

    def target(obs: Array, memory: Array) -> Any:
        memory = keeping(obs, memory)[1]
        return 10.0 * memory, memory

    return judge(
        lambda: _walk(answer),
        _walk(None),
        axes=("time", "env", "coordinate"),
        mistakes={
            "the goal is read from every observation, and is zero after the cue": _walk(blind),
            "the memory keeps the first episode's goal; a new cue must replace it": _walk(
                first_cue_for_ever
            ),
            "the difference is not divided by the 0.1 that one step moves": _walk(slow),
            "the action must point from the position to the goal, not from (0, 0)": _walk(target),
        },
        praise="walks as the oracle does, in both episodes, from one glimpse of each goal.",
    )


def _walk(policy: Callable[[Array, Array], Any] | None) -> Any:
    """Positions (T, N, 2) in two episodes of three envs; with no policy those of the oracle."""
    env: Any = gym.make_vec("rnn_tutorial/CuedPoint-v0", num_envs=3, horizon=EPISODE)
    obs, info = env.reset(seed=6)
    memory, positions = np.zeros((3, 2)), []
    for _ in range(2 * EPISODE):
        positions.append(obs[:, :2])
        if policy is None:
            action = oracle_action(obs[:, :2], info["goal"])
        else:
            result = policy(obs.copy(), memory)
            if result is None or result is Ellipsis:
                return None
            action, memory = result
        obs, _, _, _, info = env.step(action)
    return np.array(positions)
