"""Figures of the point envs: what is hidden, what is seen, what each policy earns."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from rnn_tutorial.colours import BOUNDARY, HIDDEN, INK, OBSERVATION, REWARD
from rnn_tutorial.plotting.figures import figure
from rnn_tutorial.plotting.plane import (
    draw_goal,
    draw_path,
    draw_paths,
    draw_reward_map,
    set_plane,
)
from rnn_tutorial.plotting.streams import OBSERVATION_NAMES, draw_stream

Array = NDArray[Any]
STYLES = ("-", "--", ":")


def draw_rewards_on_one_path(
    path: Array, goals: Mapping[str, Array], rewards: Mapping[str, Array]
) -> Figure:
    """Draw one path (T + 1, 2), several goals (2,) by name, and the rewards (T,) under each."""
    fig, axes = figure(1, 2, size=(9, 3.4), width_ratios=(1, 1.4))
    draw_paths(axes[0], [path])
    for (name, goal), style in zip(goals.items(), STYLES, strict=False):
        draw_goal(axes[0], goal)
        axes[0].lines[-1].set_zorder(6)  # the star above the dot at the end of the path
        axes[0].text(goal[0] + 0.14, goal[1], name, va="center")
        steps = len(rewards[name])
        axes[1].plot(range(1, steps + 1), rewards[name], color=REWARD, ls=style)
        axes[1].text(1.02 * steps, rewards[name][-1], name, va="center")
    axes[0].set_title("one path, two possible goals", loc="left")
    axes[1].set_title("two rewards", loc="left")
    axes[1].set(xlabel="time (steps)", ylabel="reward", xlim=(0, 1.07 * steps))
    return fig


def draw_over_time(
    lines: Mapping[str, Array],
    label: str,
    boundaries: Mapping[int, str],
    notes: Mapping[str, tuple[float | int, float | int]],
) -> Figure:
    """Draw values or rewards (T,) by name, and where episodes begin.

    Args:
        lines: name -> (T,).
        label: of the vertical axis.
        boundaries: the time whose observation begins an episode -> words above its dashed line.
        notes: name -> (time, value), the place of its text.
    """
    fig, ax = figure(size=(9, 2.9))
    for (name, values), style in zip(lines.items(), STYLES, strict=False):
        ax.plot(values, color=REWARD, ls=style)
        ax.text(*notes[name], name, color=REWARD, va="bottom")
        ax.set_xlim(0, len(values))
    low, high = ax.get_ylim()
    ax.set_ylim(low, max(high, *(y + 0.12 * (high - low) for _, y in notes.values())))
    for t, words in boundaries.items():
        ax.axvline(t - 0.5, color=BOUNDARY, ls="--", lw=1.2)
        side = "right" if t == len(values) else "center"  # inside the picture
        ax.annotate(
            words, (t - 0.5, 1), (0, 2), ("data", "axes fraction"), "offset points", ha=side
        )
    ax.set(xlabel="time (steps)", ylabel=label)
    return fig


def draw_buffers(buffers: Mapping[str, Array]) -> Figure:
    """Draw positions (T, 2) as buffers of different types hold them, side by side."""
    fig, axes = figure(1, len(buffers), size=(9, 3.2), sharey=True)
    for ax, (name, buffer) in zip(axes, buffers.items(), strict=True):
        draw_path(ax, buffer)
        ax.plot(*buffer.T, ls="none", marker=".", color=OBSERVATION, ms=5)
        ax.set(xlim=(-2.2, 0.4), ylim=(-0.2, 2.2), aspect="equal", xlabel="x", ylabel="y")
        ax.set_title(f"{name}: {buffer.dtype}", loc="left")
    return fig


def draw_best_places(maps: Mapping[str, Array], places: Mapping[str, Array]) -> Figure:
    """Draw maps (rows, cols) of the mean reward over goals, with the best places (K, 2) in blue.

    One place is a cross, several equally good places are a line.
    """
    fig, axes = figure(1, len(maps), size=(9, 3.6))
    for ax, (name, values) in zip(axes, maps.items(), strict=True):
        draw_reward_map(ax, values, label="mean reward over goals")
        x, y = np.asarray(places[name]).T
        if len(x) == 1:
            ax.plot(x, y, marker="X", ms=11, color=OBSERVATION)
        else:
            ax.plot(x, y, color=OBSERVATION, lw=2)
        title = f"best place ({x[0]:.1f}, {y[0]:.1f})" if len(x) == 1 else "many best places"
        ax.set_title(f"{name}: {title}", loc="left")
    return fig


def draw_returns(returns: Mapping[str, Mapping[str, float]], bounds: Mapping[str, float]) -> Figure:
    """Draw returns by env and policy as dots on an axis, with a bound on all but the first."""
    fig, axes = figure(1, len(returns), size=(9, 2.5))
    for ax, (name, by_policy) in zip(axes, returns.items(), strict=True):
        rows = range(len(by_policy))
        ax.hlines(rows, 0, 1, transform=ax.get_yaxis_transform(), color=INK, alpha=0.3, lw=0.8)
        ax.plot(list(by_policy.values()), rows, "o", ms=9, color=REWARD)
        ends = (-0.4, len(by_policy) - 0.5)  # the line ends below its name
        ax.plot([bounds[name]] * 2, ends, color=INK, lw=1.4, ls=":")
        low, high = min(by_policy.values()), max(by_policy.values())
        side = "center" if bounds[name] > low + 0.25 * (high - low) else "left"
        ax.text(bounds[name], -0.55, "bound for blind policies", ha=side, fontsize=10)
        ax.set(xlabel="mean return", ylim=(len(by_policy) - 0.5, -1.2))
        ax.set_yticks(rows, [f"{who}  {value:.1f}" for who, value in by_policy.items()])
        ax.margins(x=0.12)
        ax.set_title(name, loc="left")
    return fig


def draw_cue(observations: Array, goal: Array) -> Figure:
    """Draw observations (T, 5) of `CuedPoint` with the cue framed, and the goal (2,) to be held."""
    fig, axes = figure(2, 1, size=(9, 3.5), sharex=True, height_ratios=(5, 2))
    draw_stream(axes[0], observations, OBSERVATION_NAMES["rnn_tutorial/CuedPoint-v0"])
    last = np.flatnonzero(observations[:, 4])[-1] + 0.5
    frame = [-0.5, last, last, -0.5, -0.5], [1.5, 1.5, 4.5, 4.5, 1.5]
    axes[0].plot(*frame, color=OBSERVATION, lw=3, clip_on=False)
    axes[0].text(last + 0.5, 3.4, "the cue: seen here only", color=OBSERVATION, va="center")
    held = np.tile(goal, (len(observations), 1))
    draw_stream(axes[1], held, ("goal x", "goal y"), colour=HIDDEN)
    axes[0].set(xlabel="")
    axes[0].set_title("what is observed (each row from −1 to 1)", loc="left")
    axes[1].set_title("what has to be held", loc="left")
    return fig


def draw_trial(observations: Array, goal: Array, radius: float) -> Figure:
    """Draw observations (T, 6) of a trial, and the path of each of its two episodes."""
    fig, axes = figure(1, 2, size=(9, 3.2), width_ratios=(1.9, 1))
    second = int(np.flatnonzero(observations[:, 5])[1])
    names = OBSERVATION_NAMES["rnn_tutorial/PointTrial-v0"]
    draw_stream(axes[0], observations, names, boundaries=[second])
    draw_goal(axes[1], goal, radius)
    for k, path in enumerate((observations[:second, :2], observations[second:, :2])):
        axes[1].plot(*path.T, color=OBSERVATION, ls=STYLES[k])
        axes[1].plot(*path[-1], marker="o", ms=7, color=OBSERVATION)
        axes[1].plot([-1.2, -0.9], [-0.7 - 0.3 * k] * 2, color=OBSERVATION, ls=STYLES[k])
        axes[1].text(-0.8, -0.7 - 0.3 * k, f"episode {k}", color=OBSERVATION, va="center")
    axes[1].plot(-1.05, -0.4, marker="o", ms=7, color=OBSERVATION)
    axes[1].text(-0.8, -0.4, "last place of each", color=OBSERVATION, va="center")
    set_plane(axes[1], 1.35)
    axes[0].set_title("what is observed in one trial (each row from −1 to 1)", loc="left")
    axes[1].set_title("both paths", loc="left")
    return fig
