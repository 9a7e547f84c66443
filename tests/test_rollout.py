"""Recording: what is true of every rollout, in single and vector envs, with interventions."""

import dataclasses

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from hypothesis import given, settings
from hypothesis import strategies as st

import rnn_tutorial  # noqa: F401  (registers the envs)
from rnn_tutorial.acting import env_seeds
from rnn_tutorial.policy import RNNPolicy
from rnn_tutorial.rollout import Rollout, freeze, record, replace, zero

IDS = [f"rnn_tutorial/{name}-v0" for name in ("Point", "SparsePoint", "CuedPoint", "PointTrial")]
CUED = "rnn_tutorial/CuedPoint-v0"
CELLS = ["rnn", "gru", "lstm", "none"]
MODES = [AutoresetMode.SAME_STEP, AutoresetMode.NEXT_STEP]


def make_policy(env, cell="gru", **settings):
    torch.manual_seed(0)
    spaces = getattr(env, "single_observation_space", env.observation_space)
    actions = getattr(env, "single_action_space", env.action_space)
    return RNNPolicy(spaces, actions, cell, hidden_size=6, encoder_size=8, **settings)


def make_vec(name=CUED, n=3, **settings):
    return gym.make_vec(name, num_envs=n, **{"horizon": 5, **settings})


def arrays(rollout):
    """Every array of a rollout by name, the nested ones included."""
    flat = {}
    for field in dataclasses.fields(rollout):
        value = getattr(rollout, field.name)
        nested = value if isinstance(value, dict) else {"": value}
        flat.update({f"{field.name}/{key}": array for key, array in nested.items()})
    return flat


def assert_equal(a, b, steps=slice(None)):
    a, b = arrays(a), arrays(b)
    assert a.keys() == b.keys()
    for name in a:
        np.testing.assert_array_equal(a[name][steps], b[name][steps], err_msg=name)


def assert_replays(policy, rollout, start):
    """`unroll` over the record gives the values, log-probabilities and states that acting gave."""
    obs, reset = torch.as_tensor(rollout.observation), torch.as_tensor(rollout.reset)
    action = torch.as_tensor(rollout.action)
    with torch.no_grad():
        output, last = policy.unroll(obs, start, reset)
        np.testing.assert_allclose(output.value, rollout.value, atol=1e-5)
        np.testing.assert_allclose(
            output.distribution.log_prob(action), rollout.log_prob, atol=1e-4, rtol=1e-5
        )
        assert_is_state(last, rollout, len(rollout) - 1)
        middle = len(rollout) // 2
        _, state = policy.unroll(obs[: middle + 1], start, reset[: middle + 1])
        assert_is_state(state, rollout, middle)
        for t in range(middle + 1, len(rollout)):
            _, state = policy.step(obs[t], state, reset[t])
            assert_is_state(state, rollout, t)


def assert_is_state(state, rollout, t):
    parts = state if isinstance(state, tuple) else (state,)
    for part, recorded in zip(parts, rollout.state.values(), strict=True):
        np.testing.assert_allclose(part, recorded[t], atol=1e-5)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("cell", CELLS)
def test_unroll_over_the_record_gives_what_acting_gave(cell, mode):
    env = make_vec(autoreset_mode=mode)
    policy = make_policy(env, cell)
    rollout = record(policy, env, 13, seed=0)
    assert_replays(policy, rollout, policy.initial_state(3))


@pytest.mark.parametrize("name", IDS)
def test_a_single_env_is_recorded_as_a_vector_env_of_one(name):
    env, one = gym.make(name, horizon=4), make_vec(name, 1, horizon=4)
    policy = make_policy(env)
    (seed,) = env_seeds(3, 1)
    a = record(policy, env, 19, seed=seed, deterministic=True)
    b = record(policy, one, 19, seed=3, deterministic=True)
    assert a.num_envs == 1
    assert_equal(a, b)
    assert repr(a) == repr(b)


def test_a_single_env_gets_the_very_seed():
    env = gym.make(CUED)
    rollout = record(make_policy(env), env, 3, seed=7)
    np.testing.assert_array_equal(rollout.info["goal"][0, 0], env.reset(seed=7)[1]["goal"])


