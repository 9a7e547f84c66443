"""Batches as coloured tiles: the colour says which sequence, the number which time.

The calls that the pictures show also compute them, on tiles that carry their own sequence and time.
So you can see a tile that lands in the wrong place.
"""

from collections.abc import Sequence

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch.nn.utils.rnn import pack_sequence

from rnn_tutorial.colours import INK, PADDING
from rnn_tutorial.plotting.figures import figure

# Colours for sequences must not be those of roles: the rest of Okabe and Ito's set, and a grey.
SEQUENCE_COLOURS = ("#56B4E9", "#F0E442", "#A9A9A9")
TILE, DARK = 0.36, "#1a1a1a"  # inches from tile to tile; text on the tiles
GAP = 0.25  # between two columns of packed data, in tiles
Place = tuple[float | int, float | int]


def draw_reshape_and_transpose(num_envs: int = 3, num_steps: int = 5) -> Figure:
    """Draw an (N, T) buffer and its two ways to (T, N): `transpose` and `reshape`.

    The top row shows the tiles in the order in which the buffer holds them. Below are the two
    results, a row for each time: column n is what a time-major module reads as env n.

    Args:
        num_envs: N, at most three.
        num_steps: T.

    Returns:
        The figure.
    """
    env_nt, time_nt = np.indices((num_envs, num_steps))
    fig, ax = _canvas(max(num_envs * num_steps + 0.2, 4 * num_envs + 4.2), num_steps + 4.4)
    at = num_steps + 2.4
    _text(ax, (0, at + 1.1), f"in the buffer, ({num_envs}, {num_steps}): one env after another")
    for i, (env, time) in enumerate(zip(env_nt.flat, time_nt.flat, strict=True)):
        _tile(ax, (i, at), int(env), int(time))
    ways = [("transpose", env_nt.T, time_nt.T)]
    shape = num_steps, num_envs
    ways += [("reshape", env_nt.reshape(shape), time_nt.reshape(shape))]
    for way, (name, env_tn, time_tn) in enumerate(ways):
        left = way * (num_envs + 4.5) + 2
        _text(ax, (left, num_steps + 0.9), f"{name} to ({num_steps}, {num_envs})")
        _text(ax, (left - 0.25, num_steps + 0.05), "env", ha="right")
        for n in range(num_envs):
            _text(ax, (left + n + 0.47, num_steps + 0.05), str(n), ha="center")
        for (t, n), env in np.ndenumerate(env_tn):
            _tile(ax, (left + n, num_steps - 1 - t), int(env), int(time_tn[t, n]))
        for t in range(num_steps):
            _text(ax, (left - 0.25, num_steps - 0.53 - t), f"time {t}", ha="right", va="center")
    return fig


def draw_packed(lengths: Sequence[int]) -> Figure:
    """Draw a padded batch, the `batch_sizes` of its columns, and the packed data.

    Args:
        lengths: of at most three sequences, the longest first.

    Returns:
        The figure.
    """
    tags = [torch.tensor([[n, t] for t in range(size)]) for n, size in enumerate(lengths)]
    packed = pack_sequence(tags)
    rows, last = len(lengths), max(lengths)
    fig, ax = _canvas(max(last + 7, len(packed.data) + GAP * last), rows + 4.6)
    base, left = 3.5, 4
    _text(ax, (left, base + rows + 0.1), f"the padded batch: {rows} sequences, {last} time steps")
    for n, size in enumerate(lengths):
        row = base + rows - 1 - n
        _text(ax, (left - 0.25, row + 0.5), f"length {size}", ha="right", va="center")
        for t in range(last):
            _tile(ax, (left + t, row), n if t < size else None, t)
    _text(ax, (left - 0.25, base - 0.55), "batch_sizes", ha="right", va="center")
    for t, running in enumerate(packed.batch_sizes.tolist()):
        _text(ax, (left + t + 0.47, base - 0.55), str(running), ha="center", va="center", size=11)
    _text(ax, (0, 1.1), f"packed.data, {len(packed.data)} entries: column after column")
    for i, (n, t) in enumerate(packed.data.tolist()):
        _tile(ax, (i + GAP * t, 0), n, t)
    return fig


def _canvas(columns: float | int, rows: float) -> tuple[Figure, Axes]:
    """An empty figure, measured in tiles."""
    fig, ax = figure(size=(TILE * columns, TILE * rows))
    fig.set_layout_engine("none")
    ax.set_position((0, 0, 1, 1))
    ax.set(xlim=(-0.1, columns - 0.1), ylim=(-0.1, rows - 0.1))
    ax.set_axis_off()
    return fig, ax


def _tile(ax: Axes, corner: Place, sequence: int | None, time: int) -> None:
    """One entry of a sequence, or padding where there is none."""
    x, y = corner
    if sequence is None:
        padding = Rectangle(corner, 0.94, 0.94, facecolor="none", edgecolor=PADDING, hatch="////")
        padding.set_linewidth(0)
        ax.add_patch(padding)
        return
    ax.add_patch(Rectangle(corner, 0.94, 0.94, facecolor=SEQUENCE_COLOURS[sequence]))
    ax.text(x + 0.47, y + 0.45, str(time), ha="center", va="center", size=11, color=DARK)


def _text(
    ax: Axes,
    place: Place,
    words: str,
    ha: str = "left",
    va: str = "bottom",
    size: float | int = 10.5,
) -> None:
    ax.text(*place, words, ha=ha, va=va, size=size, color=INK)
