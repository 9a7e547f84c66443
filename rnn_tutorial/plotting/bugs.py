"""Pictures of bugs: hidden states in acting and in training, and the return that a bug costs."""

from collections.abc import Collection, Mapping
from textwrap import fill
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rnn_tutorial.colours import ACTION, BOUNDARY, INK, PADDING, REWARD
from rnn_tutorial.doctor.zoo import BUGS, FILES
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


PUZZLE = ("zero_starts", "hidden_member", "padding_in_loss", "sum_across_ends", "carried_detached")


def six_agents(seed: int) -> dict[str, Bug]:
    """Return five bugs and their healthy twin under the letters A to F, in a random order."""
    agents = [*(BUGS[name] for name in PUZZLE), BUGS[PUZZLE[0]].healthy]
    order = np.random.default_rng(seed).permutation(len(agents))
    return {letter: agents[i] for i, letter in zip(order, "ABCDEF", strict=True)}


def curves_of(agents: Mapping[str, Bug]) -> "pd.DataFrame":
    """Return the agents' own learning curves in one table, with their letters in column "agent"."""
    import pandas as pd

    parts = []
    for letter, agent in agents.items():
        table, name = agent.curves(), agent.name if agent.changes else "healthy"
        parts.append(table[table["bug"] == name].assign(agent=letter))
    return pd.concat(parts)


def kinds() -> dict[str, str]:
    """Return each bug's kind in words, in the order of the zoo's files."""
    words = {file: KINDS[file.__name__.rpartition(".")[2]] for file in FILES}
    return {bug.name: words[file] for file in FILES for bug in file.BUGS}


def draw_bug(bug: Bug, seed: int = 0) -> Figure:
    """Draw the hidden states, healthy and sick, and the learning curves below them.

    Args:
        bug: of the zoo.
        seed: of the rollouts; the curves are those of data/.
    """
    fig, axes = figure(4, 2, size=(6.2, 7.4), height_ratios=(1, 1, 1, 2))
    paths = {"healthy": two_paths(bug.healthy, seed=seed), "sick": two_paths(bug, seed=seed)}
    draw_two_paths(axes[:3], paths, paths["sick"].telling_env())
    below, unused = axes[3]
    unused.remove()
    below.set_subplotspec(below.get_gridspec()[3, :])
    draw_damage(below, bug)
    return fig


