"""Several seeds of several runs: a tidy table, the same as training one by one."""

import os
import signal
from dataclasses import replace
from pathlib import Path

import gymnasium as gym
import joblib
import numpy as np
import pandas as pd
import pytest
import torch

from rnn_tutorial.ppo import train
from rnn_tutorial.runs import Run, bootstrap_interval, train_runs
from rnn_tutorial.settings import Settings

pytestmark = pytest.mark.slow

SHORT = Settings(iterations=3, rollout_length=10)
RUNS = [
    Run(
        "rnn_tutorial/CuedPoint-v0",
        num_envs=4,
        env={"horizon": 10},
        settings=SHORT,
        policy={"cell": cell, "hidden_size": 8, "num_layers": 1},
        labels={"agent": cell},
    )
    for cell in ("gru", "none")
]


def count_weights(run, policy, seed):
    return {"weights": sum(p.numel() for p in policy.parameters())}


@pytest.fixture(scope="module")
def table():
    return train_runs(RUNS, seeds=[0, 5], jobs=2, outcome=count_weights)


def test_there_is_a_row_for_each_iteration_with_settings_and_seed(table):
    assert len(table) == 2 * 2 * 3
    assert list(table.agent) == ["gru"] * 6 + ["none"] * 6
    assert list(table.seed[:6]) == [0, 0, 0, 5, 5, 5]
    assert list(table.iteration[:3]) == [1, 2, 3]
    assert set(table.rollout_length) == {10}
    assert set(table.env_horizon) == {10}
    assert list(table.policy_cell) == list(table.agent)


def test_each_training_is_the_one_that_train_alone_gives(table):
    env = gym.make_vec("rnn_tutorial/CuedPoint-v0", num_envs=4, horizon=10)
    alone = train(env, SHORT, seed=5, progress=False, **RUNS[0].policy).history
    rows = table[(table.agent == "gru") & (table.seed == 5)]
    assert np.allclose(rows["return"], [row["return"] for row in alone], rtol=0, atol=1e-6)


def test_the_outcome_is_measured_on_the_trained_policy(table):
    assert (
        table[table.agent == "gru"].weights.iloc[0] > table[table.agent == "none"].weights.iloc[0]
    )


BAD = Run("rnn_tutorial/Point-v0", 1, env={"horizon": 0}, settings=SHORT, labels={"agent": "bad"})


def test_a_run_that_fails_costs_its_own_rows_and_is_reported(table):
    with pytest.warns(UserWarning, match="2 of 6 trainings failed: .*'bad'.*seed 0: ValueError"):
        rest = train_runs([RUNS[0], BAD, RUNS[1]], [0, 5], 2, count_weights)
    pd.testing.assert_frame_equal(rest, table)
    assert [(labels, seed) for labels, seed, _ in rest.attrs["failed"]] == [
        ({"agent": "bad"}, 0),
        ({"agent": "bad"}, 5),
    ]


def test_if_every_run_fails_that_is_an_error():
    with pytest.raises(
        RuntimeError, match=r"every training failed: .*horizon: expected at least 1"
    ):
        train_runs([BAD], [0, 1], 2)


def test_one_process_and_several_give_the_same_table(table):
    pd.testing.assert_frame_equal(train_runs(RUNS, [0, 5], 1, count_weights), table)


def test_a_store_is_gone_on_with(table, tmp_path):
    first = train_runs(RUNS, [0], 1, count_weights, store=tmp_path)
    files = {file: file.stat().st_mtime_ns for file in tmp_path.iterdir()}
    assert len(files) == len(first) / 3 == 2
    whole = train_runs(RUNS, [0, 5], 2, count_weights, store=tmp_path)
    pd.testing.assert_frame_equal(whole, table)
    assert all(file.stat().st_mtime_ns == time for file, time in files.items())
    assert len(list(tmp_path.iterdir())) == 4


def interrupt(run, policy, seed):
    raise InterruptedError("stopped by the user")


@pytest.mark.parametrize("jobs", [1, 2])
def test_an_interrupt_is_no_result(jobs):
    with pytest.raises(InterruptedError):
        train_runs(RUNS, [0, 5], jobs, interrupt)


