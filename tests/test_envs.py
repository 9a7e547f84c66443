"""The environments: gymnasium's contract, the dynamics, seeding, and bad input."""

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.error import ResetNeeded
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from gymnasium.wrappers.vector import NormalizeObservation
from hypothesis import given, settings
from hypothesis import strategies as st

import rnn_tutorial
from rnn_tutorial.envs import (
    GOAL_SAMPLERS,
    CuedPointEnv,
    PointEnv,
    PreviousActionReward,
    SparsePointEnv,
)
from rnn_tutorial.policy import RNNPolicy
from rnn_tutorial.rollout import record

IDS = [
    "rnn_tutorial/Point-v0",
    "rnn_tutorial/SparsePoint-v0",
    "rnn_tutorial/CuedPoint-v0",
    "rnn_tutorial/PointTrial-v0",
]


def flatten(info, prefix=""):
    """An info as one level of names, nested dictionaries included."""
    flat = {}
    for key, value in info.items():
        if isinstance(value, dict):
            flat.update(flatten(value, f"{prefix}{key}/"))
        else:
            flat[prefix + key] = np.asarray(value)
    return flat


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", IDS)
def test_gymnasium_checks_the_env_without_a_warning(name):
    check_env(gym.make(name, render_mode="rgb_array").unwrapped)


@pytest.mark.filterwarnings("error", "ignore:.*is different from the unwrapped version")
def test_gymnasium_checks_the_wrapped_trial_without_another_warning():
    check_env(gym.make("rnn_tutorial/PointTrial-v0", render_mode="rgb_array"))


@pytest.mark.parametrize("mode", [AutoresetMode.SAME_STEP, AutoresetMode.NEXT_STEP])
@pytest.mark.parametrize("name", IDS)
def test_vector_env_equals_single_envs_over_whole_trajectories(name, mode):
    n, steps = 3, 210
    native = gym.make_vec(name, num_envs=n, autoreset_mode=mode)
    single = SyncVectorEnv([lambda: gym.make(name)] * n, autoreset_mode=mode)
    rng = np.random.default_rng(0)
    got, want = native.reset(seed=7), single.reset(seed=7)
    goals = {tuple(got[1]["goal"][0])}
    assert native.observation_space == single.observation_space
    for _ in range(steps):
        np.testing.assert_array_equal(got[0], want[0])
        assert got[0].dtype == want[0].dtype
        for a, b in zip(got[1:-1], want[1:-1], strict=True):
            np.testing.assert_array_equal(a, b)
        got_info, want_info = flatten(got[-1]), flatten(want[-1])
        assert got_info.keys() == want_info.keys()
        for key in got_info:
            a, b = got_info[key], want_info[key]
            valid = (
                want_info.get("_final_obs", np.ones(n, bool))
                if "final" in key
                else np.ones(n, bool)
            )
            assert all(np.array_equal(x, y) for x, y in zip(a[valid], b[valid], strict=True)), key
        action = rng.uniform(-1.5, 1.5, (n, 2)).astype(np.float32)
        got, want = native.step(action), single.step(action)
        goals.add(tuple(got[-1]["goal"][0]))
    assert len(goals) > 1


@given(
    seed=st.integers(0, 2**31),
    name=st.sampled_from(IDS),
    n=st.integers(1, 5),
    horizon=st.integers(1, 7),
)
@settings(max_examples=40, deadline=None)
def test_vector_env_equals_single_envs_for_any_horizon(seed, name, n, horizon):
    native = gym.make_vec(name, num_envs=n, horizon=horizon)
    single = SyncVectorEnv(
        [lambda: gym.make(name, horizon=horizon)] * n, autoreset_mode=AutoresetMode.SAME_STEP
    )
    rng = np.random.default_rng(seed)
    np.testing.assert_array_equal(native.reset(seed=seed)[0], single.reset(seed=seed)[0])
    for _ in range(20):
        action = rng.normal(size=(n, 2))
        for a, b in zip(native.step(action)[:4], single.step(action)[:4], strict=True):
            np.testing.assert_array_equal(a, b)


def test_a_full_action_moves_a_tenth_and_is_clipped():
    env = PointEnv()
    env.reset(seed=0)
    observation, *_ = env.step([5.0, -0.5])
    np.testing.assert_allclose(observation, [0.1, -0.05], atol=1e-7)
    assert observation.dtype == np.float32


