"""The native vector envs: one NumPy call moves N points, bit for bit as N single envs do."""

from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.error import ResetNeeded
from gymnasium.utils import seeding
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from rnn_tutorial.envs.goals import GoalSampler, check_array, find_goal_sampler
from rnn_tutorial.envs.memory import cued_space
from rnn_tutorial.envs.point import (
    check_at_least,
    check_radius,
    distance_between,
    move,
    position_space,
    sparse_reward,
)
from rnn_tutorial.envs.wrappers import extended_space

Array = NDArray[Any]


class PointVectorEnv(VectorEnv):
    """N copies of `PointEnv`, stepped together.

    After `reset(seed=s)` env i equals a `PointEnv` after `reset(seed=s + i)`: the same goals,
    trajectories, rewards and flags, also in later episodes (each env has its own generator).

    Autoreset: with `AutoresetMode.SAME_STEP`, the default, the step that ends an episode returns
    the first observation of the next one. The true last observation is in `info["final_obs"]`
    (N, obs) and its info in `info["final_info"]`, both valid where `info["_final_obs"]` is true.
    With `AutoresetMode.NEXT_STEP` the step returns the last observation; the following step ignores
    its action, begins the new episode and has reward 0.

    Args:
        num_envs: N.
        goal_sampler, horizon: as in `PointEnv`.
        autoreset_mode: SAME_STEP or NEXT_STEP. gymnasium's vector wrappers of observations, such as
            NormalizeObservation, refuse SAME_STEP; with them, choose "NextStep".

    Example:
        >>> envs = gym.make_vec("rnn_tutorial/Point-v0", num_envs=2, horizon=1)
        >>> _ = envs.reset(seed=0)
        >>> observation, reward, terminated, truncated, info = envs.step([[1.0, 0.0], [0.0, 1.0]])
        >>> truncated, observation[0], info["final_obs"][0]  # first and true last observation
        (array([ True,  True]), array([0., 0.], dtype=float32), array([0.1, 0. ], dtype=float32))
    """

    metadata: dict[str, Any] = {"autoreset_mode": AutoresetMode.SAME_STEP}

    def __init__(
        self,
        num_envs: int = 1,
        goal_sampler: str | GoalSampler = "semi_circle",
        horizon: int = 100,
        autoreset_mode: str | AutoresetMode = AutoresetMode.SAME_STEP,
    ) -> None:
        self.num_envs = check_at_least(1, num_envs=num_envs)
        self.goal_sampler = find_goal_sampler(goal_sampler)
        self.horizon = check_at_least(1, horizon=horizon)
        self.autoreset_mode = AutoresetMode(autoreset_mode)
        if self.autoreset_mode == AutoresetMode.DISABLED:
            raise ValueError("autoreset_mode: expected SAME_STEP or NEXT_STEP, got DISABLED")
        self.metadata = {**self.metadata, "autoreset_mode": self.autoreset_mode}
        self.single_action_space = gym.spaces.Box(-1.0, 1.0, (2,), np.float32)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._set_observation_space(position_space(horizon))
        self.goal = np.zeros((num_envs, 2))
        self.position = np.zeros((num_envs, 2))
        self.distance = np.zeros(num_envs)
        self._elapsed = np.zeros(num_envs, dtype=np.int64)
        self._over = np.zeros(num_envs, dtype=bool)  # to be reset by the next step
        self._all = np.ones(num_envs, dtype=bool)
        self._generators: list[np.random.Generator] = []

    def reset(
        self,
        *,
        seed: int | list[int | None] | None = None,
        options: dict[str, Any] | None = None,
    ) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """Begin an episode in every env.

        Args:
            seed: s gives env i the seed s + i; a list has one for each env; None keeps the present
                generators.
            options: {"goal": (x, y) or (N, 2)} sets the goals of this first episode only.

        Raises:
            ValueError: for a goal or a list of seeds of another shape.
        """
        self._seed(seed)
        goal = None
        if options and "goal" in options:
            given = np.asarray(options["goal"], dtype=np.float64)
            if given.shape == (2,):
                given = np.tile(given, (self.num_envs, 1))
            goal = check_array("goal", given, (self.num_envs, 2))
        self._begin(self._all, goal)
        self._over[:] = False
        return self._observation(), self._info()

    def step(
        self, actions: Any
    ) -> tuple[NDArray[np.float32], NDArray[np.float64], Array, Array, dict[str, Any]]:
        """Move every point by one step.

        Args:
            actions: velocities (N, 2), clipped to [-1, 1].

        Returns:
            observation (N, obs), reward (N,), terminated (N,), truncated (N,), info.

        Raises:
            ResetNeeded: before the first reset.
            ValueError: if the actions do not have shape (N, 2) or are not finite.
        """
        if not self._generators:
            raise ResetNeeded("step: expected reset() first, no episode has begun yet")
        self._advance(check_array("action", actions, (self.num_envs, 2)))
        reward = self._reward()
        truncated = self._elapsed >= self.horizon
        if self._over.any():
            self._begin(self._over)
            reward[self._over] = 0.0
            truncated &= ~self._over
        info: dict[str, Any] = {}
        if truncated.any() and self.autoreset_mode == AutoresetMode.SAME_STEP:
            info["final_obs"], info["_final_obs"] = self._observation(), truncated.copy()
            info["final_info"], info["_final_info"] = self._info(), truncated.copy()
            self._begin(truncated)
        elif self.autoreset_mode == AutoresetMode.NEXT_STEP:
            self._over = truncated.copy()
        info.update(self._info())
        terminated = np.zeros(self.num_envs, dtype=bool)
        return self._observation(), reward, terminated, truncated, info

    def _seed(self, seed: int | list[int | None] | None) -> None:
        if isinstance(seed, list):
            if len(seed) != self.num_envs:
                raise ValueError(f"seed: expected {self.num_envs} seeds, got {len(seed)}")
            seeds = seed
        else:
            seeds = [None if seed is None else seed + i for i in range(self.num_envs)]
        if not self._generators:
            self._generators = [seeding.np_random(s)[0] for s in seeds]
        else:
            for i, s in enumerate(seeds):
                if s is not None:
                    self._generators[i] = seeding.np_random(s)[0]

    def _begin(self, which: Array, goal: Array | None = None) -> None:
        """Begin an episode in the envs of a mask (N,), with the given goals or drawn ones."""
        rows = np.flatnonzero(which)
        if goal is None:
            drawn = [self.goal_sampler(self._generators[i]) for i in rows]
            goal = check_array("goal", drawn, (len(rows), 2))
        self.goal[rows] = goal
        self.position[rows] = 0.0
        self._elapsed[rows] = 0
        self.distance[rows] = distance_between(self.position[rows], self.goal[rows])

    def _advance(self, action: Array) -> None:
        self.position = move(self.position, action)
        self._elapsed += 1
        self.distance = distance_between(self.position, self.goal)

    def _set_observation_space(self, single: gym.Space) -> None:
        self.single_observation_space = single
        self.observation_space = batch_space(single, self.num_envs)

    def _observation(self) -> NDArray[np.float32]:
        return self.position.astype(np.float32)

    def _reward(self) -> NDArray[np.float64]:
        return -self.distance

    def _info(self) -> dict[str, Any]:
        return self._masked(goal=self.goal.copy(), distance=self.distance.copy())

    def _masked(self, **values: Array) -> dict[str, Any]:
        """A vector env's info in gymnasium's form: each entry with a mask of where it is valid."""
        info: dict[str, Any] = {}
        for name, value in values.items():
            info[name], info["_" + name] = value, self._all.copy()
        return info


