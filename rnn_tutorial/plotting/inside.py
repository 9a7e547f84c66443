"""Figures on what a memory knows: swaps, probes over time, trajectories of the state, delays."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, Normalize, to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from rnn_tutorial.colours import (
    BOUNDARY,
    GRADIENT,
    HIDDEN,
    INK,
    NEGATIVE,
    OBSERVATION,
    REWARD,
)
from rnn_tutorial.envs.rendering import draw_goal, draw_path, set_plane
from rnn_tutorial.plotting.figures import figure
from rnn_tutorial.plotting.themes import OBSERVATION_MAP

Array = np.ndarray
STYLES = ("-", "--", ":")


def mean_and_interval(
    values: Array, level: float = 0.95, resamples: int = 2000, seed: int = 0
) -> tuple[Array, Array, Array]:
    """Return means over the last axis with percentile bootstrap intervals: mean, low, high."""
    count = values.shape[-1]
    drawn = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), resamples)
    means = values @ drawn.T / count  # (..., resamples)
    low, high = np.quantile(means, ((1 - level) / 2, (1 + level) / 2), axis=-1)
    return values.mean(-1), low, high


def draw_swaps(
    times: Sequence[int], own: Array, partner: Array, limit: Mapping[str, Array]
) -> Figure:
    """Draw the distance at the end from the own and the partner's goal over the time of the swap.

    Args:
        times: K times.
        own, partner: (K, 2 * pairs), a number for each agent; neighbours are partners. Drawn as the
            mean, with its 95% interval over the pairs.
        limit: name -> (K,), lines to compare with.
    """
    fig, ax = figure(size=(6.2, 3.6))
    words: Any = {"textcoords": "offset points", "fontsize": 10.5, "ha": "center"}
    for values, colour, name in (
        (own, OBSERVATION, "from their own goal"),
        (partner, HIDDEN, "from the partner's goal"),
    ):
        of_pairs = values.reshape(len(values), -1, 2).mean(2)  # two partners are not independent
        mean, low, high = mean_and_interval(of_pairs)
        ax.fill_between(times, low, high, color=colour, alpha=0.3, lw=0)
        ax.plot(times, mean, color=colour)
        at = len(times) // 3  # where the lines are far apart
        ax.annotate(name, (times[at], high[at]), xytext=(0, 7), va="bottom", color=colour, **words)
    for name, values in limit.items():
        ax.plot(times, values, color=BOUNDARY, ls="--")
        at, room = 2 * len(times) // 3, {"xytext": (10, -8), "va": "top"}
        ax.annotate(name, (times[at], values[at]), color=BOUNDARY, **words | room | {"ha": "left"})
    ax.set(xlabel="swapped before step k", ylabel="mean distance at the end", ylim=(0, None))
    ax.set_xlim(times[0], times[-1])
    ax.set_xticks(range(0, times[-1] + 1, 5))
    return fig


def draw_fates(paths: Mapping[str, Sequence[Array]], goals: Array, rows: int = 2) -> Figure:
    """Draw paths (T + 1, 2) of some episodes, a panel for each treatment of the state.

    All panels have the same limits, and every path stays within them.

    Args:
        paths: title -> a path for each episode.
        goals: (episodes, 2).
        rows: of panels.
    """
    columns = -(-len(paths) // rows)
    everything = np.concatenate([goals, *(path for several in paths.values() for path in several)])
    low, high = everything.min(0) - 0.2, everything.max(0) + 0.2
    width = 2.45
    height = 0.9 * width * (high - low)[1] / (high - low)[0] + 0.35
    size = (width * columns, height * rows)
    fig, grid = figure(rows, columns, size=size, sharex=True, sharey=True, squeeze=False)
    for ax, (title, several) in zip(grid.flat, paths.items(), strict=False):
        set_plane(ax)
        ax.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]))
        for goal, path in zip(goals, several, strict=True):
            ax.plot(*goal, "*", color=REWARD, ms=7, mew=0, zorder=4)
            ax.plot(*path.T, color=OBSERVATION, lw=1.2)
            ax.plot(*path[-1], "o", color=OBSERVATION, ms=5, zorder=6)
        ax.set_title(title, fontsize=10)
        ax.label_outer()
    return fig


def draw_scores(
    ax: Axes, lines: Mapping[str, tuple[Array, str, str]], label: str, room: float = 0.3
) -> None:
    """Draw scores over time, with names on the right; a thin grey line leads to a moved name.

    The axis of time ends with the last score, so that nothing beyond it looks like one.

    Args:
        ax: where to draw.
        lines: name -> (T,), colour, line style.
        label: of the vertical axis.
        room: for the names, as a share of the time.
    """
    names = []
    for name, (values, colour, style) in lines.items():
        ax.plot(values, color=colour, ls=style)
        names.append((float(values[-1]), name, colour))
    names.sort()
    (low, high), steps = ax.get_ylim(), len(next(iter(lines.values()))[0])
    gap = 0.1 * (high - low)
    places: list[float] = []
    for value, *_ in reversed(names):  # from above, so that no name covers another
        places.append(min(value, places[-1] - gap if places else high - gap / 2))
    floor = low + gap / 2
    for i in reversed(range(len(places))):  # and from below, so that none leaves the axes
        places[i] = max(places[i], floor)
        floor = places[i] + gap
    end, width = steps - 1, room * steps
    for (value, name, colour), place in zip(names, reversed(places), strict=True):
        if abs(place - value) > gap / 2:
            way = (end + 0.05 * width, end + 0.2 * width), (value, place)
            ax.plot(*way, color=BOUNDARY, lw=0.8)
        ax.text(end + 0.24 * width, place, name, color=colour, fontsize=10.5, va="center")
    ax.set(ylabel=label, xlim=(0, (1 + room) * steps), ylim=(low, high))
    ax.set_xlabel("time (steps)", x=end / ((1 + room) * steps) / 2)
    ax.set_xticks(range(0, steps, 5 if steps <= 40 else 10))
    ax.spines["bottom"].set_bounds(0, end)


def draw_two_units(units: Array, fact: Array, arrows: Mapping[str, tuple[Array, str]]) -> Figure:
    """Draw the states of two units, coloured by a fact, and directions from their mean.

    Args:
        units: (N, 2).
        fact: (N,), from violet to orange.
        arrows: name -> a direction (2,), drawn beyond the states, and its line style.
    """
    fig, ax = figure(size=(6.2, 3.1))
    shades = LinearSegmentedColormap.from_list("shades", [NEGATIVE, HIDDEN])
    spots = ax.scatter(*units.T, c=fact, cmap=shades, s=8, lw=0)
    middle, reach = units.mean(0), np.abs(units).max(0)
    for name, (direction, style) in arrows.items():
        tip = middle + 1.35 * direction / np.abs(direction / reach).max()
        ax.plot(*zip(middle, tip, strict=True), color=INK, lw=2.2, ls=style)
        head: Any = {"arrowstyle": "-|>,head_width=0.35,head_length=0.7", "color": INK, "lw": 0}
        ax.annotate("", tip + 1e-3 * (tip - middle), middle, arrowprops=head | {"shrinkB": 0})
        words: Any = {"textcoords": "offset points", "fontsize": 10.5, "ha": "center"}
        ax.annotate(name, tip, (0, 5), color=INK, **words)
    (left, low), (right, high) = -1.1 * reach, (1.2, 1.85) * reach
    ax.set(xlabel="unit 1", ylabel="unit 2", xlim=(left, right), ylim=(low, high))
    ax.set_aspect("equal")
    fig.colorbar(spots, ax=ax, label="fact", shrink=0.7)
    return fig


def draw_trajectories(paths: Mapping[str, Array], colours: Array, label: str) -> Figure:
    """Draw trajectories of the state in a plane of state space, coloured by a number.

    The first step is a ring, the last a dot.

    Args:
        paths: title -> (T, N, 2); each panel has a plane and limits of its own.
        colours: (N,), from violet to orange.
        label: of the colour bar.
    """
    fig, panels = figure(1, len(paths), size=(9.6, 3.1), squeeze=False)
    scale = Normalize(colours.min(), colours.max())
    shades = LinearSegmentedColormap.from_list("shades", [NEGATIVE, HIDDEN])
    for ax, (title, path_tnk) in zip(panels[0], paths.items(), strict=True):
        for path, value in zip(path_tnk.transpose(1, 0, 2), colours, strict=True):
            draw_path(ax, path, to_hex(shades(scale(value))))
        ax.set(title=title, xlabel="first component")
    panels[0, 0].set_ylabel("second component")
    fig.colorbar(ScalarMappable(scale, shades), ax=panels, label=label, shrink=0.85)
    return fig


def draw_visits(maps: Mapping[str, Array], goal: Array | None = None, reach: float = 1.5) -> Figure:
    """Draw how often places are visited, a panel for each set of positions (steps, 2)."""
    fig, axes = figure(1, len(maps), size=(3.1 * len(maps), 3.3), sharex=True, sharey=True)
    for ax, (title, places) in zip(axes, maps.items(), strict=True):
        edges = np.linspace(-reach, reach, 41)
        count, _, _ = np.histogram2d(places[:, 1], places[:, 0], bins=(edges, edges))
        level = np.log10(1 + 1000 * count / len(places))
        extent = (-reach, reach, -reach, reach)
        ax.imshow(level, origin="lower", extent=extent, cmap=OBSERVATION_MAP, vmin=0, vmax=2)
        set_plane(ax, reach)
        circle = np.linspace(0, 2 * np.pi, 100)
        ax.plot(np.cos(circle), np.sin(circle), color=REWARD, lw=1.5, ls=":")
        if goal is not None:
            draw_goal(ax, goal)
        ax.set_title(title)
        ax.label_outer()
    return fig


def draw_delays(
    table: Any, column: str, label: str, log: bool = False, blind: float | None = None
) -> Figure:
    """Draw a measure against the delay: a panel for each cell, a line style for each BPTT length.

    Args:
        table: pandas, with columns cell, bptt, seed, delay and the measure.
        column: the measure. Every seed is a thin line, the median a bold one.
        label: of the vertical axis.
        log: whether that axis is logarithmic.
        blind: what can be had without any memory, drawn as a dashed line.
    """
    cells = {"rnn": "vanilla RNN", "gru": "GRU", "lstm": "LSTM"}
    fig, axes = figure(1, 3, size=(9.4, 3.2), sharex=True, sharey=True)
    lengths = [name for name in ("whole", "50", "10") if name in set(table["bptt"].map(str))]
    for ax, (cell, title) in zip(axes, cells.items(), strict=True):
        for length, style in zip(lengths, STYLES, strict=False):
            chosen = table[(table["cell"] == cell) & (table["bptt"].map(str) == length)]
            wide = chosen.pivot(index="delay", columns="seed", values=column)
            places = range(len(wide))
            colour = GRADIENT if log else HIDDEN
            # Not smoothed: a third of the file's size.
            thin: Any = {"lw": 0.5, "alpha": 0.3, "antialiased": False}
            ax.plot(places, wide.to_numpy(), style, color=colour, **thin)
            ax.plot(places, wide.median(axis=1), style, color=colour, lw=2.4, zorder=3)
        ax.set(title=title, xlabel="delay (steps)")
        ax.set_xticks(places, wide.index)
        if blind is not None:
            ax.axhline(blind, color=BOUNDARY, ls="--", lw=1)
    if blind is not None:
        axes[2].text(0, blind - 0.02, "blind", color=BOUNDARY, fontsize=9, va="top")
    axes[0].set_ylabel(label)
    if log:
        axes[0].set_yscale("log")
    else:
        axes[0].set_ylim(0, 1.02)
    handles = [
        Line2D([], [], color=colour, ls=style, lw=2.4, label=f"L = {length}")
        for length, style in zip(lengths, STYLES, strict=False)
    ]
    axes[0].legend(handles=handles, frameon=False, fontsize=9, loc="best")
    return fig