def test_rewards_are_the_distance_and_one_minus_it_inside_the_radius():
    env = SparsePointEnv(goal_radius=0.5)
    env.reset(options={"goal": (0.3, 0.0)})
    _, reward, *_, info = env.step([0.0, 0.0])
    assert reward == pytest.approx(0.7)
    assert info["sparse_reward"] == reward
    assert info["dense_reward"] == pytest.approx(-0.3)
    env.reset(options={"goal": (0.7, 0.0)})
    assert env.step([0.0, 0.0])[1] == 0.0


def test_goals_lie_on_the_circle_and_on_its_upper_half():
    rng = np.random.default_rng(0)
    for name, sampler in GOAL_SAMPLERS.items():
        goals = np.array([sampler(rng) for _ in range(500)])
        np.testing.assert_allclose(np.linalg.norm(goals, axis=1), 1.0)
        assert (goals[:, 1] >= 0).all() == (name == "semi_circle")


def test_a_goal_is_new_at_every_reset_unless_fixed():
    env = PointEnv()
    first = env.reset(seed=3)[1]["goal"]
    assert not np.array_equal(first, env.reset()[1]["goal"])
    assert np.array_equal(first, env.reset(seed=3)[1]["goal"])
    env.reset(options={"goal": (0.0, 1.0)})
    assert not np.array_equal(env.reset()[1]["goal"], (0.0, 1.0))
    env.set_task((0.5, 0.5))
    assert np.array_equal(env.reset()[1]["goal"], (0.5, 0.5))
    drawn = env.reset_task()
    assert np.array_equal(env.get_task(), drawn)
    assert not np.array_equal(env.reset()[1]["goal"], (0.5, 0.5))


def test_an_episode_is_truncated_at_its_horizon_and_then_needs_a_reset():
    env = PointEnv(horizon=3)
    env.reset(seed=0)
    ends = [env.step([0, 0])[2:4] for _ in range(3)]
    assert ends == [(False, False), (False, False), (False, True)]
    with pytest.raises(ResetNeeded, match="has ended"):
        env.step([0, 0])


def test_the_cue_is_seen_in_the_first_observations_only():
    env = CuedPointEnv(cue_steps=2)
    observation, info = env.reset(seed=0)
    np.testing.assert_allclose(observation[2:], [*info["goal"], 1.0], rtol=1e-6)
    assert env.step([0, 0])[0][4] == 1.0
    assert (env.step([0, 0])[0][2:] == 0).all()


def test_during_a_delay_the_point_waits_and_nothing_is_paid():
    env = CuedPointEnv(horizon=4, delay=3)
    env.reset(options={"goal": (0.0, 1.0)})
    steps = [env.step([0.0, 1.0]) for _ in range(7)]
    np.testing.assert_allclose([step[0][1] for step in steps], [0, 0, 0, 0.1, 0.2, 0.3, 0.4])
    np.testing.assert_allclose([step[1] for step in steps], [0, 0, 0, -0.9, -0.8, -0.7, -0.6])
    assert [step[3] for step in steps] == [False] * 6 + [True]
    assert all(step[0][4] == 0 for step in steps)
    env.reset()
    with pytest.raises(ValueError, match="finite"):
        env.step([np.nan, 0.0])


