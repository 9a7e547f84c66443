"""Envs that do as they like: one array for all observations, odd rewards, flags and infos."""

import warnings

import gymnasium as gym
import numpy as np
import pytest
import torch
from any_env import AnyEnv
from gymnasium.spaces import Box, Dict, Discrete
from gymnasium.vector import AsyncVectorEnv, AutoresetMode, SyncVectorEnv, VectorEnv

from rnn_tutorial.policy import RNNPolicy
from rnn_tutorial.ppo import train
from rnn_tutorial.rollout import episode_returns, record
from rnn_tutorial.settings import Settings

TWO = Discrete(2)
LINE = Box(-9.0, 9.0, (1,))
SHORT = Settings(iterations=1, epochs=1, rollout_length=6)


class Reusing(gym.Env):
    """Counts to 3 in an array that every observation is; `fresh` returns copies instead."""

    action_space = TWO

    def __init__(self, fresh=False, nested=False):
        self.observation_space = Dict(count=LINE) if nested else LINE
        self.count, self.fresh, self.nested = np.zeros(1, np.float32), fresh, nested

    def see(self):
        seen = self.count.copy() if self.fresh else self.count
        return {"count": seen} if self.nested else seen

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.count[:] = 0
        return self.see(), {}

    def step(self, action):
        self.count += 1
        return self.see(), float(action), False, bool(self.count[0] == 3), {}


class Many(VectorEnv):
    """Two envs in one, whose answers can be changed."""

    num_envs, single_observation_space, single_action_space = 2, Box(-1.0, 1.0, (3,)), TWO

    def __init__(self, mode=AutoresetMode.SAME_STEP, **answers):
        self.metadata, self.answers, self.t = {"autoreset_mode": mode}, answers, 0

    def reset(self, *, seed=None, options=None):
        return np.zeros((2, 3), np.float32), {}

    def step(self, actions):
        self.t += 1
        ends = np.full(2, self.t % 4 == 0)
        info = {"final_obs": np.ones((2, 3), np.float32)} if ends.any() else {}
        answer = {"reward": np.array([1.0, 5.0]), "terminated": ends, "info": info}
        answer = {**answer, **self.answers}
        obs, never = np.zeros((2, 3), np.float32), np.zeros(2, bool)
        return obs, answer["reward"], answer["terminated"], never, answer["info"]


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("vector", [False, True])
def test_an_env_that_reuses_its_array_keeps_its_last_observations(nested, vector):
    """Also where it counts: training takes the value of a truncated episode from the last one."""

    def make(fresh):
        if not vector:
            return Reusing(fresh, nested)
        makers = [lambda: Reusing(fresh, nested)] * 2
        return SyncVectorEnv(makers, copy=False, autoreset_mode=AutoresetMode.SAME_STEP)

    policy = RNNPolicy(Reusing(nested=nested).observation_space, TWO)
    rollout = record(policy, make(fresh=False), 6, seed=0)
    seen = rollout.next_observation["count"] if nested else rollout.next_observation
    np.testing.assert_array_equal(seen[:, 0, 0], [1, 2, 3, 1, 2, 3])
    two = Settings(iterations=2, epochs=1, rollout_length=6)
    trained, healthy = (train(make(fresh), two, progress=False) for fresh in (False, True))
    assert trained.history == healthy.history


@pytest.mark.parametrize("fresh", [False, True])
def test_a_vector_env_that_loses_its_last_observations_gets_a_warning(fresh):
    """The envs of an AsyncVectorEnv write in another process, where nothing can copy for them.

    Few episodes end in a rollout; the count goes on in the next one.
    """
    env = AsyncVectorEnv([lambda: Reusing(fresh)] * 2, autoreset_mode=AutoresetMode.SAME_STEP)
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            train(env, Settings(iterations=9, epochs=1, rollout_length=3), progress=False)
    finally:
        env.close()
    told = [str(each.message) for each in caught if "let it return copies" in str(each.message)]
    assert len(told) == (0 if fresh else 1)


class Blank(AnyEnv):
    """Shows nothing at its beginning and at its end, in fresh arrays; keeps a score."""

    score = 0

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return np.zeros(1, np.float32), {}

    def step(self, action):
        self.score += 1
        _, *rest = super().step(action)
        ended = rest[1] or rest[2]
        return np.full(1, 0.0 if ended else 1.0, np.float32), *rest


def test_no_warning_where_last_observations_are_kept_and_the_env_s_members_stay_in_reach():
    env = SyncVectorEnv([lambda: Blank(LINE, TWO)] * 2, autoreset_mode=AutoresetMode.SAME_STEP)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        record(RNNPolicy(LINE, TWO), env, 40, seed=0)
    assert env.envs[0].score == 40


class Listing(AnyEnv):
    """Shows lists in the place of arrays, as gymnasium lets it."""

    def reset(self, *, seed=None, options=None):
        return super().reset(seed=seed)[0].tolist(), {}

    def step(self, action):
        self.seen, *rest = super().step(action)
        return self.seen.tolist(), *rest


