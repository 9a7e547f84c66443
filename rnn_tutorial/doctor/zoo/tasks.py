"""What the zoo's bugs are trained on: each needs a task in which it can bite."""

from collections.abc import Mapping
from dataclasses import dataclass, field
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
        kind: "cue" (rollouts are whole episodes), "staggered" (they are not), "images" or "poles".
        settings: of recurrent PPO.
        num_envs: N.
        mode: autoreset mode.
        policy: settings of the policy.
    """

    name: str
    about: str
    kind: str
    settings: Settings
    num_envs: int = 64
    mode: AutoresetMode = AutoresetMode.SAME_STEP
    policy: Mapping[str, Any] = field(default_factory=lambda: {"num_layers": 1, "encoder": "none"})

    def env(self, num_envs: int | None = None) -> VectorEnv:
        """A vector env of the task."""
        n = num_envs or self.num_envs
        if self.kind == "poles":
            return gym.make_vec(
                "CartPole-v1",
                num_envs=n,
                vectorization_mode="sync",
                vector_kwargs={"autoreset_mode": self.mode},
            )
        if self.kind == "staggered":
            return StaggeredCue(n, autoreset_mode=self.mode)
        make = CueImages if self.kind == "images" else CuedPointVectorEnv
        return make(n, autoreset_mode=self.mode)


class StaggeredCue(CuedPointVectorEnv):
    """The cue task whose first episodes are cut short, so that episodes end at different times."""

    def reset(self, **options: Any) -> tuple[np.ndarray, dict[str, Any]]:
        observation, info = super().reset(**options)
        self._elapsed = np.arange(self.num_envs) * 7 % self.horizon
        return observation, info


class CueImages(CuedPointVectorEnv):
    """The cue task with each observation as an image (1, 1, 5)."""

    def _set_observation_space(self, single: gym.Space) -> None:
        low, high = (bound.reshape(1, 1, -1) for bound in (single.low, single.high))
        super()._set_observation_space(gym.spaces.Box(low, high, dtype=np.float32))

    def _observation(self) -> np.ndarray:
        return super()._observation().reshape(-1, 1, 1, 5)


CUE = Task(
    "cue",
    "rollouts of 30 steps are whole episodes: each starts with a reset, none has one inside",
    "cue",
    Settings(iterations=100),
)
STAGGERED = Task(
    "staggered cue",
    "rollouts of 40 steps begin and end in the middle of episodes of 30, which reset at different "
    "times; they are cut into sequences of 15, so that 5 steps of the last are padding",
    "staggered",
    Settings(iterations=100, rollout_length=40, bptt_length=15),
)
REPLAYED = Task(
    "staggered cue, states recomputed",
    "as the staggered cue; sequences start from states recomputed with the present weights",
    "staggered",
    Settings(iterations=100, rollout_length=40, bptt_length=15, initial_state="recompute"),
)
NEXT_STEP = Task(
    "staggered cue, next-step reset",
    "as the staggered cue; each episode is followed by a step that only resets the env",
    "staggered",
    Settings(iterations=100, rollout_length=40, bptt_length=15),
    mode=AutoresetMode.NEXT_STEP,
)
IMAGES = Task(
    "cue as images",
    "the cue task, each observation an image of one channel and one row",
    "images",
    Settings(iterations=100),
)
POLES = Task(
    "cart and pole",
    "episodes terminate: the pole falls",
    "poles",
    Settings(iterations=100, gamma=0.98, reward_scale=0.1, rollout_length=64, minibatches=4),
    num_envs=16,
)
TASKS = {task.name: task for task in (CUE, STAGGERED, REPLAYED, NEXT_STEP, IMAGES, POLES)}
