"""The point env: a point on the plane moves toward a goal that it does not observe."""

from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.error import ResetNeeded
from numpy.typing import NDArray

from rnn_tutorial.envs.goals import GoalSampler, check_array, find_goal_sampler

STEP_SIZE = 0.1  # length units that a full action moves the point along each axis

# The arithmetic below works for one point (2,) and for many (N, 2): the single env and the vector
# env share it, so they agree to the last bit.


def move(position: NDArray[np.float64], action: NDArray[np.float64]) -> NDArray[np.float64]:
    """The next position (..., 2): the action is clipped to [-1, 1] and scaled by `STEP_SIZE`."""
    return position + STEP_SIZE * np.minimum(np.maximum(action, -1.0), 1.0)


def distance_between(a: NDArray[np.float64], b: NDArray[np.float64]) -> Any:
    """Euclidean distance (...) between points (..., 2)."""
    dx = a[..., 0] - b[..., 0]
    dy = a[..., 1] - b[..., 1]
    return np.sqrt(dx * dx + dy * dy)


def sparse_reward(distance: Any, radius: float) -> Any:
    """1 - distance inside the radius, 0 outside; same shape as `distance`."""
    return np.where(distance <= radius, 1.0 - distance, 0.0)


class PointEnv(gym.Env):
    """A point moves on the plane; the reward depends on the goal, the observation does not.

    Description:
        The point starts at (0, 0). The goal is the hidden task of the episode. Nothing in the
        observation depends on it, so no policy, with memory or without, can know where it is
        (`CuedPointEnv` and `PointTrialEnv` give evidence that can be remembered).

    Action space:
        Box(-1, 1, (2,), float32): the velocity, clipped to [-1, 1], scaled by 0.1 and added to the
        position.

    Observation space:
        Box((2,), float32): the position (x, y), bounded by the reach within the horizon.

    Reward:
        Minus the Euclidean distance to the goal after the move.

    Start:
        Position (0, 0), and a new goal from the sampler, unless `set_task` fixed one or
        `reset(options={"goal": (x, y)})` sets one for this episode.

    End:
        `truncated` after `horizon` steps. Never `terminated`.

    Info:
        "goal" (2,), "distance" (float).

    Args:
        goal_sampler: a name in `GOAL_SAMPLERS` ("semi_circle", "circle"), or a function of a NumPy
            generator that returns (x, y).
        horizon: steps in an episode.
        render_mode: None, "rgb_array" (a picture with the path so far) or "ansi" (a line of text).

    Version:
        v0.

    Example:
        >>> env = PointEnv(horizon=30, render_mode="ansi")
        >>> env.reset(options={"goal": (0.6, 0.8)})[0]
        array([0., 0.], dtype=float32)
        >>> observation, reward, terminated, truncated, info = env.step((1.0, 0.5))
        >>> env.render()
        'step   1 of 30: at (+0.10, +0.05), goal (+0.60, +0.80), distance 0.90'
    """

    metadata: dict[str, Any] = {"render_modes": ["rgb_array", "ansi"], "render_fps": 10}
    goal_radius: float | None = None

    def __init__(
        self,
        goal_sampler: str | GoalSampler = "semi_circle",
        horizon: int = 100,
        render_mode: str | None = None,
    ) -> None:
        self.render_mode = check_render_mode(render_mode, self.metadata["render_modes"])
        self.goal_sampler = find_goal_sampler(goal_sampler)
        self.horizon = check_at_least(1, horizon=horizon)
        self.action_space = gym.spaces.Box(-1.0, 1.0, (2,), np.float32)
        self.observation_space = position_space(self.horizon)
        self.position = np.zeros(2)
        self.path = [self.position]
        self.goal: NDArray[np.float64] | None = None
        self._fixed_goal: NDArray[np.float64] | None = None
        self._elapsed: int | None = None  # None: not reset yet, or the episode is over

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """Begin an episode.

        Args:
            seed: of a new generator; None keeps the present one.
            options: {"goal": (x, y)} sets the goal of this episode only.

        Raises:
            ValueError: if the goal does not have shape (2,).
        """
        super().reset(seed=seed)
        if options and "goal" in options:
            self.goal = check_array("goal", options["goal"], (2,))
        elif self._fixed_goal is not None:
            self.goal = self._fixed_goal.copy()
        else:
            self.goal = self.sample_task()
        self.position = np.zeros(2)
        self.path = [self.position]
        self._elapsed = 0
        return self._observation(), self._info()

    def step(self, action: Any) -> tuple[NDArray[np.float32], float, bool, bool, dict[str, Any]]:
        """Move the point by one step.

        Args:
            action: velocity (2,), clipped to [-1, 1].

        Raises:
            ResetNeeded: before the first reset and after the end of an episode.
            ValueError: if the action does not have shape (2,) or is not finite.
        """
        if self._elapsed is None:
            raise ResetNeeded("step: expected reset() first, the episode has ended or never begun")
        self.position = move(self.position, check_array("action", action, (2,)))
        self.path.append(self.position)
        self._elapsed += 1
        info = self._info()
        observation, reward = self._observation(), self._reward(info["distance"])
        truncated = self._elapsed >= self.horizon
        if truncated:
            self._elapsed = None
        return observation, reward, False, truncated, info

    def sample_task(self) -> NDArray[np.float64]:
        """Draw a goal (2,) from the sampler; the present goal stays."""
        return check_array("goal", self.goal_sampler(self.np_random), (2,))

    def set_task(self, goal: Any) -> None:
        """Fix the goal (2,), now and at every later reset, until `reset_task`."""
        self._fixed_goal = check_array("goal", goal, (2,))
        self.goal = self._fixed_goal.copy()

    def get_task(self) -> NDArray[np.float64]:
        """The present goal (2,).

        Raises:
            ResetNeeded: if there is none yet.
        """
        if self.goal is None:
            raise ResetNeeded(
                "get_task: expected reset() or set_task() first, there is no goal yet"
            )
        return self.goal.copy()

    def reset_task(self) -> NDArray[np.float64]:
        """Release a fixed goal, draw a new one (2,) and return it."""
        self._fixed_goal = None
        self.goal = self.sample_task()
        return self.goal.copy()

    def render(self) -> Any:
        """Render the state: an RGB array (400, 400, 3), a line of text, or None without a mode.

        Raises:
            ResetNeeded: before the first reset.
        """
        if self.render_mode is None:
            return None
        if self.goal is None:
            raise ResetNeeded("render: expected reset() first, there is nothing to draw yet")
        if self.render_mode == "ansi":
            x, y = self.position
            distance = distance_between(self.position, self.goal)
            return (
                f"step {len(self.path) - 1:3d} of {self.horizon}: at ({x:+.2f}, {y:+.2f}), goal "
                f"({self.goal[0]:+.2f}, {self.goal[1]:+.2f}), distance {distance:.2f}"
            )
        from rnn_tutorial.envs.rendering import render_scene

        return render_scene(np.array(self.path), self.goal, self.goal_radius)

    def _observation(self) -> NDArray[np.float32]:
        return self.position.astype(np.float32)

    def _reward(self, distance: float) -> float:
        return -distance

    def _info(self) -> dict[str, Any]:
        distance = float(distance_between(self.position, self.goal))  # type: ignore[arg-type]
        return {"goal": self.get_task(), "distance": distance}


