"""Checkpoints: a resumed run equals one that was never interrupted; damage is told."""

import gymnasium as gym
import pytest
import torch
from torch import nn

from rnn_tutorial.checkpoint import (
    CheckpointError,
    load_checkpoint,
    load_policy,
    read_checkpoint,
)
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


@pytest.mark.parametrize("cell", ["gru", "lstm", "none"])
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


def test_a_module_of_the_readers_own_is_refused_before_training(path):
    with pytest.raises(TypeError, match="not JSON serializable"):
        run(2, checkpoint=path, encoder=nn.Linear(5, 8))
