"""Several seeds of several runs: a tidy table, the same as training one by one."""

import gymnasium as gym
import numpy as np
import pytest

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


def test_an_error_in_a_run_is_not_swallowed():
    with pytest.raises(ValueError, match="minibatches"):
        train_runs([Run("rnn_tutorial/Point-v0", 1, settings=Settings(minibatches=9))], [0, 1], 2)


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
