"""Gradients of actions: as finite differences have them; none from the future or past a reset."""

import gymnasium as gym
import numpy as np
import pytest
import torch
from test_rollout import make_policy, make_vec

from rnn_tutorial.gradients import action_gradients

STEPS, N = 6, 3


@pytest.fixture
def obs(generator):
    return torch.randn(STEPS, N, 5, generator=generator)


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm", "none"])
def test_it_is_the_size_of_what_finite_differences_give(cell, obs):
    policy = make_policy(make_vec(n=N), cell).double()
    obs = obs.double()
    sizes = action_gradients(policy, obs)

    def action(changed):
        return policy.unroll(changed, policy.initial_state(N))[0].distribution.mean

    t, k, env, eps = 4, 2, 1, 1e-6
    slopes = []
    for number in range(5):
        up, down = obs.clone(), obs.clone()
        up[k, env, number] += eps
        down[k, env, number] -= eps
        slopes.append((action(up) - action(down))[t, env] / (2 * eps))
    expected = torch.stack(slopes).detach().norm()
    torch.testing.assert_close(sizes[t, k, env].double(), expected, rtol=1e-3, atol=1e-6)


def test_nothing_comes_from_the_future_or_across_a_reset(obs):
    policy = make_policy(make_vec(n=N))
    reset = torch.zeros(STEPS, N, dtype=torch.bool)
    reset[3, 1] = True
    sizes = action_gradients(policy, obs, reset=reset)
    assert sizes.shape == (STEPS, STEPS, N)
    assert not sizes.permute(2, 0, 1).triu(1).any()
    assert not sizes[3:, :3, 1].any()
    assert (sizes[3:, :3, 0] > 0).all()


def test_only_the_times_asked_for_and_no_gradient_is_left_in_the_policy(obs):
    policy = make_policy(make_vec(n=N))
    some = action_gradients(policy, obs, times=[5, 2])
    torch.testing.assert_close(some, action_gradients(policy, obs)[[5, 2]])
    assert all(weight.grad is None for weight in policy.parameters())
    assert obs.grad is None


def test_without_memory_only_the_present_counts(obs):
    sizes = action_gradients(make_policy(make_vec(n=N), "none"), obs)
    now = np.eye(STEPS, dtype=bool)
    assert (sizes[now] > 0).all()
    assert not sizes[~now].any()


def test_discrete_actions_count_by_their_probabilities():
    env = gym.make("CartPole-v1")
    assert action_gradients(make_policy(env), torch.randn(4, 2, 4)).shape == (4, 4, 2)
