"""Pictures of `output` and `h_n`: what they have seen, where they end, when they are equal."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from rnn_tutorial.colours import BOUNDARY, GRADIENT, HIDDEN, INK
from rnn_tutorial.plotting.figures import figure
from rnn_tutorial.plotting.themes import HIDDEN_MAP


def draw_accuracy(accuracy: Mapping[str, np.ndarray], lengths: Sequence[int]) -> Figure:
    """Draw the share of right answers against the sequence's length, one panel per model.

    Curves that lie on each other look like one, so each panel says how many different ones it has.

    Args:
        accuracy: name of the model -> share of right answers per seed and length (S, K).
        lengths: the K lengths, in steps.

    Returns:
        The figure; chance is drawn at 0.5.
    """
    fig, axes = figure(1, len(accuracy), size=(9.0, 3.0), sharey=True, squeeze=False)
    for ax, (name, seeds) in zip(axes.flat, accuracy.items(), strict=True):
        ax.axhline(0.5, color=BOUNDARY, lw=1)
        ax.text(lengths[0], 0.43, "grey: chance", fontsize=9, va="top")
        ax.plot(lengths, seeds.T, color=HIDDEN, lw=0.9)
        ax.plot(lengths, np.median(seeds, axis=0), color=HIDDEN, lw=3, alpha=0.8)
        ax.set(title=name, xlabel="length of the sequence (steps)", ylim=(0.35, 1.05))
        curves = len(np.unique(seeds, axis=0))
        words = f"thin: {len(seeds)} seeds, {curves} different curve{'s' * (curves > 1)}"
        ax.text(lengths[0], 0.97, f"{words}\nbold: median", fontsize=9, va="top")
    axes[0, 0].set_ylabel("share of right answers")
    return fig


def draw_errors(errors: Mapping[str, Any], start: int) -> Figure:
    """Draw the error of the outputs after a run continues at step `start` from different states.

    Args:
        errors: name of what was passed on -> mean absolute error at each step from `start` on (T,).
        start: the first step of the second run.

    Returns:
        The figure; each curve has its name at its first point.
    """
    fig, ax = figure(size=(9.0, 3.0))
    for (name, error), line in zip(errors.items(), ("-", "--", ":", "-."), strict=False):
        steps = np.arange(len(error)) + start
        ax.plot(steps, error, line, color=HIDDEN, lw=2.2)
        ax.text(start - 0.15, error[0], name, ha="right", va="center", fontsize=10)
    ax.set(xlim=(start - 0.25 * len(error), steps[-1]), xlabel="time step", xticks=steps)
    ax.set(ylabel="mean |error| of output", title="passed on to the second call:")
    ax.title.set(ha="left", x=0.01, fontsize=10)
    return fig


def draw_influence(norms: Mapping[str, np.ndarray]) -> Figure:
    """Draw how strongly each observation influences a state: one panel per state, two in a row.

    The axis is logarithmic, so an observation whose norm is exactly zero is left out.

    Args:
        norms: name of the state -> gradient norm with respect to each observation (T,).

    Returns:
        The figure.
    """
    rows = (len(norms) + 1) // 2
    fig, axes = figure(rows, 2, size=(9.0, 1 + 1.6 * rows), sharex=True, sharey=True, squeeze=False)
    for ax, (name, norm) in zip(axes.flat, norms.items(), strict=False):
        some = np.flatnonzero(norm > 0)
        ax.plot(some, norm[some], "o-", color=GRADIENT, markersize=4)
        ax.set(title=name, xlim=(-0.7, len(norm) - 0.3), xticks=range(len(norm)), yscale="log")
    for ax in axes[-1]:
        ax.set_xlabel("time of the observation (step)")
    fig.supylabel("gradient norm", fontsize=10)
    return fig


def draw_last_steps(outputs: Mapping[str, Any], lengths: Sequence[int]) -> Figure:
    """Draw the norm of each output of a padded batch, one panel per run.

    Padding is hatched, and the last real step of each sequence is framed.

    Args:
        outputs: name of the run -> its outputs (T, N, H).
        lengths: the number of real steps of each of the N sequences.

    Returns:
        The figure; all panels share one scale.
    """
    norms = {name: np.linalg.norm(np.asarray(o), axis=-1).T for name, o in outputs.items()}
    top = max(norm.max() for norm in norms.values())
    fig, axes = figure(1, len(norms), size=(9.0, 2.9), sharey=True, squeeze=False)
    for ax, (name, norm) in zip(axes.flat, norms.items(), strict=True):
        steps = norm.shape[1]
        image = ax.imshow(norm, cmap=HIDDEN_MAP, vmin=0, vmax=top, aspect="auto")
        for n, length in enumerate(lengths):
            padding = (length - 0.5, n - 0.5), steps - length, 1
            ax.add_patch(Rectangle(*padding, fill=False, hatch="///", edgecolor=BOUNDARY, lw=0))
            last = (length - 1.5, n - 0.5), 1, 1
            ax.add_patch(Rectangle(*last, fill=False, edgecolor=INK, lw=3, clip_on=False))
        ax.set(title=name, xlabel="time step", xticks=range(steps), yticks=range(len(lengths)))
    axes[0, 0].set_ylabel("sequence")
    fig.colorbar(image, ax=axes, label="norm of the state")
    return fig


def draw_agreement(
    table: Mapping[str, Sequence[tuple[bool, bool]]], columns: Sequence[str]
) -> Figure:
    """Draw a table of yes and no: is `output[-1]` equal to `h_n[-1]`, and is `h_n` right?

    An entry is filled where the two are equal, as their corner in the grid of cells is. A hatched
    strip marks the entries where padding went through the layer and `h_n` is wrong.

    Args:
        table: name of the row -> for each column (equal, h_n right).
        columns: the columns' names.

    Returns:
        The figure.
    """
    fig, ax = figure(size=(9.0, 0.8 + 0.4 * len(table)))
    for i, row in enumerate(table.values()):
        for j, (equal, right) in enumerate(row):
            fill = to_rgba(HIDDEN, 0.18 if equal else 0.0)
            ax.add_patch(Rectangle((j, i), 1, 1, facecolor=fill, edgecolor=BOUNDARY, lw=0.8))
            words = ("equal" if equal else "differ") + ("" if right else ",\nh_n wrong")
            if not right:
                strip = Rectangle((j + 0.86, i), 0.14, 1, fill=False, hatch="/////", lw=0)
                ax.add_patch(strip)
            ax.text(j + (0.5 if right else 0.43), i + 0.5, words, ha="center", va="center", size=8)
    ax.set(xlim=(0, len(columns)), xticks=np.arange(len(columns)) + 0.5, xticklabels=columns)
    ax.set(ylim=(len(table), 0), yticks=np.arange(len(table)) + 0.5, yticklabels=list(table))
    ax.tick_params(length=0)
    ax.xaxis.tick_top()
    return fig
