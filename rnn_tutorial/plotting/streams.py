"""What a policy sees over time: observations as a heat map with a named row for each number."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.image import AxesImage

from rnn_tutorial.colours import BOUNDARY
from rnn_tutorial.plotting.memory import draw_signed

OBSERVATION_NAMES = {
    "rnn_tutorial/Point-v0": ("x", "y"),
    "rnn_tutorial/SparsePoint-v0": ("x", "y"),
    "rnn_tutorial/CuedPoint-v0": ("x", "y", "goal x", "goal y", "cue flag"),
    "rnn_tutorial/PointTrial-v0": (
        "x",
        "y",
        "previous action x",
        "previous action y",
        "previous reward",
        "episode-start flag",
    ),
}


def draw_stream(
    ax: Axes,
    observations: Any,
    names: Sequence[str],
    boundaries: Sequence[int] = (),
    limit: float = 1.0,
) -> AxesImage:
    """Draws observations over time: a column for each time, a row for each number, white for 0.

    Args:
        ax: where to draw.
        observations: (T, D).
        names: D names, from the first number of the observation to the last.
        boundaries: times whose observation begins an episode, marked by a dashed line before it.
        limit: the absolute value at which the colours end.

    Returns:
        The image.

    Raises:
        ValueError: if the names do not fit the observations.
    """
    stream = np.asarray(observations, np.float64)
    if stream.ndim != 2 or stream.shape[1] != len(names):
        raise ValueError(f"observations: expected shape (T, {len(names)}), got {stream.shape}")
    image = draw_signed(ax, stream, limit)
    ax.set_yticks(range(len(names)), names)
    ax.set_yticks(np.arange(len(names) - 1) + 0.5, minor=True)
    ax.tick_params(which="minor", length=0)
    ax.grid(which="minor", axis="y", color="white", lw=2)
    for t in boundaries:
        ax.axvline(t - 0.5, color=BOUNDARY, ls="--", lw=1.5)
    return image
