"""The acting loop: what it hands to the policy, what it copies, and which envs it refuses."""

from itertools import islice

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from rnn_tutorial.acting import act, begin, env_seeds
from rnn_tutorial.collect import collect
from rnn_tutorial.cores import CORES
from rnn_tutorial.doctor.zoo import BUGS
from rnn_tutorial.doctor.zoo.changed import ChangedPackage
from rnn_tutorial.interventions import from_on, once
from rnn_tutorial.policy import RNNPolicy
from rnn_tutorial.ppo import evaluate, train
from rnn_tutorial.rollout import episode_returns, record
from rnn_tutorial.settings import Settings

CUED = "rnn_tutorial/CuedPoint-v0"
SAME_STEP = AutoresetMode.SAME_STEP
# The bugs of the zoo that change where a step starts from when acting.
RESET_BUGS = (
    "never_reset",
    "reset_after_step",
    "reset_clears_all",
    "mask_as_index",
    "cell_not_cleared",
    "first_layer_cleared",
    "acting_never_resets",
    "reset_one_late",
    "amnesia",
    "tanh_each_call",
)


def staggered(copy=True):
    makers = [lambda h=h: gym.make(CUED, max_episode_steps=h) for h in (4, 5, 7)]
    return SyncVectorEnv(makers, copy=copy, autoreset_mode=SAME_STEP)


def policy_for(env, module=RNNPolicy, **settings):
    torch.manual_seed(0)
    chosen = {"hidden_size": 8, "encoder_size": 8, **settings}
    policy = module(env.single_observation_space, env.single_action_space, **chosen)
    for parameter in policy.parameters():
        parameter.data *= 3  # so that a memory matters
    return policy


@pytest.mark.usefixtures("no_shape_hook")
@pytest.mark.parametrize("name", RESET_BUGS)
def test_a_record_shows_how_the_policy_itself_clears_its_state(name):
    bug, values = BUGS[name], []
    for changes in ((), bug.changes):
        package, env = ChangedPackage(name, changes), staggered()
        policy = policy_for(env, package["policy"].RNNPolicy, **bug.options)
        values.append(package["rollout"].record(policy, env, 20, seed=0).value)
    assert not np.allclose(*values, atol=1e-4)


class WritesAgain(gym.vector.VectorWrapper):
    """Hands out its own arrays, and writes into all of them at the next step."""

    def reset(self, **options):
        self.seen, self.info = self.env.reset(**options)
        self.info = {"goal": self.info["goal"]}
        return self.seen, self.info

    def step(self, actions):
        seen, reward, terminated, truncated, info = self.env.step(actions)
        self.seen[:], self.info["goal"][:] = seen, info["goal"]
        if "final_obs" in info:
            self.info["final_obs"] = info["final_obs"]
        if not hasattr(self, "flags"):
            self.flags = [part.copy() for part in (reward, terminated, truncated)]
        for kept, part in zip(self.flags, (reward, terminated, truncated), strict=True):
            kept[:] = part
        return self.seen, *self.flags, self.info


def test_what_an_env_writes_again_is_stored_as_it_was():
    def rollouts(wrap):
        env = wrap(gym.make_vec(CUED, num_envs=3, horizon=4))
        policy = policy_for(env)
        settings = Settings(rollout_length=11)
        generator = torch.Generator().manual_seed(0)
        carry = begin(policy, env, 0)
        buffer, *_ = collect(policy, env, carry, settings, generator)
        return record(policy, env, 11, seed=0), buffer

    (careful, buffer), (careless, other) = rollouts(lambda env: env), rollouts(WritesAgain)
    for name in ("observation", "next_observation", "reward", "reset", "truncated", "value"):
        np.testing.assert_array_equal(getattr(careful, name), getattr(careless, name))
    np.testing.assert_array_equal(careful.info["goal"], careless.info["goal"])
    for name in ("observation", "reward", "reset", "truncated", "advantage"):
        assert torch.equal(buffer[name], other[name])


@pytest.mark.parametrize("mode", [SAME_STEP, AutoresetMode.NEXT_STEP])
def test_gymnasium_without_copies_is_recorded_like_with_them(mode):
    rows = []
    for copy in (True, False):
        makers = [lambda h=h: gym.make(CUED, max_episode_steps=h) for h in (4, 5, 7)]
        env = SyncVectorEnv(makers, copy=copy, autoreset_mode=mode)
        rows.append(record(policy_for(env), env, 20, seed=0))
    np.testing.assert_array_equal(rows[0].observation, rows[1].observation)
    np.testing.assert_array_equal(rows[0].next_observation, rows[1].next_observation)


@pytest.mark.parametrize("use", [lambda p, e: record(p, e, 3, seed=0), lambda p, e: train(e)])
@pytest.mark.parametrize(("mode", "got"), [(AutoresetMode.DISABLED, "DISABLED"), (None, "none")])
def test_an_env_that_does_not_reset_itself_is_refused_alike(use, mode, got):
    env = staggered()
    policy = policy_for(env)
    env.metadata = {} if mode is None else {"autoreset_mode": mode}
    with pytest.raises(ValueError, match=f"expected autoreset mode SAME_STEP or .* got {got}"):
        use(policy, env)


