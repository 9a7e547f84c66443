"""Recurrent PPO: the ratio is 1 before anything was learned, and a memory is learned in seconds."""

import warnings

import gymnasium as gym
import numpy as np
import pytest
import torch
from torch import nn

from rnn_tutorial.acting import begin
from rnn_tutorial.collect import collect
from rnn_tutorial.cores import CORES
from rnn_tutorial.nest import leaves
from rnn_tutorial.policy import RNNPolicy
from rnn_tutorial.ppo import evaluate, starting_states, train
from rnn_tutorial.settings import INITIAL_STATES, Settings

CELLS = sorted(CORES)


def make_env(kind, mode, n=8):
    if kind == "box":
        return gym.make_vec("rnn_tutorial/CuedPoint-v0", num_envs=n, horizon=6, autoreset_mode=mode)
    settings = {"autoreset_mode": gym.vector.AutoresetMode(mode)}
    return gym.make_vec(
        "CartPole-v1", num_envs=n, vectorization_mode="sync", vector_kwargs=settings
    )


def make_policy(env, cell):
    torch.manual_seed(0)
    spaces = env.single_observation_space, env.single_action_space
    return RNNPolicy(*spaces, cell=cell, hidden_size=8, encoder_size=8)


@pytest.mark.parametrize("mode", ["SameStep", "NextStep"])
@pytest.mark.parametrize("kind", ["box", "discrete"])
@pytest.mark.parametrize("cell", CELLS)
def test_the_ratio_is_one_before_the_first_update_at_every_boundary(cell, kind, mode):
    env = make_env(kind, mode)
    policy = make_policy(env, cell)
    settings = Settings(rollout_length=25, bptt_length=4)
    generator = torch.Generator().manual_seed(0)
    carry = begin(policy, env, seed=0)
    for _ in range(2):  # the second rollout begins in mid-episode
        buffer, carry, _ = collect(policy, env, carry, settings, generator)
        sequences = buffer.sequences()
        with torch.no_grad():
            log_ratio, value, _ = evaluate(policy, sequences)
        assert sequences.reset[1:].any()
        assert log_ratio[sequences.valid].abs().max() < 1e-5
        assert (value - sequences.value)[sequences.valid].abs().max() < 1e-5
    assert not buffer["reset"][0].all()


@pytest.mark.parametrize("mode", ["SameStep", "NextStep"])
@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_truncation_is_bootstrapped_with_the_value_of_the_true_last_observation(cell, mode):
    env = make_env("box", mode)
    policy = make_policy(env, cell)
    settings = Settings(rollout_length=20, gamma=1.0, gae_lambda=0.0, reward_scale=1.0)
    buffer, *_ = collect(
        policy, env, begin(policy, env, 0), settings, torch.Generator().manual_seed(0)
    )
    follows = buffer["advantage"] + buffer["value"] - buffer["reward"]
    cut = buffer["truncated"].nonzero()
    assert len(cut) >= 8
    for t, i in cut.tolist():
        start = int(buffer["reset"][: t + 1, i].nonzero()[-1])
        seen = buffer["observation"][start : t + 1, i]
        moved = torch.clamp(buffer["action"][t, i], -1, 1) * 0.1
        last = torch.cat((seen[-1, :2] + moved, torch.zeros(3)))
        with torch.no_grad():
            whole = torch.cat((seen, last[None]))[:, None]
            value = policy.unroll(whole, policy.initial_state(1))[0].value[-1, 0]
        assert abs(follows[t, i] - value) < 1e-5


@pytest.mark.parametrize("how", INITIAL_STATES)
@pytest.mark.parametrize("cell", CELLS)
def test_with_unchanged_weights_replayed_states_are_the_stored_ones(cell, how):
    env = make_env("box", "SameStep")
    policy = make_policy(env, cell)
    settings = Settings(rollout_length=14, bptt_length=5, initial_state=how, burn_in=14)
    generator = torch.Generator().manual_seed(0)
    carry = begin(policy, env, 0)
    buffer, *_ = collect(policy, env, carry, settings, generator)
    states = starting_states(policy, buffer, settings)
    if how == "stored":
        assert states is None
        return
    for got, stored in zip(states, buffer.states, strict=True):
        for (_, a), (_, b) in zip(leaves(got), leaves(stored), strict=True):
            # burn-in over all that came before, in a rollout that begins an episode, finds it too
            assert torch.allclose(a, torch.zeros_like(b) if how == "zero" else b, atol=1e-6)