class SparsePointVectorEnv(PointVectorEnv):
    """N copies of `SparsePointEnv`, stepped together; see `PointVectorEnv`.

    Args:
        num_envs: N.
        goal_radius, goal_sampler, horizon: as in `SparsePointEnv`.
        autoreset_mode: as in `PointVectorEnv`.
    """

    def __init__(
        self,
        num_envs: int = 1,
        goal_radius: float = 0.2,
        goal_sampler: str | GoalSampler = "semi_circle",
        horizon: int = 100,
        autoreset_mode: str | AutoresetMode = AutoresetMode.SAME_STEP,
    ) -> None:
        super().__init__(num_envs, goal_sampler, horizon, autoreset_mode)
        self.goal_radius = check_radius(goal_radius)

    def _reward(self) -> NDArray[np.float64]:
        return sparse_reward(self.distance, self.goal_radius)

    def _info(self) -> dict[str, Any]:
        rewards = self._masked(sparse_reward=self._reward(), dense_reward=-self.distance)
        return {**super()._info(), **rewards}


class CuedPointVectorEnv(PointVectorEnv):
    """N copies of `CuedPointEnv`, stepped together; see `PointVectorEnv`.

    Args:
        num_envs: N.
        cue_steps, goal_sampler, horizon, delay: as in `CuedPointEnv`.
        autoreset_mode: as in `PointVectorEnv`.
    """

    def __init__(
        self,
        num_envs: int = 1,
        cue_steps: int = 1,
        goal_sampler: str | GoalSampler = "semi_circle",
        horizon: int = 30,
        autoreset_mode: str | AutoresetMode = AutoresetMode.SAME_STEP,
        delay: int = 0,
    ) -> None:
        self.delay = check_at_least(0, delay=delay)
        total = check_at_least(1, horizon=horizon) + delay
        super().__init__(num_envs, goal_sampler, total, autoreset_mode)
        self.cue_steps = check_at_least(0, cue_steps=cue_steps)
        self._set_observation_space(cued_space(horizon))

    def _advance(self, action: Array) -> None:
        if self.delay:
            action = np.where(self._elapsed[:, None] < self.delay, 0.0, action)
        super()._advance(action)

    def _reward(self) -> NDArray[np.float64]:
        reward = super()._reward()
        return np.where(self._elapsed <= self.delay, 0.0, reward) if self.delay else reward

    def _observation(self) -> NDArray[np.float32]:
        cued = self._elapsed < self.cue_steps
        observation = np.zeros((self.num_envs, 5), np.float32)
        observation[:, :2] = self.position
        observation[cued, 2:4] = self.goal[cued]
        observation[:, 4] = cued
        return observation


