"""Pictures of the plane: the reward at every place, goals, paths."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.image import AxesImage
from numpy.typing import NDArray

from rnn_tutorial.colours import BOUNDARY, OBSERVATION, REWARD
from rnn_tutorial.envs.rendering import draw_goal, draw_path, set_plane
from rnn_tutorial.plotting.themes import REWARD_MAP

LEVELS = 24  # few enough to tell neighbours apart

__all__ = [
    "REWARD_MAP",
    "draw_goal",
    "draw_goals",
    "draw_path",
    "draw_paths",
    "draw_reward_map",
    "grid_of_places",
    "set_plane",
]


def grid_of_places(cells: int = 121, reach: float = 1.5) -> NDArray[np.float64]:
    """Return places on the plane (cells, cells, 2): row by row upwards, x to the right."""
    axis = np.linspace(-reach, reach, cells)
    return np.stack(np.meshgrid(axis, axis), axis=-1)


def draw_reward_map(
    ax: Axes,
    reward: Callable[[NDArray[Any]], Any] | NDArray[Any],
    limits: tuple[float, float] | None = None,
    reach: float = 1.5,
    label: str = "reward",
    goal: NDArray[Any] | None = None,
) -> AxesImage:
    """Draw the reward of every place as a heat map with its scale beside it.

    Args:
        ax: where to draw; becomes a square plane.
        reward: takes places (rows, cols, 2) and returns their rewards (rows, cols); or those
            rewards, for `grid_of_places(reach=reach)`.
        limits: lowest and highest reward of the colours; by default those on the map.
        reach: half the width of the plane.
        label: what the scale measures.
        goal: (2,), drawn as a star in a gap of the map, where it can be seen.

    Returns:
        The image, for a shared scale.
    """
    values = np.asarray(reward(grid_of_places(reach=reach)) if callable(reward) else reward)
    low, high = limits or (values.min(), values.max())
    if goal is not None:
        gap = np.linalg.norm(grid_of_places(len(values), reach) - goal, axis=-1) < 0.09 * reach
        values = np.where(gap, np.nan, values)
        draw_goal(ax, goal)
    image = ax.imshow(
        values,
        origin="lower",
        extent=(-reach, reach, -reach, reach),
        cmap=REWARD_MAP.resampled(LEVELS),
        interpolation="nearest",
        vmin=low,
        vmax=high,
    )
    set_plane(ax, reach)
    ax.figure.colorbar(image, ax=ax, label=label, shrink=0.85)
    return image


def draw_goals(ax: Axes, goals: NDArray[Any], reach: float = 1.5) -> None:
    """Draw goals (N, 2) as purple dots, and the start (0, 0) as a blue ring."""
    set_plane(ax, reach)
    ax.plot(goals[:, 0], goals[:, 1], ls="none", marker="o", ms=4, color=REWARD, alpha=0.5, mew=0)
    ax.plot(0, 0, marker="o", ms=6, mfc="none", mec=OBSERVATION, ls="none")


def draw_paths(
    ax: Axes,
    paths: Sequence[NDArray[Any]],
    goal: NDArray[Any] | None = None,
    radius: float | None = None,
    colours: Sequence[str] = (OBSERVATION, BOUNDARY),
    reach: float = 1.5,
) -> None:
    """Draw paths (T, 2) on one plane, with the goal (2,) and the disc that pays, if given.

    The view widens when a path or the goal leaves it. Colours repeat when there are more paths.
    """
    points = [np.asarray(path, np.float64) for path in paths]
    if goal is not None:
        points.append(np.asarray(goal, np.float64)[None])
        draw_goal(ax, np.asarray(goal, np.float64), radius)
    set_plane(ax, max([reach, *(1.1 * float(np.abs(p).max()) for p in points)]))
    for i, path in enumerate(points[: len(paths)]):
        draw_path(ax, path, colours[i % len(colours)])
