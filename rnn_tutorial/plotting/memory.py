"""A recurrent policy over time: its hidden states and its action distributions."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.image import AxesImage
from matplotlib.text import Annotation
from numpy.typing import NDArray

from rnn_tutorial.colours import ACTION, BOUNDARY
from rnn_tutorial.plotting.themes import ACTION_MAP, SIGNED_MAP

LINES = ("-", "--", ":", "-.")
NAME_HEIGHT = 12.0  # points between the middles of two names, so that they do not overlap


def draw_hidden(ax: Axes, hidden: Any, resets: Any = None, limit: float | None = 1.0) -> AxesImage:
    """Draw a hidden state over time: a column for each step, a row for each unit, clear for 0.

    Args:
        ax: where to draw.
        hidden: (T, H), of one env and one layer.
        resets: (T,) bool, true where observation t begins an episode; marked by a dashed line
            before the step. None marks nothing.
        limit: the absolute value at which the colours are full; None takes the largest in
            `hidden`. Panels that are compared need the same limit.

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


def draw_gaussian(
    ax: Axes, mean: Any, std: Any, names: Sequence[str], resets: Any = None
) -> list[Annotation]:
    """Draw a continuous action distribution over time: the mean as a line, ± std as a band.

    Args:
        ax: where to draw.
        mean: (T, A).
        std: (T, A).
        names: A names, one at the end of each line.
        resets: as in `draw_hidden`.

    Returns:
        The names; `move_names` puts them beside another step.
    """
    means, stds = _as_2d(mean, "mean", "A"), _as_2d(std, "std", "A")
    steps = np.arange(len(means))
    labels = []
    for i, name in enumerate(names):
        low, high = means[:, i] - stds[:, i], means[:, i] + stds[:, i]
        ax.fill_between(steps, low, high, color=ACTION, alpha=0.15, lw=0)
        ax.plot(steps, means[:, i], LINES[i % len(LINES)], color=ACTION)
        labels.append(ax.annotate(name, (0, 0), (0, 0), textcoords="offset points", va="center"))
    ax.set(xlabel="time (steps)", ylabel="action", xlim=(-0.5, len(means) - 0.5))
    mark_resets(ax, resets, len(means))
    move_names(labels, np.array([(steps[-1], end) for end in means[-1]]))
    return labels


def move_names(names: Sequence[Annotation], places: NDArray[np.float64]) -> None:
    """Put names to the right of places, moved up or down only as far as they would overlap.

    Args:
        names: A names of lines.
        places: (A, 2), in data coordinates; best the present ends of the lines.
    """
    if not names:
        return
    axes = names[0].axes
    assert axes is not None
    points = axes.transData.transform(places)[:, 1] * 72 / axes.figure.dpi
    shifts = keep_apart(points, NAME_HEIGHT) - points
    for name, place, shift in zip(names, places, shifts, strict=True):
        name.xy = (float(place[0]), float(place[1]))
        name.set_position((6.0, float(shift)))


def keep_apart(places: NDArray[np.float64], gap: float) -> NDArray[np.float64]:
    """Return the places moved as little as possible, so that none are closer than `gap`.

    Neighbours that are too close become a group, evenly spaced around its middle.
    """
    order = np.argsort(places, kind="stable")
    groups: list[list[float]] = []  # each: places less the room that the names before them need
    for rank, place in enumerate(places[order]):
        groups.append([float(place) - gap * rank])
        while len(groups) > 1 and np.mean(groups[-2]) > np.mean(groups[-1]):
            last = groups.pop()
            groups[-1] += last
    moved = np.empty(len(places))
    moved[order] = [np.mean(group) for group in groups for _ in group]
    moved[order] += gap * np.arange(len(places))
    return moved


def draw_probs(ax: Axes, probs: Any, names: Sequence[str], resets: Any = None) -> AxesImage:
    """Draw a discrete action distribution over time: a row for each action, full for likely.

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
    """Draw a dashed grey line before each step that begins an episode, except the first step."""
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
