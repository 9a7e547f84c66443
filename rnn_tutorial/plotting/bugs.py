"""Pictures of bugs: what the heads read in acting and in training, and what a bug costs."""

from collections.abc import Collection, Mapping
from textwrap import fill
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rnn_tutorial.colours import ACTION, BOUNDARY, INK, PADDING, REWARD
from rnn_tutorial.doctor.zoo import FILES
from rnn_tutorial.doctor.zoo.bug import Bug
from rnn_tutorial.doctor.zoo.two_paths import TwoPaths, two_paths
from rnn_tutorial.plotting.figures import figure
from rnn_tutorial.plotting.learning import draw_runs
from rnn_tutorial.plotting.memory import draw_hidden

if TYPE_CHECKING:
    import pandas as pd

ROWS = ("acting", "training", "training − acting")
STYLES = {"healthy": "--", "sick": "-"}
KINDS = {
    "carrying": "carrying the state",
    "resets": "clearing it",
    "axes": "axes and branches",
    "heads": "the heads",
    "collecting": "collecting",
    "replaying": "replaying",
    "bootstrapping": "the targets",
}  # the zoo's files, in words


def draw_bug(bug: Bug, seed: int = 0) -> Figure:
    """Draw what the heads read, healthy and sick, and the learning curves beside it.

    Args:
        bug: of the zoo.
        seed: of the rollouts; the curves are those of data/.
    """
    fig, axes = figure(3, 3, size=(10.4, 4.6), width_ratios=(1, 1, 1.15))
    for ax in axes[1:, 2]:
        ax.remove()
    paths = {"healthy": two_paths(bug.healthy, seed=seed), "sick": two_paths(bug, seed=seed)}
    draw_two_paths(axes[:, :2], paths, paths["sick"].telling_env())
    ax = axes[0, 2]
    ax.set_subplotspec(axes[0, 0].get_gridspec()[:, 2])
    draw_damage(ax, bug)
    return fig


def draw_two_paths(axes: np.ndarray, paths: dict[str, TwoPaths], env: int) -> None:
    """Draw a column for each rollout: acting, training and their difference below each other.

    All share one scale. A dashed line comes before a step that begins an episode; what training
    never sees is hatched.

    Args:
        axes: (3, columns).
        paths: a title -> the rollout.
        env: which one is drawn.
    """
    shown = {
        name: (p.acting[:, env], p.training[:, env], p.training[:, env] - p.acting[:, env])
        for name, p in paths.items()
    }
    everything = np.stack(list(shown.values()))
    limit = float(np.nanmax(np.abs(everything)))
    for column, (name, rows) in enumerate(shown.items()):
        for ax, what, hidden_th in zip(axes[:, column], ROWS, rows, strict=True):
            image = draw_hidden(ax, np.nan_to_num(hidden_th), paths[name].reset[:, env], limit)
            ax.set(xlabel="", ylabel="", yticks=[])
            for t in np.flatnonzero(np.isnan(hidden_th).any(1)):
                ax.axvspan(t - 0.5, t + 0.5, fc="none", ec=PADDING, hatch="////", lw=0)
            ax.set_title(f"{name}: {what}", fontsize=10)
            ax.tick_params(labelbottom=ax is axes[-1, column])
        axes[-1, column].set_xlabel(f"time (steps), env {env}")
    for ax in axes[:, 0]:
        ax.set_ylabel("unit")
    axes[0, 0].figure.colorbar(image, ax=list(axes[:, -1]), fraction=0.06, label="hidden state")


def draw_damage(ax: Axes, bug: Bug) -> None:
    """Draw learning curves with the bug (solid) and without (dashed); the median is bold."""
    table = bug.curves()
    ends: dict[str, float] = {}
    for name, style in STYLES.items():
        runs = table[(table["bug"] == "healthy") == (name == "healthy")]
        if len(runs):
            ends[name] = draw_runs(ax, runs, style)
    span = table["steps"].max() / 1000
    ax.set_xlim(0, 1.33 * span)
    ax.set_xticks([tick for tick in ax.get_xticks() if tick <= span])
    low, high = ax.get_ylim()
    places = dict(ends)
    if len(ends) == 2 and abs(ends["sick"] - ends["healthy"]) < 0.06 * (high - low):
        middle = sum(ends.values()) / 2
        up = "sick" if ends["sick"] > ends["healthy"] else "healthy"
        places = {n: middle + (0.03 if n == up else -0.03) * (high - low) for n in ends}
    for name, end in ends.items():
        ax.text(
            1.02 * span,
            places[name],
            f"{name} {end:.1f}".replace("-", "−"),
            va="center",
            fontsize=9,
        )
    seeds = table["seed"].nunique()
    ax.set_title(f"return while learning, {seeds} seeds", fontsize=10)
    ax.set(xlabel="thousand steps of experience", ylabel="return, mean over a rollout")
    if bug.error:
        ax.text(
            0.36,
            0.25,
            "sick: training ends with\n" + fill(bug.error[:150], 30),
            transform=ax.transAxes,
            fontsize=8.5,
            va="center",
        )


