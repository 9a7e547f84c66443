"""Pictures of a point env, drawn by matplotlib without a display.

This file is separate from the envs so that importing them does not load matplotlib.
"""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Circle

from rnn_tutorial.colours import OBSERVATION, REWARD


def draw_goal(ax: Axes, goal: np.ndarray, radius: float | None = None) -> None:
    """Draw the goal (2,) as a star, with the rewarded disc if there is a radius."""
    if radius is not None:
        ax.add_patch(Circle((goal[0], goal[1]), radius, color=REWARD, alpha=0.25, lw=0))
    ax.plot(*goal, marker="*", ms=14, color=REWARD, ls="none", zorder=4)


def draw_path(ax: Axes, path: np.ndarray, colour: str = OBSERVATION) -> None:
    """Draw a path (T, 2): a thin line from a ring at the start to a dot at the end."""
    ax.plot(path[:, 0], path[:, 1], color=colour, lw=1.5, zorder=3)
    ax.plot(*path[0], marker="o", ms=6, mfc="none", mec=colour, ls="none", zorder=4)
    ax.plot(*path[-1], marker="o", ms=7, color=colour, ls="none", zorder=5)


def set_plane(ax: Axes, reach: float = 1.5) -> None:
    """Make the axes a square around the origin, from -reach to reach."""
    ax.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal", xlabel="x", ylabel="y")


def render_scene(path: np.ndarray, goal: np.ndarray, radius: float | None) -> np.ndarray:
    """Return an RGB array (400, 400, 3), uint8, of the path (T, 2) so far and the goal (2,).

    The view is [-1.5, 1.5] on both axes, wider if the point or the goal is outside.
    """
    fig = Figure(figsize=(4, 4), dpi=100, layout="constrained")
    canvas = FigureCanvasAgg(fig)
    ax = fig.subplots()
    set_plane(ax, max(1.5, 1.1 * float(np.abs(path).max()), 1.1 * float(np.abs(goal).max())))
    draw_goal(ax, goal, radius)
    draw_path(ax, path)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()
