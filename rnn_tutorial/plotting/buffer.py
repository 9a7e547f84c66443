"""Pictures of a rollout buffer: its grid of steps, and the sequences that it is cut into."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from rnn_tutorial.buffer import RolloutBuffer
from rnn_tutorial.colours import BOUNDARY, HIDDEN, OBSERVATION, PADDING, REWARD
from rnn_tutorial.plotting.figures import figure
from rnn_tutorial.recurrent import clear_state

TINTS = (0.12, 0.38)  # of neighbouring sequences
MOST_LABELS = 24
SIGNS = "●○┆▷×▨"
WORDS = ("stored state", "zeros", "reset", "truncated", "terminated", "padding")
COLOURS = (HIDDEN, HIDDEN, BOUNDARY, REWARD, REWARD, BOUNDARY)


@dataclass(frozen=True)
class Layout:
    """Which step of a rollout stands where, as the real buffer cuts it.

    Attributes:
        reset, terminated, truncated: (T, N) bool.
        time, env: (L, B), the step of the rollout that stands at each place of each sequence.
        valid: (L, B) bool, false for padding.
        stored: (B,) bool, whether a sequence starts from a stored state, else from zeros.
    """

    reset: NDArray[np.bool_]
    terminated: NDArray[np.bool_]
    truncated: NDArray[np.bool_]
    time: NDArray[np.int64]
    env: NDArray[np.int64]
    valid: NDArray[np.bool_]
    stored: NDArray[np.bool_]


def lay_out(reset: Any, terminated: Any, truncated: Any, bptt_length: int | None = None) -> Layout:
    """Fills a `RolloutBuffer` with the numbers of its steps, and sees where they come out.

    Args:
        reset, terminated, truncated: (T, N) bool, of the rollout to be shown.
        bptt_length: L; None is T.

    Raises:
        ValueError: for a BPTT length that is not in 1 to T.
    """
    flags = {"reset": reset, "terminated": terminated, "truncated": truncated}
    grids = {name: np.asarray(flag, bool) for name, flag in flags.items()}
    length, n = grids["reset"].shape
    buffer = RolloutBuffer(length, n, bptt_length)
    unused = {name: torch.zeros(n) for name in ("action", "log_prob", "value", "reward")}
    for t in range(length):
        place = torch.tensor([(t, env) for env in range(n)])
        row = {name: grid[t] for name, grid in grids.items()}
        valid = torch.ones(n, dtype=torch.bool)
        buffer.add(torch.ones(1, n, 1), observation=place, valid=valid, **row, **unused)
    buffer.finish(torch.zeros(n), torch.zeros(length, n), 1.0, 1.0)
    cut = buffer.sequences()
    state = clear_state(cut.state, cut.reset[0])
    assert isinstance(state, torch.Tensor)
    time, env = cut.observation.numpy().transpose(2, 0, 1)
    return Layout(
        **grids, time=time, env=env, valid=cut.valid.numpy(), stored=state[0, :, 0].numpy() > 0
    )


def draw_rollout(ax: Axes, layout: Layout) -> None:
    """The grid of steps, an env a row: sequences tinted and numbered, with what they start from."""
    length, n = layout.reset.shape
    for b in range(layout.valid.shape[1]):
        steps = layout.time[layout.valid[:, b], b]
        env, begin = int(layout.env[0, b]), int(steps[0])
        _cells(ax, begin, env, len(steps), layout, b)
        _start(ax, begin, env, bool(layout.stored[b]))
        ax.text(begin - 0.12, env, f"#{b}", ha="left", va="center", fontsize=8)
    _ends(ax, layout, [(t, env, t, env) for t, env in np.ndindex(length, n)], drop=0.27)
    ax.set(xlim=(-0.8, length - 0.4), ylim=(n - 0.4, -0.6), xlabel="time t (steps)", ylabel="env")
    ax.set(yticks=range(n), xticks=range(0, length, 1 + length // MOST_LABELS))


def draw_sequences(ax: Axes, layout: Layout, width: int | None = None) -> None:
    """The sequences one below the other, with the time of each step; padding hatched.

    Args:
        ax, layout: where to draw what.
        width: steps that the axis is wide, at least L; None is L. T gives the grid's scale.
    """
    length, count = layout.valid.shape
    every = 1 + (count - 1) // MOST_LABELS
    for b in range(count):
        steps = int(layout.valid[:, b].sum())
        _cells(ax, 0, b, steps, layout, b)
        _start(ax, 0, b, bool(layout.stored[b]), 5.5 if every == 1 else 2.5)
        corner, rest = (steps - 0.5, b - 0.4), length - steps
        ax.add_patch(Rectangle(corner, rest, 0.8, fc="white", ec=PADDING, hatch="////", lw=0))
        for place in range(steps if every == 1 else 0):
            number = str(layout.time[place, b])
            ax.text(place + 0.03, b, number, ha="center", va="center", fontsize=8)
    places = [(i, b) for b in range(count) for i in range(length) if layout.valid[i, b]]
    _ends(ax, layout, [(i, b, layout.time[i, b], layout.env[i, b]) for i, b in places])
    ax.set(xlim=(-0.8, (width or length) - 0.4), ylim=(count - 0.4, -0.6), ylabel="sequence")
    ax.set_xlabel("step within the sequence" + "; in the cells the times t" * (every == 1))
    ax.set_yticks(range(0, count, every), [f"#{b}" for b in range(0, count, every)], fontsize=8)
    ax.set_xticks(range(0, length, 1 + length // MOST_LABELS))


def draw_layout(layout: Layout) -> Figure:
    """The grid of a rollout above the sequences that it becomes, at one scale."""
    length, n = layout.reset.shape
    count = layout.valid.shape[1]
    rows = min(max(count, 4), MOST_LABELS)
    heights = (0.35 * n + 0.3, (0.26 if rows <= 12 else 0.18) * rows + 0.3)
    fig, axes = figure(2, 1, size=(9.0, sum(heights) + 1.1), height_ratios=heights)
    draw_rollout(axes[0], layout)
    draw_sequences(axes[1], layout, length)
    axes[0].set_title(" ", fontsize=9)
    for i, (sign, colour, words) in enumerate(zip(SIGNS, COLOURS, WORDS, strict=True)):
        for text, place, c in ((sign, 0.15 * i, colour), (words, 0.15 * i + 0.02, "black")):
            axes[0].text(place, 1.04, text, color=c, fontsize=9, transform=axes[0].transAxes)
    return fig


def _cells(ax: Axes, x: int, y: int, steps: int, layout: Layout, b: int) -> None:
    face = to_rgba(OBSERVATION, TINTS[(b // layout.reset.shape[1] + int(layout.env[0, b])) % 2])
    for i in range(steps):
        ax.add_patch(Rectangle((x + i - 0.5, y - 0.4), 1, 0.8, fc=face, ec="white", lw=0.8))


def _start(ax: Axes, x: int, y: int, stored: bool, size: float = 5.5) -> None:
    face, edge = HIDDEN if stored else "white", size / 4
    ax.plot(x - 0.3, y, "o", ms=size, mfc=face, mec=HIDDEN, mew=edge, clip_on=False, zorder=4)


def _ends(ax: Axes, layout: Layout, places: list[Any], drop: float = 0.0) -> None:
    """Resets and ends of episodes, at (x, y) for step (t, env) of the rollout."""
    for x, y, t, env in places:
        if layout.reset[t, env]:
            ax.plot([x - 0.5] * 2, [y - 0.45, y + 0.45], color=BOUNDARY, ls="--", lw=1.6)
        for flag, marker in ((layout.truncated, ">"), (layout.terminated, "x")):
            if flag[t, env]:
                ax.plot(x + 0.36, y + drop, marker, ms=4.2, mfc="none", mec=REWARD, mew=1.6)
