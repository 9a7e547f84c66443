"""Several seeds of several runs, in parallel processes, as one tidy table.

One run of reinforcement learning proves little: ten seeds, a median and an interval say more
(Agarwal et al. 2021, https://arxiv.org/abs/2108.13264).
"""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gymnasium as gym
import numpy as np
import torch
from gymnasium.vector import VectorEnv

from rnn_tutorial.acting import check_seed
from rnn_tutorial.parallel import run_all
from rnn_tutorial.policy import RNNPolicy
from rnn_tutorial.ppo import HISTORY, train
from rnn_tutorial.settings import Settings

if TYPE_CHECKING:
    import pandas as pd

SIMPLE = (bool, int, float, str, type(None))
Outcome = Callable[["Run", RNNPolicy, int], Mapping[str, Any]]


@dataclass(frozen=True)
class Run:
    """Everything that defines a training run, except the seed.

    Attributes:
        env_id: a gymnasium id.
        num_envs: N.
        env: settings of the env.
        settings: of recurrent PPO.
        policy: settings of the `RNNPolicy`.
        labels: extra columns of the table, e.g. {"agent": "GRU"}.
    """

    env_id: str
    num_envs: int = 64
    env: Mapping[str, Any] = field(default_factory=dict)
    settings: Settings = field(default_factory=Settings)
    policy: Mapping[str, Any] = field(default_factory=dict)
    labels: Mapping[str, Any] = field(default_factory=dict)

    def make_env(self, num_envs: int | None = None) -> VectorEnv:
        """The vector env of this run, or one of another size."""
        return gym.make_vec(self.env_id, num_envs=num_envs or self.num_envs, **self.env)

    def columns(self, seed: int) -> dict[str, Any]:
        """The columns that identify a run in a table: the labels and every setting."""
        policy = {f"policy_{name}": value for name, value in self.policy.items()}
        env = {f"env_{name}": value for name, value in self.env.items()}
        run = {"env_id": self.env_id, "num_envs": self.num_envs, "seed": seed}
        given = {**run, **env, **policy, **asdict(self.settings)}
        _refuse_names("labels", self.labels, [*given, "iteration", *HISTORY])
        return {**self.labels, **{name: _plain(value) for name, value in given.items()}}


def train_runs(
    runs: Sequence[Run],
    seeds: Sequence[int],
    jobs: int = -1,
    outcome: Outcome | None = None,
    store: str | Path | None = None,
) -> "pd.DataFrame":
    """Train every run with every seed.

    A training that fails costs its own rows only: a warning says which, and `table.attrs["failed"]`
    lists them as (labels, seed, error). On more machines than one:
    `with joblib.parallel_config("dask"): train_runs(...)`.

    Args:
        runs: the runs.
        seeds: one training of each run for each seed.
        jobs: processes at once, each with one thread; -1 means one for each core.
        outcome: measures the trained policy; its numbers and texts become columns of their own,
            repeated in each row of the training. It must be picklable, so not a lambda.
        store: a folder that keeps every finished training; started again, only those that are
            missing are trained.

    Returns:
        One row for each iteration of each training: the run's labels and settings, the seed, and
        what the history of `ppo.train` holds.

    Raises:
        ValueError: without runs or without seeds, for a label with the name of another column, or
            with a store for an argument that `fingerprint` cannot tell apart.
        RuntimeError: if every training fails.
        KeyboardInterrupt, InterruptedError: if a training is interrupted; an interrupted training
            is never taken for a finished one.

    Example:
        >>> short = Settings(iterations=2, epochs=1)
        >>> run = Run("rnn_tutorial/CuedPoint-v0", 2, settings=short, labels={"agent": "GRU"})
        >>> table = train_runs([run], seeds=[0, 1], jobs=1)
        >>> table[["agent", "seed", "iteration", "steps"]].values.tolist()
        [['GRU', 0, 1, 60], ['GRU', 0, 2, 120], ['GRU', 1, 1, 60], ['GRU', 1, 2, 120]]
    """
    import pandas as pd  # takes as long to import as the whole core

    runs, seeds = _listed("runs", runs), [check_seed(seed) for seed in _listed("seeds", seeds)]
    if not runs or not seeds:
        raise ValueError(f"expected runs and seeds, got {len(runs)} runs and {len(seeds)} seeds")
    for run in runs:
        run.columns(0)  # refuses labels with the names of other columns, before the training
    calls = [(run, seed, outcome) for run in runs for seed in seeds]
    results, errors = run_all(_train_run, calls, jobs=jobs, store=store)
    table = pd.DataFrame([row for rows in results if rows is not None for row in rows])
    failed = [(dict(calls[i][0].labels), calls[i][1], text) for i, text in sorted(errors.items())]
    if failed:
        said = "; ".join(f"{labels}, seed {seed}: {text}" for labels, seed, text in failed)
        if len(failed) == len(calls):
            raise RuntimeError(f"every training failed: {said}")
        warnings.warn(f"{len(failed)} of {len(calls)} trainings failed: {said}", stacklevel=2)
    table.attrs["failed"] = failed
    return table


