"""The picture of `detach`: the state crosses the cut forward, no gradient crosses it backward.

The gradient's arrows follow the numbers: an arrow points to a step only if the gradient measured
there is not exactly zero.
"""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rnn_tutorial.colours import BOUNDARY, GRADIENT, HIDDEN, INK
from rnn_tutorial.plotting.diagrams import arrow, chip
from rnn_tutorial.plotting.figures import figure

# Inches: the figure's width, its foot, the height of a row; the first step, the last, the answer;
# the lanes' heights within a row.
WIDTH, FOOT, ROW = 9.0, 0.78, 1.75
LEFT, RIGHT, ANSWER = 1.2, 7.95, 8.62
STATE, GRADIENTS, NORMS = 1.1, 0.68, 0.26


def draw_detach(reach: Mapping[str, Any], cut: int) -> Figure:
    """Draw the state's path forward and the gradient's path back, one row per run.

    The words below say, for each observation, whether the norm of the answer's gradient with
    respect to it is zero. How large it is does not matter here: it says how much a small change
    would move the answer, not how much the network remembers.

    Args:
        reach: name of the run -> the norms (T,).
        cut: the first step after the cut. The cut is drawn in each run where no gradient reaches
            an earlier step, and the gradient's arrow ends there.

    Returns:
        The figure.

    Raises:
        ValueError: if there is no step before the cut, or none after it.
    """
    norms = {name: np.asarray(norm, dtype=float) for name, norm in reach.items()}
    if any(not 0 < cut < len(norm) for norm in norms.values()):
        raise ValueError(f"cut must lie inside the sequence, got {cut}")
    height = FOOT + ROW * len(norms)
    fig, ax = figure(size=(WIDTH, height))
    fig.set_layout_engine("none")
    ax.set_position((0, 0, 1, 1))
    ax.set(xlim=(0, WIDTH), ylim=(0, height))
    ax.set_axis_off()
    for row, (name, norm) in enumerate(norms.items()):
        _run(ax, height - ROW * (row + 1), name, norm, cut)
    middle = (LEFT + RIGHT) / 2
    ax.text(middle, 0.36, "time step t of the observation x[t]", ha="center", fontsize=11)
    what = "≠ 0 or 0: the norm of the gradient of the answer with respect to x[t]"
    ax.text(middle, 0.1, what, ha="center", fontsize=11)
    for t, x in enumerate(np.linspace(LEFT, RIGHT, len(norm))):
        ax.text(x, 0.62, f"{t}", ha="center", fontsize=11)
    return fig


def _run(ax: Axes, foot: float, name: str, norm: np.ndarray, cut: int) -> None:
    """One row: the chain of states, the gradient's arrows under it, and where its norm is zero."""
    xs = np.linspace(LEFT, RIGHT, len(norm))
    state, gradients, norms = (foot + y for y in (STATE, GRADIENTS, NORMS))
    ax.text(0.1, state + 0.3, name, fontsize=13)
    lanes = ("state", state, HIDDEN), ("gradient", gradients, INK), ("for x[t]", norms, INK)
    for text, y, colour in lanes:
        ax.text(0.1, y, text, va="center", fontsize=11, color=colour)
    for x in xs:
        chip(ax, (x, state), "h", HIDDEN, size=(0.3, 0.28), fontsize=11.0)
    chip(ax, (ANSWER, state), "answer", INK, strength=0.0, size=(0.66, 0.28), fontsize=10.5)
    for tail, head in pairwise([*xs, ANSWER - 0.18]):
        arrow(ax, (tail + 0.15, state), (head - 0.15, state), HIDDEN)
    for t, x in enumerate(xs):
        if norm[t] > 0:
            arrow(ax, ([*xs, ANSWER][t + 1] - 0.04, gradients), (x + 0.04, gradients), GRADIENT)
        words, strength = ("≠ 0", 0.25) if norm[t] else ("0", 0.0)
        chip(ax, (x, norms), words, GRADIENT, strength=strength, size=(0.44, 0.26), fontsize=11.0)
    if not norm[:cut].any():
        edge = (xs[cut - 1] + xs[cut]) / 2
        ax.plot([edge, edge], [norms - 0.13, state + 0.28], color=BOUNDARY, linestyle="--", lw=1)
        ax.plot([xs[cut] - 0.04, edge], [gradients] * 2, color=GRADIENT, lw=1.5)
        ax.plot([edge] * 2, [gradients - 0.12, gradients + 0.12], color=GRADIENT, lw=4)
        ax.text(edge, state + 0.34, "h_n.detach()", ha="center", fontsize=11, family="monospace")