@pytest.mark.parametrize("name", IDS)
def test_each_env_of_a_vector_is_recorded_as_if_alone(name):
    env = make_vec(name, 3)
    policy = make_policy(env)
    together = record(policy, env, 12, seed=5, deterministic=True)
    for i, seed in enumerate(env_seeds(5, 3)):
        alone = record(policy, gym.make(name, horizon=5), 12, seed=seed, deterministic=True)
        np.testing.assert_allclose(together.reward[:, i], alone.reward[:, 0], atol=1e-5)
        np.testing.assert_array_equal(together.reset[:, i], alone.reset[:, 0])


@given(
    n=st.integers(1, 4),
    steps=st.integers(1, 15),
    horizon=st.integers(1, 6),
    mode=st.sampled_from(MODES),
    cell=st.sampled_from(CELLS),
    seed=st.integers(0, 1000),
)
@settings(max_examples=40, deadline=None)
def test_what_is_true_of_every_rollout(n, steps, horizon, mode, cell, seed):
    env = make_vec(n=n, horizon=horizon, autoreset_mode=mode)
    policy = make_policy(env, cell)
    rollout = record(policy, env, steps, seed=seed)
    assert (len(rollout), rollout.num_envs) == (steps, n)
    for name, array in arrays(rollout).items():
        assert array.shape[0] == steps, name
    assert rollout.reset[0].all()
    assert rollout.valid[0].all()
    ends = rollout.terminated | rollout.truncated
    if mode == AutoresetMode.SAME_STEP:
        assert rollout.valid.all()
        np.testing.assert_array_equal(rollout.reset[1:], ends[:-1])
    else:
        np.testing.assert_array_equal(rollout.valid[1:], ~ends[:-1])
        np.testing.assert_array_equal(rollout.reset[1:], ~rollout.valid[:-1])
        assert not rollout.reward[~rollout.valid].any()
    np.testing.assert_array_equal(rollout.observation[..., 4] == 1.0, rollout.reset)
    inside = ~ends[:-1]
    np.testing.assert_array_equal(
        rollout.observation[1:][inside], rollout.next_observation[:-1][inside]
    )
    # Where the point is after the step follows from the step alone, at an episode's end too.
    moved = rollout.observation[..., :2] + 0.1 * rollout.action.clip(-1.0, 1.0)
    valid = rollout.valid
    np.testing.assert_allclose(rollout.next_observation[valid][:, :2], moved[valid], atol=1e-6)
    far = np.linalg.norm(moved - rollout.info["goal"], axis=-1)
    np.testing.assert_allclose(rollout.reward[valid], -far[valid], atol=1e-5)
    for name, memory in rollout.memory.items():
        assert not memory.swapaxes(1, 2)[rollout.reset].any()
        kept = ~rollout.reset[1:]
        np.testing.assert_array_equal(
            memory[1:].swapaxes(1, 2)[kept], rollout.state[name][:-1].swapaxes(1, 2)[kept]
        )
    for i in range(n):
        spans = rollout.episodes(i)
        assert [s.start for s in spans] == np.flatnonzero(rollout.reset[:, i]).tolist()
        assert all(s.stop - s.start == horizon for s in spans[:-1])
        assert all(valid[s, i].all() for s in spans)
    assert len(rollout.returns()) == ends.sum()


def test_episodes_returns_and_path_by_hand():
    env = make_vec(n=2, horizon=4)
    policy = make_policy(env)
    rollout = record(policy, env, 10, seed=1)
    assert rollout.episodes(1) == [slice(0, 4), slice(4, 8), slice(8, 10)]
    expected = [rollout.reward[a : a + 4, i].sum() for i in (0, 1) for a in (0, 4)]
    np.testing.assert_allclose(rollout.returns(), expected)
    path = rollout.path(0, slice(4, 8))
    assert path.shape == (5, 2)
    assert not path[0].any()
    np.testing.assert_array_equal(path[4], rollout.next_observation[7, 0, :2])
    assert path[4].any()
    assert repr(rollout) == "Rollout(T=10, N=2, episodes=6)"


def test_the_record_owns_its_arrays():
    env = make_vec(n=2)
    rollout = record(make_policy(env), env, 4, seed=0)
    before = {name: array.copy() for name, array in arrays(rollout).items()}
    env.step(np.ones((2, 2)))
    for name, array in arrays(rollout).items():
        np.testing.assert_array_equal(array, before[name])


