"""A moved slider of the transplant view: both rollouts anew, and the picture."""

from itertools import cycle

import gymnasium as gym
from measure import Row, limit, side_by_side

from rnn_tutorial.checkpoint import load_policy
from rnn_tutorial.data import data_path
from rnn_tutorial.widgets.transplant import TransplantView

REPEATS = 40
AT_MOST = 60  # milliseconds


def rows() -> list[Row]:
    """In this process, without a browser: the time a kernel is busy with one move."""
    env = gym.make_vec("rnn_tutorial/CuedPoint-v0", num_envs=2)
    spaces = env.single_observation_space, env.single_action_space
    view = TransplantView(load_policy(data_path("cued_gru.safetensors"), *spaces))
    swaps = cycle(range(0, 31, 7))

    def move() -> None:
        before = view.image.value
        view.k.value = next(swaps)
        assert view.image.value is not before

    (seconds,) = side_by_side((move,), REPEATS)
    return [limit("transplant, one move in the kernel", 1e3 * seconds, AT_MOST, "ms")]
