"""The oracle walks to the goal, in every env, and nothing that we try earns more."""

import gymnasium as gym
import numpy as np
import pytest

import rnn_tutorial  # noqa: F401
from rnn_tutorial.envs.oracle import oracle_action, run_oracle

GOAL = (0.6, 0.8)


def test_a_far_goal_is_approached_at_full_speed_and_a_near_one_is_reached():
    np.testing.assert_allclose(oracle_action((0, 0), (0.03, -1)), [0.3, -1.0])
    positions, goals = np.zeros((3, 2)), np.array([(1, 0), (0, 1), (-0.05, 0)])
    np.testing.assert_allclose(oracle_action(positions, goals), [(1, 0), (0, 1), (-0.5, 0)])
    np.testing.assert_allclose(oracle_action(positions, GOAL), np.ones((3, 2)))


def test_other_shapes_are_named():
    with pytest.raises(ValueError, match=r"goal: expected shape \(2,\) or \(N, 2\), got \(3,\)"):
        oracle_action((0, 0), (1, 2, 3))


@pytest.mark.parametrize(
    ("name", "steps"),
    [("Point", 100), ("SparsePoint", 100), ("CuedPoint", 30), ("PointTrial", 60)],
)
def test_no_noise_on_its_actions_earns_more(name, steps):
    env = gym.make(f"rnn_tutorial/{name}-v0")
    rewards, positions = run_oracle(env, GOAL)
    assert rewards.shape == (steps,)
    assert positions.shape == (steps + 1, 2)
    assert np.abs(positions - GOAL).sum(-1).min() < 1e-6
    rng = np.random.default_rng(0)
    for _ in range(5):
        env.reset(options={"goal": GOAL})
        total = 0.0
        for _ in range(steps):
            action = oracle_action(env.unwrapped.position, GOAL) + rng.normal(0, 0.3, 2)
            total += env.step(action.astype(np.float32))[1]
        assert total < rewards.sum()


def test_a_trial_is_walked_twice():
    rewards, positions = run_oracle(gym.make("rnn_tutorial/PointTrial-v0"), GOAL)
    np.testing.assert_array_equal(positions[30], (0, 0))
    np.testing.assert_allclose(rewards[:30], rewards[30:], atol=1e-6)
