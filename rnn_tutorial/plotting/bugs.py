"""Pictures of bugs: what the heads read in acting and in training, and what a bug costs."""

from textwrap import fill
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rnn_tutorial.colours import PADDING, REWARD
from rnn_tutorial.doctor.zoo.bug import Bug
from rnn_tutorial.doctor.zoo.two_paths import TwoPaths, two_paths
from rnn_tutorial.plotting.figures import figure
from rnn_tutorial.plotting.learning import draw_runs
from rnn_tutorial.plotting.memory import draw_hidden

if TYPE_CHECKING:
    import pandas as pd

ROWS = ("acting", "training", "training − acting")
STYLES = {"healthy": "--", "sick": "-"}


def draw_bug(bug: Bug, seed: int = 0) -> Figure:
    """What the heads read, healthy and sick, and the learning curves beside it.

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
    """A column for each rollout; acting, training and their difference below each other.

    All share one scale. A dashed line stands before a step that begins an episode; what training
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
                ax.axvspan(t - 0.5, t + 0.5, fc="white", ec=PADDING, hatch="////", lw=0)
            ax.set_title(f"{name}: {what}", fontsize=10)
            ax.tick_params(labelbottom=ax is axes[-1, column])
        axes[-1, column].set_xlabel(f"time (steps), env {env}")
    axes[0, 0].figure.colorbar(image, ax=list(axes[:, -1]), fraction=0.06, label="hidden state")


def draw_damage(ax: Axes, bug: Bug) -> None:
    """Learning curves with the bug (solid) and without (dashed): seeds thin, the median bold."""
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


def draw_costs(costs: "pd.DataFrame") -> Figure:
    """What each bug costs: sick minus healthy, median over seeds and its interval.

    Args:
        costs: as `doctor.zoo.costs.costs` gives them.
    """
    fig, ax = figure(size=(9.0, 0.21 * len(costs) + 0.9))
    rows = np.arange(len(costs))
    for shows, look in ((True, {"mfc": REWARD}), (False, {"mfc": "white"})):
        some = (costs["shows"] == shows).to_numpy()
        ax.plot(costs["cost"][some], rows[some], "o", color=REWARD, ms=6, **look)
    ax.hlines(rows, costs["low"], costs["high"], color=REWARD, lw=1.6, zorder=0)
    ax.axvline(0, color="black", lw=1)
    ax.set_yticks(rows, costs["bug"], fontsize=9)
    ax.set_ylim(len(costs) - 0.4, -0.6)
    ax.grid(axis="x", color="#E5E5E5", lw=0.8)
    ax.set_axisbelow(True)
    ax.set_xlabel("final return, sick minus healthy (filled: the interval leaves out 0)")
    return fig
