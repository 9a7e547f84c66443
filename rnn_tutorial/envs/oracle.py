"""The oracle: the best policy that sees the goal. Its return is the best possible."""

from typing import Any, NamedTuple

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from rnn_tutorial.envs.point import STEP_SIZE


class OracleRun(NamedTuple):
    """One episode of the oracle.

    Attributes:
        rewards: (T,), one for each step.
        positions: (T + 1, 2), as observed: the start first, and (0, 0) wherever an episode of a
            trial begins.
    """

    rewards: NDArray[np.float64]
    positions: NDArray[np.float64]


def oracle_action(position: Any, goal: Any) -> NDArray[np.float64]:
    """The velocity that brings each coordinate as near to the goal as one step can.

    No other action makes |dx| or |dy| smaller, after this step or any later one, so no policy earns
    more in any env of this package.

    Args:
        position: (2,) or (N, 2).
        goal: (2,) or (N, 2).

    Returns:
        The action, clipped to [-1, 1], in the broadcast shape of the two.

    Raises:
        ValueError: if position or goal does not end in two coordinates.
    """
    here, there = np.asarray(position, np.float64), np.asarray(goal, np.float64)
    for name, array in (("position", here), ("goal", there)):
        if array.shape[-1:] != (2,):
            raise ValueError(f"{name}: expected shape (2,) or (N, 2), got {array.shape}")
    return np.clip((there - here) / STEP_SIZE, -1.0, 1.0)


def run_oracle(env: gym.Env, goal: Any) -> OracleRun:
    """Run the oracle for one episode of a point env.

    Args:
        env: any point env, wrapped or not; it is reset.
        goal: (2,), the goal of the episode.
    """
    base: Any = env.unwrapped
    observation, _ = env.reset(options={"goal": goal})
    positions, rewards, over = [observation[:2]], [], False
    while not over:
        step = env.step(oracle_action(base.position, goal).astype(np.float32))
        observation, reward, terminated, truncated, _ = step
        positions.append(observation[:2])
        rewards.append(float(reward))
        over = terminated or truncated
    return OracleRun(np.array(rewards), np.array(positions, np.float64))
