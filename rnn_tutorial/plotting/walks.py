"""Walks to a goal, with the goals drawn on top: where each went, and where it was after a step."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from rnn_tutorial.colours import ACTION, OBSERVATION, REWARD
from rnn_tutorial.plotting.figures import figure

LEFT, RIGHT = (0, (1, 0.8)), "-"  # the lines of walks whose goal is on that side
RING: dict[str, Any] = {"marker": "o", "ms": 10, "mew": 1.8, "mec": REWARD, "mfc": "none"}
END: dict[str, Any] = {"marker": "o", "ms": 5, "mec": OBSERVATION, "mfc": OBSERVATION}
FIRST: dict[str, Any] = {"marker": "x", "ms": 6, "mew": 1.8, "mec": ACTION}


def draw_walks(
    walks: Mapping[str, tuple[Sequence[NDArray[Any]], NDArray[Any]]], columns: int = 2
) -> Figure:
    """Draw bundles of walks, a panel each, with their goals as rings above the paths.

    Args:
        walks: title -> paths (steps + 1, 2), from the start on, and their goals (N, 2).
        columns: panels side by side.

    Returns:
        The figure; the walks to a goal on the left are dotted, those to the right are full lines.
    """
    rows = -(-len(walks) // columns)
    size = (6.2, 0.75 + 1.8 * rows)
    fig, panels = figure(rows, columns, size=size, sharex=True, sharey=True, squeeze=False)
    for ax, (title, (paths, goals)) in zip(panels.flat, walks.items(), strict=False):
        _draw_bundle(ax, paths, np.asarray(goals, float))
        ax.set_title(title, fontsize=11)
        ax.set(xlim=(-1.3, 1.3), ylim=(-0.2, 1.2), aspect="equal")
    plain: dict[str, Any] = {"ls": "none"}
    handles = {
        "goal": Line2D([], [], **plain, **RING),
        "end": Line2D([], [], **plain, **END),
        "after step 1": Line2D([], [], **plain, **FIRST),
        "goal on the left": Line2D([], [], ls=LEFT, color=OBSERVATION),
        "on the right": Line2D([], [], ls=RIGHT, color=OBSERVATION),
    }
    look: dict[str, Any] = {"loc": "outside lower center", "frameon": False, "fontsize": 9}
    tight: dict[str, Any] = {"ncols": 5, "columnspacing": 1.2, "handletextpad": 0.4}
    fig.legend(list(handles.values()), list(handles), **look, **tight)
    return fig


def _draw_bundle(ax: Axes, paths: Sequence[NDArray[Any]], goals: NDArray[np.float64]) -> None:
    for path, goal in zip(paths, goals, strict=True):
        ax.plot(path[:, 0], path[:, 1], ls=LEFT if goal[0] < 0 else RIGHT, color=OBSERVATION)
        ax.plot(*path[1], ls="none", zorder=4, **FIRST)
        ax.plot(*path[-1], ls="none", zorder=5, **END)
        ax.plot(*goal, ls="none", zorder=6, **RING)