@pytest.mark.parametrize("mode", [AutoresetMode.SAME_STEP, AutoresetMode.NEXT_STEP])
@pytest.mark.parametrize("delay", [0, 1, 5])
def test_a_delay_is_the_same_in_the_vector_env(delay, mode):
    name, settings = "rnn_tutorial/CuedPoint-v0", {"horizon": 3, "delay": delay, "cue_steps": 2}
    native = gym.make_vec(name, num_envs=3, autoreset_mode=mode, **settings)
    single = SyncVectorEnv([lambda: gym.make(name, **settings)] * 3, autoreset_mode=mode)
    assert native.observation_space == single.observation_space
    rng = np.random.default_rng(0)
    np.testing.assert_array_equal(native.reset(seed=1)[0], single.reset(seed=1)[0])
    for _ in range(25):
        action = rng.normal(size=(3, 2))
        for a, b in zip(native.step(action)[:4], single.step(action)[:4], strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("mode", [AutoresetMode.SAME_STEP, AutoresetMode.NEXT_STEP])
def test_a_reset_right_after_an_episodes_end_leaves_nothing_of_it(mode):
    env = gym.make_vec(IDS[0], num_envs=2, horizon=2, autoreset_mode=mode)
    for _ in range(2):
        env.reset(seed=0)
        steps = [env.step(np.ones((2, 2))) for _ in range(2)]
        np.testing.assert_allclose(steps[0][0], 0.1)
        assert steps[1][3].all()


def test_a_trial_keeps_its_goal_and_says_where_its_second_episode_begins():
    env = gym.make("rnn_tutorial/PointTrial-v0")
    observation, info = env.reset(seed=0)
    np.testing.assert_array_equal(observation, [0, 0, 0, 0, 0, 1])
    goal, direction = info["goal"], info["goal"]
    flags, rewards, ends = [], [], []
    for _ in range(60):
        observation, reward, _, end, info = env.step(direction if len(flags) < 10 else [0, 0])
        assert np.array_equal(info["goal"], goal)
        assert observation[4] == np.float32(reward)
        flags.append(observation[5])
        rewards.append(reward)
        ends.append(end)
    assert np.flatnonzero(flags).tolist() == [29]
    assert ends == [False] * 59 + [True]
    assert rewards[29] > 0.9
    assert rewards[30] == 0.0


@pytest.mark.filterwarnings("ignore:.*(is different from the unwrapped|is -?infinity)")
def test_previous_action_and_reward_work_on_an_env_with_discrete_actions():
    env = PreviousActionReward(gym.make("CartPole-v1"))
    check_env(env, skip_render_check=True)
    observation, _ = env.reset(seed=0)
    np.testing.assert_array_equal(observation[4:], [0, 0, 0, 1])
    np.testing.assert_array_equal(env.step(1)[0][4:], [0, 1, 1, 0])


def test_rendering_is_a_picture_or_a_line_of_text():
    env = PointEnv(render_mode="rgb_array")
    with pytest.raises(ResetNeeded):
        env.render()
    env.reset(seed=0)
    before = env.render()
    assert before.shape == (400, 400, 3)
    assert before.dtype == np.uint8
    env.step([1.0, 1.0])
    assert not np.array_equal(before, env.render())
    env = PointEnv(render_mode="ansi")
    env.reset(options={"goal": (0, 1)})
    env.step([1, 0])
    assert env.render() == "step   1 of 100: at (+0.10, +0.00), goal (+0.00, +1.00), distance 1.00"
    env.close()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: PointEnv(goal_sampler="square"), "expected one of 'circle', 'semi_circle'"),
        (lambda: PointEnv(goal_sampler=lambda rng: (1, 2, 3)).reset(), r"shape \(2,\), got \(3,\)"),
        (lambda: PointEnv(horizon=0), "horizon: expected at least 1, got 0"),
        (lambda: SparsePointEnv(goal_radius=0.0), "goal_radius"),
        (lambda: PointEnv(render_mode="human"), "render_mode"),
        (lambda: PointEnv().reset(options={"goal": 1}), r"goal: expected shape \(2,\), got \(\)"),
        (lambda: PointEnv().set_task((np.nan, 0.0)), "finite"),
        (lambda: stepped("rnn_tutorial/Point-v0", [[1, 0]]), r"shape \(2,\), got \(1, 2\)"),
        (lambda: stepped("rnn_tutorial/Point-v0", [np.nan, 0]), "finite"),
        (lambda: vector_stepped([1, 0]), r"shape \(2, 2\), got \(2,\)"),
        (lambda: gym.make_vec(IDS[0], num_envs=2).reset(seed=[1]), "expected 2 seeds, got 1"),
        (lambda: CuedPointEnv(delay=-1), "delay: expected at least 0, got -1"),
        (lambda: gym.make_vec(IDS[2], delay=3, horizon=0), "horizon: expected at least 1, got 0"),
        (lambda: gym.make_vec(IDS[0], num_envs=0), "num_envs: expected at least 1, got 0"),
        (lambda: gym.make_vec(IDS[0], autoreset_mode="Disabled"), "DISABLED"),
    ],
)
def test_bad_input_gets_an_error_that_says_expected_and_got(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def stepped(name, action):
    env = gym.make(name, disable_env_checker=True).unwrapped
    env.reset(seed=0)
    return env.step(action)


def vector_stepped(action):
    env = gym.make_vec(IDS[0], num_envs=2)
    with pytest.raises(ResetNeeded):
        env.step(np.zeros((2, 2)))
    env.reset(seed=0)
    return env.step(action)


def test_registering_twice_does_nothing():
    rnn_tutorial.register_envs()
    assert all(name in gym.registry for name in IDS)


def test_gymnasiums_vector_wrappers_of_observations_take_the_mode_that_we_name():
    with pytest.raises(ValueError, match="SAME_STEP"):
        NormalizeObservation(gym.make_vec(IDS[0], num_envs=2))
    env = gym.make_vec(IDS[0], num_envs=2, autoreset_mode="NextStep")
    wrapped = NormalizeObservation(env)
    policy = RNNPolicy(wrapped.single_observation_space, wrapped.single_action_space)
    assert len(record(policy, wrapped, 5, seed=0)) == 5
