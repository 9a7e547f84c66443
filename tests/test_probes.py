"""Probes find what is there, in episodes they have not seen, and their controls find nothing."""

import sys

import gymnasium as gym
import numpy as np
import pytest
import torch
from any_env import any_vector
from test_rollout import make_policy, make_vec

from rnn_tutorial.interventions import features, project_out
from rnn_tutorial.nest import map_nest
from rnn_tutorial.policy import RNNPolicy
from rnn_tutorial.probes import (
    Decoder,
    compare,
    flat_observations,
    halves,
    make_probe,
    probe,
    states,
    states_when_shown,
)
from rnn_tutorial.recurrent import take
from rnn_tutorial.rollout import record

EPISODES, STEPS, SIZE = 400, 3, 12


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def written(rng, target, noise=0.3):
    """Features (T, E, F) in which a target (E, k) is written, among noise."""
    weights = rng.normal(size=(target.shape[1], SIZE))
    return target @ weights + noise * rng.normal(size=(STEPS, EPISODES, SIZE))


def test_a_ridge_probe_finds_what_is_written_and_its_control_does_not(rng):
    goal = rng.normal(size=(EPISODES, 2))
    known = written(rng, goal)
    assert (probe(known, goal) > 0.9).all()
    control = probe(known, goal, shuffled=True)
    assert (np.abs(control) < 0.15).all()


def test_a_logistic_probe_finds_a_class_and_its_control_is_at_chance(rng):
    side = rng.integers(0, 2, (EPISODES, 1))
    known = written(rng, side, noise=0.3)
    assert (probe(known, side[:, 0], "logistic") > 0.95).all()
    control = probe(known, side[:, 0], "logistic", shuffled=True)
    # Chance is 1/2; 3.5 standard errors of 200 coin flips are 0.12.
    assert (np.abs(control - 0.5) < 0.12).all()


def test_nothing_is_found_where_nothing_is_written_however_many_features_there_are(rng):
    noise = rng.normal(size=(2, 200, 90))
    assert (probe(noise, rng.normal(size=(200, 2))) < 0).all()
    assert (np.abs(probe(noise, rng.integers(0, 2, 200), "logistic") - 0.5) < 0.18).all()


def test_a_target_of_each_time_is_probed_at_its_time(rng):
    target = rng.normal(size=(STEPS, EPISODES))
    known = np.zeros((STEPS, EPISODES, SIZE))
    known[..., 3] = target
    assert (probe(known, target) > 0.99).all()
    assert (probe(known, target[::-1])[[0, 2]] < 0.05).all()


def test_a_time_at_which_nothing_varies_has_no_score(rng):
    target = np.stack([np.zeros(EPISODES), rng.normal(size=EPISODES), np.ones(EPISODES)])
    scores = probe(rng.normal(size=(STEPS, EPISODES, 4)), target)
    assert np.isnan(scores).tolist() == [True, False, True]


def test_constant_and_dependent_columns_change_no_score(rng):
    goal = rng.normal(size=(EPISODES, 2))
    known = written(rng, goal)
    alone = probe(known, goal)
    beside = np.concatenate((goal, np.full((EPISODES, 1), 0.3)), axis=1)
    np.testing.assert_allclose(probe(known, beside), alone)
    noise = rng.normal(size=known.shape)  # a constant predicted well must not stand for the rest
    np.testing.assert_allclose(probe(noise, beside), probe(noise, goal))
    twice = np.concatenate((known, known[..., :1], np.full((*known.shape[:2], 1), 0.1)), axis=-1)
    np.testing.assert_allclose(probe(twice.astype(np.float32), goal), alone, atol=1e-3)


def test_a_constant_in_a_decoders_target_gives_no_direction_to_remove(rng):
    target = np.concatenate((rng.normal(size=(EPISODES, 1)), np.ones((EPISODES, 1))), axis=1)
    known = written(rng, target)
    both = torch.as_tensor(Decoder(known, target).directions)
    state = torch.as_tensor(known[0])[None]
    one, two = (features(project_out(rows)(state)) for rows in (both[:1], both))
    torch.testing.assert_close(one, two)


def test_numbers_that_are_not_finite_are_refused_by_name(rng):
    known, goal = rng.normal(size=(2, 40, 3)), rng.normal(size=(40, 1))
    for name, at in (("features", known), ("target", goal)):
        at[0, 0] = np.nan
        for use in (probe, Decoder):
            with pytest.raises(ValueError, match=f"{name}: expected finite numbers"):
                use(known, goal)
        at[0, 0] = 0.0


