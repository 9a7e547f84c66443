"""What the zoo's bugs are trained on: each needs a task in which it can bite."""

from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv

from rnn_tutorial.envs.vector import CuedPointVectorEnv
from rnn_tutorial.settings import Settings


@dataclass(frozen=True)
class Task:
    """An env, the settings of its training, and those of the policy.

    Attributes:
        name: in a word or two.
        about: what can bite here.
        kind: the class of vector env.
        settings: of recurrent PPO.
        mode: autoreset mode.
    """

    name: str
    about: str
    kind: type[CuedPointVectorEnv]
    settings: Settings
    mode: AutoresetMode = AutoresetMode.SAME_STEP

    def env(self, num_envs: int = 64) -> VectorEnv:
        """A vector env of the task."""
        return self.kind(num_envs, autoreset_mode=self.mode)


class StaggeredCue(CuedPointVectorEnv):
    """The cue task whose first episodes are cut short, so that episodes end at different times."""

    def reset(self, **options: Any) -> tuple[np.ndarray, dict[str, Any]]:
        observation, info = super().reset(**options)
        self._elapsed = np.arange(self.num_envs) * 7 % self.horizon
        return observation, info


class CueImages(CuedPointVectorEnv):
    """The cue task with each observation as an image (1, 1, 5)."""

    def _set_observation_space(self, single: gym.Space) -> None:
        assert isinstance(single, gym.spaces.Box)
        low, high = (bound.reshape(1, 1, -1) for bound in (single.low, single.high))
        super()._set_observation_space(gym.spaces.Box(low, high, dtype=np.float32))

    def _observation(self) -> np.ndarray:
        return super()._observation().reshape(-1, 1, 1, 5)


class CueReached(StaggeredCue):
    """The cue task in which an episode terminates where the point comes within 0.7 of the goal."""

    def __init__(self, num_envs: int, **options: Any) -> None:
        super().__init__(num_envs, goal_sampler="circle", **options)

    def step(self, actions: Any) -> Any:
        observation, reward, _, ended, info = super().step(actions)
        return observation, reward, ended & self._reached, ended & ~self._reached, info

    def _advance(self, action: np.ndarray) -> None:
        super()._advance(action)
        self._reached = self.distance < 0.7
        self._elapsed[self._reached] = self.horizon


WHOLE = Settings(iterations=32, learning_rate=1e-2)
CUT = Settings(iterations=32, learning_rate=1e-2, rollout_length=40, bptt_length=15)
FRESH = Settings(
    iterations=32, learning_rate=1e-2, rollout_length=40, bptt_length=15, initial_state="recompute"
)
CUE = Task(
    "cue",
    "rollouts of 30 steps are whole episodes: each starts with a reset, none has one inside",
    CuedPointVectorEnv,
    WHOLE,
)
STAGGERED = Task(
    "staggered",
    "rollouts of 40 steps begin and end in the middle of episodes of 30, which reset at different "
    "times; they are cut into sequences of 15, so that 5 steps of the last are padding",
    StaggeredCue,
    CUT,
)
RECOMPUTED = Task(
    "recomputed",
    "as staggered; sequences start from states recomputed with the present weights",
    StaggeredCue,
    FRESH,
)
NEXT_STEP = Task(
    "next step",
    "as staggered; each episode is followed by a step that only resets the env",
    StaggeredCue,
    CUT,
    AutoresetMode.NEXT_STEP,
)
REACHED = Task(
    "reached",
    "as staggered; goals lie all around, and within 0.7 of one the episode terminates",
    CueReached,
    CUT,
)
IMAGES = Task("images", "as cue; each observation is an image of one row", CueImages, WHOLE)
