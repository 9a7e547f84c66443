"""Interventions on the state: before their time nothing differs, and each does what it says."""

import gymnasium as gym
import numpy as np
import pytest
import torch
from test_rollout import assert_equal, make_policy, make_vec

from rnn_tutorial import rollout
from rnn_tutorial.cores import CORES
from rnn_tutorial.interventions import (
    add_noise,
    as_state,
    features,
    forget,
    freeze,
    from_on,
    once,
    partners,
    project_out,
    replace,
    transplant,
    zero,
)
from rnn_tutorial.nest import leaves
from rnn_tutorial.rollout import record

CELLS = sorted(CORES.keys() - {"none"})
N, STEPS, K = 4, 14, 6


def random_state(policy, n, generator):
    state = policy.initial_state(n)
    rows = torch.randn(features(state).shape, generator=generator)
    return as_state(rows, state)


def changes(policy, n, generator):
    size = features(policy.initial_state(n)).shape[1]
    return {
        "forget": forget,
        "transplant": transplant([*range(1, n), 0]) if n > 1 else forget,
        "noise": add_noise(0.5, generator),
        "project": project_out(torch.randn(2, size, generator=generator), torch.ones(size)),
    }


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("when", [once, from_on])
@pytest.mark.parametrize("name", ["forget", "transplant", "noise", "project"])
def test_before_its_time_everything_stays_bit_for_bit(name, when, cell, generator):
    env = make_vec(n=N, horizon=30)
    policy = make_policy(env, cell, num_layers=2)
    intervention = when(K, changes(policy, N, generator)[name])
    plain = record(policy, env, STEPS, seed=2)
    changed = record(policy, env, STEPS, seed=2, intervention=intervention)
    assert_equal(plain, changed, slice(K))
    name = next(iter(plain.memory))
    assert not np.array_equal(plain.memory[name][K], changed.memory[name][K])
    assert not np.array_equal(plain.value[K], changed.value[K])


@pytest.mark.parametrize("cell", CELLS)
def test_a_transplant_of_an_envs_own_state_changes_nothing(cell):
    env = make_vec(n=N, horizon=9)
    policy = make_policy(env, cell)
    own = from_on(0, transplant(range(N)))
    assert_equal(record(policy, env, 20, seed=0), record(policy, env, 20, seed=0, intervention=own))


def test_two_swaps_undo_each_other():
    state = (torch.randn(2, N, 3), torch.randn(2, N, 3))
    swap = transplant(partners(N))
    for once_more, part in zip(swap(swap(state)), state, strict=True):
        assert torch.equal(once_more, part)
    assert torch.equal(swap(state)[1][:, 0], state[1][:, 1])
    assert torch.equal(transplant([2, 2, 2, 2])(state)[0][:, 1], state[0][:, 2])


def test_a_swapped_env_goes_on_as_its_partner_would_have():
    """In an env whose observation is the same for all, the memories alone make the difference."""
    env = make_vec("rnn_tutorial/CuedPoint-v0", n=2, horizon=30, delay=25)
    policy = make_policy(env)
    plain = record(policy, env, 20, seed=0, deterministic=True)
    swap = once(K, transplant([1, 0]))
    swapped = record(policy, env, 20, seed=0, deterministic=True, intervention=swap)
    assert not np.allclose(plain.action[K, 0], plain.action[K, 1])
    np.testing.assert_allclose(swapped.action[K:], plain.action[K:, ::-1], atol=1e-6)


@pytest.mark.parametrize("cell", CELLS)
def test_a_state_laid_out_in_rows_comes_back(cell, generator):
    env = make_vec(n=N)
    policy = make_policy(env, cell, num_layers=3)
    state = random_state(policy, N, generator)
    back = as_state(features(state), state)
    parts = [part for _, part in leaves(state)]
    assert all(torch.equal(a, b) for a, (_, b) in zip(parts, leaves(back), strict=True))
    assert features(state).shape == (N, sum(part[:, 0].numel() for part in parts))
    size = parts[0][0, 0].numel()
    assert torch.equal(features(state)[1, size : 2 * size], parts[0][1, 1].flatten())


