"""The environments: a point on the plane, and the memory tasks built on it."""

from rnn_tutorial.envs.goals import (
    GOAL_SAMPLERS,
    circle_goal_sampler,
    semi_circle_goal_sampler,
)
from rnn_tutorial.envs.memory import CuedPointEnv, PointTrialEnv
from rnn_tutorial.envs.point import PointEnv, SparsePointEnv
from rnn_tutorial.envs.wrappers import PreviousActionReward

__all__ = [
    "GOAL_SAMPLERS",
    "CuedPointEnv",
    "PointEnv",
    "PointTrialEnv",
    "PreviousActionReward",
    "SparsePointEnv",
    "circle_goal_sampler",
    "semi_circle_goal_sampler",
]
