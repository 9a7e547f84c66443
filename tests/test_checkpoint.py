"""Checkpoints: a resumed run equals one that was never interrupted; damage is told."""

import os
import subprocess
import sys
from multiprocessing import get_context
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from rnn_tutorial.checkpoint import (
    CheckpointError,
    load_checkpoint,
    load_policy,
    read_checkpoint,
    save_checkpoint,
    save_tensors,
)
from rnn_tutorial.cores import CORES
from rnn_tutorial.data import data_path
from rnn_tutorial.policy import RNNPolicy
from rnn_tutorial.ppo import train
from rnn_tutorial.settings import Settings


def make_env():
    return gym.make_vec("rnn_tutorial/CuedPoint-v0", num_envs=3)


def run(iterations, **options):
    settings = Settings(iterations=iterations, rollout_length=10, minibatches=2, checkpoint_every=2)
    chosen = {"cell": "lstm", "hidden_size": 8, "num_layers": 1, "encoder_size": 8, **options}
    return train(make_env(), settings, seed=1, **chosen)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.safetensors"


@pytest.mark.parametrize("cell", sorted(CORES))
def test_a_resumed_run_gives_the_very_same_weights(path, cell):
    whole = run(6, cell=cell)
    run(4, cell=cell, checkpoint=path)
    resumed = run(6, cell=cell, checkpoint=path)
    expected = whole.policy.state_dict()
    assert all(torch.equal(v, expected[k]) for k, v in resumed.policy.state_dict().items())
    assert str(resumed.history) == str(whole.history)


@pytest.mark.parametrize("at", [4, 5])
def test_an_interrupt_saves_what_there_is_and_the_run_goes_on_from_it(path, at):
    def stop(result):
        if len(result.history) == at:
            raise KeyboardInterrupt

    assert run(6, checkpoint=path, on_iteration=stop).interrupted
    resumed, whole = run(6, checkpoint=path), run(6)
    assert not resumed.interrupted
    assert [row["steps"] for row in resumed.history] == [row["steps"] for row in whole.history]
    assert str(resumed.history[:at]) == str(whole.history[:at])
    pairs = zip(resumed.policy.parameters(), whole.policy.parameters(), strict=True)
    same = all(torch.equal(a, b) for a, b in pairs)
    assert same == (at == 4)  # a regular checkpoint; elsewhere the envs are reset once more


def test_a_finished_run_is_loaded_and_not_run_again(path):
    first = run(2, checkpoint=path)
    again = run(2, checkpoint=path, on_iteration=lambda _: pytest.fail("ran again"))
    env = make_env()
    loaded = load_policy(path, env.single_observation_space, env.single_action_space)
    for name, weight in first.policy.state_dict().items():
        assert torch.equal(weight, again.policy.state_dict()[name])
        assert torch.equal(weight, loaded.state_dict()[name])


def test_no_file_is_a_pickle_and_no_draft_is_left(path):
    run(2, checkpoint=path)
    assert [p.name for p in path.parent.iterdir()] == [path.name]
    assert path.read_bytes()[8:9] == b"{"  # safetensors: eight bytes of length, then JSON


@pytest.mark.parametrize("damage", ["cut", "overwritten", "empty"])
def test_a_damaged_file_is_told_and_changes_nothing(path, damage):
    run(2, checkpoint=path)
    whole = path.read_bytes()
    wrong = {"cut": whole[:-100], "overwritten": b"x" * 500 + whole[500:], "empty": b""}[damage]
    path.write_bytes(wrong)
    with pytest.raises(CheckpointError, match=r"run\.safetensors: damaged"):
        run(4, checkpoint=path)
    assert path.read_bytes() == wrong


def test_a_missing_file_is_told(path):
    with pytest.raises(CheckpointError, match="there is no such checkpoint"):
        read_checkpoint(path)


def test_another_architecture_is_told_by_what_differs(path):
    run(2, checkpoint=path)
    env = make_env()
    spaces = env.single_observation_space, env.single_action_space
    wider = RNNPolicy(*spaces, cell="lstm", hidden_size=16, num_layers=1, encoder_size=8)
    before = {name: weight.clone() for name, weight in wider.state_dict().items()}
    with pytest.raises(
        CheckpointError, match=r"actor.weight: expected shape \(4, 16\), got \(4, 8\)"
    ):
        load_checkpoint(path, wider)
    assert all(torch.equal(weight, before[name]) for name, weight in wider.state_dict().items())
    deeper = RNNPolicy(*spaces, cell="lstm", hidden_size=8, num_layers=2, encoder_size=8)
    with pytest.raises(CheckpointError, match=r"core\.rnn\.weight_ih_l1 is missing"):
        load_checkpoint(path, deeper)


