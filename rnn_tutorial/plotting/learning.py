"""Pictures of learning: curves of many seeds, and the score of each seed."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from rnn_tutorial.colours import ACTION, REWARD
from rnn_tutorial.plotting.figures import figure

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = 3  # panels side by side


def draw_oracle(ax: Axes, level: float, named: bool = False) -> Line2D:
    """Draw the oracle's return as a dashed green line, with its name beyond the end if wanted."""
    line = ax.axhline(level, color=ACTION, ls="--", lw=1.5)
    if named:
        place: Any = {"xycoords": ("axes fraction", "data"), "textcoords": "offset points"}
        ax.annotate("oracle", (1, level), (4, 0), va="center", fontsize=9, color=ACTION, **place)
    return line


def draw_learning_curves(
    table: "pd.DataFrame",
    oracle: float | None = None,
    column: str = "agent",
    thin: float = 0.6,
) -> Figure:
    """Draw returns over training: a panel for each agent, every seed thin and the median bold.

    Args:
        table: a row for each iteration of each run: agent, seed, steps and return.
        oracle: the return of a policy that sees the goal; None draws no line.
        column: the column whose values get a panel each, at most six.
        thin: the width of a seed's line.
    """
    names = list(dict.fromkeys(table[column]))
    rows = 1 + (len(names) > COLUMNS)
    columns = -(-len(names) // rows)
    size = (6.2, 0.7 + 2.1 * rows)
    fig, panels = figure(rows, columns, size=size, sharex=True, sharey=True, squeeze=False)
    axes, unused = np.split(panels.ravel(), [len(names)])
    for ax in unused:
        ax.remove()
    for ax in axes[-columns:]:
        ax.tick_params(labelbottom=True)
    for ax, name in zip(axes, names, strict=True):
        last = draw_runs(ax, table[table[column] == name], thin=thin)
        if oracle is not None:
            draw_oracle(ax, oracle)
            above: Any = {"textcoords": "offset points", "fontsize": 9, "color": ACTION}
            ax.annotate("oracle", (0, oracle), (2, 3), xycoords=("axes fraction", "data"), **above)
        ax.set_title(f"{name}\nlast median {last:.1f}", fontsize=11)
    if oracle is not None:  # room for its name above its line
        low, high = axes[0].get_ylim()
        axes[0].set_ylim(low, max(high, oracle + 0.16 * (high - low)))
    fig.supylabel("return, mean over a rollout", fontsize=11)
    fig.supxlabel("thousand steps of experience", fontsize=11)
    return fig


def draw_runs(ax: Axes, runs: "pd.DataFrame", style: str = "-", thin: float = 0.6) -> float:
    """Draw one bundle of curves, every seed thin and the median bold.

    Args:
        ax: where to draw.
        runs: a row for each iteration of each run: seed, steps and return.
        style: of the lines.
        thin: the width of a seed's line.

    Returns:
        The last value of the median.
    """
    returns = runs.pivot(index="steps", columns="seed", values="return")
    thousands, median = returns.index.to_numpy() / 1000, returns.median(axis=1).to_numpy()
    ax.plot(thousands, returns.to_numpy(), color=REWARD, ls=style, lw=thin, alpha=0.6)
    ax.plot(thousands, median, color=REWARD, ls=style, lw=2.5)
    return float(median[-1])


def draw_outcomes(
    ax: Axes,
    outcomes: Mapping[str, Sequence[float]],
    oracle: float | None = None,
    named: bool = False,
) -> None:
    """Draw a dot for each seed, and a bar at the median with its number above the panel.

    Args:
        ax: where to draw.
        outcomes: a label -> one number for each seed.
        oracle: a level to draw with them.
        named: whether to write the oracle's name at the end of its line.
    """
    for x, values in enumerate(outcomes.values()):
        ax.plot(np.full(len(values), x), values, "o", color=REWARD, ms=4, alpha=0.6, mew=0)
        median = float(np.median(values))
        ax.plot([x - 0.3, x + 0.3], [median] * 2, color=REWARD, lw=2.5)
        place = ax.get_xaxis_transform()
        ax.text(x, 1.02, f"{median:.1f}", transform=place, ha="center", fontsize=10)
    if oracle is not None:
        draw_oracle(ax, oracle, named)
    ax.set_xticks(range(len(outcomes)), list(outcomes))
    ax.set_xlim(-0.6, len(outcomes) - 0.4)


def draw_studies(
    table: "pd.DataFrame", studies: Mapping[str, str], oracle: float | None = None
) -> Figure:
    """Draw the scores under each choice of a setting, a panel for each setting, on one scale.

    Args:
        table: a row for each run: study, choice, seed and score.
        studies: the studies to show -> the label under each panel.
        oracle: the score of a policy that sees the goal.
    """
    counts = [table[table.study == study].choice.nunique() for study in studies]
    fig, panels = figure(
        1, len(studies), size=(6.2, 3.1), sharey=True, squeeze=False, width_ratios=counts
    )
    axes = panels[0]
    for ax, (study, words) in zip(axes, studies.items(), strict=True):
        rows = table[table.study == study]
        outcomes = {
            str(choice): rows[rows.choice == choice].score.tolist()
            for choice in dict.fromkeys(rows.choice)
        }
        draw_outcomes(ax, outcomes, oracle, named=ax is axes[-1])
        ax.set_xlabel(words)
    axes[0].set_ylabel("score of each seed")
    return fig
