"""How well each cell learns CuedPoint, with the same small grid of settings for every cell."""

from collections.abc import Mapping
from itertools import product
from pathlib import Path
from typing import Any

from recipes import STORE, Recipe
from rnn_tutorial.policy import RNNPolicy
from rnn_tutorial.rollout import record
from rnn_tutorial.runs import Run, train_runs
from rnn_tutorial.settings import Settings

SEEDS = range(5)
CELLS = ("gru", "lstm", "mingru", "attention")
LAYERS = (1, 2)
RATES = (2e-3, 5e-3, 1e-2)
LEARNED = -6.0  # an oracle that sees the goal earns about -3.8


def make_run(cell: str, layers: int, rate: float) -> Run:
    """A run of 100 iterations with 64 envs, the encoder left out."""
    return Run(
        "rnn_tutorial/CuedPoint-v0",
        settings=Settings(iterations=100, learning_rate=rate),
        policy={"cell": cell, "num_layers": layers, "encoder": "none"},
    )


def outcome(run: Run, policy: RNNPolicy, seed: int) -> Mapping[str, Any]:
    """The mean return of 512 new episodes, acting with the mean of the distribution."""
    env = run.make_env(512)
    reward = record(policy, env, 30, seed=10_000 + seed, deterministic=True).reward
    return {"score": round(float(reward.sum(0).mean()), 3)}


def make(folder: Path) -> None:
    """One row for each training: its score, and the steps until it had learned."""
    import pandas as pd

    runs = [make_run(*choice) for choice in product(CELLS, LAYERS, RATES)]
    table = train_runs(runs, SEEDS, outcome=outcome, store=folder / STORE / "cells")
    if table.attrs["failed"]:
        raise RuntimeError(f"failed: {table.attrs['failed']}")
    names = {"policy_cell": "cell", "policy_num_layers": "layers"}
    key = ["cell", "layers", "learning_rate", "seed"]
    rows = []
    for which, training in table.rename(columns=names).groupby(key, sort=False):
        learned = training[training["return"] >= LEARNED]["steps"]
        row = dict(zip(key, which, strict=True))
        row["score"] = training["score"].iloc[0]
        row["learned"] = int(learned.iloc[0]) if len(learned) else None
        rows.append(row)
    pd.DataFrame(rows).astype({"learned": "Int64"}).to_csv(folder / "cells.csv", index=False)


RECIPES = [
    Recipe(
        "cells",
        ["cells.csv"],
        list(SEEDS),
        f"scores of four cells on CuedPoint, one grid for all; steps to a return of {LEARNED:g}",
        make,
    )
]