def draw_changes(changes: Mapping[str, np.ndarray], flag: int) -> Figure:
    """Draw how much a reset flag changes each step's output, a panel for each subject.

    Args:
        changes: title -> (T,), the largest change of the action's mean.
        flag: the step that the flag belongs to; a dashed line comes before it.
    """
    fig, axes = figure(1, len(changes), size=(9.0, 2.6), sharex=True, sharey=True)
    for ax, (title, change) in zip(axes, changes.items(), strict=True):
        ax.bar(range(len(change)), change, color=ACTION)
        ax.axvline(flag - 0.5, color=BOUNDARY, ls="--")
        ax.set(title=title, xlabel="time (steps)", xticks=range(0, len(change), 2))
    axes[0].set_ylabel("change of the action's mean")
    return fig


def draw_cost_kinds(costs: "pd.DataFrame", named: Collection[str] = ()) -> Figure:
    """Draw a dot for each bug at its cost, a row for each kind of bug.

    A dot is filled where ten seeds show the cost, open where they do not. Dots that would cover
    each other are stacked.

    Args:
        costs: as `doctor.zoo.costs.costs` gives them.
        named: bugs whose name is written above their dot.
    """
    fig, ax = figure(size=(9.0, 0.52 * len(FILES) + 0.7))
    table = costs.set_index("bug")
    labels = []
    for row, file in enumerate(FILES):
        bugs = table.loc[[bug.name for bug in file.BUGS if bug.name in table.index]]
        labels.append(f"{KINDS[file.__name__.rpartition('.')[2]]} ({len(bugs)})")
        taken: list[float] = []
        for bug, cost, shows in bugs[["cost", "shows"]].sort_values("cost").itertuples():
            level = next(n for n in range(9) if n >= len(taken) or cost - taken[n] > 0.35)
            taken[level : level + 1] = [cost]
            height = row + 0.2 - 0.13 * level
            ax.plot(cost, height, "o", color=REWARD, ms=6, mfc=REWARD if shows else "none")
            if bug in named:
                beside = cost > -1  # above it are others
                words = {"ha": "left" if beside else "center", "va": "center", "color": INK}
                place = {"xytext": (7, 0) if beside else (0, 9), "textcoords": "offset points"}
                ax.annotate(str(bug), (cost, height), fontsize=8, **words, **place)
    ax.axvline(0, color=INK, lw=1, zorder=0)
    for row in range(1, len(FILES)):
        ax.axhline(row - 0.5, color=INK, lw=0.5, alpha=0.4)
    ax.set_yticks(range(len(FILES)), labels)
    ax.tick_params(axis="y", length=0)
    ax.set(xlim=(1.1 * costs["cost"].min(), 4.5), ylim=(len(FILES) - 0.5, -0.5))
    ax.set_xlabel("final return, with the bug minus without")
    return fig


def draw_costs(costs: "pd.DataFrame", split: float = -2.5) -> Figure:
    """Draw each bug's cost and its interval, by name: the large ones left, the small ones right.

    Args:
        costs: as `doctor.zoo.costs.costs` gives them.
        split: costs below it are in the left panel. The right one has a scale of its own.
    """
    parts = costs[costs["cost"] < split], costs[costs["cost"] >= split]
    height = 0.21 * max(map(len, parts)) + 1.1
    fig, axes = figure(1, 2, size=(9.6, height))
    titles = f"more than {-split:g} lost", f"less than {-split:g} lost, on a finer scale"
    for ax, part, title in zip(axes, parts, titles, strict=True):
        rows = np.arange(len(part))
        for shows, face in ((True, REWARD), (False, "none")):
            some = (part["shows"] == shows).to_numpy()
            ax.plot(part["cost"][some], rows[some], "o", color=REWARD, ms=6, mfc=face)
        for row, (low, high) in enumerate(part[["low", "high"]].to_numpy()):
            ax.plot((low, high), (row, row), color=REWARD, lw=1.6, alpha=0.6)
        ax.axvline(0, color=INK, lw=1, zorder=0)
        ax.set_yticks(rows, part["bug"], fontsize=9)
        ax.set_ylim(max(map(len, parts)) - 0.4, -0.6)
        ax.grid(axis="x", color=INK, lw=0.5, alpha=0.4)
        ax.set_title(title, fontsize=10)
    fig.supxlabel("final return, with the bug minus without", fontsize=11)
    return fig
