"""One rollout in five panels: path, memory, action distribution, reward so far, and the branch.

Everything is drawn once, for all times. A white cover hides what lies in the future, so that moving
to another time moves a few artists and redraws none.
"""

from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from rnn_tutorial.colours import BOUNDARY, HIDDEN, OBSERVATION, REWARD
from rnn_tutorial.envs.rendering import draw_goal, set_plane
from rnn_tutorial.plotting.figures import HOUSE_STYLE, figure
from rnn_tutorial.plotting.memory import draw_gaussian, draw_hidden, draw_probs
from rnn_tutorial.rollout import Rollout


class RolloutPicture:
    """The panels of one env of a rollout, and the time they show.

    Args:
        rollout: of a point env; the first two numbers of the observation are the position.
        env: which env of the rollout.
        goal_radius: of the disc that pays, if there is one.
        branch: a line that says which way an observation takes through the policy.
        limit: the heat map's colours reach from -limit to limit; by default the largest
            magnitude in the rollout.
        belief: (T, N, 2), where the goal is, as something read off the state of each step; drawn
            as an orange cross.

    Attributes:
        fig: the figure.
        moving: the artists that `set_time` moves.
    """

    def __init__(
        self,
        rollout: Rollout,
        env: int = 0,
        goal_radius: float | None = None,
        branch: str = "",
        limit: float | None = None,
        belief: np.ndarray | None = None,
    ) -> None:
        self.rollout, self.env, self.belief = rollout, env, belief
        self.moving: list[Artist] = []
        self.total = np.cumsum(rollout.reward[:, env])
        self.breaks = rollout.reset[:, env].copy()
        if "episode_start" in rollout.info:  # the episodes within a trial
            self.breaks |= rollout.info["episode_start"][:, env].astype(bool)
        self.fig, axes = figure(size=(9.6, 4.7))
        axes.remove()
        grid = self.fig.add_gridspec(
            3, 3, width_ratios=(1.05, 1.3, 1.2), height_ratios=(1, 1, 0.16)
        )
        with mpl.rc_context(HOUSE_STYLE):
            self._draw_path(self.fig.add_subplot(grid[:2, 0]), goal_radius)
            self._draw_memory(self.fig.add_subplot(grid[:2, 1]), limit)
            self._draw_action(self.fig.add_subplot(grid[0, 2]))
            self._draw_reward(self.fig.add_subplot(grid[1, 2]))
            self._draw_words(self.fig.add_subplot(grid[2, :]), branch)
        self.set_time(len(rollout) - 1)

    def set_time(self, t: int) -> None:
        """Shows the rollout up to and including step t.

        Raises:
            IndexError: for a time outside the rollout.
        """
        if not 0 <= t < len(self.rollout):
            raise IndexError(f"t: expected 0 to {len(self.rollout) - 1}, got {t}")
        start = int(np.flatnonzero(self.rollout.reset[: t + 1, self.env])[-1])
        seen = self.rollout.observation[start : t + 1, self.env, :2]
        jumps = np.flatnonzero(self.breaks[start + 1 : t + 1]) + 1  # no line where it was put back
        self.trail.set_data(*np.insert(seen, jumps, np.nan, axis=0).T)
        self.dot.set_data(seen[-1:, 0], seen[-1:, 1])
        if self.belief is not None:
            self.cross.set_data(*self.belief[t : t + 1, self.env].T)
        for cover in self.covers:
            cover.set_x(t + 0.5)
        fresh = (
            "state cleared before this step" if t == start else f"step {t - start} of its episode"
        )
        self.words.set_text(f"t = {t}: {fresh}, reward so far {self.total[t]:.2f}")

    def _draw_path(self, ax: Axes, goal_radius: float | None) -> None:
        rollout, env = self.rollout, self.env
        places = [rollout.observation[..., :2]]
        if "goal" in rollout.info:
            goal = rollout.info["goal"][0, env]
            draw_goal(ax, goal, goal_radius)
            places.append(np.abs(goal) + (goal_radius or 0.0))
        reach = max(1.35, *(1.1 * float(np.abs(place).max()) for place in places))
        set_plane(ax, reach)
        ax.set_title("path and goal")
        (self.trail,) = ax.plot([], [], color=OBSERVATION)
        (self.dot,) = ax.plot([], [], "o", color=OBSERVATION, ms=8, mec="white")
        self.moving += [self.trail, self.dot]
        if self.belief is not None:
            ax.set_title("path, goal, and the decoded goal ×")
            look: dict[str, Any] = {"ms": 11, "mew": 2.5, "zorder": 6}
            (self.cross,) = ax.plot([], [], "x", color=HIDDEN, **look)
            self.moving.append(self.cross)

    def _draw_memory(self, ax: Axes, limit: float | None) -> None:
        memory = self.rollout.memory["hidden"][:, :, self.env]
        ax.set_title("memory at the start of each step")
        if memory.shape[1] == 0:
            ax.set(xlim=(-0.5, len(memory) - 0.5), ylim=(0, 1), yticks=[], xlabel="time (steps)")
            ax.text(0.5, 0.5, "no memory", transform=ax.transAxes, ha="center", color=BOUNDARY)
            self.covers: list[Rectangle] = []
            return
        draw_hidden(ax, memory[:, -1], resets=self.breaks, limit=limit)
        ax.set_ylabel("unit of the top layer")
        self.covers = []
        self._cover(ax)

    def _draw_action(self, ax: Axes) -> None:
        ax.set_title("action distribution")
        shown = {name: values[:, self.env] for name, values in self.rollout.distribution.items()}
        if "mean" in shown:
            names = ("x", "y") if shown["mean"].shape[1] == 2 else range(shown["mean"].shape[1])
            draw_gaussian(ax, shown["mean"], shown["std"], [str(name) for name in names])
            ax.set_ylabel("mean ± std")
        else:
            draw_probs(ax, shown["probs"], [str(a) for a in range(shown["probs"].shape[1])])
        ax.set_xlabel("")
        self._cover(ax)

    def _draw_reward(self, ax: Axes) -> None:
        ax.set_title("reward so far")
        ax.plot(self.total, color=REWARD)
        low, high = min(0.0, self.total.min()), max(0.0, self.total.max())
        margin = 0.05 * (high - low) or 1.0
        ax.set(xlim=(-0.5, len(self.total) - 0.5), ylim=(low - margin, high + margin))
        ax.set(xlabel="time (steps)", ylabel="sum")
        self._cover(ax)

    def _draw_words(self, ax: Axes, branch: str) -> None:
        ax.set_axis_off()
        ax.text(0.0, 0.15, branch, fontsize=9, va="center", transform=ax.transAxes)
        self.words = ax.text(0.0, 1.0, "", fontsize=9, va="center", transform=ax.transAxes)
        self.moving.append(self.words)

    def _cover(self, ax: Axes) -> None:
        """A white rectangle over the panel's future."""
        low, high = ax.get_ylim()
        width = len(self.rollout) + 1.0
        cover = Rectangle((0, low), width, high - low, color="white", lw=0, zorder=10)
        ax.set_ylim(low, high)
        ax.add_patch(cover)
        self.covers.append(cover)
        self.moving.append(cover)