class Strict(gym.Env):
    """Takes no action outside its space."""

    observation_space = gym.spaces.Box(-1, 1, (2,), np.float32)
    action_space = gym.spaces.Box(-0.25, 0.5, (3,), np.float32)

    def reset(self, *, seed=None, options=None):
        return np.zeros(2, np.float32), {}

    def step(self, action):
        assert self.action_space.contains(action)
        return action[:2], 0.0, False, False, {}


def test_the_action_is_recorded_as_drawn_and_executed_clipped():
    env = Strict()
    rollout = record(make_policy(env), env, 30, seed=0)
    outside = (rollout.action < -0.25) | (rollout.action > 0.5)
    assert outside.any()
    assert not outside.all()
    executed = rollout.next_observation[..., :2]
    np.testing.assert_array_equal(executed, rollout.action[..., :2].clip(-0.25, 0.5))


def test_the_same_seed_gives_the_same_record_and_another_gives_another():
    env = make_vec()
    policy = make_policy(env)
    a, b, c = (record(policy, env, 12, seed=seed) for seed in (4, 4, 5))
    assert_equal(a, b)
    assert not np.array_equal(a.action, c.action)
    assert not np.array_equal(a.info["goal"], c.info["goal"])


def test_options_reach_the_first_reset():
    env = make_vec()
    rollout = record(make_policy(env), env, 6, seed=0, options={"goal": (0.25, 0.5)})
    np.testing.assert_array_equal(rollout.info["goal"][0], [[0.25, 0.5]] * 3)
    assert not np.array_equal(rollout.info["goal"][5], [[0.25, 0.5]] * 3)


def other_state(policy, n):
    state = policy.initial_state(n)
    filled = [
        torch.full_like(part, 0.7) for part in (state if isinstance(state, tuple) else [state])
    ]
    return tuple(filled) if isinstance(state, tuple) else filled[0]


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
@pytest.mark.parametrize("kind", ["zero", "freeze", "replace"])
def test_before_an_intervention_everything_stays_bit_for_bit(kind, cell):
    k, steps, n = 7, 16, 3
    env = make_vec(horizon=30)
    policy = make_policy(env, cell)
    intervention = {
        "zero": zero(k),
        "freeze": freeze(k),
        "replace": replace(k, other_state(policy, n)),
    }[kind]
    plain = record(policy, env, steps, seed=2)
    changed = record(policy, env, steps, seed=2, intervention=intervention)
    assert_equal(plain, changed, slice(k))
    for name, memory in changed.memory.items():
        if kind == "freeze":
            np.testing.assert_array_equal(
                memory[k:], np.stack([plain.memory[name][k]] * (steps - k))
            )
        else:
            assert (memory[k] == (0.0 if kind == "zero" else np.float32(0.7))).all()
            np.testing.assert_array_equal(memory[k + 1 :], changed.state[name][k:-1])
    acts = k + 1 if kind == "freeze" else k
    assert_equal(plain, changed, slice(acts))
    assert not np.array_equal(plain.value[acts], changed.value[acts])


def test_the_amnesiac_starts_every_step_from_zeros_and_answers_by_the_observation_alone():
    env = make_vec(horizon=4)
    policy = make_policy(env)
    rollout = record(policy, env, 12, seed=0, intervention=zero())
    assert not rollout.memory["hidden"].any()
    assert rollout.state["hidden"].any()
    with torch.no_grad():
        alone, _ = policy(torch.as_tensor(rollout.observation.reshape(-1, 5)))
    np.testing.assert_allclose(alone.value.reshape(12, 3), rollout.value, atol=1e-6)


def test_an_intervention_acts_after_the_clearing_and_can_be_used_again():
    env = make_vec(horizon=4)
    policy = make_policy(env)
    kept = other_state(policy, 3)
    at_a_reset = record(policy, env, 6, seed=0, intervention=replace(4, kept))
    assert at_a_reset.reset[4].all()
    np.testing.assert_array_equal(at_a_reset.memory["hidden"][4], kept)
    again = freeze(2)
    a, b = (record(policy, env, 6, seed=seed, intervention=again) for seed in (0, 1))
    assert_equal(a, record(policy, env, 6, seed=0, intervention=freeze(2)))
    assert_equal(b, record(policy, env, 6, seed=1, intervention=freeze(2)))