def _train_run(run: Run, seed: int, outcome: Outcome | None) -> list[dict[str, Any]]:
    torch.set_num_threads(1)
    env = run.make_env()
    training = train(env, run.settings, seed=seed, progress=False, **run.policy).finished()
    columns = run.columns(seed)
    said = _checked(outcome(run, training.policy, seed)) if outcome else {}
    _refuse_names("outcome", said, [*columns, "iteration", *HISTORY])
    return [{**columns, "iteration": i, **row, **said} for i, row in enumerate(training.history, 1)]


def _checked(said: Mapping[str, Any]) -> dict[str, Any]:
    """An outcome's entries as Python's numbers and texts."""
    plain = {name: _plain(value) for name, value in said.items()}
    for name, value in plain.items():
        if not isinstance(said[name], SIMPLE) and isinstance(value, str):  # nothing better
            raise ValueError(
                f"outcome: expected a number or a text for {name!r}, got {said[name]!r}"
            )
    return plain


def _plain(value: Any) -> Any:
    """A single number of NumPy or torch as Python's; a function or class by its name."""
    if getattr(value, "ndim", None) == 0 and hasattr(value, "item"):
        return value.item()
    return value if isinstance(value, SIMPLE) else getattr(value, "__qualname__", str(value))


def _refuse_names(said: str, given: Mapping[str, Any], taken: Sequence[str]) -> None:
    both = sorted(given.keys() & set(taken))
    if both:
        raise ValueError(f"{said}: expected names that no other column has, got {both}")


def _listed(name: str, values: Any) -> list[Any]:
    if isinstance(values, (str, Mapping)) or not hasattr(values, "__iter__"):
        raise ValueError(f"{name}: expected a list, got {values!r}")
    return list(values)


def bootstrap_interval(
    values: Sequence[float], level: float = 0.95, resamples: int = 10_000, seed: int = 0
) -> tuple[float, float]:
    """A percentile bootstrap interval of the median (Efron 1979), as (low, high).

    Args:
        values: one number for each seed, at least two.
        level: probability that the interval covers.
        resamples: number of samples drawn from the values, with replacement.
        seed: of the draws.

    Raises:
        ValueError: for fewer than two values, one that is NaN or infinite, or a level or a number
            of resamples out of range.
    """
    sample = np.asarray(values, np.float64)
    if sample.ndim != 1 or len(sample) < 2:
        raise ValueError(f"values: expected at least two numbers, got shape {sample.shape}")
    if not np.isfinite(sample).all():
        where = np.flatnonzero(~np.isfinite(sample)).tolist()
        raise ValueError(f"values: expected finite numbers, got {sample[where]} at {where}")
    if not 0 < level < 1:
        raise ValueError(f"level: expected a number between 0 and 1, got {level}")
    if resamples < 1:
        raise ValueError(f"resamples: expected at least 1, got {resamples}")
    drawn = np.random.default_rng(seed).choice(sample, (resamples, len(sample)))
    tail = (1.0 - level) / 2
    low, high = np.quantile(np.median(drawn, axis=1), (tail, 1.0 - tail))
    return float(low), float(high)
