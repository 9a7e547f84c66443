"""Pictures of a rollout buffer: its grid of steps, and the sequences that it is cut into."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from rnn_tutorial.buffer import RolloutBuffer
from rnn_tutorial.colours import BOUNDARY, HIDDEN, OBSERVATION, PADDING, REWARD
from rnn_tutorial.plotting.figures import figure
from rnn_tutorial.recurrent import clear_state

TINTS = (0.1, 0.27)  # of neighbouring sequences
MOST_LABELS = 24
LEFT = -1.1  # of both axes, in steps: room for the dots of the sequences
WIDTH = 6.2  # inches, of which the axes take about 5.3: this and TYPE read in a narrow column
TYPE = 11  # points
ROOM_FOR_KEY = 0.46  # of T, up to which L leaves room beside the sequences
SIGNS: dict[str, dict[str, Any]] = {
    "starts from its stored state": {"marker": "o", "mfc": HIDDEN, "mec": HIDDEN, "ms": 5.5},
    "cleared before its first step": {
        "marker": "o",
        "mfc": "none",
        "mec": HIDDEN,
        "mew": 1.4,
        "ms": 5.5,
    },
    "reset before this step": {"ls": "--", "color": BOUNDARY, "lw": 1.6},
    "truncated in this step": {"marker": ">", "mfc": "none", "mec": REWARD, "mew": 1.6, "ms": 5},
    "terminated in this step": {"marker": "x", "mec": REWARD, "mew": 1.6, "ms": 5},
}


@dataclass(frozen=True)
class Layout:
    """The place of each step of a rollout in the sequences that the real buffer cuts.

    Attributes:
        reset, terminated, truncated: (T, N) bool.
        time, env: (L, B), the step of the rollout at each place of each sequence.
        valid: (L, B) bool, false for padding.
        stored: (B,) bool, whether a sequence starts from its stored state; else the reset before
            its first step clears this state.
    """

    reset: NDArray[np.bool_]
    terminated: NDArray[np.bool_]
    truncated: NDArray[np.bool_]
    time: NDArray[np.int64]
    env: NDArray[np.int64]
    valid: NDArray[np.bool_]
    stored: NDArray[np.bool_]


def lay_out(reset: Any, terminated: Any, truncated: Any, bptt_length: int | None = None) -> Layout:
    """Fill a `RolloutBuffer` with numbered steps, and return where each of them comes out.

    Args:
        reset, terminated, truncated: (T, N) bool, of the rollout to show.
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
    """Draw the grid of steps, one env per row, with its numbered sequences and their starts."""
    length, n = layout.reset.shape
    for b in range(layout.valid.shape[1]):
        steps = layout.time[layout.valid[:, b], b]
        env, begin = int(layout.env[0, b]), int(steps[0])
        _cells(ax, begin, env, len(steps), layout, b)
        _start(ax, begin - 0.3, env, bool(layout.stored[b]))
        name, room = f"#{b}", 380 / length * (len(steps) - 0.4)  # points
        if 7 * len(name) <= room:
            ax.text(begin - 0.12, env, name, ha="left", va="center", fontsize=TYPE)
    _ends(ax, layout, [(t, env, t, env) for t, env in np.ndindex(length, n)])
    ax.set(xlim=(LEFT, length - 0.4), ylim=(n - 0.4, -0.6), xlabel="time t (steps)", ylabel="env")
    ax.set(yticks=range(n), xticks=range(0, length, 1 + length // MOST_LABELS))


def draw_sequences(ax: Axes, layout: Layout, width: int | None = None) -> None:
    """Draw the sequences one below the other, with the time of each step; padding is hatched.

    Args:
        ax, layout: where to draw what.
        width: steps that the axis is wide, at least L; None is L. T gives the grid's scale.
    """
    length, count = layout.valid.shape
    every = 1 + (count - 1) // MOST_LABELS
    for b in range(count):
        steps = int(layout.valid[:, b].sum())
        _cells(ax, 0, b, steps, layout, b)
        _start(ax, -0.8, b, bool(layout.stored[b]), 5.5 if every == 1 else 2.5)
        corner, rest = (steps - 0.5, b - 0.4), length - steps
        ax.add_patch(Rectangle(corner, rest, 0.8, fc="none", ec=PADDING, hatch="////", lw=0))
        for place in range(steps if every == 1 else 0):
            number = str(layout.time[place, b])
            ax.text(place, b, number, ha="center", va="center", fontsize=TYPE)
    places = [(i, b) for b in range(count) for i in range(length) if layout.valid[i, b]]
    _ends(ax, layout, [(i, b, layout.time[i, b], layout.env[i, b]) for i, b in places])
    ax.set(xlim=(LEFT, (width or length) - 0.4), ylim=(count - 0.4, -0.6), ylabel="sequence")
    words = "step within the sequence" + " (the numbers are times t)" * (every == 1)
    ax.set_xlabel(words, x=0.0, ha="left")
    ax.spines["bottom"].set_bounds(-0.5, length - 0.5)
    ax.set_yticks(range(0, count, every), [f"#{b}" for b in range(0, count, every)])
    ax.set_xticks(range(0, length, 1 + length // MOST_LABELS))


def draw_layout(layout: Layout) -> Figure:
    """Draw the grid of a rollout above the sequences that it becomes, at one scale.

    The key is beside the sequences where they leave room for it, else at the top.
    """
    length, n = layout.reset.shape
    bptt, count = layout.valid.shape
    beside = bptt <= ROOM_FOR_KEY * length
    rows = min(max(count, 5 if beside else 3), MOST_LABELS)
    heights = (0.35 * n + 0.2, (0.28 if rows <= 12 else 0.2) * rows + 0.2)
    size = (WIDTH, sum(heights) + (1.1 if beside else 1.9))
    fig, axes = figure(2, 1, size=size, height_ratios=heights)
    draw_rollout(axes[0], layout)
    draw_sequences(axes[1], layout, length)
    key: list[Artist] = [
        Line2D([], [], **{"ls": "none", **sign, "label": words}) for words, sign in SIGNS.items()
    ]
    key.append(Rectangle((0, 0), 1, 1, fc="none", ec=PADDING, hatch="////", lw=0, label="padding"))
    if beside:
        place: Any = {"loc": "center left", "bbox_to_anchor": ((bptt + 0.4) / length, 0.5)}
        axes[1].legend(handles=key, fontsize=TYPE, handletextpad=0.4, frameon=False, **place)
    else:
        fig.legend(handles=key, fontsize=TYPE, loc="outside upper center", ncols=2, frameon=False)
    return fig


def draw_advantages(curves: Mapping[str, Any], truncated: Any) -> Figure:
    """Draw the advantages of one env over time, a panel for each title.

    Args:
        curves: title -> (T,).
        truncated: (T,) bool, the steps in which an episode was cut off; a dashed line follows each.
    """
    fig, panels = figure(1, len(curves), size=(WIDTH, 2.7), sharey=True, squeeze=False)
    for ax, (title, curve) in zip(panels[0], curves.items(), strict=True):
        ax.plot(np.asarray(curve), ".-", color=REWARD)
        for t in np.flatnonzero(np.asarray(truncated)):
            ax.axvline(t + 0.5, color=BOUNDARY, ls="--")
            ax.text(t + 0.3, 1.0, "cut off", fontsize=TYPE, ha="right", va="bottom")
        ax.set(title=title, xlabel="time t (steps)", ylim=(-10, 3), xticks=range(0, len(curve), 4))
    panels[0, 0].set_ylabel("advantage")
    return fig


def _cells(ax: Axes, x: int, y: int, steps: int, layout: Layout, b: int) -> None:
    face = to_rgba(OBSERVATION, TINTS[(b // layout.reset.shape[1] + int(layout.env[0, b])) % 2])
    for i in range(steps):
        ax.add_patch(Rectangle((x + i - 0.48, y - 0.4), 0.96, 0.8, fc=face, ec="none"))


def _start(ax: Axes, x: float, y: int, stored: bool, size: float = 5.5) -> None:
    face, edge = HIDDEN if stored else "none", size / 4
    ax.plot(x, y, "o", ms=size, mfc=face, mec=HIDDEN, mew=edge, clip_on=False, zorder=4)


def _ends(ax: Axes, layout: Layout, places: list[Any]) -> None:
    """Draw resets and ends of episodes, at (x, y) for step (t, env) of the rollout."""
    for x, y, t, env in places:
        if layout.reset[t, env]:
            ax.plot([x - 0.5] * 2, [y - 0.45, y + 0.45], color=BOUNDARY, ls="--", lw=1.6)
        for flag, marker in ((layout.truncated, ">"), (layout.terminated, "x")):
            if flag[t, env]:
                ax.plot(x + 0.36, y + 0.27, marker, ms=4, mfc="none", mec=REWARD, mew=1.5)
