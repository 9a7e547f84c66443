"""An env with any spaces, for tests: it shows samples and asserts that it gets actions."""

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode, SyncVectorEnv


class AnyEnv(gym.Env):
    """Shows samples of its observation space; episodes end or are cut off after a few steps.

    `bad` is what step `bad_step` of the env returns as its reward.
    """

    def __init__(
        self, observation_space, action_space, length=5, bad=None, bad_step=7, integer=False
    ):
        self.observation_space, self.action_space = observation_space, action_space
        self.length, self.bad, self.bad_step, self.integer = length, bad, bad_step, integer
        self.total = 0

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        if seed is not None:
            self.observation_space.seed(seed)
        self.elapsed = 0
        return self.observation_space.sample(), {}

    def step(self, action):
        assert self.action_space.contains(action), (self.action_space, action)
        self.elapsed += 1
        self.total += 1
        reward = 1 if self.integer else 0.5
        if self.bad is not None and self.total == self.bad_step:
            reward = self.bad
        terminated = self.elapsed == self.length
        truncated = not terminated and self.np_random.random() < 0.1
        return self.observation_space.sample(), reward, terminated, truncated, {}


def any_vector(observation_space, action_space, n=3, mode=AutoresetMode.SAME_STEP, **settings):
    makers = [lambda: AnyEnv(observation_space, action_space, **settings)] * n
    return SyncVectorEnv(makers, autoreset_mode=mode)


BOX = gym.spaces.Box(-1.0, 1.0, (3,), np.float32)
IMAGE = gym.spaces.Box(0, 255, (12, 12, 3), np.uint8)