def test_states_and_observations_of_a_nest_are_rows_of_numbers():
    space = gym.spaces.Dict(
        door=gym.spaces.Discrete(3),
        pose=gym.spaces.Box(-1.0, 1.0, (2,)),
        view=gym.spaces.Box(0, 255, (4, 4, 1), np.uint8),
    )
    env = any_vector(space, gym.spaces.Discrete(2), length=9)
    policy = RNNPolicy(space, gym.spaces.Discrete(2), "lstm")
    rollout = record(policy, env, 5, seed=0)
    assert flat_observations(rollout).shape == (5, 3, 1 + 2 + 16)
    shown = states_when_shown(policy, map_nest(lambda part: part[:1], rollout.observation))
    np.testing.assert_allclose(shown, states(rollout)[:1], atol=1e-6)


def test_no_episode_is_fitted_on_and_scored():
    fit, score = halves(11, 3)
    assert sorted([*fit, *score]) == list(range(11))
    assert not np.array_equal(fit, halves(11, 4)[0])


def test_a_split_by_step_would_have_called_noise_knowledge(rng):
    """Why halves of episodes: every episode has features of its own, that say nothing of others."""
    own = rng.normal(size=(1, 40, 60)).repeat(20, 0)
    target = rng.normal(size=40)
    assert (probe(own, target) < 0.3).all()
    rows, targets = own[::2].reshape(-1, 60), np.tile(target, 10)
    assert make_probe().fit(rows, targets).score(own[1::2].reshape(-1, 60), targets) > 0.9


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
def test_states_are_laid_out_as_interventions_lay_them_out(cell):
    env = make_vec(n=3)
    policy = make_policy(env, cell, num_layers=2)
    rollout = record(policy, env, 4, seed=0)
    parts = [torch.as_tensor(part[2]) for part in rollout.state.values()]
    state = tuple(parts) if cell == "lstm" else parts[0]
    np.testing.assert_array_equal(states(rollout)[2], features(state))
    np.testing.assert_array_equal(states(rollout)[2, 1:2], features(take(state, [1])))
    shown = states_when_shown(policy, rollout.observation)
    np.testing.assert_allclose(shown, states(rollout), atol=1e-6)


def test_the_goal_is_read_off_an_untrained_policy_only_while_it_is_seen_or_remembered():
    env = make_vec(n=200, horizon=12)
    rollout = record(make_policy(env), env, 12, seed=0)
    goal = rollout.info["goal"][0]
    scores = compare(rollout, goal)
    assert scores["state"][0] > 0.9
    assert scores["observation"][0] > 0.9
    assert (scores["observation"][1:] < 0.3).all()
    assert scores["state"][1] > scores["observation"][1] + 0.3
    assert (scores["shuffled"] < 0.15).all()
    assert flat_observations(rollout).shape == (12, 200, 5)


def test_a_decoder_reads_at_any_time_and_its_directions_are_all_it_reads(rng):
    goal = rng.normal(size=(EPISODES, 2))
    known = written(rng, goal)
    decoder = Decoder(known, goal)
    read = decoder(known[:, decoder.unseen])
    assert read.shape == (STEPS, EPISODES // 2, 2)
    assert np.abs(read - goal[decoder.unseen]).mean() < 0.2
    assert not set(decoder.fitted) & set(decoder.unseen)
    directions, centre = torch.as_tensor(decoder.directions), torch.as_tensor(decoder.centre)
    blind = project_out(directions, centre)(torch.as_tensor(known[:1, :50]))
    at_centre = decoder(decoder.centre[None])
    np.testing.assert_allclose(decoder(features(blind).numpy()), at_centre.repeat(50, 0), atol=1e-6)


def test_a_decoder_of_one_number_has_one_direction(rng):
    goal = rng.normal(size=(EPISODES, 1))
    known = np.concatenate((goal, rng.normal(size=(EPISODES, 1))), axis=1)
    (direction,) = Decoder(known[None], goal).directions
    np.testing.assert_allclose(direction, (1.0, 0.0), atol=0.02)


def test_bad_input_gets_an_error_that_says_expected_and_got(rng, monkeypatch):
    known = rng.normal(size=(STEPS, 8, 2))
    with pytest.raises(ValueError, match=r"target: expected shape \(8, ...\) or \(3, 8, ...\)"):
        probe(known, np.zeros(7))
    with pytest.raises(ValueError, match=r"expected one of .*, got 'cubic'"):
        probe(known, rng.normal(size=8), "cubic")
    with pytest.raises(ValueError, match="episodes: expected at least 4, got 3"):
        halves(3, 0)
    env = gym.make_vec("rnn_tutorial/CuedPoint-v0", num_envs=8, horizon=3)
    with pytest.raises(ValueError, match="one episode in each env"):
        compare(record(make_policy(env), env, 5, seed=0), np.zeros(8))
    monkeypatch.setitem(sys.modules, "sklearn.linear_model", None)
    with pytest.raises(ImportError, match=r"rnn_tutorial\[probes\]"):
        make_probe()
