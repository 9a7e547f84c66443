"""The true last observation of an episode, of a vector env that resets in the same step.

There the step returns the next episode's first observation, and the last one of the episode that
ended lies in `info["final_obs"]`: the value of a truncated episode is estimated from it.
"""

import warnings
from collections.abc import Sequence
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector import SyncVectorEnv, VectorEnv

from rnn_tutorial.nest import Nest, map_nest, same_numbers
from rnn_tutorial.observations import each_entry, map_entries

SUSPECT = 5  # ends in a row whose last observation is the first of the next episode


class KeepLast(gym.Wrapper):
    """Hands out a copy of an episode's last observation, which the reset may write over."""

    def step(self, action: Any) -> tuple[Any, Any, Any, Any, dict[str, Any]]:
        observation, reward, terminated, truncated, info = self.env.step(action)
        if terminated or truncated:
            observation = _arrays(self.env.observation_space, observation)
        return observation, reward, terminated, truncated, info

    def __getattr__(self, name: str) -> Any:
        """A member of the env, as if there were no wrapper."""
        if name == "env":
            raise AttributeError(name)
        return getattr(self.env, name)


def keep_last_observations(env: VectorEnv) -> bool:
    """Have a SyncVectorEnv keep last observations, also of envs with one array for all of them.

    Returns:
        Whether it is one; other vector envs have to do it themselves.
    """
    inner = env.unwrapped
    if not isinstance(inner, SyncVectorEnv):
        return False
    inner.envs = [e if isinstance(e, KeepLast) else KeepLast(e) for e in inner.envs]
    return True


def _arrays(space: gym.Space, observation: Nest) -> Nest:
    """An observation's entries as new arrays; a list of numbers becomes one, too."""
    return map_entries(lambda _, part, array: np.array(array, part.dtype), space, observation)


def last_observations(info: dict[str, Any], ended: list[int], space: gym.Space) -> Nest:
    """The last observations (len(ended), *obs) of the episodes that ended."""
    if "final_obs" not in info:
        raise ValueError('env: expected info["final_obs"] at the end of an episode (SAME_STEP)')
    rows = [_arrays(space, final_observation(info["final_obs"], i)) for i in ended]
    for name, part, array in each_entry(space, rows[0]):
        if array.shape != part.shape:
            said = f" ({name})" if name else ""
            raise ValueError(
                f'env: expected an observation{said} of shape {part.shape} in info["final_obs"] '
                f"(an info of the env's own cannot have this name), got {array.shape}"
            )
    return stack(rows)


def count_suspects(
    count: int | None, now: Nest, last: Nest, then: Nest, ended: list[int]
) -> int | None:
    """Count the ends whose last observation is the next episode's first one, and warn of many.

    A vector env looks like this if its envs write all observations into one array, so that the
    reset writes over the last one. None means that it is not so, or that the warning was given.

    Args:
        count: so far.
        now, then: before and after the step (N, *obs), tensors or a nest of them.
        last: (len(ended), *obs).
        ended: the envs whose episode ended.
    """
    now, then = (map_nest(lambda part: part[ended], nest) for nest in (now, then))
    if count is None or not same_numbers(last, then):
        return None
    count += not same_numbers(last, now)
    if count < SUSPECT:
        return count
    warnings.warn(
        "env: each last observation so far is equal to the first one of the next episode; if the "
        "env writes its observations into one array, let it return copies",
        stacklevel=3,
    )
    return None


def final_observation(final_obs: Nest, env: int) -> Nest:
    """One env's last observation from `info["final_obs"]`, in any of gymnasium's forms.

    Args:
        final_obs: an object array of N observations or None, an array (N, *obs), or a nest of such.
        env: the env's number.
    """
    if isinstance(final_obs, np.ndarray) and final_obs.dtype == object:
        return final_obs[env]
    return map_nest(lambda part: part[env], final_obs)


def stack(observations: Sequence[Nest]) -> Nest:
    """Single observations as one batch of arrays."""
    return map_nest(lambda *parts: np.stack(parts), *observations)