def test_projecting_out_leaves_the_centre_along_the_directions_and_the_rest_as_it_was(generator):
    state = torch.randn(1, 50, 8, generator=generator)
    directions = torch.randn(3, 8, generator=generator)
    centre = torch.randn(8, generator=generator)
    rows = features(project_out(directions, centre)(state))
    torch.testing.assert_close(rows @ directions.T, (centre @ directions.T).expand(50, 3))
    across = torch.linalg.svd(directions)[2][3:]
    torch.testing.assert_close(rows @ across.T, features(state) @ across.T)
    twice = project_out(directions, centre)(project_out(directions, centre)(state))
    torch.testing.assert_close(features(twice), rows)


@pytest.mark.parametrize("extra", ["zero", "twice", "sum", "none"])
def test_directions_that_say_nothing_new_remove_nothing_more(extra, generator):
    state = torch.randn(1, 50, 8, generator=generator)
    two = torch.randn(2, 8, generator=generator) * torch.tensor([[1e6], [1e-6]])
    third = {"zero": 0 * two[:1], "twice": -3 * two[:1], "sum": two.sum(0, keepdim=True)}
    given = torch.cat((two, third[extra])) if extra in third else two.double()
    rows = features(project_out(given)(state))
    across = torch.linalg.svd(two / two.norm(dim=1, keepdim=True))[2][2:]
    torch.testing.assert_close(rows @ across.T, features(state) @ across.T)
    unit = two / two.norm(dim=1, keepdim=True)
    torch.testing.assert_close(rows @ unit.T, torch.zeros(50, 2), atol=1e-5, rtol=0)


def test_noise_has_the_spread_asked_for_and_comes_from_its_generator(generator):
    state = (torch.zeros(2, 500, 9), torch.zeros(2, 500, 9))
    noisy = add_noise(0.3, generator)(state)
    assert all(part.std().item() == pytest.approx(0.3, rel=0.05) for part in noisy)
    assert not torch.equal(*noisy)
    again = add_noise(0.3, torch.Generator().manual_seed(0))(state)
    assert torch.equal(again[0], noisy[0])


def test_a_single_env_takes_interventions_as_well(generator):
    env = gym.make("rnn_tutorial/CuedPoint-v0")
    policy = make_policy(env)
    plain = record(policy, env, 10, seed=0)
    for change in changes(policy, 1, generator).values():
        changed = record(policy, env, 10, seed=0, intervention=once(4, change))
        assert_equal(plain, changed, slice(4))
        assert not np.array_equal(plain.value[4], changed.value[4])


def test_interventions_can_still_be_had_from_rollout():
    assert (rollout.zero, rollout.freeze, rollout.replace) == (zero, freeze, replace)


def test_bad_input_gets_an_error_that_says_expected_and_got():
    state = torch.zeros(1, 3, 4)
    with pytest.raises(ValueError, match=r"expected 3 envs from 0 to 2, got \[0, 1\]"):
        transplant([0, 1])(state)
    with pytest.raises(ValueError, match=r"expected 3 envs from 0 to 2, got \[0, 1, 3\]"):
        transplant([0, 1, 3])(state)
    with pytest.raises(ValueError, match="expected an even number of envs, got 3"):
        partners(3)
    with pytest.raises(ValueError, match="directions: expected 4 numbers, got 5"):
        project_out(torch.ones(1, 5))(state)
    with pytest.raises(ValueError, match="directions: expected one that is not zero, got none"):
        project_out(torch.zeros(2, 4))
    with pytest.raises(ValueError, match="directions: expected finite numbers"):
        project_out(torch.tensor([[1.0, float("nan")]]))
    for std in (-0.1, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="std: expected a finite number, at least 0"):
            add_noise(std, torch.Generator())


def test_a_change_in_place_is_a_change():
    """The same state object comes back, with other numbers in it."""
    env = make_vec(n=N, horizon=30)
    policy = make_policy(env, "lstm")

    def wipe(t, state):
        for part in state:
            part.zero_()
        return state

    wiped = record(policy, env, STEPS, seed=2, intervention=wipe)
    assert_equal(wiped, record(policy, env, STEPS, seed=2, intervention=zero()))
    assert not wiped.memory["cell"].any()
