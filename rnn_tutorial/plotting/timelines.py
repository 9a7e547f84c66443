"""What happens at an end, step by step: autoreset, bootstrap and state, flags, errors over time."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from gymnasium.vector import AutoresetMode
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from rnn_tutorial.acting import next_flags
from rnn_tutorial.colours import ACTION, BOUNDARY, HIDDEN, INK, OBSERVATION, REWARD
from rnn_tutorial.plotting.diagrams import arrow, box, chip
from rnn_tutorial.plotting.figures import figure

Array = NDArray[Any]
MODES = (AutoresetMode.SAME_STEP, AutoresetMode.NEXT_STEP)
ENDS = ("terminated", "truncated", "rollout")
COLUMN, LABELS, PANEL = 0.62, 1.2, 3.04  # inches: a step, the names of the rows, a kind of end


class Moment(NamedTuple):
    """One step of an env that walks to the right by 0.1 a step, and its flags."""

    observation: float
    ended: bool
    valid: bool
    reset: bool


def moments(mode: AutoresetMode, end: int, steps: int) -> list[Moment]:
    """Return the steps of a vector env of one whose first episode ends in step `end`."""
    found, walked = [], 0
    reset, valid = np.array([True]), np.array([True])
    for t in range(steps):
        ended = np.array([t == end])
        found.append(Moment(walked / 10, bool(ended[0]), bool(valid[0]), bool(reset[0])))
        begins = ended[0] if mode == AutoresetMode.SAME_STEP else not valid[0]
        walked = 0 if begins else walked + 1
        reset, valid = next_flags(mode, ended, valid)
    return found


def draw_autoreset(end: int = 2, steps: int = 6) -> Figure:
    """Draw what a vector env returns around an episode's end, in both autoreset modes.

    Args:
        end: the step that ends the first episode.
        steps: how many are drawn, at least `end + 3`.

    Returns:
        The figure: a panel for each mode, with observation, ended, valid and reset as rows.
    """
    span = COLUMN * steps + 0.3
    fig, ax = _canvas(LABELS + 2 * span, 2.9)
    rows = {"observation[t]": 1.75, "ended[t]": 1.25, "valid[t]": 0.95, "reset[t]": 0.65, "t": 0.25}
    for name, y in rows.items():
        ax.text(LABELS - 0.1, y, name, ha="right", va="center", fontsize=10)
    for number, mode in enumerate(MODES):
        left = LABELS + span * number
        ax.text(left, 2.72, mode.name, va="center", fontsize=12)
        line = moments(mode, end, steps)
        for t, moment in enumerate(line):
            x = left + COLUMN * (t + 0.5)
            value = f"{moment.observation:.1f}"
            strength = 0.25 if _before(line, t) else 0.0
            chip(ax, (x, 1.75), value, OBSERVATION, strength=strength, fontsize=10.0)
            for name in ("ended", "valid", "reset"):
                _flag(ax, (x, rows[f"{name}[t]"]), getattr(moment, name))
            ax.text(x, 0.25, str(t), ha="center", va="center", fontsize=10)
            if moment.reset and t > 0:
                edge = x - COLUMN / 2
                ax.plot([edge, edge], [0.1, 2.05], color=BOUNDARY, ls="--", lw=1.2)
            if not moment.valid:
                _hatch(ax, (x - COLUMN / 2 + 0.03, 0.45), (COLUMN - 0.06, 1.0))
                ax.text(x, 2.25, "this step only resets", ha="center", va="center", fontsize=9.5)
        if mode == AutoresetMode.SAME_STEP:
            x = left + COLUMN * (end + 1)
            chip(ax, (x, 2.28), f"{(end + 1) / 10:.1f}", OBSERVATION, strength=0.25, fontsize=10.0)
            arrow(ax, (x - COLUMN / 2, 1.88), (x - 0.2, 2.14), OBSERVATION)
            ax.text(x + 0.32, 2.28, 'info["final_obs"]', va="center", fontsize=9.5)
    return fig


def draw_ends(kinds: Sequence[str] = ENDS) -> Figure:
    """Draw value and state at three kinds of end: terminated, truncated, the rollout's.

    Read from the left: step t starts from a state and leaves a state h. Its target is its reward r
    and the discounted value of what follows. Then step t + 1 begins.

    Args:
        kinds: which of "terminated", "truncated" and "rollout" get a panel.

    Returns:
        The figure.
    """
    titles = dict(zip(ENDS, ("terminated", "truncated", "only the rollout ends"), strict=True))
    words = {
        "terminated": "nothing follows: value 0\nstate cleared",
        "truncated": "V(last observation, h)\nstate cleared",
        "rollout": "V(next observation, h)\nstate carried into the next rollout",
    }
    fig, ax = _canvas(PANEL * len(kinds) + 0.1, 2.85)
    for number, kind in enumerate(kinds):
        left, cleared = 0.1 + PANEL * number, kind != "rollout"
        ax.text(left, 2.65, titles[kind], va="center", fontsize=12)
        ax.text(left, 0.25, words[kind], va="center", fontsize=10, linespacing=1.4)
        arrow(ax, (left, 0.95), (left + 0.22, 0.95), HIDDEN)
        box(ax, (left + 0.55, 0.95), "step t", size=(0.66, 0.34))
        arrow(ax, (left + 0.88, 0.95), (left + 1.08, 0.95), HIDDEN)
        chip(ax, (left + 1.25, 0.95), "h", HIDDEN, strength=0.25, size=(0.34, 0.26))
        target = "r + γ · 0" if kind == "terminated" else "r + γ V"
        arrow(ax, (left + 0.55, 1.98), (left + 0.55, 1.12), REWARD)
        chip(ax, (left + 0.55, 2.1), target, REWARD, strength=0.2, size=(0.8, 0.26), fontsize=9.5)
        if kind != "terminated":
            box(ax, (left + 1.25, 2.1), "V", size=(0.3, 0.3))
            arrow(ax, (left + 1.25, 1.08), (left + 1.25, 1.95), HIDDEN)
            arrow(ax, (left + 1.1, 2.1), (left + 0.95, 2.1), REWARD)
            arrow(ax, (left + 1.62, 2.1), (left + 1.4, 2.1), OBSERVATION)
        seen = "next obs." if kind == "rollout" else "last obs."
        strength = 0.0 if kind == "terminated" else 0.25
        size = (0.78, 0.26)
        chip(ax, (left + 2.01, 2.1), seen, OBSERVATION, strength=strength, size=size, fontsize=9.5)
        _onward(ax, left, cleared)
    return fig


def draw_flags(flags: Mapping[str, Array], start: int, boundaries: Sequence[int] = ()) -> Figure:
    """Draw flags over time as rows of squares, full where true.

    Args:
        flags: name -> (T,) bool.
        start: the time of the first column.
        boundaries: times whose observation begins an episode.
    """
    fig, ax = figure(size=(9, 0.9 + 0.4 * len(flags)))
    for row, flag in enumerate(flags.values()):
        for t, on in enumerate(flag, start):
            face = INK if on else "none"
            ax.add_patch(Rectangle((t - 0.3, row - 0.3), 0.6, 0.6, fc=face, ec=INK, lw=0.8))
    for t in boundaries:
        ax.axvline(t - 0.5, color=BOUNDARY, ls="--", lw=1.2)
    steps = len(next(iter(flags.values())))
    ax.set(xlim=(start - 0.5, start + steps - 0.5), ylim=(len(flags) - 0.5, -0.5))
    ax.set_yticks(range(len(flags)), list(flags))
    ax.set(xticks=range(start, start + steps, 2), xlabel="time (steps)")
    return fig


def draw_errors(
    errors: Mapping[str, Array], label: str, boundaries: Sequence[int] = (), floor: float = 1e-8
) -> Figure:
    """Draw errors of actions over time, a panel for each case, on one logarithmic scale.

    Args:
        errors: name -> (T,), not negative.
        label: of the vertical axis.
        boundaries: times before which something happens, marked by dashed lines.
        floor: where the axis ends; smaller errors, 0 too, are drawn there.
    """
    size = (9, 0.7 + 1.25 * len(errors))
    fig, axes = figure(len(errors), 1, size=size, sharex=True, sharey=True, squeeze=False)
    for ax, (name, error) in zip(axes[:, 0], errors.items(), strict=True):
        ax.semilogy(np.maximum(error, floor), color=ACTION, lw=1.2)
        for t in boundaries:
            ax.axvline(t - 0.5, color=BOUNDARY, ls="--", lw=1.2)
        ax.set(ylim=(floor / 3, 1), yticks=[floor, floor**0.5, 1], xlim=(0, len(error) - 1))
        ax.set_title(name, loc="left")
    fig.supylabel(label, fontsize=11)
    axes[-1, 0].set_xlabel("time (steps)")
    return fig


def draw_by_episode(returns: Mapping[str, Mapping[str, Array]]) -> Figure:
    """Draw mean returns by episode, a panel for each task, a line for each rule.

    Args:
        returns: task -> rule -> (episodes,). Rules that end equal share one label.
    """
    fig, axes = figure(1, len(returns), size=(9, 3.0))
    for ax, (task, by_rule) in zip(np.atleast_1d(axes), returns.items(), strict=True):
        labels: dict[float, list[str]] = {}
        for (rule, values), style in zip(by_rule.items(), ("-", "--", ":"), strict=False):
            episode = range(1, len(values) + 1)
            ax.plot(episode, values, "o" + style, color=REWARD, ms=5)
            labels.setdefault(float(values[-1]), []).append(rule)
        place = {"xytext": (8, 0), "textcoords": "offset points", "va": "center"}
        for last, rules in labels.items():
            ax.annotate("\n".join(rules), (episode[-1], last), color=REWARD, **place)
        ax.set(xlabel="episode", ylabel="mean return", xticks=episode)
        ax.set_title(task, loc="left")
    return fig


def _canvas(width: float, height: float) -> tuple[Figure, Axes]:
    """Return a figure and axes without a frame that fill it, in inches."""
    fig, ax = figure(size=(width, height))
    fig.set_layout_engine("none")
    ax.set_position((0, 0, 1, 1))
    ax.set(xlim=(0, width), ylim=(0, height))
    ax.set_axis_off()
    return fig, ax


def _before(line: list[Moment], t: int) -> bool:
    """Return whether observation t still belongs to the first episode."""
    return not any(moment.reset for moment in line[1 : t + 1])


def _flag(ax: Axes, middle: tuple[float, float], on: bool) -> None:
    corner = (middle[0] - 0.09, middle[1] - 0.09)
    ax.add_patch(Rectangle(corner, 0.18, 0.18, fc=INK if on else "none", ec=INK, lw=0.8))


def _hatch(ax: Axes, corner: tuple[float, float], size: tuple[float, float]) -> None:
    look: dict[str, Any] = {"fc": "none", "ec": to_rgba(BOUNDARY, 0.6), "hatch": "///", "lw": 0.0}
    ax.add_patch(Rectangle(corner, *size, **look))


def _onward(ax: Axes, left: float, cleared: bool) -> None:
    """Draw how the state reaches the next step: cut and cleared, or carried on."""
    middle = left + 1.68
    ax.plot([middle, middle], [0.62, 1.5], color=BOUNDARY, ls="--" if cleared else ":", lw=1.2)
    if cleared:
        ax.plot([left + 1.42, middle - 0.12], [0.95, 0.95], color=HIDDEN, lw=1.5)
        ax.text(middle - 0.06, 0.95, "✕", ha="center", va="center", color=HIDDEN, fontsize=11)
        chip(ax, (middle + 0.25, 0.95), "0", HIDDEN, strength=0.0, size=(0.28, 0.26))
        arrow(ax, (middle + 0.39, 0.95), (middle + 0.53, 0.95), HIDDEN)
    else:
        arrow(ax, (left + 1.42, 0.95), (middle + 0.53, 0.95), HIDDEN)
    box(ax, (middle + 0.86, 0.95), "t + 1", size=(0.62, 0.34))