def draw_two_paths(axes: np.ndarray, paths: dict[str, TwoPaths], env: int) -> None:
    """Draw a column for each rollout: acting, training, and their difference.

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
            ax.set_title(f"{name}: {what}", fontsize=11)
            ax.tick_params(labelbottom=ax is axes[-1, column])
        axes[-1, column].set_xlabel(f"time (steps), env {env}")
    for ax in axes[:, 0]:
        ax.set_ylabel("unit")
    axes[0, 0].figure.colorbar(image, ax=list(axes[:, -1]), fraction=0.07, label="hidden state")


def draw_damage(ax: Axes, bug: Bug) -> None:
    """Draw learning curves with the bug (solid) and without (dashed); the median is bold."""
    table = bug.curves()
    ends: dict[str, float] = {}
    for name, style in STYLES.items():
        runs = table[(table["bug"] == "healthy") == (name == "healthy")]
        if len(runs):
            ends[name] = draw_runs(ax, runs, style)
    span = table["steps"].max() / 1000
    ax.set_xlim(0, 1.3 * span)
    ax.set_xticks([tick for tick in ax.get_xticks() if tick <= span])
    low, high = ax.get_ylim()
    places = dict(ends)
    apart = 0.11 * (high - low)  # so that the two numbers don't cover each other
    if len(ends) == 2 and abs(ends["sick"] - ends["healthy"]) < apart:
        middle = sum(ends.values()) / 2
        up = "sick" if ends["sick"] > ends["healthy"] else "healthy"
        places = {n: middle + (0.5 if n == up else -0.5) * apart for n in ends}
    for name, end in ends.items():
        words = f"{name} {end:.1f}".replace("-", "−")
        ax.text(1.02 * span, places[name], words, va="center", fontsize=11)
    seeds = table["seed"].nunique()
    ax.set_title(f"return while learning, {seeds} seeds", fontsize=11)
    ax.set(xlabel="thousand steps of experience", ylabel="mean return")
    if bug.error:
        words = "sick: training ends with\n" + fill(bug.error[:150], 42)
        ax.text(0.24, 0.3, words, transform=ax.transAxes, fontsize=11, va="center")


def draw_changes(changes: Mapping[str, np.ndarray], flag: int) -> Figure:
    """Draw how much a reset flag changes each step's output, a panel for each subject.

    Args:
        changes: title -> (T,), the largest change of the action's mean.
        flag: the step that the flag belongs to; a dashed line comes before it.
    """
    fig, axes = figure(1, len(changes), size=(6.2, 2.4), sharex=True, sharey=True)
    for ax, (title, change) in zip(axes, changes.items(), strict=True):
        ax.bar(range(len(change)), change, color=ACTION)
        ax.axvline(flag - 0.5, color=BOUNDARY, ls="--")
        ax.set_title(title, fontsize=11)
        ax.set(xlabel="time (steps)", xticks=range(0, len(change), 3))
    axes[0].set_ylabel("change of the mean")
    return fig


def draw_cost_kinds(costs: "pd.DataFrame", named: Collection[str] = ()) -> Figure:
    """Draw a dot for each bug at the return that it costs, a row for each kind of bug.

    A dot is filled where ten seeds show the cost, open where they do not. Dots that would cover
    each other are stacked.

    Args:
        costs: as `doctor.zoo.costs.costs` gives them.
        named: bugs whose name is written below their dot, at the end of a line from it.
    """
    rows = list(dict.fromkeys(kinds().values()))
    fig, ax = figure(size=(6.2, 0.7 * len(rows) + 0.7))
    table = costs.assign(lost=-costs["cost"], kind=costs["bug"].map(kinds()))
    far = 0.7 * table["lost"].max()
    labels = []
    for row, kind in enumerate(rows):
        bugs = table[table["kind"] == kind].sort_values("lost")
        labels.append(f"{kind} ({len(bugs)})")
        levels, taken = [], list[float]()
        for lost in bugs["lost"]:
            level = next(n for n in range(9) if n >= len(taken) or lost - taken[n] > 0.55)
            taken[level : level + 1] = [lost]
            levels.append(level)
        middle = row - (0.12 if any(bugs["bug"].isin(named)) else 0.0)  # room for a name below
        heights = middle + 0.06 * max(levels) - 0.12 * np.array(levels)
        for bug, height in zip(bugs.itertuples(), heights, strict=True):
            face = REWARD if bug.shows else "none"
            ax.plot(bug.lost, height, "o", color=REWARD, ms=6, mfc=face)
            if bug.bug in named:
                side, way = ("right", -1) if bug.lost > far else ("left", 1)
                ax.annotate(
                    str(bug.bug),
                    (bug.lost, height),
                    (bug.lost + 0.9 * way, row + 0.3),
                    arrowprops={"arrowstyle": "-", "color": INK, "lw": 0.8, "shrinkB": 4},
                    ha=side,
                    va="center",
                    color=INK,
                    fontsize=10,
                )
    ax.axvline(0, color=INK, lw=1, zorder=0)
    for row in range(1, len(rows)):
        ax.axhline(row - 0.5, color=INK, lw=0.5, alpha=0.4)
    ax.set_yticks(range(len(rows)), labels)
    ax.tick_params(axis="y", length=0)
    ax.set(xlim=(-1.2, 1.05 * table["lost"].max()), ylim=(len(rows) - 0.5, -0.5))
    ax.set_xlabel("return lost to the bug")
    return fig


def draw_costs(costs: "pd.DataFrame", split: float = 2.5) -> Figure:
    """Draw what each bug costs and its interval, by name: the large costs above the small ones.

    Args:
        costs: as `doctor.zoo.costs.costs` gives them.
        split: the lower panel has the bugs that cost less than this, on a scale of its own.
    """
    parts = costs[-costs["cost"] > split], costs[-costs["cost"] <= split]
    counts = [len(part) + 2 for part in parts]
    fig, axes = figure(2, 1, size=(6.2, 0.24 * sum(counts) + 0.8), height_ratios=counts)
    titles = f"more than {split:g} lost", f"less than {split:g} lost, on a finer scale"
    for ax, part, title in zip(axes, parts, titles, strict=True):
        rows = np.arange(len(part))
        for shows, face in ((True, REWARD), (False, "none")):
            some = (part["shows"] == shows).to_numpy()
            ax.plot(-part["cost"][some], rows[some], "o", color=REWARD, ms=6, mfc=face)
        for row, interval in enumerate(-part[["low", "high"]].to_numpy()):
            ax.plot(interval, (row, row), color=REWARD, lw=1.6, alpha=0.6)
        ax.axvline(0, color=INK, lw=1, zorder=0)
        ax.set_yticks(rows, part["bug"], fontsize=10.5)
        ax.set_ylim(len(part) - 0.4, -0.6)
        ax.grid(axis="x", color=INK, lw=0.5, alpha=0.4)
        ax.set_title(title, fontsize=11)
    fig.supxlabel("return lost to the bug", fontsize=11)
    return fig
