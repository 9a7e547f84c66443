"""Every healthy variant of our own policy passes every check."""

import gymnasium as gym
import numpy as np
import pytest
import torch

from rnn_tutorial.cores import CORES
from rnn_tutorial.doctor import examine
from rnn_tutorial.policy import RNNPolicy

pytestmark = pytest.mark.slow
VECTOR = gym.spaces.Box(-np.inf, np.inf, (5,))
IMAGE = gym.spaces.Box(-np.inf, np.inf, (2, 6, 8))
ACTIONS = {"box": gym.spaces.Box(-1, 1, (2,)), "discrete": gym.spaces.Discrete(3)}
MEMORY = {
    "memory_carried",
    "reset_clears",
    "reset_before_step",
    "reset_every_part",
    "reset_only_named",
    "gradient_flows_back",
    "gradient_stops_at_reset",
}


def policy(cell, layers, action, encoder, hidden=12):
    torch.manual_seed(0)
    obs = IMAGE if encoder == "conv" else VECTOR
    return RNNPolicy(obs, ACTIONS[action], cell, hidden, layers, encoder, encoder_size=16)


@pytest.mark.parametrize("encoder", ["none", "mlp", "conv"])
@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize("cell", sorted(CORES.keys() - {"none"}))
def test_a_healthy_policy_passes_every_check(cell, layers, action, encoder, as_frozen):
    report = examine(policy(cell, layers, action, encoder))
    as_frozen(f"own {cell} {layers} {action} {encoder}", report)
    assert [check.name for check in report if check.status != "passed"] == [], report


@pytest.mark.parametrize("encoder", ["none", "mlp", "conv"])
@pytest.mark.parametrize("action", ACTIONS)
def test_a_policy_without_memory_passes_all_that_applies(action, encoder, as_frozen):
    report = examine(policy("none", 1, action, encoder))
    as_frozen(f"own none 1 {action} {encoder}", report)
    assert report.healthy, report
    assert {check.name for check in report if check.status == "not applicable"} == MEMORY


def test_the_trained_and_the_training_policy_pass_as_well():
    trained = policy("gru", 2, "box", "mlp", hidden=64)
    for parameter in trained.parameters():
        parameter.data *= 3
    report = examine(trained.train())
    assert report.healthy, report


@pytest.mark.parametrize("cell", ["mingru", "attention"])
def test_new_cells_are_healthy_with_any_weights_and_any_seed(cell):
    for seed in range(20):
        torch.manual_seed(seed)
        report = examine(RNNPolicy(VECTOR, ACTIONS["box"], cell, hidden_size=16), seed=seed)
        assert report.healthy, (seed, str(report))
