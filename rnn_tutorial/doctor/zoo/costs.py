"""What each bug costs in learning, as measured: the last returns of ten seeds beside the healthy.

A seed gives the healthy and the sick training the same first weights and the same goals, so the
two are compared seed by seed.
"""

from typing import TYPE_CHECKING

import numpy as np

from rnn_tutorial.data import read_table
from rnn_tutorial.doctor.zoo.bug import CURVES
from rnn_tutorial.runs import bootstrap_interval

if TYPE_CHECKING:
    import pandas as pd

LAST = 3  # stored returns, over which the end of a curve is averaged


def final_returns() -> "pd.DataFrame":
    """The mean of each training's last returns.

    Returns:
        Columns bug ("healthy" among them), course, seed, final.
    """
    table = read_table(CURVES)
    returns = table.columns[3:]
    return table[["bug", "course", "seed"]].assign(final=table[returns[-LAST:]].mean(axis=1))


def costs() -> "pd.DataFrame":
    """One row a bug that trains: its final return, the healthy one, and the difference.

    Returns:
        Columns bug, course, seeds, healthy and sick (medians over seeds), cost (the median over
        seeds of sick minus healthy), low and high (its 95 % bootstrap interval), and shows, true
        where the interval leaves out 0. Of many bugs that cost nothing one in twenty would show.
    """
    import pandas as pd  # takes as long to import as the whole core

    final = final_returns()
    healthy = final[final["bug"] == "healthy"].set_index(["course", "seed"])["final"]
    rows = []
    for (bug, course), runs in final[final["bug"] != "healthy"].groupby(["bug", "course"]):
        sick = runs.set_index("seed")["final"].sort_index()
        well = healthy[course].reindex(sick.index)
        difference = (sick - well).tolist()
        low, high = bootstrap_interval(difference)
        rows.append(
            {
                "bug": bug,
                "course": course,
                "seeds": len(sick),
                "healthy": float(well.median()),
                "sick": float(sick.median()),
                "cost": float(np.median(difference)),
                "low": low,
                "high": high,
                "shows": not low <= 0.0 <= high,
            }
        )
    return pd.DataFrame(rows).sort_values("cost", ignore_index=True)
