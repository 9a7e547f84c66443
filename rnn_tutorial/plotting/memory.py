"""What a recurrent policy holds and says over time: hidden states, action distributions."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.image import AxesImage
from numpy.typing import NDArray

from rnn_tutorial.colours import ACTION, BOUNDARY
from rnn_tutorial.plotting.themes import ACTION_MAP, SIGNED_MAP

LINES = ("-", "--", ":", "-.")


def draw_hidden(ax: Axes, hidden: Any, resets: Any = None, limit: float | None = 1.0) -> AxesImage:
    """Draws a hidden state over time: a column for each step, a row for each unit, white for 0.

    Args:
        ax: where to draw.
        hidden: (T, H), of one env and one layer.
        resets: (T,) bool, true where observation t begins an episode; marked by a dashed line
            before the step. None marks nothing.
        limit: the absolute value at which the colours end; None takes the largest there is.
            Panels that are to be compared need the same one.

    Returns:
        The image, for a colour bar.

    Raises:
        ValueError: for hidden states or resets of another shape.
    """
    states = _as_2d(hidden, "hidden", "H")
    if limit is None:
        limit = float(np.abs(states).max()) or 1.0
    colours: dict[str, Any] = {"cmap": SIGNED_MAP, "vmin": -limit, "vmax": limit}
    image = ax.imshow(states.T, aspect="auto", interpolation="nearest", **colours)
    ax.set(xlabel="time (steps)", ylabel="hidden unit")
    mark_resets(ax, resets, len(states))
    return image


def draw_gaussian(ax: Axes, mean: Any, std: Any, names: Sequence[str], resets: Any = None) -> None:
    """Draws a continuous action distribution over time: mean as a line, one spread as a band.

    Args:
        ax: where to draw.
        mean: (T, A).
        std: (T, A).
        names: A names, written at the ends of the lines.
        resets: as in `draw_hidden`.
    """
    means, stds = _as_2d(mean, "mean", "A"), _as_2d(std, "std", "A")
    steps = np.arange(len(means))
    apart = _keep_apart(means[-1], float(np.ptp([means - stds, means + stds])))
    for i, name in enumerate(names):
        low, high = means[:, i] - stds[:, i], means[:, i] + stds[:, i]
        ax.fill_between(steps, low, high, color=ACTION, alpha=0.15, lw=0)
        ax.plot(steps, means[:, i], LINES[i % len(LINES)], color=ACTION)
        ax.annotate(
            name,
            (steps[-1], means[-1, i]),
            xytext=(4, apart[i]),
            textcoords="offset points",
            va="center",
            fontsize=9,
        )
    ax.set(xlabel="time (steps)", ylabel="action", xlim=(-0.5, len(means) - 0.5))
    mark_resets(ax, resets, len(means))


def _keep_apart(ends: NDArray[np.float64], height: float) -> NDArray[np.float64]:
    """Vertical offsets in points that keep the names at lines' ends from covering each other."""
    if len(ends) < 2 or np.diff(np.sort(ends)).min() > 0.12 * height:
        return np.zeros(len(ends))
    rank = ends.argsort(kind="stable").argsort().astype(np.float64)
    return 12.0 * (rank - (len(ends) - 1) / 2)


def draw_probs(ax: Axes, probs: Any, names: Sequence[str], resets: Any = None) -> AxesImage:
    """Draws a discrete action distribution over time: a row for each action, dark for likely.

    Args:
        ax: where to draw.
        probs: (T, A), each row summing to one.
        names: A names, one for each action.
        resets: as in `draw_hidden`.

    Returns:
        The image, for a colour bar.
    """
    rows = _as_2d(probs, "probs", "A")
    image = ax.imshow(rows.T, aspect="auto", cmap=ACTION_MAP, vmin=0, vmax=1)
    ax.set_yticks(range(len(names)), names)
    ax.set(xlabel="time (steps)")
    mark_resets(ax, resets, len(rows))
    return image


def mark_resets(ax: Axes, resets: Any, steps: int) -> None:
    """Draws a dashed grey line before each step that begins an episode, but the first step."""
    if resets is None:
        return
    flags: NDArray[np.bool_] = np.asarray(resets, dtype=bool)
    if flags.shape != (steps,):
        raise ValueError(f"resets: expected shape ({steps},), got {flags.shape}")
    for t in np.flatnonzero(flags[1:]) + 1:
        ax.axvline(t - 0.5, color=BOUNDARY, ls="--", lw=1.5)


def _as_2d(values: Any, name: str, axis: str) -> NDArray[np.float64]:
    array = np.asarray(values, np.float64)
    if array.ndim != 2:
        raise ValueError(f"{name}: expected shape (T, {axis}), got {array.shape}")
    return array