def test_another_run_is_told_by_its_settings(path):
    run(2, checkpoint=path)
    settings = Settings(
        iterations=4, rollout_length=10, minibatches=2, checkpoint_every=2, clip=0.3
    )
    options = {"cell": "lstm", "hidden_size": 8, "num_layers": 1, "encoder_size": 8}
    with pytest.raises(
        CheckpointError, match=r"clip: expected 0.3, got 0.2; seed: expected 7, got 1"
    ):
        train(make_env(), settings, seed=7, checkpoint=path, **options)


def test_a_module_of_the_readers_own_is_saved_and_gone_on_with(path):
    def own():
        torch.manual_seed(5)
        return nn.Sequential(nn.Flatten(), nn.Linear(5, 8), nn.Tanh())

    whole = run(4, encoder=own())
    run(2, encoder=own(), checkpoint=path)
    resumed = run(4, encoder=own(), checkpoint=path)
    expected = whole.policy.state_dict()
    assert all(torch.equal(v, expected[k]) for k, v in resumed.policy.state_dict().items())
    with pytest.raises(CheckpointError, match="belongs to another run; encoder: expected"):
        run(4, encoder=nn.Sequential(nn.Flatten(), nn.Linear(5, 8)), checkpoint=path)
    env = make_env()
    with pytest.raises(CheckpointError, match="build the policy, then use load_checkpoint"):
        load_policy(path, env.single_observation_space, env.single_action_space)


