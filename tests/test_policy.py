"""The policy: one function in two branches, actions and their log-probabilities, encoders."""

import gymnasium as gym
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.distributions import Normal
from torch.testing import assert_close

from rnn_tutorial.actions import MIN_STD, distribution_parameters, draw_action
from rnn_tutorial.cores import CORES
from rnn_tutorial.encoders import make_encoder
from rnn_tutorial.policy import RNNPolicy

T, N = 6, 3
BOX = gym.spaces.Box(-1.0, 1.0, (2,), np.float32)
DISCRETE = gym.spaces.Discrete(4)
IMAGE = (3, 12, 10)
CELLS = sorted(CORES)


def box(*shape):
    return gym.spaces.Box(-np.inf, np.inf, shape, np.float32)


def make_policy(obs_shape=(2,), actions=BOX, dtype=torch.float64, **settings):
    torch.manual_seed(0)
    settings = {"hidden_size": 5, "encoder_size": 6, **settings}
    return RNNPolicy(box(*obs_shape), actions, **settings).to(dtype)


def random_obs(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def random_reset(seed=1):
    return torch.rand(T, N, generator=torch.Generator().manual_seed(seed)) < 0.25


def assert_same_output(got, want):
    assert_close(
        distribution_parameters(got.distribution), distribution_parameters(want.distribution)
    )
    assert_close(got.value, want.value)


def at(output, index):
    """An output's numbers at an index of its batch shape."""
    numbers = {"value": output.value, **distribution_parameters(output.distribution)}
    return {name: number[index] for name, number in numbers.items()}


def total(output, action):
    return output.value.square().sum() + output.distribution.log_prob(action).sum()


def test_the_defaults_are_the_demo_s():
    policy = RNNPolicy(box(2), BOX)
    assert isinstance(policy.core.rnn, nn.GRU)
    assert (policy.core.rnn.input_size, policy.core.rnn.hidden_size) == (128, 64)
    assert policy.initial_state(16).shape == (2, 16, 64)
    assert isinstance(policy.encoder[-1], nn.LeakyReLU)


@pytest.mark.parametrize("actions", [BOX, DISCRETE])
@pytest.mark.parametrize(
    ("encoder", "obs_shape"), [("none", (2,)), ("mlp", (2,)), ("mlp", (2, 3)), ("conv", IMAGE)]
)
@pytest.mark.parametrize("cell", CELLS)
def test_steps_equal_unroll_forward_and_gradient(cell, encoder, obs_shape, actions):
    policy = make_policy(obs_shape, actions, cell=cell, encoder=encoder)
    obs, reset = random_obs(T, N, *obs_shape), random_reset()
    whole, last = policy.unroll(obs, policy.initial_state(N), reset)
    action = draw_action(whole.distribution, False, torch.Generator().manual_seed(0))
    assert whole.value.shape == whole.distribution.batch_shape == (T, N)
    want = torch.autograd.grad(total(whole, action), [*policy.parameters()], allow_unused=True)
    state, loss = policy.initial_state(N), 0.0
    for t in range(T):
        output, state = policy.step(obs[t], state, reset[t])
        assert_close(at(output, ...), at(whole, t))
        loss = loss + total(output, action[t])
    assert_close(state, last)
    got = torch.autograd.grad(loss, [*policy.parameters()], allow_unused=True)
    for a, b in zip(got, want, strict=True):
        assert_close(a, b, rtol=1e-9, atol=1e-10) if b is not None else a is None


@pytest.mark.parametrize("actions", [BOX, DISCRETE])
@pytest.mark.parametrize("obs_shape", [(), (2,), (4, 5), IMAGE])
def test_forward_chooses_the_branch_by_the_observation_s_own_dimensions(obs_shape, actions):
    encoder = "conv" if obs_shape == IMAGE else "mlp"
    policy = make_policy(obs_shape, actions, encoder=encoder)
    obs, reset, start = random_obs(T, N, *obs_shape), random_reset(), policy.initial_state(N)
    sequence, last = policy(obs, reset=reset)
    assert_same_output(sequence, policy.unroll(obs, start, reset)[0])
    batch, state = policy(obs[0])
    assert_same_output(batch, policy.step(obs[0], start)[0])
    single, one = policy(obs[0, 1])
    assert single.value.shape == single.distribution.batch_shape == ()
    assert_close(at(single, ...), at(batch, 1))
    assert_close(one, state[:, 1:2])
    assert last.shape == state.shape
    kept, _ = policy(obs[1, 1], one)
    cleared, _ = policy(obs[1, 1], one, torch.tensor(True))
    fresh, _ = policy(obs[1, 1])
    assert_same_output(cleared, fresh)
    assert not torch.allclose(kept.value, fresh.value)


@pytest.mark.parametrize("cell", CELLS)
def test_acting_one_by_one_equals_training_on_the_sequence(cell):
    policy = make_policy(cell=cell)
    obs = random_obs(T, 2)
    whole, _ = policy.unroll(obs[:, None], policy.initial_state(1))
    state = None
    for t in range(T):
        output, state = policy(obs[t], state)
        assert_close(at(output, ...), at(whole, (t, 0)))


def test_the_same_observation_twice_is_answered_twice_differently_unless_memoryless():
    for cell in CELLS:
        policy = make_policy(cell=cell)
        first, state = policy(torch.ones(2, dtype=torch.float64))
        second, _ = policy(torch.ones(2, dtype=torch.float64), state)
        same = torch.equal(first.distribution.mean, second.distribution.mean)
        assert same == (cell == "none")


@given(seed=st.integers(0, 2**16), dims=st.integers(1, 4), deterministic=st.booleans())
@settings(max_examples=25, deadline=None)
def test_a_box_action_s_log_probability_is_the_sum_over_its_dimensions(seed, dims, deterministic):
    policy = make_policy(actions=gym.spaces.Box(-1, 1, (dims,), np.float32))
    obs = random_obs(T, N, 2, seed=seed)
    generator = torch.Generator().manual_seed(seed)
    action, log_prob, _ = policy.choose_action(
        obs, is_training=True, deterministic=deterministic, generator=generator
    )
    output, _ = policy(obs)
    mean, std = output.distribution.mean, output.distribution.stddev
    each = [Normal(mean[..., d], std[..., d]).log_prob(action[..., d]) for d in range(dims)]
    assert action.shape == (T, N, dims)
    assert log_prob.shape == (T, N)
    assert_close(log_prob, torch.stack(each).sum(0))
    assert torch.equal(action, mean) == deterministic
    assert (mean.abs() <= 1).all()
    assert (std >= MIN_STD).all()


def test_the_spread_never_vanishes():
    policy = make_policy()
    with torch.no_grad():
        policy.actor.bias[2:] = -1000.0
    _, log_prob, _ = policy.choose_action(random_obs(N, 2))
    assert np.isfinite(log_prob).all()
    std = policy(random_obs(N, 2))[0].distribution.stddev
    assert_close(std, torch.full_like(std, MIN_STD))


@pytest.mark.parametrize("lead", [(), (N,), (T, N)])
def test_a_discrete_action_s_log_probability_is_that_of_its_logit(lead, generator):
    policy = make_policy(actions=DISCRETE)
    obs = random_obs(*lead, 2)
    action, log_prob, _ = policy.choose_action(obs, is_training=True, generator=generator)
    output, _ = policy(obs)
    logits = output.distribution.logits
    assert action.shape == log_prob.shape == lead
    assert ((action >= 0) & (action < 4)).all()
    assert_close(log_prob, logits.log_softmax(-1).gather(-1, action[..., None])[..., 0])
    best, _, _ = policy.choose_action(obs, deterministic=True)
    np.testing.assert_array_equal(best, logits.argmax(-1))


@pytest.mark.parametrize("actions", [BOX, DISCRETE])
def test_draws_follow_their_distribution(actions, generator):
    policy = make_policy(actions=actions)
    obs = random_obs(1, 2).expand(20_000, 2)
    action, _, _ = policy.choose_action(obs, generator=generator)
    distribution = policy(obs[:1])[0].distribution
    if actions is BOX:
        np.testing.assert_allclose(action.mean(0), distribution.mean[0].detach(), atol=0.03)
        np.testing.assert_allclose(action.std(0), distribution.stddev[0].detach(), atol=0.03)
        assert abs(np.corrcoef(action.T)[0, 1]) < 0.03
    else:
        share = np.bincount(action, minlength=4) / len(action)
        np.testing.assert_allclose(share, distribution.probs[0].detach(), atol=0.02)


@pytest.mark.parametrize("actions", [BOX, DISCRETE])
def test_training_gives_tensors_with_a_graph_and_acting_numpy_with_the_same_numbers(actions):
    policy = make_policy(actions=actions)
    obs = random_obs(2)
    kind, graph = {}, {}
    for is_training in (True, False):
        for mode in (True, False):
            policy.train(mode)
            generator = torch.Generator().manual_seed(7)
            action, log_prob, state = policy.choose_action(
                obs.numpy(), is_training=is_training, generator=generator
            )
            kind[is_training, mode] = (np.asarray(action), log_prob.item())
            graph[is_training, mode] = state.requires_grad
            assert isinstance(action, torch.Tensor if is_training else np.ndarray | np.generic)
            assert isinstance(log_prob, torch.Tensor if is_training else np.ndarray | np.generic)
            if is_training:
                log_prob.backward()
    for action, log_prob in kind.values():
        np.testing.assert_array_equal(action, kind[True, True][0])
        assert log_prob == kind[True, True][1]
    assert graph == {key: key[0] for key in graph}


def test_a_seeded_generator_reproduces_and_leaves_the_global_one_alone():
    policy = make_policy()
    obs, before = random_obs(N, 2), torch.random.get_rng_state()
    draws = [
        policy.choose_action(obs, generator=torch.Generator().manual_seed(seed))[0]
        for seed in (1, 1, 2)
    ]
    np.testing.assert_array_equal(draws[0], draws[1])
    assert not np.array_equal(draws[0], draws[2])
    assert torch.equal(before, torch.random.get_rng_state())


def test_choosing_with_resets_from_numpy_clears_the_named_envs():
    policy = make_policy(cell="lstm")
    obs = random_obs(N, 2).numpy()
    _, _, state = policy.choose_action(obs)
    reset = np.array([False, True, False])
    action, _, _ = policy.choose_action(obs, state, reset, deterministic=True)
    fresh, _, _ = policy.choose_action(obs, deterministic=True)
    same = [np.allclose(a, b) for a, b in zip(action, fresh, strict=True)]
    assert same == reset.tolist()


class Halves(nn.Module):
    """A reader's own encoder, of (B, 4) observations."""

    def forward(self, obs):
        return obs[:, :2]


def test_an_encoder_of_one_s_own_is_used():
    policy = make_policy((4,), encoder=Halves())
    assert policy.core.rnn.input_size == 2
    a, b = random_obs(N, 4), random_obs(N, 4)
    b[:, 2:] = 0.0
    assert_same_output(policy(a)[0], policy(b)[0])


@pytest.mark.parametrize(
    ("name", "obs_shape", "features"),
    [
        ("none", (), 1),
        ("none", (3, 4), 12),
        ("mlp", (3, 4), 8),
        ("conv", IMAGE, 8),
        ("conv", (1, 7, 7), 8),
    ],
)
def test_an_encoder_returns_the_features_it_says(name, obs_shape, features):
    encoder, said = make_encoder(name, box(*obs_shape), 8)
    assert said == features
    assert encoder(torch.zeros(5, *obs_shape)).shape == (5, features)


nan = torch.tensor([[0.0, 0.0], [0.0, torch.nan], [0.0, 0.0]])


@pytest.mark.usefixtures("no_shape_hook")
@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda p: p.step(torch.zeros(2), p.initial_state(1)), r"\(N, 2\), got \(2,\)"),
        (lambda p: p.step(torch.zeros(N, 3), p.initial_state(N)), r"\(N, 2\), got \(3, 3\)"),
        (lambda p: p.unroll(torch.zeros(N, 2), p.initial_state(N)), r"\(T, N, 2\), got \(3, 2\)"),
        (lambda p: p(torch.zeros(1, 1, 1, 2)), r"one observation \(2,\).*got \(1, 1, 1, 2\)"),
        (lambda p: p(torch.zeros(N, 5)), r"expected shape \(N, 2\), got \(3, 5\)"),
        (lambda p: p(torch.tensor(1.0)), r"one observation \(2,\).*got \(\)"),
        (lambda p: p.step(torch.zeros(N, 2), p.initial_state(1)), r"\(2, 3, 5\), got \(2, 1, 5\)"),
        (lambda p: p.unroll(torch.zeros(T, N, 2), p.initial_state(T)), r"got \(2, 6, 5\)"),
        (lambda p: p(torch.zeros(0, 2)), r"expected N of at least 1, got \(0, 2\)"),
        (lambda p: p(torch.zeros(0, N, 2)), r"expected T and N of at least 1, got \(0, 3, 2\)"),
        (
            lambda p: p(torch.zeros(N, 2), reset=torch.zeros(N)),
            r"expected bool \(3,\), got .*float",
        ),
        (lambda p: p(torch.zeros(N, 2), reset=torch.zeros(1) > 0), r"bool \(3,\), got .*\(1,\)"),
        (lambda p: p(torch.zeros(T, N, 2), reset=torch.zeros(N, T) > 0), r"\(6, 3\), got .*\(3, 6"),
        (lambda p: p(nan), "NaN or inf, first at N 1"),
        (lambda p: p(torch.stack([nan * 0 + 1, nan])), "expected finite numbers"),
        (lambda p: p.choose_action([np.inf, 0.0]), "expected finite numbers"),
        (lambda p: make_policy(hidden_size=0), "hidden_size: expected a whole number, at least 1"),
        (lambda p: make_policy(num_layers=1.5), "num_layers: .* at least 1, got 1.5"),
        (lambda p: make_policy(encoder_size=True), "encoder_size: .* at least 1, got True"),
        (lambda p: make_policy(cell="elman"), "one of 'rnn', 'gru', 'lstm'.* got 'elman'"),
        (lambda p: make_policy(encoder="cnn"), "'none', 'mlp', 'conv' or a torch module, got 'cnn"),
        (lambda p: make_policy(encoder="conv"), r"images \(C, H, W\), got shape \(2,\)"),
        (lambda p: make_policy(IMAGE, encoder=nn.Conv2d(3, 4, 3)), r"\(B, features\).*got \(2, 4"),
    ],
)
def test_bad_input_gets_an_error_that_says_expected_and_got(call, message):
    with pytest.raises(ValueError, match=message):
        call(make_policy(dtype=torch.float32))


@pytest.mark.parametrize(
    ("observations", "actions", "message"),
    [
        (gym.spaces.Text(4), BOX, r"observation_space: expected Box, .*, got Text"),
        (gym.spaces.Dict(a=box(2), b=gym.spaces.Text(4)), BOX, "got Text.* in its entry 'b'"),
        (box(2), gym.spaces.Dict(a=box(2)), "action_space: expected Box, Discrete, .*got Dict"),
    ],
)
def test_a_space_of_another_kind_is_refused(observations, actions, message):
    with pytest.raises(TypeError, match=message):
        RNNPolicy(observations, actions)
