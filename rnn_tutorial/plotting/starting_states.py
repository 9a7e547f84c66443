"""A picture of the states that a sequence can start from: stored, zero, burn-in, recomputed."""

from typing import Any

from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from rnn_tutorial.colours import BOUNDARY, HIDDEN, INK, OBSERVATION
from rnn_tutorial.plotting.figures import figure

STORED: dict[str, Any] = {"mfc": HIDDEN}
ZEROS: dict[str, Any] = {"mfc": "none"}
ACTED, CURRENT = ":", "-"  # line styles: which weights ran over these steps


def draw_starting_states(
    begin: int = -6, cut: int = 10, length: int = 6, burn_in: int = 4
) -> Figure:
    """Draw four ways to start the same sequence, one below the other.

    Time 0 is the first step of the rollout. The episode begins with its cue at `begin`, perhaps in
    the rollout before, and the sequence that is trained on is steps `cut` to `cut + length - 1`.

    Args:
        begin: the time of the episode's first step, before the cut.
        cut: the time of the sequence's first step, after time 0.
        length: of the sequence.
        burn_in: steps that burn-in replays before the cut, at most `cut`.
    """
    rows = {
        "stored": [(begin, cut, ACTED)],
        "zero": [],
        f"burn-in {burn_in}": [(cut - burn_in, cut, CURRENT)],
        "recompute": [(begin, 0, ACTED), (0, cut, CURRENT)],
    }
    fig, ax = figure(size=(6.2, 3.6))
    for y, (name, runs) in enumerate(rows.items()):
        _cells(ax, y, begin, cut, length)
        kept = [(max(start, begin), end, style) for start, end, style in runs if end > begin]
        for start, end, style in kept:
            ax.plot([start - 0.5, end - 0.5], [y, y], style, color=HIDDEN, lw=2.5)
        first = kept[0][0] if kept else cut
        if name != "stored":
            _dot(ax, first, y, ZEROS)
        if name == "recompute" and begin < 0:
            _dot(ax, 0, y, STORED)
        if name == "stored":
            _dot(ax, first, y, ZEROS)
            _dot(ax, cut, y, STORED)
        words = "has the cue" if first <= begin else "cue is lost"
        ax.text(cut + length - 0.2, y, words, va="center")
    for t, words in ((begin, "cue"), (0, "rollout begins"), (cut, "the sequence")):
        ax.text(t - 0.5, -0.62, words, color=OBSERVATION if words == "cue" else INK)
    ax.plot([-0.5, -0.5], [-0.55, 3.5], color=INK, lw=1)
    ax.set(xlim=(min(begin, 0) - 1, cut + length + 5.3), ylim=(3.5, -0.95), xlabel="time t (steps)")
    ax.set(yticks=range(4), yticklabels=list(rows))
    ax.set_xticks(range(min(begin, 0), cut + length, 2))
    ax.spines["bottom"].set_bounds(min(begin, 0) - 0.5, cut + length - 0.5)
    ax.spines["left"].set_visible(False)
    ax.tick_params(axis="y", length=0)
    fig.legend(handles=_key(), loc="outside lower center", ncols=2, frameon=False)
    return fig


def _cells(ax: Axes, y: int, begin: int, cut: int, length: int) -> None:
    """The steps of a row: the past faint, the sequence darker, the cue full."""
    for t in range(min(begin, 0), cut + length):
        strength = 1.0 if t == begin else 0.38 if t >= cut else 0.1
        face = to_rgba(OBSERVATION, strength)
        ax.add_patch(Rectangle((t - 0.47, y - 0.32), 0.94, 0.64, fc=face, ec="none"))
    ax.plot([begin - 0.5] * 2, [y - 0.45, y + 0.45], color=BOUNDARY, ls="--", lw=1.6)


def _dot(ax: Axes, t: int, y: int, face: dict[str, Any]) -> None:
    ax.plot(t - 0.5, y, "o", ms=7, mec=HIDDEN, mew=1.8, zorder=4, **face)


def _key() -> list[Line2D]:
    dot: dict[str, Any] = {"marker": "o", "ls": "none", "mec": HIDDEN, "mew": 1.8}
    return [
        Line2D([], [], label="stored state", **dot, **STORED),
        Line2D([], [], label="zeros", **dot, **ZEROS),
        Line2D([], [], color=HIDDEN, lw=2.5, ls=ACTED, label="run by the weights that acted"),
        Line2D([], [], color=HIDDEN, lw=2.5, ls=CURRENT, label="run by the current weights"),
    ]