def test_every_flipped_bit_is_found(path):
    run(2, checkpoint=path)
    content = path.read_bytes()
    places = np.random.default_rng(0).choice(8 * len(content), 300, replace=False)
    header = int.from_bytes(content[:8], "little")
    places = [*places, *range(0, 64), *range(64, 64 + 8 * header, 7)]
    for place in places:
        damaged = bytearray(content)
        damaged[place // 8] ^= 1 << (place % 8)
        path.write_bytes(damaged)
        with pytest.raises(CheckpointError, match="damaged"):
            read_checkpoint(path)
    path.write_bytes(content)
    assert len(read_checkpoint(path)[1]["history"]) == 2


def test_a_checkpoint_is_still_a_file_of_safetensors(path):
    run(2, checkpoint=path)
    assert load_file(path)["policy.critic.weight"].shape == (1, 8)


def test_a_file_from_before_the_checksums_is_read():
    env = make_env()
    spaces = env.single_observation_space, env.single_action_space
    assert load_policy(data_path("cued_gru.safetensors"), *spaces).core.cell == "gru"


def write_many(path, number):
    torch.set_num_threads(1)
    for i in range(60):
        save_tensors(path, {"a": torch.full((1000,), float(number))}, {"writer": number, "i": i})


def test_two_writers_leave_a_whole_file(path):
    writers = [get_context("spawn").Process(target=write_many, args=(path, n)) for n in (1, 2)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    assert [writer.exitcode for writer in writers] == [0, 0]
    tensors, note = read_checkpoint(path)
    assert (tensors["a"] == note["writer"]).all()
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_what_a_killed_writer_left_is_removed_and_what_a_living_one_writes_is_not(path):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    gone = path.with_name(f"{path.name}.{dead.pid}-1.part")
    alive = path.with_name(f"{path.name}.{os.getpid()}-1.part")
    for draft in (gone, alive):
        draft.write_bytes(b"half")
    run(2, checkpoint=path)
    assert not gone.exists()
    assert alive.exists()


def test_a_write_that_fails_leaves_the_old_file_and_no_draft(path, monkeypatch):
    run(2, checkpoint=path)
    before = path.read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
        with pytest.raises(OSError, match="disk full"):
            run(4, checkpoint=path)
    assert path.read_bytes() == before
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_another_task_is_refused(path):
    run(2, checkpoint=path)
    for env in (
        gym.make_vec("rnn_tutorial/CuedPoint-v0", num_envs=4),
        gym.make_vec("rnn_tutorial/CuedPoint-v0", num_envs=3, horizon=10),
        gym.make_vec("rnn_tutorial/CuedPoint-v0", num_envs=3, goal_sampler="circle"),
    ):
        settings = Settings(iterations=4, rollout_length=10, minibatches=2, checkpoint_every=2)
        chosen = {"cell": "lstm", "hidden_size": 8, "num_layers": 1, "encoder_size": 8}
        with pytest.raises(CheckpointError, match="belongs to another run; env "):
            train(env, settings, seed=1, checkpoint=path, **chosen)


def test_a_finished_run_goes_on(path):
    run(3, checkpoint=path)
    longer = run(7, checkpoint=path)
    assert [row["steps"] for row in longer.history] == [30 * i for i in range(1, 8)]
    assert len(read_checkpoint(path)[1]["history"]) == 7


def test_an_error_of_the_env_saves_what_there_is(path, monkeypatch):
    env = make_env()
    step, calls = env.step, []

    def fails(actions):
        calls.append(1)
        if len(calls) > 35:
            raise RuntimeError("the simulator died")
        return step(actions)

    monkeypatch.setattr(env, "step", fails)
    settings = Settings(iterations=9, rollout_length=10)
    with pytest.raises(RuntimeError, match="the simulator died"):
        train(env, settings, checkpoint=path, hidden_size=8)
    assert len(read_checkpoint(path)[1]["history"]) == 3


@pytest.mark.parametrize("wrapper", ["NormalizeObservation", "NormalizeReward"])
@pytest.mark.parametrize("vector", [True, False])
def test_running_statistics_around_the_env_are_refused(path, wrapper, vector):
    if vector:
        wrap = getattr(gym.wrappers.vector, wrapper)
        env = wrap(gym.make_vec("CartPole-v1", num_envs=2, vectorization_mode="sync"))
    else:
        env = getattr(gym.wrappers, wrapper)(gym.make("CartPole-v1"))
    with pytest.raises(ValueError, match=f"{wrapper} keeps running statistics"):
        train(env, Settings(iterations=1), checkpoint=path)
    assert not path.exists()
    train(env, Settings(iterations=1, rollout_length=5), progress=False)


def test_running_statistics_of_the_policy_are_resumed(path):
    whole = run(4, normalise_observations=True).policy
    run(2, checkpoint=path, normalise_observations=True)
    resumed = run(4, checkpoint=path, normalise_observations=True).policy
    expected = whole.state_dict()
    assert expected["normaliser.count"] == 4 * 30
    assert all(torch.equal(v, expected[k]) for k, v in resumed.state_dict().items())


class Bytes(gym.Env):
    """Observations that are uint8, and codes for those who say so."""

    observation_space, action_space = gym.spaces.Box(0, 255, (4,), np.uint8), gym.spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        return np.full(4, 9, np.uint8), {}

    def step(self, action):
        return np.full(4, 9, np.uint8), float(action), False, False, {}


class OwnPolicy(RNNPolicy):
    """A class of the reader's own."""


def test_a_policy_that_was_given_is_loaded_as_it_was_and_not_mistaken(path):
    spaces, short = (Bytes.observation_space, Bytes.action_space), Settings(iterations=1)
    given = RNNPolicy(*spaces, images="codes", hidden_size=8)
    train(Bytes(), short, policy=given, checkpoint=path)
    loaded, seen = load_policy(path, *spaces), torch.full((1, 4), 9, dtype=torch.uint8)
    values = [each.step(seen, each.initial_state(1))[0].value for each in (given, loaded)]
    assert torch.equal(*values)
    with pytest.raises(CheckpointError, match="another run; images: expected 'auto', got 'codes'"):
        train(Bytes(), short, policy=RNNPolicy(*spaces, hidden_size=8), checkpoint=path)
    own = OwnPolicy(*spaces, images="codes", hidden_size=8)
    with pytest.raises(CheckpointError, match=r"another run; .*policy: expected 'OwnPolicy', got"):
        train(Bytes(), short, policy=own, checkpoint=path)
    for others, said in (
        ((spaces[0], gym.spaces.Discrete(3)), "action_space: expected Discrete.2., got Discrete.3"),
        ((gym.spaces.Box(0, 1, (4,)), spaces[1]), "observation_space: expected Box.*uint8"),
    ):
        with pytest.raises(CheckpointError, match=said):
            load_policy(path, *others)
    path.unlink()
    train(Bytes(), short, policy=OwnPolicy(*spaces), checkpoint=path)
    with pytest.raises(CheckpointError, match="it is a OwnPolicy"):
        load_policy(path, *spaces)


class Walled(gym.Env):
    """An env that is made with a map and an object."""

    observation_space, action_space = Bytes.observation_space, Bytes.action_space

    def __init__(self, walls, thing):
        self.reset, self.step = Bytes().reset, Bytes().step


class Thing:
    """Its repr has an address."""


def test_an_env_is_known_by_its_mode_and_by_what_it_is_made_with(path):
    gym.register("Walled-v0", Walled)
    walls, short = np.zeros(3000), Settings(iterations=1)
    other = np.where(np.arange(3000) == 1500, 1.0, 0.0)

    def make(walls, mode="SameStep"):
        options = {"autoreset_mode": gym.vector.AutoresetMode(mode)}
        return gym.make_vec(
            "Walled-v0", num_envs=2, vector_kwargs=options, walls=walls, thing=Thing()
        )

    try:
        train(make(walls), short, checkpoint=path)
        train(make(walls), Settings(iterations=2), checkpoint=path)
        with pytest.raises(CheckpointError, match="env settings"):
            train(make(other), Settings(iterations=3), checkpoint=path)
        with pytest.raises(CheckpointError, match="autoreset_mode: expected 'NEXT_STEP', got"):
            train(make(walls, "NextStep"), Settings(iterations=3), checkpoint=path)
    finally:
        del gym.registry["Walled-v0"]


def test_another_file_of_this_package_or_another_note_is_told(path):
    env, policy = Bytes(), RNNPolicy(Bytes.observation_space, Bytes.action_space)
    optimiser, generator = torch.optim.Adam(policy.parameters()), torch.Generator()
    save_checkpoint(path, policy, optimiser, generator, {"hello": 1})
    with pytest.raises(CheckpointError, match="not a checkpoint of `train`, without"):
        train(env, Settings(iterations=1), checkpoint=path)
    save_file({"a": torch.zeros(1)}, path, metadata={"note": "[1]"})
    with pytest.raises(CheckpointError, match="its note is"):
        read_checkpoint(path)


def test_a_refused_resume_leaves_the_policy_as_it_was(path):
    spaces = Bytes.observation_space, Bytes.action_space
    train(Bytes(), Settings(iterations=1), policy=RNNPolicy(*spaces), checkpoint=path)
    mine = RNNPolicy(*spaces)
    before = [weight.detach().clone() for weight in mine.parameters()]
    with pytest.raises(CheckpointError, match="another run; seed"):
        train(Bytes(), Settings(iterations=2), policy=mine, seed=2, checkpoint=path)
    assert all(torch.equal(a, b) for a, b in zip(before, mine.parameters(), strict=True))


@pytest.mark.parametrize("name", ["time limit", "wrapper", "second env", "dtype"])
def test_what_else_makes_another_run(path, name):
    def make(changed):
        if name == "second env":
            settings = [{"g": 1.0}, {"g": 9.0 if changed else 1.0}]
            makers = [lambda s=s: gym.make("Pendulum-v1", **s) for s in settings]
            return gym.vector.SyncVectorEnv(makers)
        limit = {"max_episode_steps": 20} if changed and name == "time limit" else {}
        env = gym.make("CartPole-v1", **limit)
        wrapped = changed and name == "wrapper"
        return gym.wrappers.TransformReward(env, lambda reward: -reward) if wrapped else env

    def policy(env, changed):
        vector = hasattr(env, "single_action_space")
        spaces = [
            getattr(env, f"single_{kind}_space" if vector else f"{kind}_space")
            for kind in ("observation", "action")
        ]
        made = RNNPolicy(*spaces, hidden_size=4)
        return made.double() if changed and name == "dtype" else made

    def go(iterations, changed):
        env = make(changed)
        settings = Settings(iterations=iterations, epochs=1, rollout_length=4)
        return train(env, settings, policy=policy(env, changed), checkpoint=path, progress=False)

    go(1, False)
    assert len(go(2, False).history) == 2
    with pytest.raises(CheckpointError, match="belongs to another run"):
        go(3, True)


def test_print_options_and_odd_arguments_of_the_env_do_not_make_another_run(path):
    gym.register("Odd-v0", Walled)
    try:
        for iterations in (1, 2):
            odd = {"walls": float("nan"), "thing": lambda x: abs(x)}
            env = gym.make_vec("Odd-v0", num_envs=2, **odd)
            with np.printoptions(precision=iterations):
                train(env, Settings(iterations=iterations), checkpoint=path, progress=False)
    finally:
        del gym.registry["Odd-v0"]
