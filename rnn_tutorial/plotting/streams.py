"""Streams of observations over time: a named row for each number, in the colour of its role."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from rnn_tutorial.colours import ACTION, BOUNDARY, INK, OBSERVATION, REWARD

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


HALF = 0.42  # height of the value 1, as a share of its row


def draw_stream(
    ax: Axes,
    observations: Any,
    names: Sequence[str],
    boundaries: Sequence[int] = (),
    colour: str | None = None,
) -> None:
    """Draw numbers over time: a row for each, bars up for positive values and down for negative.

    Args:
        ax: where to draw.
        observations: (T, D), at most about 1 in size.
        names: D names, from the first number of the observation to the last.
        boundaries: times whose observation begins an episode; a dashed line is drawn before each.
        colour: of all rows; None means green for actions, purple for rewards, else blue.

    Raises:
        ValueError: if the names do not fit the observations.
    """
    stream = np.asarray(observations, np.float64)
    if stream.ndim != 2 or stream.shape[1] != len(names):
        raise ValueError(f"observations: expected shape (T, {len(names)}), got {stream.shape}")
    roles = {"action": ACTION, "reward": REWARD}
    for row, name in enumerate(names):
        role = next((roles[word] for word in name.split() if word in roles), OBSERVATION)
        ax.axhline(row, color=INK, alpha=0.4, lw=0.8, zorder=0)
        ax.bar(
            range(len(stream)),
            -HALF * stream[:, row],
            width=1.0,
            bottom=row,
            color=colour or role,
            lw=0,
        )
    for t in boundaries:
        ax.axvline(t - 0.5, color=BOUNDARY, ls="--", lw=1.5)
    ax.set_yticks(range(len(names)), names)
    ax.set(xlabel="time (steps)", xlim=(-0.5, len(stream) - 0.5), ylim=(len(names) - 0.5, -0.5))
