"""Pictures of a reset: where the state's arrow is cut, and what the memory then holds."""

from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from rnn_tutorial.colours import BOUNDARY, HIDDEN, INK, OBSERVATION
from rnn_tutorial.plotting.figures import figure

SCISSORS = "\u2702"  # a letter of matplotlib's own font
TIMES = ("t − 3", "t − 2", "t − 1", "t", "t + 1", "t + 2")
FIRST = TIMES.index("t")  # whose observation begins the new episode
CUTS = {
    "right, before step t": 0,
    "one step late: step t still holds the old episode, and step t + 1 has lost the cue": 1,
    "one step early: step t − 1 has lost its past, and step t holds the old episode's end": -1,
}
OLD: dict[str, Any] = {"marker": "o", "mfc": "none"}
NEW: dict[str, Any] = {"marker": "o", "mfc": OBSERVATION}
CUE: dict[str, Any] = {"marker": "D", "mfc": OBSERVATION}


class Branch(NamedTuple):
    """One way to run a policy over a sequence of T steps.

    Attributes:
        name: for its panel.
        memory: (T,), what a hidden unit holds after each step.
        cleared: (T,) bool, where the state was cleared before the step.
    """

    name: str
    memory: Any
    cleared: Any


def draw_scissors() -> Figure:
    """Draw six steps around the end of an episode, with the cut on time, too late and too early.

    Each core holds a mark for every observation that its state has read since the last cut.
    """
    fig, axes = figure(len(CUTS), 1, size=(7.4, 5.2))
    for ax, (title, shift) in zip(axes, CUTS.items(), strict=True):
        ax.set_title(title, loc="left", fontsize=11)
        _draw_cut(ax, FIRST + shift)
    looks = {"the old episode's observations": OLD, "the new one's": NEW, "its cue": CUE}
    handles = [
        Line2D([], [], ls="", ms=8, mec=OBSERVATION, label=name, **look)
        for name, look in looks.items()
    ]
    fig.legend(handles=handles, loc="outside upper center", ncols=3, fontsize=11, frameon=False)
    return fig


def _draw_cut(ax: Axes, cut: int) -> None:
    """One timeline whose state is cleared before step number `cut`."""
    seen: list[int] = []
    for i, time in enumerate(TIMES):
        x = 1.5 * i
        seen = [i] if i == cut else [*seen, i]
        ax.add_patch(Rectangle((x - 0.5, 0.72), 1.0, 0.36, fill=False, ec=HIDDEN, lw=1.8))
        for place, what in enumerate(seen):
            _mark(ax, x + 0.22 * (place - (len(seen) - 1) / 2), 0.9, what)
        _mark(ax, x, 0.2, i)
        ax.text(x + 0.17, 0.2, time, va="center", fontsize=10)
        _arrow(ax, (x, 0.3), (x, 0.72), OBSERVATION)
        if i == cut:
            ax.text(x - 0.79, 0.9, SCISSORS, rotation=90, ha="center", va="center", fontsize=24)
            _arrow(ax, (x - 0.68, 0.9), (x - 0.5, 0.9), HIDDEN)
        else:
            _arrow(ax, (x - 1.0, 0.9), (x - 0.5, 0.9), HIDDEN)
    x = 1.5 * FIRST - 0.75
    ax.plot([x, x], [0.05, 0.6], color=BOUNDARY, ls="--")
    ax.plot([x, x], [1.2, 1.3], color=BOUNDARY, ls="--")
    ax.set(xlim=(-1.05, 1.5 * len(TIMES) - 0.9), ylim=(0.03, 1.3))
    ax.set_axis_off()


def _mark(ax: Axes, x: float, y: float, step: int) -> None:
    look = OLD if step < FIRST else CUE if step == FIRST else NEW
    ax.plot([x], [y], ls="", ms=8, mec=OBSERVATION, mew=1.5, **look)


def _arrow(ax: Axes, start: tuple[float, float], end: tuple[float, float], colour: str) -> None:
    style = {"arrowstyle": "-|>", "color": colour, "lw": 1.5, "shrinkA": 0, "shrinkB": 0}
    ax.annotate("", end, start, arrowprops=style)


def draw_branches(begins: Any, cue: Any, branches: tuple[Branch, Branch]) -> Figure:
    """Draw what two runs of one policy remember at each step, and the difference between them.

    Args:
        begins: (T,) bool, true where observation t begins an episode.
        cue: (T,), what the policy was shown last at the beginning of an episode.
        branches: the two runs.
    """
    starts, shown = np.flatnonzero(begins), np.asarray(cue, np.float64)
    steps, memories = np.arange(len(shown)), [np.asarray(b.memory, np.float64) for b in branches]
    gap = np.abs(memories[0] - memories[1])
    top = 1.1 * max(1.0, float(np.abs([shown, *memories]).max()))
    fig, axes = figure(3, 1, size=(7.4, 5.2), sharex=True, height_ratios=(3, 3, 2))
    for ax, branch, memory in zip(axes, branches, memories, strict=False):
        right = int(np.isclose(memory, shown, atol=1e-3).sum())
        ax.set_title(f"{branch.name}: right in {right} of {len(shown)} steps", loc="left")
        ax.bar(steps, memory, width=0.7, color=HIDDEN)
        for begin, end in zip([0, *starts], [*starts, len(shown)], strict=True):
            ax.hlines(shown[begin:end], steps[begin:end] - 0.5, steps[begin:end] + 0.5, OBSERVATION)
        ax.plot(starts, shown[starts], "D", color=OBSERVATION, ms=7)
        for t in np.flatnonzero(branch.cleared):
            ax.text(t - 0.5, 1.35 * top, SCISSORS, rotation=90, ha="center", va="center", size=17)
        ax.axhline(0, color=INK, lw=0.8)
        ax.set(ylim=(-top, 1.6 * top), ylabel="memory")
    for ax in axes:
        for t in starts:
            ax.plot([t - 0.5] * 2, [-top, 1.1 * top], color=BOUNDARY, ls="--", scaley=False)
    verdict = f"up to {gap.max():.1f}" if gap.max() > 1e-6 else "none"
    axes[2].bar(steps, gap, width=0.7, color=INK)
    axes[2].set_title(f"difference between them: {verdict}", loc="left")
    axes[2].set(ylim=(0, 1.1 * max(1.0, gap.max())), ylabel="|difference|", xlabel="time t (steps)")
    axes[2].set(xticks=steps, xlim=(-0.6, len(shown) - 0.4))
    handles = [
        Line2D([], [], color=OBSERVATION, marker="D", ms=7, label="the episode's cue"),
        Rectangle((0, 0), 1, 1, color=HIDDEN, label="what the policy remembers"),
        Line2D([], [], ls="", marker=f"${SCISSORS}$", ms=11, color=INK, label="state cleared"),
    ]
    fig.legend(handles=handles, loc="outside upper center", ncols=3, fontsize=11, frameon=False)
    return fig
