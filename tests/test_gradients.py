"""Gradients of actions: as finite differences have them; none from the future or past a reset."""

import gymnasium as gym
import numpy as np
import pytest
import torch
from test_rollout import make_policy, make_vec

from rnn_tutorial.cores import CORES
from rnn_tutorial.gradients import action_gradients
from rnn_tutorial.policy import RNNPolicy

STEPS, N = 6, 3


@pytest.fixture
def obs(generator):
    return torch.randn(STEPS, N, 5, generator=generator)


@pytest.mark.parametrize("cell", sorted(CORES))
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


def test_the_float_entries_of_a_nest_count_in_the_dtype_of_the_policy():
    space = gym.spaces.Dict(
        door=gym.spaces.Discrete(3),
        pose=gym.spaces.Box(-1.0, 1.0, (2,)),
        view=gym.spaces.Box(-1.0, 1.0, (2, 2)),
    )
    torch.manual_seed(0)
    policy = RNNPolicy(space, gym.spaces.MultiDiscrete([2, 3])).double()
    shown = {"door": torch.randint(3, (4, 2)), "pose": torch.rand(4, 2, 2).double()}
    shown["view"] = torch.rand(4, 2, 2, 2).double()
    sizes = action_gradients(policy, shown, times=[1, 3])
    assert (sizes.shape, sizes.dtype) == ((2, 4, 2), torch.float64)
    assert (sizes[0, :2] > 0).all()
    assert (sizes[0, 2:] == 0).all()
    with pytest.raises(ValueError, match="times: expected 0 to 3, got"):
        action_gradients(policy, shown, times=[4])
    codes = RNNPolicy(gym.spaces.Discrete(3), policy.action_space)
    with pytest.raises(ValueError, match="obs: expected floats, got integers"):
        action_gradients(codes, torch.zeros(4, 2, dtype=torch.long))
