"""Pictures of how far a replay of a rollout is from the policy that acted."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rnn_tutorial.colours import BOUNDARY, INK
from rnn_tutorial.plotting.figures import figure
from rnn_tutorial.plotting.themes import ACTION_MAP, POSITIVE_MAP

LOWEST, HIGHEST = 1e-3, 100.0
CLIP = 0.2  # of PPO: a log ratio of this size is a ratio of 0.82 or 1.22
PARTS = 10  # of a step's width, one of which is the gap on each side of a reset
STYLES = ("-", ":", "--", "-.", (0, (6, 1, 1, 1, 1, 1)))


def draw_log_ratios(log_ratios: Mapping[str, Any], reset: Any) -> Figure:
    """Draw |log ratio| of every step, a panel for each replay: clear up to 0.001, full from 100 on.

    A line on the colour bar marks where PPO begins to clip, a |log ratio| of about 0.2.

    Args:
        log_ratios: title -> (T, N), new minus old log-probability of each action.
        reset: (T, N) bool, drawn as dashed lines; the true ones in every panel.
    """
    flags = np.asarray(reset, bool)
    length, n = flags.shape
    count = len(log_ratios)
    fig, panels = figure(count, 1, size=(6.2, 0.6 + 1.5 * count), sharex=True, squeeze=False)
    axes = panels[:, 0]
    for ax, (title, log_ratio) in zip(axes, log_ratios.items(), strict=True):
        level = np.log10(np.clip(np.abs(np.asarray(log_ratio)), LOWEST, HIGHEST)).T
        level = np.repeat(level, PARTS, axis=1)
        for t, env in np.argwhere(flags):
            level[env, max(0, PARTS * t - 1) : PARTS * t + 1] = np.nan  # a gap for the dashes
            ax.plot([t - 0.5] * 2, [env - 0.5, env + 0.5], color=BOUNDARY, ls="--", lw=2)
        place = (-0.5, length - 0.5, n - 0.5, -0.5)
        look: dict[str, Any] = {"aspect": "auto", "interpolation": "nearest", "extent": place}
        image = ax.imshow(level, ACTION_MAP, vmin=-3, vmax=2, **look)
        ax.set(title=title, ylabel="env", xlim=(-0.7, length - 0.5), ylim=(n - 0.5, -0.5))
        ax.set_yticks(range(n))
    axes[-1].set_xlabel("time t (steps)")
    clip = float(np.log10(CLIP))
    bar = fig.colorbar(image, ax=axes, label="|log ratio|", ticks=[-3, -2, clip, 0, 1, 2])
    bar.ax.set_yticklabels(["0.001", "0.01", "0.2: clip", "1", "10", "100"])
    bar.ax.axhline(clip, color=INK, lw=2)
    return fig


def draw_errors(
    ax: Axes,
    curves: Mapping[str, Sequence[float]],
    colour: str,
    nudges: Sequence[float] = (0.0,) * len(STYLES),
) -> None:
    """Draw errors over epochs on a log scale, each line with its name at its end.

    Args:
        ax: where to draw.
        curves: up to five, name -> an error before the first and after each epoch.
        colour: of all lines; they differ in style.
        nudges: points that each name is moved up.
    """
    for (name, curve), style, nudge in zip(curves.items(), STYLES, nudges, strict=False):
        last = len(curve) - 1
        ax.semilogy(np.maximum(curve, 1e-9), color=colour, ls=style)
        place: dict[str, Any] = {"xytext": (5, nudge), "textcoords": "offset points"}
        ax.annotate(name, (last, curve[-1]), va="center", fontsize=9, **place)
    ax.set(xlabel="epochs of updates", xlim=(0, last), xticks=range(0, last + 1, 2))


def draw_horizons(maps: Mapping[str, Any], boundaries: Sequence[int]) -> Figure:
    """Draw how strongly the action at t depends on the observation at k, a panel for each title.

    Args:
        maps: title -> size of the gradient (k, t); clear up to 0.001, full from 3 on.
        boundaries: times before which an episode begins, as dashed lines.
    """
    fig, panels = figure(1, len(maps), size=(9.6, 2.75), sharey=True, squeeze=False)
    axes = panels[0]
    for ax, (title, sizes) in zip(axes, maps.items(), strict=True):
        level = np.log10(np.clip(np.asarray(sizes).T, LOWEST, None))
        image = ax.imshow(level, POSITIVE_MAP, vmin=-3, vmax=0.5, interpolation="nearest")
        for t in boundaries:
            ax.axhline(t - 0.5, color=BOUNDARY, ls="--", lw=1)
        ax.set(title=title, xlabel="observation at k")
    axes[0].set_ylabel("action at time t")
    bar = fig.colorbar(image, ax=axes, label="size of the gradient", ticks=[-3, -2, -1, 0])
    bar.ax.set_yticklabels(["0.001", "0.01", "0.1", "1"])
    return fig