def test_where_an_intervention_acts_the_step_starts_from_its_state():
    env = staggered()
    policy = policy_for(env)
    ones = torch.ones_like(policy.initial_state(3))
    plain = record(policy, env, 9, seed=0)
    idle = record(policy, env, 9, seed=0, intervention=lambda t, state: state)
    np.testing.assert_array_equal(plain.value, idle.value)
    changed = record(policy, env, 9, seed=0, intervention=once(4, lambda _: ones))
    assert changed.reset[4, 0]
    obs = torch.as_tensor(changed.observation[4])
    with torch.no_grad():
        expected = policy.step(obs, ones)[0].value.numpy()
    np.testing.assert_allclose(changed.value[4], expected, atol=1e-6)
    seen = []
    record(policy, env, 9, seed=0, intervention=from_on(0, lambda s: seen.append(s) or s))
    assert not seen[4][:, 0].any()  # what an intervention gets is cleared
    assert seen[4][:, 1].any()


@pytest.mark.parametrize("cell", sorted(CORES))
def test_a_double_policy_acts_collects_and_trains(cell):
    env = staggered()
    policy = policy_for(env, cell=cell).double()
    rollout = record(policy, env, 9, seed=0)
    assert rollout.value.dtype == np.float64
    buffer, *_ = collect(
        policy, env, begin(policy, env, 0), Settings(), torch.Generator().manual_seed(0)
    )
    assert buffer["log_prob"].dtype == buffer["observation"].dtype == torch.float64
    trained = train(env, Settings(iterations=2), policy=policy, progress=False).policy
    assert all(weight.dtype == torch.float64 for weight in trained.parameters())


@pytest.mark.parametrize("cell", sorted(CORES))
def test_under_autocast_acting_and_training_agree_across_resets(cell):
    env = staggered()
    policy = policy_for(env, cell=cell)
    settings = Settings(rollout_length=20, bptt_length=6)
    with torch.autocast("cpu", torch.bfloat16):
        generator = torch.Generator().manual_seed(0)
        buffer, *_ = collect(policy, env, begin(policy, env, 0), settings, generator)
        sequences = buffer.sequences()
        with torch.no_grad():
            log_ratio, _, _ = evaluate(policy, sequences)
        loss = evaluate(policy, sequences)[0].square().mean()
        loss.backward()
    assert buffer["reset"][1:].any()
    assert log_ratio[sequences.valid].abs().max() < 0.1  # eight bits of precision
    exact, *_ = collect(
        policy, env, begin(policy, env, 0), settings, torch.Generator().manual_seed(0)
    )
    value = exact["value"][0]
    assert (buffer["value"][0] - value).abs().max() < 0.1 * max(1.0, float(value.abs().max()))


def test_envs_of_different_seeds_share_no_stream():
    seeds = [number for seed in range(20) for number in env_seeds(seed, 64)]
    seeds += [number for i in range(1, 20) for number in env_seeds((0, i), 64)]
    assert len(set(seeds)) == len(seeds)
    env = gym.make_vec(CUED, num_envs=8)
    policy = policy_for(env)
    goals = [begin(policy, env, seed).info["goal"] for seed in (0, 1)]
    assert not {*map(tuple, goals[0])} & {*map(tuple, goals[1])}
    with pytest.raises(ValueError, match="seed: expected a whole number, at least 0, got -1"):
        record(policy, env, 1, seed=-1)


def test_the_honest_return_is_that_of_each_envs_first_episodes():
    env = staggered()
    policy = policy_for(env)
    found = episode_returns(policy, env, episodes=7, seed=3, deterministic=True)
    rollout = record(policy, env, 40, seed=3, deterministic=True)
    expected = [
        rollout.reward[span, i].sum()
        for i, most in enumerate((3, 2, 2))
        for span in rollout.episodes(i)[:most]
    ]
    np.testing.assert_allclose(found, expected)
    assert episode_returns(policy, gym.make(CUED), 3, seed=0).shape == (3,)
    with pytest.raises(ValueError, match="episodes: expected a whole number, at least 1, got 0"):
        episode_returns(policy, env, 0, seed=0)


def test_the_loop_takes_up_where_it_was():
    env, again = staggered(), staggered()
    policy = policy_for(env)
    whole = [
        step.output.value
        for step in islice(act(policy, env, begin(policy, env, 0), deterministic=True), 12)
    ]
    carry, parts = begin(policy, again, 0), []
    for length in (5, 7):
        for step in islice(act(policy, again, carry, deterministic=True), length):
            parts.append(step.output.value)
        carry = step.then
    assert torch.equal(torch.stack(whole), torch.stack(parts))
