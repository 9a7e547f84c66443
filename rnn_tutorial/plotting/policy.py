"""Pictures of a recurrent policy: its parts unrolled over time, and the effects of its faults."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, Rectangle
from matplotlib.ticker import MaxNLocator

from rnn_tutorial.colours import ACTION, HIDDEN, OBSERVATION, REWARD
from rnn_tutorial.plotting.figures import figure
from rnn_tutorial.plotting.memory import draw_hidden
from rnn_tutorial.plotting.themes import OBSERVATION_MAP

LINES = ("-", ":", "--", "-.")


def draw_unrolled_policy(steps: int = 3) -> Figure:
    """Draw the policy's parts at each step, bottom to top, and the state that goes to the right.

    Args:
        steps: how many time steps are drawn.
    """
    fig, ax = figure(size=(9.0, 3.9))
    for t in range(steps):
        x = 1.9 + 2.6 * t
        _box(ax, x, 0.3, f"observation {t}", OBSERVATION, filled=True)
        _box(ax, x, 1.1, "encoder", OBSERVATION)
        _box(ax, x, 2.0, "recurrent core", HIDDEN)
        _box(ax, x - 0.55, 3.0, "policy head", ACTION, width=0.98)
        _box(ax, x + 0.55, 3.0, "value head", REWARD, width=0.98)
        _arrow(ax, (x, 0.5), (x, 0.9), OBSERVATION)
        _arrow(ax, (x, 1.3), (x, 1.8), OBSERVATION)
        for side in (-0.55, 0.55):
            _arrow(ax, (x + 0.4 * side, 2.2), (x + side, 2.8), HIDDEN)
        ax.text(x, 2.62, "output", ha="center", fontsize=9)
        ax.text(x - 0.55, 3.35, f"action {t}", ha="center", fontsize=9)
        ax.text(x + 0.55, 3.35, f"value {t}", ha="center", fontsize=9)
        _arrow(ax, (x + 0.85, 2.0), (x + 1.75, 2.0), HIDDEN)
        ax.text(x + 1.3, 2.1, f"state {t}", ha="center", fontsize=9)
    _arrow(ax, (0.65, 2.0), (1.05, 2.0), HIDDEN)
    ax.text(0.6, 2.0, "initial\nstate\n(zeros)", ha="right", va="center", fontsize=9)
    ax.set(xlim=(-0.1, 1.9 + 2.6 * steps - 0.6), ylim=(0, 3.7))
    ax.set_axis_off()
    return fig


def draw_answers(runs: Mapping[str, Any], limit: float) -> Figure:
    """Draw hidden states, and the action's mean below them: one column per policy.

    Args:
        runs: name of the policy -> hidden states (T, H) and action means (T, 2).
        limit: where the colours of the hidden state end.
    """
    fig, axes = figure(2, len(runs), size=(9.0, 4.4), sharex=True, sharey="row")
    for (top, bottom), (name, (hidden, mean)) in zip(axes.T, runs.items(), strict=True):
        image = draw_hidden(top, hidden, limit=limit)
        top.set(title=name, xlabel="", ylabel="hidden unit" if top is axes[0, 0] else "")
        means = np.asarray(mean)
        for i, (label, line) in enumerate((("x", "-"), ("y", "--"))):
            bottom.plot(means[:, i], line, color=ACTION)
            bottom.annotate(
                label,
                (len(means) // 2, means[len(means) // 2, i]),
                xytext=(0, 6),
                textcoords="offset points",
            )
        bottom.set(xlabel="time (steps)", xlim=(-0.5, len(means) - 0.5))
        bottom.margins(y=0.15)
        bottom.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes[1, 0].set_ylabel("mean of the action")
    fig.colorbar(image, ax=axes[0], label="hidden state")
    return fig


def draw_memories(
    runs: Mapping[str, Any],
    units: list[str],
    resets: Any,
    limit: float = 1.5,
    label: str = "hidden state",
    window: tuple[int, int] | None = None,
) -> Figure:
    """Draw the same few hidden units under several conditions, side by side.

    Args:
        runs: name of the condition -> hidden states (T, H).
        units: H names.
        resets: (T,), true where an observation begins an episode.
        limit: where the colours end.
        label: of the colour bar.
        window: the first and the last step to show; None shows all.
    """
    fig, axes = figure(1, len(runs), size=(9.0, 2.5), sharey=True, squeeze=False)
    first, last = window or (0, len(np.asarray(resets)) - 1)
    ticks = np.arange(first, last + 1, 2) if window else np.flatnonzero(resets)
    for ax, (name, hidden) in zip(axes.flat, runs.items(), strict=True):
        image = draw_hidden(ax, hidden, resets, limit)
        ax.set(title=name, ylabel="", xticks=ticks, xlim=(first - 0.5, last + 0.5))
        ax.set_yticks(range(len(units)), units)
    fig.colorbar(image, ax=axes, label=label)
    return fig


def draw_gaps(gaps: Mapping[str, Any], label: str) -> Figure:
    """Draw the difference at each step of two runs that should be equal, a line for each policy.

    Args:
        gaps: name -> mean absolute difference (T,).
        label: of the vertical axis.
    """
    fig, ax = figure(size=(9.0, 2.6))
    for (name, gap), line in zip(gaps.items(), LINES, strict=False):
        values = np.asarray(gap)
        ax.plot(values, line, color=ACTION)
        ax.annotate(
            name,
            (len(values) - 1, values[-1]),
            xytext=(6, 0),
            textcoords="offset points",
            va="center",
            fontsize=9,
            annotation_clip=False,
        )
    ax.set(xlabel="time (steps)", ylabel=label, xlim=(0, len(values) - 1))
    ax.set_ylim(bottom=-0.03 * ax.get_ylim()[1])
    return fig


def draw_channels(image: Any, letters: str = "RGB") -> Figure:
    """Draw an image (C, H, W), and its channels as a recurrent layer reads them.

    Each channel is read as one time step, of an env per row and a feature per column. A lit pixel
    has the letters of its channels. Colours stand for roles, so the channels get
    letters instead.
    """
    channels = np.asarray(image)
    fig, axes = figure(1, 1 + len(channels), size=(9.0, 2.6))
    shade = {"cmap": OBSERVATION_MAP, "vmin": 0, "vmax": 1}
    axes[0].imshow(channels.max(axis=0), **shade)
    for row, column in np.argwhere(channels.any(axis=0)):
        lit = zip(letters, channels[:, row, column], strict=True)
        text = "".join(letter for letter, value in lit if value)
        axes[0].text(column, row, text, ha="center", va="center", fontsize=7, color="white")
    axes[0].set(title=f"one image {channels.shape}", xlabel="column", ylabel="row")
    for c, ax in enumerate(axes[1:]):
        ax.imshow(channels[c], **shade)
        ax.set(title=f"{letters[c]}, read as time {c}", xlabel="feature")
    axes[1].set_ylabel("env")
    return fig


def draw_ratios(ratio: Any, clip: float) -> Figure:
    """Draw the ratios of two action dimensions; a point is full where their product is clipped.

    Args:
        ratio: (B, 2), new density over old density, per dimension.
        clip: the clip range, 0.2 for ratios from 0.8 to 1.2.
    """
    x, y = np.asarray(ratio, np.float64).T
    outside = np.abs(x * y - 1) > clip
    fig, ax = figure(size=(5.6, 4.2))
    ax.plot(x[~outside], y[~outside], "o", ms=3.5, color=ACTION, mfc="none", mew=0.8)
    ax.plot(x[outside], y[outside], "o", ms=4.5, color=ACTION)
    box = Rectangle((1 - clip, 1 - clip), 2 * clip, 2 * clip, fill=False, edgecolor=ACTION, ls=":")
    ax.add_patch(box)
    ax.set(xlabel="ratio of dimension x alone", ylabel="ratio of dimension y alone")
    ax.set_aspect("equal")
    return fig


def _box(
    ax: Axes, x: float, y: float, text: str, colour: str, width: float = 1.6, filled: bool = False
) -> None:
    ax.add_patch(
        FancyBboxPatch(
            (x - width / 2, y - 0.17),
            width,
            0.34,
            boxstyle="round,pad=0.02,rounding_size=0.15" if filled else "square,pad=0.02",
            fill=False,
            edgecolor=colour,
            linewidth=1.8,
        )
    )
    ax.text(x, y, text, ha="center", va="center", fontsize=9.5)


def _arrow(ax: Axes, start: tuple[float, float], end: tuple[float, float], colour: str) -> None:
    style = {"arrowstyle": "-|>", "color": colour, "lw": 1.5, "shrinkA": 0, "shrinkB": 0}
    ax.annotate("", end, start, arrowprops=style)
