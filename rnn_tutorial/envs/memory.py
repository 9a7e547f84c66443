"""Tasks that reward memory: a cue that vanishes, and a trial of several episodes."""

from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from rnn_tutorial.envs.goals import GoalSampler, check_array
from rnn_tutorial.envs.point import PointEnv, SparsePointEnv, check_at_least, position_space
from rnn_tutorial.envs.wrappers import PreviousActionReward


class CuedPointEnv(PointEnv):
    """A point env that shows the goal in the first observations only: it must be remembered.

    Description:
        As `PointEnv`, with a cue: the smallest task in which memory pays. Two numbers must be kept
        from the first step to the last. With a `delay` they must be kept while the point cannot
        move, so its position cannot replace the memory.

    Action space:
        Box(-1, 1, (2,), float32), as in `PointEnv`. The first `delay` actions have no effect.

    Observation space:
        Box((5,), float32): (x, y, goal x, goal y, cue flag). The last three are zero after the
        first `cue_steps` observations.

    Reward, start:
        As in `PointEnv`: minus the distance; (0, 0). The reward of the first `delay` steps is 0.

    End:
        `truncated` after `delay + horizon` steps. Never `terminated`.

    Info:
        "goal" (2,), "distance" (float).

    Args:
        cue_steps: number of observations that show the goal, that of the reset included.
        goal_sampler, render_mode: as in `PointEnv`.
        horizon: steps in which the point can move.
        delay: earlier steps, in which it cannot.

    Version:
        v0.

    Example:
        >>> env = gym.make("rnn_tutorial/CuedPoint-v0", cue_steps=1)
        >>> env.reset(options={"goal": (0.5, 1.0)})[0]
        array([0. , 0. , 0.5, 1. , 1. ], dtype=float32)
        >>> env.step(np.float32([1, 0]))[0]
        array([0.1, 0. , 0. , 0. , 0. ], dtype=float32)
    """

    def __init__(
        self,
        cue_steps: int = 1,
        goal_sampler: str | GoalSampler = "semi_circle",
        horizon: int = 30,
        render_mode: str | None = None,
        delay: int = 0,
    ) -> None:
        self.delay = check_at_least(0, delay=delay)
        super().__init__(goal_sampler, check_at_least(1, horizon=horizon) + delay, render_mode)
        self.cue_steps = check_at_least(0, cue_steps=cue_steps)
        self.observation_space = cued_space(horizon)

    def step(self, action: Any) -> tuple[NDArray[np.float32], float, bool, bool, dict[str, Any]]:
        if self._elapsed is None or self._elapsed >= self.delay:
            return super().step(action)
        waiting = np.zeros_like(check_array("action", action, (2,)))
        observation, _, terminated, truncated, info = super().step(waiting)
        return observation, 0.0, terminated, truncated, info

    def _observation(self) -> NDArray[np.float32]:
        cue = np.zeros(3)
        if (self._elapsed or 0) < self.cue_steps:
            cue[:] = (*self.get_task(), 1.0)
        return np.concatenate((self.position, cue)).astype(np.float32)


class PointTrialEnv(SparsePointEnv):
    """A trial: several episodes with one hidden goal, so that the first can inform the second.

    This env alone observes only the position. `make_point_trial` (`rnn_tutorial/PointTrial-v0`)
    adds the previous action, the previous reward and the episode-start flag, without which the
    goal cannot be inferred.

    Description:
        After every `horizon` steps the point returns to (0, 0), the goal stays, and
        `info["episode_start"]` is true. For gymnasium the whole trial is one episode: the memory
        should last through it (Duan et al. 2016, "RL^2", https://arxiv.org/abs/1611.02779).

    Action space, observation space, reward:
        As in `SparsePointEnv`.

    Start:
        (0, 0), and a new goal for the whole trial.

    End:
        `truncated` after `episodes_per_trial * horizon` steps. Never `terminated`.

    Info:
        As in `SparsePointEnv`, and "episode_start" (bool): an episode of the trial begins here.

    Args:
        episodes_per_trial: episodes with the same goal.
        horizon: steps in one episode of the trial.
        goal_radius, goal_sampler, render_mode: as in `SparsePointEnv`.

    Version:
        v0.
    """

    def __init__(
        self,
        episodes_per_trial: int = 2,
        goal_radius: float = 0.3,
        goal_sampler: str | GoalSampler = "semi_circle",
        horizon: int = 30,
        render_mode: str | None = None,
    ) -> None:
        check_at_least(1, episodes_per_trial=episodes_per_trial)
        super().__init__(goal_radius, goal_sampler, horizon * episodes_per_trial, render_mode)
        self.episode_horizon = horizon
        self.observation_space = position_space(horizon)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.float32], dict[str, Any]]:
        observation, info = super().reset(seed=seed, options=options)
        return observation, {**info, "episode_start": True}

    def step(self, action: Any) -> tuple[NDArray[np.float32], float, bool, bool, dict[str, Any]]:
        observation, reward, terminated, truncated, info = super().step(action)
        episode_over = not truncated and (self._elapsed or 0) % self.episode_horizon == 0
        if episode_over:
            self.position = np.zeros(2)
            self.path = [self.position]
            observation = self._observation()
        return observation, reward, terminated, truncated, {**info, "episode_start": episode_over}


def make_point_trial(**settings: Any) -> gym.Env:
    """`rnn_tutorial/PointTrial-v0`: a trial with all that a policy needs to infer the goal.

    Observation space:
        Box((6,), float32): (x, y, previous action x, previous action y, previous reward,
        episode-start flag).

    Args:
        **settings: as in `PointTrialEnv`.

    Example:
        >>> env = gym.make("rnn_tutorial/PointTrial-v0", horizon=2)
        >>> env.reset(options={"goal": (0.2, 0.0)})[0]
        array([0., 0., 0., 0., 0., 1.], dtype=float32)
        >>> env.step(np.float32([1, 0]))[0].round(1)
        array([0.1, 0. , 1. , 0. , 0.9, 0. ], dtype=float32)
    """
    return PreviousActionReward(PointTrialEnv(**settings), reward_range=(0.0, 1.0))


def cued_space(horizon: int) -> gym.spaces.Box:
    """The observations (5,) of the cued env: position, goal, flag."""
    position = position_space(horizon)
    goal = np.full(2, np.finfo(np.float32).max, np.float32)
    flag = np.zeros(1, np.float32)
    return gym.spaces.Box(
        np.concatenate((position.low, -goal, flag)),
        np.concatenate((position.high, goal, flag + 1)),
        dtype=np.float32,
    )