def stop_training(monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("rnn_tutorial.ppo.update", stop)


def test_an_interrupted_training_is_no_result(monkeypatch, tmp_path):
    stop_training(monkeypatch)
    with pytest.raises(InterruptedError, match="the training stopped after 0 iterations"):
        train_runs(RUNS, [0], 1, store=tmp_path)
    assert not list(tmp_path.iterdir())


def test_nothing_to_run_is_told():
    with pytest.raises(ValueError, match="got 2 runs and 0 seeds"):
        train_runs(RUNS, [])


def test_the_interval_of_the_median_covers_it_about_as_often_as_it_says():
    rng = np.random.default_rng(0)
    inside = [
        low <= 0 <= high
        for low, high in (
            bootstrap_interval(rng.normal(size=15).tolist(), resamples=500) for _ in range(400)
        )
    ]
    assert 0.9 < np.mean(inside) < 0.99


def test_a_single_seed_has_no_interval():
    with pytest.raises(ValueError, match="at least two"):
        bootstrap_interval([1.0])


@pytest.mark.parametrize(
    ("values", "options", "message"),
    [
        ([1.0, np.nan, 2.0], {}, r"values: expected finite numbers, got .*nan.* at \[1\]"),
        ([1.0, np.inf], {}, "values: expected finite numbers"),
        ([1.0, 2.0], {"level": 1.5}, "level: expected a number between 0 and 1, got 1.5"),
        ([1.0, 2.0], {"level": 0.0}, "level: expected a number between 0 and 1"),
        ([1.0, 2.0], {"resamples": 0}, "resamples: expected at least 1, got 0"),
    ],
)
def test_an_interval_of_nonsense_is_refused(values, options, message):
    with pytest.raises(ValueError, match=message):
        bootstrap_interval(values, **options)


def kill_once(run, policy, seed):
    """Its process is killed the first time that it comes to this run."""
    mark = Path(run.labels["marks"]) / f"{run.labels['agent']}_{seed}"
    if run.labels["agent"] == "gru" and seed == 5 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return count_weights(run, policy, seed)


def test_on_a_cluster_with_a_killed_worker_the_table_is_that_of_one_process(tmp_path):
    distributed = pytest.importorskip("distributed")
    runs = [replace(run, labels={**run.labels, "marks": str(tmp_path)}) for run in RUNS]
    options = {"n_workers": 2, "threads_per_worker": 1, "processes": True}
    with (
        distributed.LocalCluster(**options, dashboard_address=None) as cluster,
        distributed.Client(cluster),
        joblib.parallel_config("dask"),
    ):
        table = train_runs(runs, [0, 5], outcome=kill_once)
    assert [file.name for file in tmp_path.iterdir()] == ["gru_5"]
    pd.testing.assert_frame_equal(table, train_runs(runs, [0, 5], 1, count_weights))


class WithArray(gym.Env):
    """An env that is made with an array."""

    observation_space, action_space = gym.spaces.Box(-1.0, 1.0, (1,)), gym.spaces.Discrete(2)

    def __init__(self, map=None):
        self.map = map

    def reset(self, *, seed=None, options=None):
        return np.zeros(1, np.float32), {}

    def step(self, action):
        return np.zeros(1, np.float32), 1.0, False, False, {}


def say(run, policy, seed):
    return {"tensor": torch.tensor(3.0), "array": np.array(2), "text": "a"}


def overwrite(run, policy, seed):
    return {"return": 99.0}


def several(run, policy, seed):
    return {"many": np.zeros(3)}


def test_an_outcome_has_columns_of_its_own_and_numbers_stay_numbers():
    short = replace(RUNS[0], settings=Settings(iterations=1, rollout_length=3))
    table = train_runs([short], np.arange(1), jobs=1, outcome=say)
    assert table[["tensor", "array", "text"]].values.tolist() == [[3.0, 2, "a"]]
    for outcome, said in (
        (overwrite, "that no other column has"),
        (several, "a number or a text for"),
    ):
        with pytest.raises(RuntimeError, match=f"every training failed: .*outcome: .*{said}"):
            train_runs([short], [0], jobs=1, outcome=outcome)
    for name in ("gamma", "steps", "env_horizon", "seed", "iteration", "policy_cell"):
        with pytest.raises(ValueError, match=f"labels: expected names .*'{name}'"):
            train_runs([replace(short, labels={name: "low"})], [0], jobs=1)


@pytest.mark.parametrize(
    ("runs", "seeds", "said"),
    [
        (RUNS, 3, "seeds: expected a list, got 3"),
        (RUNS[0], [0], "runs: expected a list, got Run"),
        (RUNS, [0.5], "seed: expected a whole number"),
        (RUNS, [-1], "seed: expected a whole number, at least 0"),
    ],
)
def test_runs_and_seeds_of_another_kind_are_told(runs, seeds, said):
    with pytest.raises(ValueError, match=said):
        train_runs(runs, seeds, jobs=1)


def at_least(number):
    def measure(run, policy, seed):
        return {"score": number}

    return measure


def test_a_store_keeps_outcomes_of_one_name_apart_and_knows_a_seed_of_numpy(tmp_path):
    short = replace(RUNS[0], settings=Settings(iterations=1, rollout_length=3))
    for number in (5, 6):
        table = train_runs([short], [0], jobs=1, outcome=at_least(number), store=tmp_path)
        assert table.score.tolist() == [number]
    train_runs([short], [np.int64(0)], jobs=1, outcome=at_least(6), store=tmp_path)
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_module_in_a_run_is_not_trained_on_from_seed_to_seed(jobs):
    torch.manual_seed(0)
    encoder = torch.nn.Linear(5, 8)
    before = encoder.weight.detach().clone()
    run = replace(RUNS[0], policy={"encoder": encoder, "hidden_size": 8})
    alone, both = (train_runs([run], seeds, jobs=jobs) for seeds in ([1], [0, 1]))
    assert torch.equal(encoder.weight, before)
    assert both[both.seed == 1]["return"].tolist() == alone["return"].tolist()


def test_a_setting_that_is_an_array_is_a_text_in_the_table():
    gym.register("Array-v0", WithArray)
    try:
        short = Settings(iterations=1, rollout_length=3)
        runs = [Run("Array-v0", 2, settings=short, env=env) for env in ({}, {"map": np.zeros(3)})]
        table = train_runs(runs, [0], jobs=1)
    finally:
        del gym.registry["Array-v0"]
    assert table.env_map.tolist()[1] == "[0. 0. 0.]"
