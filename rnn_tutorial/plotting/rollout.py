"""One rollout up to one time: its path, memory, action distribution, reward, and some words.

Everything is drawn once, for all times. What lies in the future is clipped away, so that moving to
another time moves a few artists and needs no new ones. The page's own ground shows where nothing
has happened yet.
"""

from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.text import Annotation
from matplotlib.ticker import MaxNLocator
from matplotlib.transforms import Bbox, TransformedBbox

from rnn_tutorial.colours import ACTION, BOUNDARY, HIDDEN, OBSERVATION, REWARD
from rnn_tutorial.envs.rendering import draw_goal, set_plane
from rnn_tutorial.plotting.figures import HOUSE_STYLE, figure
from rnn_tutorial.plotting.memory import (
    draw_gaussian,
    draw_hidden,
    draw_probs,
    mark_resets,
    move_names,
)
from rnn_tutorial.plotting.themes import OBSERVATION_MAP
from rnn_tutorial.probes import flat_observations
from rnn_tutorial.rollout import Rollout

SIZE = (6.2, 4.7)  # inches: at 560 px a page shows it at 7/10 of that, with type of 11 px
LINE = 15.0  # points from line to line of the words


class RolloutPicture:
    """The panels of one env of a rollout, and the time that they show.

    On the left the path of a point, or any other env's observations over time, with words below;
    on the right memory, action distribution and reward over one axis of time.

    Args:
        rollout: of any env. In a point env, whose info holds the goal, the first two numbers of the
            observation are the position.
        env: which env of the rollout.
        goal_radius: of the disc around the goal in which the reward is paid, if there is one.
        branch: the steps that an observation takes through the policy, with arrows ("→") between.
        limit: the heat map's colours reach from -limit to limit; by default the largest
            magnitude in the rollout.
        belief: (T, N, 2), an estimate of the goal's position from the state of each step; drawn
            as an orange cross.

    Attributes:
        fig: the figure.
        moving: the artists that `set_time` moves or clips.
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
        self.has_path = "goal" in rollout.info and isinstance(rollout.observation, np.ndarray)
        mean = rollout.distribution.get("mean")
        self.means = None if mean is None else mean[:, env].reshape(len(rollout), -1)
        self.moving: list[Artist] = []
        self.seen: list[tuple[Bbox, float]] = []  # the visible part of a panel, ahead of t by this
        self.dots: list[tuple[Line2D, np.ndarray]] = []  # each with the values (T,) it follows
        self.names: list[Annotation] = []
        self.total = np.cumsum(rollout.reward[:, env])
        self.breaks = rollout.reset[:, env].copy()
        if "episode_start" in rollout.info:  # the episodes within a trial
            self.breaks |= rollout.info["episode_start"][:, env].astype(bool)
        self.fig, axes = figure(size=SIZE)
        axes.remove()
        halves = self.fig.add_gridspec(1, 2, width_ratios=(1, 1.25))
        left = halves[0].subgridspec(2, 1, height_ratios=(1.75, 1))
        right = halves[1].subgridspec(3, 1, height_ratios=(1.6, 1, 1))
        with mpl.rc_context({**HOUSE_STYLE, "axes.titlelocation": "left"}):
            if self.has_path:
                self._draw_path(self.fig.add_subplot(left[0]), goal_radius)
            else:
                self._draw_observation(self.fig.add_subplot(left[0]))
            self._write(self.fig.add_subplot(left[1]), branch)
            memory = self.fig.add_subplot(right[0])
            action, reward = (self.fig.add_subplot(right[i], sharex=memory) for i in (1, 2))
            self._draw_memory(memory, limit)
            self._draw_action(action)
            self._draw_reward(reward)
        for ax in (memory, action):
            ax.set_xlabel("")
            ax.tick_params(labelbottom=False)
        self.set_time(len(rollout) - 1)
        self.fig.draw_without_rendering()
        self.fig.set_layout_engine("none")  # the panels stay where they are at all times

    def set_time(self, t: int) -> None:
        """Show the rollout up to and including step t.

        Raises:
            IndexError: for a time outside the rollout.
        """
        if not 0 <= t < len(self.rollout):
            raise IndexError(f"t: expected 0 to {len(self.rollout) - 1}, got {t}")
        start = int(np.flatnonzero(self.rollout.reset[: t + 1, self.env])[-1])
        if self.has_path:
            self._move_path(start, t)
        for box, ahead in self.seen:
            box.x1 = t + ahead
        for dot, values in self.dots:
            dot.set_data([t], [values[t]])
        if self.means is not None:
            move_names(self.names, np.array([(t, mean) for mean in self.means[t]]))
        since = "0 (cleared)" if t == start else f"{t - start}"
        self.words.set_text(f"{t}\n{since}\n{self.total[t]:.2f}")

    def _move_path(self, start: int, t: int) -> None:
        """Show the path from step `start` to step t."""
        seen = self.rollout.observation[start : t + 1, self.env, :2]
        jumps = np.flatnonzero(self.breaks[start + 1 : t + 1]) + 1  # no line where it was put back
        self.trail.set_data(*np.insert(seen, jumps, np.nan, axis=0).T)
        self.dot.set_data(seen[-1:, 0], seen[-1:, 1])
        if self.belief is not None:
            self.cross.set_data(*self.belief[t : t + 1, self.env].T)

    def _draw_observation(self, ax: Axes) -> None:
        """A row for each number of the observation, clear at its least and full at its most."""
        seen = flat_observations(self.rollout)[:, self.env].astype(float)
        low = seen.min(0)
        scaled = (seen - low) / np.maximum(seen.max(0) - low, 1e-12)
        ax.imshow(
            scaled.T, cmap=OBSERVATION_MAP, vmin=0, vmax=1, aspect="auto", interpolation="nearest"
        )
        mark_resets(ax, self.breaks, len(seen))
        ax.set(title="observation", ylabel="number", xlabel="time (steps)")
        ax.xaxis.set_major_locator(MaxNLocator(4, integer=True))
        ax.yaxis.set_major_locator(MaxNLocator(5, integer=True, min_n_ticks=1))
        self._clip(ax)

    def _draw_path(self, ax: Axes, goal_radius: float | None) -> None:
        rollout, env = self.rollout, self.env
        places = [rollout.observation[..., :2]]
        if "goal" in rollout.info:
            goal = rollout.info["goal"][0, env]
            draw_goal(ax, goal, goal_radius)
            places.append(np.abs(goal) + (goal_radius or 0.0))
        set_plane(ax, max(1.35, *(1.1 * float(np.abs(place).max()) for place in places)))
        ax.set(title="path and goal", anchor="NW", ylabel="")
        (self.trail,) = ax.plot([], [], color=OBSERVATION)
        (self.dot,) = ax.plot([], [], "o", color=OBSERVATION, ms=8)
        self.moving += [self.trail, self.dot]
        if self.belief is not None:
            ax.set_title("path, goal, decoded goal ×")
            look: dict[str, Any] = {"ms": 11, "mew": 2.5, "zorder": 6}
            (self.cross,) = ax.plot([], [], "x", color=HIDDEN, **look)
            self.moving.append(self.cross)

    def _draw_memory(self, ax: Axes, limit: float | None) -> None:
        memory = next(iter(self.rollout.memory.values()))[:, :, self.env]
        steps, layers, units = memory.shape[0], memory.shape[1], memory.shape[-1]
        ax.set_title("memory at the start of each step")
        if layers == 0:
            ax.set(xlim=(-0.5, steps - 0.5), ylim=(0, 1), yticks=[])
            ax.text(0.5, 0.5, "no memory", transform=ax.transAxes, ha="center", color=BOUNDARY)
            return
        draw_hidden(ax, memory[:, -1], resets=self.breaks, limit=limit)
        ax.set(ylabel="unit" if layers == 1 else "unit of the top layer", yticks=[0, units - 1])
        self._clip(ax)

    def _draw_action(self, ax: Axes) -> None:
        if self.means is not None:
            stds = self.rollout.distribution["std"][:, self.env].reshape(self.means.shape)
            number = self.means.shape[1]
            names = ["x", "y"] if self.has_path and number == 2 else [str(i) for i in range(number)]
            self.names = draw_gaussian(ax, self.means, stds, names)
            self._clip(ax)
            for values in self.means.T:
                self._follow(ax, values, ACTION)
            self.moving += self.names
        else:
            draw_probs(ax, *self._probabilities())
            self._clip(ax)
            if len(ax.get_yticks()) > 6:
                ax.set_yticks(ax.get_yticks()[[0, -1]])
        title = "action probabilities" if self.means is None else "action: mean ± std"
        ax.set(title=title, ylabel="")

    def _probabilities(self) -> tuple[np.ndarray, list[str]]:
        """(T, rows) and the rows' names: "0" for an action, "1: 0" for one of several numbers."""
        probs = self.rollout.distribution["probs"][:, self.env]
        several = probs.ndim > 2 and probs.ndim > self.rollout.action[:, self.env].ndim
        if not several:
            probs = probs.reshape(len(probs), -1)
            return probs, [str(action) for action in range(probs.shape[1])]
        probs = probs.reshape(len(probs), -1, probs.shape[-1])
        names = [f"{i}: {a}" for i in range(probs.shape[1]) for a in range(probs.shape[2])]
        exists = (probs > 0).any(0).ravel()
        return probs.reshape(len(probs), -1)[:, exists], [
            name for name, there in zip(names, exists, strict=True) if there
        ]

    def _draw_reward(self, ax: Axes) -> None:
        ax.plot(self.total, color=REWARD)
        self._clip(ax)
        self._follow(ax, self.total, REWARD)
        low, high = min(0.0, self.total.min()), max(0.0, self.total.max())
        margin = 0.08 * (high - low) or 1.0
        ax.set(ylim=(low - margin, high + margin), title="reward so far", xlabel="time (steps)")
        ax.yaxis.set_major_locator(MaxNLocator(3))
        ax.xaxis.set_major_locator(MaxNLocator(6, integer=True))

    def _write(self, ax: Axes, branch: str) -> None:
        """Two blocks of words: the numbers of this time, and the way through the policy.

        Only the numbers move: text is the slowest thing to draw.
        """
        ax.set_axis_off()
        steps = branch.split(" → ")

        def write(text: str, x: float, lines_below: float = 0.0) -> Annotation:
            place: dict[str, Any] = {"xycoords": "axes fraction", "textcoords": "offset points"}
            above = (x, 0.0), (0.0, LINE * lines_below)
            return ax.annotate(text, *above, va="baseline", linespacing=1.35, **place)

        write("\n→ ".join(steps), 0.0)
        write("step t\nsince the reset\nreward so far", 0.0, len(steps) + 0.6)
        self.words = write("", 0.68, len(steps) + 0.6)
        self.moving.append(self.words)

    def _clip(self, ax: Axes) -> None:
        """Let all that is drawn in a panel end at the present."""
        low, high = sorted(ax.get_ylim())
        # The cell of step t reaches to t + 0.5, where the dashed line of a reset at t + 1 stands.
        for drawn, ahead in ((ax.images, 0.5), ([*ax.collections, *ax.lines], 0.0)):
            box = Bbox([[-0.5, low], [0.0, high]])
            for artist in drawn:
                artist.set_clip_box(TransformedBbox(box, ax.transData))
            self.seen.append((box, ahead))
            self.moving += drawn
        ax.set_ylim(ax.get_ylim())

    def _follow(self, ax: Axes, values: np.ndarray, colour: str) -> None:
        """A dot at the present end of a line (T,)."""
        (dot,) = ax.plot([], [], "o", color=colour, ms=6, clip_on=False)
        self.dots.append((dot, values))
        self.moving.append(dot)