@pytest.mark.parametrize("n", [1, 2])
def test_observations_may_be_lists(n):
    pair = Box(-9.0, 9.0, (2,))
    envs = [Listing(pair, TWO, length=2) for _ in range(n)]
    env = SyncVectorEnv([lambda e=e: e for e in envs], autoreset_mode=AutoresetMode.SAME_STEP)
    rollout = record(RNNPolicy(pair, TWO), env, 2, seed=0)
    last = [each.seen for each in envs]
    ended = rollout.terminated[-1] | rollout.truncated[-1]
    np.testing.assert_allclose(rollout.next_observation[-1][ended], np.stack(last)[ended])


def test_the_reward_of_a_resetting_step_belongs_to_no_episode():
    env = gym.wrappers.vector.TransformReward(
        SyncVectorEnv([lambda: Reusing(True)], autoreset_mode=AutoresetMode.NEXT_STEP),
        lambda reward: 0 * reward - 1,
    )
    assert episode_returns(RNNPolicy(LINE, TWO), env, 3, seed=0).tolist() == [-3.0] * 3


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ({"reward": np.ones((2, 1))}, r"rewards of shape \(2,\), numbers, got float64 \(2, 1\)"),
        ({"reward": np.array(["a", "b"])}, r"rewards of shape \(2,\), numbers, got <U1"),
        ({"reward": 1.0}, r"rewards of shape \(2,\), numbers, got float64 \(\)"),
        ({"terminated": np.zeros(2, int)}, r"terminated of shape \(2,\), bool, got int64"),
        ({"terminated": np.zeros(2)}, r"terminated of shape \(2,\), bool, got float64"),
        ({"info": {}}, 'expected info."final_obs". at the end'),
        ({"info": {"final_obs": np.ones((2, 1))}}, r"an observation of shape \(3,\) in info"),
        ({"mode": "Sometimes"}, "got 'Sometimes'"),
    ],
)
def test_what_a_vector_env_may_not_answer_is_named(answers, said):
    policy = RNNPolicy(Many.single_observation_space, TWO)
    for call in (
        lambda: episode_returns(policy, Many(**answers), 2, seed=0),
        lambda: train(Many(**answers), SHORT, progress=False),
    ):
        with pytest.raises(ValueError, match=said):
            call()


def test_an_autoreset_mode_may_be_a_text_and_rewards_whole_numbers():
    policy = RNNPolicy(Many.single_observation_space, TWO)
    env = Many("SameStep", reward=np.array([1, 5]))
    np.testing.assert_array_equal(episode_returns(policy, env, 2, seed=0), [4.0, 20.0])


class OddInfos(AnyEnv):
    """An info whose array changes its length, and one with a number for a key."""

    t = 0

    def step(self, action):
        self.t += 1
        answer = super().step(action)
        return (*answer[:4], {"seen": np.zeros(self.t), 3: 1.0, "steps": self.t})


def test_infos_that_do_not_stack_are_left_out():
    rollout = record(RNNPolicy(LINE, TWO), OddInfos(LINE, TWO), 4, seed=0)
    assert "seen" not in rollout.info


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (Box(0, 255, (4, 4, 3), np.uint8), Box(0.0, 1.0, (4, 4, 3))),
        (Discrete(5), Discrete(3, start=1)),
        (Box(-1.0, 1.0, (3,)), Dict(a=Box(-1.0, 1.0, (3,)))),
        (Dict(a=LINE), Dict(b=LINE)),
    ],
)
def test_a_policy_for_other_observations_is_refused(ours, theirs):
    policy, env = RNNPolicy(ours, TWO), AnyEnv(theirs, TWO)
    for call in (
        lambda: record(policy, env, 2, seed=0),
        lambda: train(env, SHORT, policy=policy, progress=False),
    ):
        with pytest.raises(ValueError, match="policy: expected the env's observations"):
            call()


def test_a_path_needs_vectors_and_counts_are_whole(no_shape_hook):
    space = Dict(a=LINE)
    policy, env = RNNPolicy(space, TWO), AnyEnv(space, TWO)
    with pytest.raises(TypeError, match="path: expected observations that are vectors"):
        record(policy, env, 2, seed=0).path(0, slice(0, 2))
    with pytest.raises(ValueError, match="num_steps: expected a whole number, at least 1"):
        record(policy, env, 2.5, seed=0)
    with pytest.raises(ValueError, match="episodes: expected a whole number, at least 1"):
        episode_returns(policy, env, 4.0, seed=0)
    with pytest.raises(ValueError, match="seed: expected a whole number, at most"):
        record(policy, env, 2, seed=2**70)


def test_a_single_observation_may_name_its_entries_in_any_order():
    space = Dict(a=Box(-1.0, 1.0, ()), b=LINE)
    obs = {"b": torch.zeros(1), "a": torch.zeros(())}
    assert RNNPolicy(space, TWO)(obs)[0].value.shape == ()