@pytest.mark.parametrize(
    "make",
    [
        lambda: gym.make("CartPole-v1"),
        lambda: gym.make_vec("CartPole-v1", num_envs=2),
        lambda: gym.make_vec("CartPole-v1", num_envs=2, vectorization_mode="sync"),
        lambda: SyncVectorEnv(
            [lambda: gym.make("CartPole-v1")] * 2, autoreset_mode=AutoresetMode.SAME_STEP
        ),
    ],
    ids=["single", "its own vector env", "sync, next step", "sync, same step"],
)
def test_an_env_of_somebody_else_with_discrete_actions(make):
    env = make()
    policy = make_policy(env)
    rollout = record(policy, env, 60, seed=0)
    n = rollout.num_envs
    assert rollout.action.shape == (60, n)
    assert rollout.action.dtype.kind == "i"
    assert rollout.distribution["probs"].shape == (60, n, 2)
    assert rollout.terminated.any()
    # CartPole ends where the pole or the cart is out of bounds: seen only in the true last one.
    out = (np.abs(rollout.next_observation[..., 0]) > 2.4) | (
        np.abs(rollout.next_observation[..., 2]) > 0.2095
    )
    np.testing.assert_array_equal(out & rollout.valid, rollout.terminated)
    assert (np.abs(rollout.observation[rollout.reset]) <= 0.05).all()
    # It pays 1 for each step, so a finished episode returns its length.
    spans = [s for i in range(n) for s in rollout.episodes(i) if rollout.terminated[s, i].any()]
    np.testing.assert_array_equal(rollout.returns(), [s.stop - s.start for s in spans])
    assert_replays(policy, rollout, policy.initial_state(n))


class Careless(gym.vector.VectorWrapper):
    """Hands out the same buffers again and again, and infos of every form."""

    def __init__(self, env):
        super().__init__(env)
        self.buffers = [np.zeros(env.num_envs, dtype) for dtype in (float, bool, bool)]

    def step(self, actions):
        observation, *rest, info = self.env.step(actions)
        for buffer, values in zip(self.buffers, rest, strict=True):
            buffer[:] = values
        odd = {"note": np.array(["a"] * 3), "count": np.array(3), "list": [1, 2, 3]}
        return observation, *self.buffers, {**info, **odd}


def test_a_careless_env_is_recorded_like_a_careful_one():
    env = make_vec()
    policy = make_policy(env)
    careless = record(policy, Careless(make_vec()), 12, seed=0)
    assert_equal(careless, record(policy, env, 12, seed=0))
    assert careless.info.keys() == {"goal", "distance"}


class Broken(gym.Env):
    """Sees NaN from its second observation on."""

    observation_space = gym.spaces.Box(-1, 1, (2,), np.float32)
    action_space = gym.spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        return np.zeros(2, np.float32), {}

    def step(self, action):
        return np.full(2, np.nan, np.float32), 0.0, False, False, {}


@pytest.mark.usefixtures("no_shape_hook")
def test_bad_input_gets_an_error_that_says_expected_and_got():
    env = make_vec()
    policy = make_policy(env)
    with pytest.raises(ValueError, match="num_steps: expected a whole number, at least 1, got 0"):
        record(policy, env, 0, seed=0)
    off = SyncVectorEnv([lambda: gym.make(CUED)], autoreset_mode=AutoresetMode.DISABLED)
    with pytest.raises(ValueError, match="SAME_STEP or NEXT_STEP, got DISABLED"):
        record(policy, off, 1, seed=0)
    with pytest.raises(ValueError, match=r"policy: expected the env's observations"):
        record(policy, make_vec("rnn_tutorial/Point-v0"), 1, seed=0)
    for seed in (-1, 1.5, "a", None, True):
        with pytest.raises(ValueError, match="seed: expected a whole number, at least 0, got"):
            record(policy, env, 1, seed=seed)
    with pytest.raises(TypeError, match="env: expected a gymnasium env"):
        record(policy, CUED, 1, seed=0)
    pole = gym.make("CartPole-v1")
    other = RNNPolicy(pole.observation_space, policy.action_space)
    with pytest.raises(ValueError, match=r"env's actions Discrete\(2\), got a policy for Box"):
        record(other, pole, 1, seed=0)
    broken = Broken()
    with pytest.raises(ValueError, match="obs: expected finite numbers"):
        record(make_policy(broken), broken, 3, seed=0)


def test_a_rollout_cannot_be_changed_by_accident():
    env = make_vec()
    rollout = record(make_policy(env), env, 2, seed=0)
    assert isinstance(rollout, Rollout)
    with pytest.raises(dataclasses.FrozenInstanceError):
        rollout.reward = None