class PointTrialVectorEnv(SparsePointVectorEnv):
    """N copies of `rnn_tutorial/PointTrial-v0`, stepped together; see `PointVectorEnv`.

    Args:
        num_envs: N.
        episodes_per_trial, goal_radius, goal_sampler, horizon: as in `PointTrialEnv`.
        autoreset_mode: as in `PointVectorEnv`.
    """

    def __init__(
        self,
        num_envs: int = 1,
        episodes_per_trial: int = 2,
        goal_radius: float = 0.3,
        goal_sampler: str | GoalSampler = "semi_circle",
        horizon: int = 30,
        autoreset_mode: str | AutoresetMode = AutoresetMode.SAME_STEP,
    ) -> None:
        check_at_least(1, episodes_per_trial=episodes_per_trial)
        total = horizon * episodes_per_trial
        super().__init__(num_envs, goal_radius, goal_sampler, total, autoreset_mode)
        self.episode_horizon = horizon
        self._previous_action = np.zeros((num_envs, 2))
        self._previous_reward = np.zeros(num_envs)
        self._starts = np.zeros(num_envs, dtype=bool)
        self._set_observation_space(
            extended_space(position_space(horizon), self.single_action_space, (0.0, 1.0))
        )

    def _begin(self, which: Array, goal: Array | None = None) -> None:
        super()._begin(which, goal)
        self._previous_action[which] = 0.0
        self._previous_reward[which] = 0.0
        self._starts[which] = True

    def _advance(self, action: Array) -> None:
        super()._advance(action)
        self._previous_action = np.clip(action, -1.0, 1.0)
        self._previous_reward = self._reward()
        episode_over = self._elapsed % self.episode_horizon == 0
        self._starts = episode_over & (self._elapsed < self.horizon)
        self.position[self._starts] = 0.0

    def _observation(self) -> NDArray[np.float32]:
        reward, flag = self._previous_reward[:, None], self._starts[:, None]
        parts = (self.position, self._previous_action, reward, flag)
        return np.concatenate(parts, axis=1).astype(np.float32)

    def _info(self) -> dict[str, Any]:
        return {**super()._info(), **self._masked(episode_start=self._starts.copy())}