class SparsePointEnv(PointEnv):
    """A point env with a reward only near the goal.

    Description, action, observation, start, end:
        As in `PointEnv`.

    Reward:
        1 minus the distance inside `goal_radius`, 0 outside.

    Info:
        "goal" (2,), "distance", and both rewards: "sparse_reward", "dense_reward" (floats).

    Args:
        goal_radius: radius of the rewarded disc, in length units, in (0, 1].
        goal_sampler, horizon, render_mode: as in `PointEnv`.

    Version:
        v0.

    Example:
        >>> env = gym.make("rnn_tutorial/SparsePoint-v0", goal_radius=0.2)
        >>> _ = env.reset(options={"goal": (0.25, 0.0)})
        >>> [round(env.step(np.float32([1, 0]))[1], 2) for _ in range(2)]
        [0.85, 0.95]
    """

    def __init__(
        self,
        goal_radius: float = 0.2,
        goal_sampler: str | GoalSampler = "semi_circle",
        horizon: int = 100,
        render_mode: str | None = None,
    ) -> None:
        super().__init__(goal_sampler, horizon, render_mode)
        self.goal_radius: float = check_radius(goal_radius)

    def _reward(self, distance: float) -> float:
        return float(sparse_reward(distance, self.goal_radius))

    def _info(self) -> dict[str, Any]:
        info = super()._info()
        distance = info["distance"]
        return {**info, "sparse_reward": self._reward(distance), "dense_reward": -distance}


def position_space(horizon: int) -> gym.spaces.Box:
    """The positions (2,) within reach in `horizon` steps, plus a margin of one step."""
    reach = STEP_SIZE * (horizon + 1)
    return gym.spaces.Box(-reach, reach, (2,), np.float32)


def check_at_least(smallest: int, **setting: int) -> int:
    """Return the value of one named setting; raise a ValueError if it is too small."""
    ((name, value),) = setting.items()
    if value < smallest:
        raise ValueError(f"{name}: expected at least {smallest}, got {value}")
    return value


def check_radius(radius: float) -> float:
    if not 0.0 < radius <= 1.0:
        raise ValueError(f"goal_radius: expected a number in (0, 1], got {radius}")
    return radius


def check_render_mode(mode: str | None, known: list[str]) -> str | None:
    if mode is not None and mode not in known:
        raise ValueError(f"render_mode: expected None or one of {known}, got {mode!r}")
    return mode
