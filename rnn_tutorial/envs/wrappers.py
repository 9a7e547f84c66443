"""A wrapper that adds to the observation what a policy needs to learn within an episode."""

from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.spaces import Box, Discrete
from numpy.typing import NDArray


class PreviousActionReward(gym.Wrapper, gym.utils.RecordConstructorArgs):
    """Append the previous action, the previous reward and an episode-start flag to observations.

    These are the inputs of RL^2 (Duan et al. 2016, https://arxiv.org/abs/1611.02779). It works with
    any env with Box observations and Box or Discrete actions.

    Observation:
        Box((D + A + 2,), float32): the wrapped observation, flattened (D); the previous action,
        clipped to its space, or one-hot (A); the previous reward; the flag. After a reset the
        action and the reward are 0 and the flag is 1. Within an episode the flag is 1 where the
        wrapped env's `info["episode_start"]` is true, as in a trial of several episodes.

    Args:
        env: the env to wrap.
        reward_range: bounds of the reward, for the observation space.

    Raises:
        TypeError: for a space of another kind.

    Example:
        >>> env = PreviousActionReward(gym.make("CartPole-v1"))
        >>> env.reset(seed=0)[0][4:]  # behind the four numbers of CartPole
        array([0., 0., 0., 1.], dtype=float32)
        >>> env.step(1)[0][4:]
        array([0., 1., 1., 0.], dtype=float32)
    """

    def __init__(self, env: gym.Env, reward_range: tuple[float, float] = (-np.inf, np.inf)) -> None:
        gym.utils.RecordConstructorArgs.__init__(self, reward_range=reward_range)
        gym.Wrapper.__init__(self, env)
        if not isinstance(env.observation_space, Box):
            raise TypeError(f"expected a Box observation space, got {env.observation_space}")
        self.observation_space = extended_space(
            env.observation_space, env.action_space, reward_range
        )

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.float32], dict[str, Any]]:
        observation, info = self.env.reset(seed=seed, options=options)
        nothing = np.zeros(action_space_as_box(self.env.action_space).shape, np.float32)
        return self._extend(observation, nothing, 0.0, True), info

    def step(self, action: Any) -> tuple[NDArray[np.float32], Any, bool, bool, dict[str, Any]]:
        observation, reward, terminated, truncated, info = self.env.step(action)
        encoded = encode_action(action, self.env.action_space)
        starts = bool(info.get("episode_start", False))
        extended = self._extend(observation, encoded, float(reward), starts)
        return extended, reward, terminated, truncated, info

    def _extend(
        self, observation: Any, action: NDArray[np.float32], reward: float, starts: bool
    ) -> NDArray[np.float32]:
        parts = (np.ravel(observation), np.ravel(action), (reward, float(starts)))
        return np.concatenate(parts).astype(np.float32)


def action_space_as_box(space: gym.Space) -> Box:
    """The space of the appended action: a Box itself, or one-hot vectors for a Discrete space."""
    if isinstance(space, Box):
        return space
    if isinstance(space, Discrete):
        return Box(0.0, 1.0, (int(space.n),), np.float32)
    raise TypeError(f"expected a Box or Discrete action space, got {space}")


def encode_action(action: Any, space: gym.Space) -> NDArray[np.float32]:
    """The appended action: clipped to its Box, or one-hot."""
    if isinstance(space, Box):
        return np.clip(np.asarray(action, np.float32), space.low, space.high)
    one_hot = np.zeros(int(space.n), np.float32)  # type: ignore[attr-defined]
    one_hot[int(action) - int(space.start)] = 1.0  # type: ignore[attr-defined]
    return one_hot


def extended_space(observation: Box, action: gym.Space, reward_range: tuple[float, float]) -> Box:
    """The space of observations extended by action, reward and flag."""
    shown = action_space_as_box(action)
    low, high = reward_range
    return Box(
        np.concatenate((observation.low.ravel(), shown.low.ravel(), (low, 0.0)), dtype=np.float32),
        np.concatenate(
            (observation.high.ravel(), shown.high.ravel(), (high, 1.0)), dtype=np.float32
        ),
        dtype=np.float32,
    )
