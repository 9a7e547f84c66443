"""Pictures of `output` and `h_n`: what they have seen, where they end, when they agree."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from rnn_tutorial.colours import BOUNDARY, GRADIENT, HIDDEN
from rnn_tutorial.plotting.figures import figure
from rnn_tutorial.plotting.themes import HIDDEN_MAP


def draw_accuracy(accuracy: Mapping[str, np.ndarray], lengths: Sequence[int]) -> Figure:
    """How often a binary answer is right, by the sequence's length: one panel per model.

    Args:
        accuracy: name of the model -> accuracy per seed and length (S, K).
        lengths: the K lengths.
    """
    fig, axes = figure(1, len(accuracy), size=(9.0, 3.0), sharey=True, squeeze=False)
    for ax, (name, seeds) in zip(axes.flat, accuracy.items(), strict=True):
        ax.axhline(0.5, color=BOUNDARY, lw=1)
        ax.text(lengths[0], 0.43, "grey: chance", fontsize=9, va="top")
        ax.plot(lengths, seeds.T, color=HIDDEN, lw=0.9)
        ax.plot(lengths, np.median(seeds, axis=0), color=HIDDEN, lw=3, alpha=0.8)
        ax.set(title=name, xlabel="length of the sequence (steps)", ylim=(0.35, 1.05))
    axes[0, 0].set_ylabel("share of right answers")
    axes[0, 0].text(lengths[0], 0.93, f"thin: {len(seeds)} seeds, bold: median", fontsize=9)
    return fig


def draw_errors(errors: Mapping[str, Any], start: int) -> Figure:
    """How far outputs are off after carrying on at step `start` from different states.

    Args:
        errors: name of what was kept -> mean absolute error at each step from `start` on (T,).
        start: the first step of the second run.
    """
    fig, ax = figure(size=(9.0, 3.0))
    for (name, error), line in zip(errors.items(), ("-", "--", ":", "-."), strict=False):
        ax.plot(np.arange(len(error)) + start, error, line, color=HIDDEN, lw=2.2, label=name)
    ax.set(xlim=(start, start + len(error) - 1), xlabel="time step", ylabel="mean |error|")
    ax.legend(
        title="kept at the stop", alignment="left", frameon=False, fontsize=9, handlelength=3.5
    )
    return fig


def draw_influence(
    norms: Mapping[str, np.ndarray], log: bool = False, cut: int | None = None
) -> Figure:
    """How strongly each observation acts on a state: one panel per state, two in a row.

    Args:
        norms: name of the state -> gradient norm with respect to each observation (T,).
        log: a logarithmic axis; norms of exactly zero are then left out.
        cut: the first step after a border, drawn as a dashed line before it.
    """
    rows = (len(norms) + 1) // 2
    fig, axes = figure(rows, 2, size=(9.0, 1 + 1.6 * rows), sharex=True, sharey=True, squeeze=False)
    for ax, (name, norm) in zip(axes.flat, norms.items(), strict=False):
        some = np.flatnonzero(norm > 0)
        if log:
            ax.plot(some, norm[some], "o-", color=GRADIENT, markersize=4)
            ax.set_yscale("log")
        else:
            ax.bar(some, norm[some], color=GRADIENT, width=0.6)
        if cut is not None:
            ax.axvline(cut - 0.5, color=BOUNDARY, linestyle="--")
        ax.set(title=name, xlim=(-0.7, len(norm) - 0.3), xticks=range(len(norm)))
    for ax in axes[-1]:
        ax.set_xlabel("time of the observation (step)")
    fig.supylabel("gradient norm", fontsize=10)
    return fig


def draw_last_steps(outputs: Mapping[str, Any], lengths: Sequence[int]) -> Figure:
    """The norm of each output of a padded batch; padding is hatched, each last real step framed.

    Args:
        outputs: name of the run -> its outputs (T, N, H).
        lengths: the number of real steps of each of the N sequences.
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
            ax.add_patch(
                Rectangle((length - 1.5, n - 0.5), 1, 1, fill=False, lw=2.5, clip_on=False)
            )
        ax.set(title=name, xlabel="time step", xticks=range(steps), yticks=range(len(lengths)))
    axes[0, 0].set_ylabel("sequence")
    fig.colorbar(image, ax=axes, label="norm of the state")
    return fig


def draw_agreement(
    table: Mapping[str, Sequence[tuple[bool, bool]]], columns: Sequence[str]
) -> Figure:
    """A table of yes and no: is `output[-1]` equal to `h_n[-1]`, and is `h_n` right?

    Filled where the two are equal, as their corner in the grid of cells is; hatched where padding
    went through the layer and `h_n` is wrong.

    Args:
        table: name of the row -> for each column (equal, h_n right).
        columns: the columns' names.
    """
    fig, ax = figure(size=(9.0, 0.8 + 0.4 * len(table)))
    for i, row in enumerate(table.values()):
        for j, (equal, right) in enumerate(row):
            colour, hatch = (HIDDEN, 0.4) if equal else "white", None if right else "////"
            ax.add_patch(
                Rectangle((j, i), 1, 1, facecolor=colour, edgecolor=BOUNDARY, lw=0.8, hatch=hatch)
            )
            words = ("equal" if equal else "differ") + ("" if right else ",\nh_n wrong")
            box = {"facecolor": "white", "edgecolor": "none", "pad": 1.5} if hatch else None
            ax.text(j + 0.5, i + 0.5, words, ha="center", va="center", fontsize=8, bbox=box)
    ax.set(xlim=(0, len(columns)), xticks=np.arange(len(columns)) + 0.5, xticklabels=columns)
    ax.set(ylim=(len(table), 0), yticks=np.arange(len(table)) + 0.5, yticklabels=list(table))
    ax.tick_params(length=0)
    ax.xaxis.tick_top()
    return fig