@pytest.mark.parametrize("how", INITIAL_STATES)
def test_every_initial_state_trains(how):
    env = gym.make_vec("rnn_tutorial/CuedPoint-v0", num_envs=3)
    settings = Settings(
        iterations=2, rollout_length=11, bptt_length=4, minibatches=5, initial_state=how
    )
    result = train(env, settings, hidden_size=8, num_layers=1)
    assert [row["steps"] for row in result.history] == [33, 66]
    assert all(p.isfinite().all() for p in result.policy.parameters())


@pytest.mark.slow
def test_a_memory_is_learned_in_seconds_and_no_memory_is_not():
    returns = {}
    for cell in ("gru", "none"):
        env = gym.make_vec("rnn_tutorial/CuedPoint-v0", num_envs=64)
        result = train(env, Settings(iterations=45), cell=cell, num_layers=1, encoder="none")
        returns[cell] = np.mean([row["return"] for row in result.history[-5:]])
    assert returns["gru"] > -7
    assert returns["none"] < -15


def test_the_same_seed_gives_the_same_weights():
    def weights(seed):
        env = gym.make_vec("rnn_tutorial/PointTrial-v0", num_envs=4)
        return train(env, Settings(iterations=2), seed=seed, hidden_size=8).policy.state_dict()

    first, again, other = weights(3), weights(3), weights(4)
    assert all(torch.equal(first[k], again[k]) for k in first)
    assert not all(torch.equal(first[k], other[k]) for k in first)


def test_a_single_env_with_discrete_actions_trains_and_kl_stops_the_epochs():
    env = gym.make("CartPole-v1")
    settings = Settings(iterations=2, minibatches=1, target_kl=0.0, rollout_length=16)
    result = train(env, settings, hidden_size=8)
    assert result.history[-1]["kl"] > 0.0


def test_an_interrupt_leaves_a_policy(monkeypatch):
    env = gym.make_vec("rnn_tutorial/CuedPoint-v0", num_envs=2)
    step, calls = env.step, []

    def stop(actions):
        calls.append(1)
        if len(calls) > 40:
            raise KeyboardInterrupt
        return step(actions)

    monkeypatch.setattr(env, "step", stop)
    result = train(env, Settings(iterations=5, minibatches=2), hidden_size=8)
    assert result.interrupted
    assert len(result.history) == 1
    assert result.policy.choose_action(np.zeros(5))[0].shape == (2,)


def test_unfit_settings_are_told():
    with pytest.raises(ValueError, match="initial_state: expected one of"):
        Settings(initial_state="fresh")
    env = make_env("discrete", "Disabled")
    with pytest.raises(ValueError, match="SAME_STEP or NEXT_STEP"):
        train(env)


def test_layers_that_differ_between_acting_and_learning_get_a_warning():
    env, short = make_env("box", "SameStep"), Settings(iterations=1, epochs=1)
    for layer in (nn.BatchNorm1d(8), nn.Dropout(0.5)):
        encoder = nn.Sequential(nn.Flatten(), nn.Linear(5, 8), layer)
        with pytest.warns(UserWarning, match="ratio is not 1 before the first update"):
            train(env, short, encoder=encoder, progress=False)
    spaces = env.single_observation_space, env.single_action_space
    train(env, short, policy=RNNPolicy(*spaces, encoder=encoder).eval(), progress=False)


def test_what_is_no_policy_and_no_settings_is_told(no_shape_hook):
    env = gym.make("CartPole-v1")
    with pytest.raises(TypeError, match="policy: expected an RNNPolicy, got Linear"):
        train(env, policy=nn.Linear(4, 2))
    with pytest.raises(TypeError, match=r"settings: expected Settings\(\.\.\.\), got {'gamma'"):
        train(env, {"gamma": 0.9})


class KeepsLast(nn.Module):
    """Keeps what it returned last, which has a graph and can't be copied."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 8)
        self.last = self.layer(torch.ones(1, 4))

    def forward(self, x):
        self.last = self.layer(x)
        return self.last


def test_an_encoder_that_cannot_be_copied_is_used_itself():
    short = Settings(iterations=1, epochs=1, rollout_length=4)
    for encoder in (KeepsLast(), nn.LazyLinear(8), torch.jit.script(nn.Linear(4, 8))):
        assert train(gym.make("CartPole-v1"), short, encoder=encoder, progress=False).history


def test_no_warning_for_layers_that_change_nothing():
    short = Settings(iterations=1, epochs=1, rollout_length=4)
    for layer in (nn.Dropout(0.0), nn.BatchNorm1d(8).eval()):
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)
            encoder = nn.Sequential(nn.Linear(4, 8), layer)
            train(gym.make("CartPole-v1"), short, encoder=encoder, progress=False)
