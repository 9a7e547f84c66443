"""Tasks that reward memory: a cue that vanishes, and a trial of several episodes."""

from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from rnn_tutorial.envs.goals import GoalSampler, check_array
from rnn_tutorial.envs.point import PointEnv, SparsePointEnv, check_at_least, position_space
from rnn_tutorial.envs.wrappers import PreviousActionReward


class CuedPointEnv(PointEnv):
    """The goal is shown in the first observations and must be remembered from then on.

    Description:
        As `PointEnv`, with a cue. The smallest task in which memory pays: one vector of two numbers
        must be held from the first step to the last. With a `delay` it must be held before the
        point can move at all, so its position cannot stand in for the memory.

    Action space:
        Box(-1, 1, (2,), float32), as in `PointEnv`. The first `delay` actions move nothing.

    Observation space:
        Box((5,), float32): (x, y, goal x, goal y, cue flag). The last three are zero after the
        first `cue_steps` observations.

    Reward, start:
        As in `PointEnv`: minus the distance; (0, 0). The first `delay` steps pay 0.

    End:
        `truncated` after `delay + horizon` steps. Never `terminated`.

    Info:
        "goal" (2,), "distance" (float).

    Args:
        cue_steps: how many observations, the one of the reset included, show the goal.
        goal_sampler, render_mode: as in `PointEnv`.
        horizon: steps in which the point can move.
        delay: steps before these in which it cannot.

    Version:
        v0.
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
    """A trial: several episodes toward one hidden goal, so that the first can teach the second.

    This is the bare task, as the point sees it. `make_point_trial` (`rnn_tutorial/PointTrial-v0`)
    adds previous action, previous reward and the episode-start flag to the observation, without
    which the goal cannot be found out.

    Description:
        After each `horizon` steps the point is put back at (0, 0), while the goal stays, and
        `info["episode_start"]` is true. To gymnasium the whole trial is one episode: the memory is
        meant to live through it (Duan et al. 2016, "RL^2", https://arxiv.org/abs/1611.02779).

    Action space, observation space, reward:
        As in `SparsePointEnv`.

    Start:
        (0, 0), and a new goal for the whole trial.

    End:
        `truncated` after `episodes_per_trial * horizon` steps. Never `terminated`.

    Info:
        as in `SparsePointEnv`, and "episode_start" (bool): an episode of the trial begins here.

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
    """`rnn_tutorial/PointTrial-v0`: a trial that the policy can learn from within itself.

    Observation space:
        Box((6,), float32): (x, y, previous action x, previous action y, previous reward,
        episode-start flag).

    Args:
        **settings: as in `PointTrialEnv`.
    """
    return PreviousActionReward(PointTrialEnv(**settings), reward_range=(0.0, 1.0))


def cued_space(horizon: int) -> gym.spaces.Box:
    """The observations (5,) of the cued env: a position, then a goal and a flag."""
    position = position_space(horizon)
    goal = np.full(2, np.finfo(np.float32).max, np.float32)
    flag = np.zeros(1, np.float32)
    return gym.spaces.Box(
        np.concatenate((position.low, -goal, flag)),
        np.concatenate((position.high, goal, flag + 1)),
        dtype=np.float32,
    )
