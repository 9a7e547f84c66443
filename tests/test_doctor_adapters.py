"""The adapters, with the real packages: what is healthy comes out healthy, sabotage is found."""

import gymnasium as gym
import numpy as np
import pytest
import torch

from rnn_tutorial.doctor import examine
from rnn_tutorial.doctor.adapters import CleanRLAdapter, RecurrentPPOAdapter, TorchRLAdapter

pytestmark = pytest.mark.slow
VECTOR = gym.spaces.Box(-np.inf, np.inf, (4,))
IMAGE = gym.spaces.Box(0, 255, (3, 36, 36), np.uint8)
ACTIONS = {"box": gym.spaces.Box(-1, 1, (2,)), "discrete": gym.spaces.Discrete(3)}


def recurrent_ppo(action="box", obs=VECTOR, kind="MlpLstmPolicy", **options):
    policies = pytest.importorskip("sb3_contrib.ppo_recurrent.policies")
    torch.manual_seed(0)
    options = {"lstm_hidden_size": 16, **options}
    policy = getattr(policies, kind)(obs, ACTIONS[action], lambda _: 1e-3, **options)
    return RecurrentPPOAdapter(policy)


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"enable_critic_lstm": False},
        {"enable_critic_lstm": False, "shared_lstm": True},
        {"n_lstm_layers": 2},
        {"share_features_extractor": False},
    ],
    ids=["separate", "no critic LSTM", "shared", "two layers", "two extractors"],
)
def test_recurrent_ppo_is_healthy(action, options):
    report = examine(recurrent_ppo(action, **options))
    assert report.healthy, report
    assert all(check.status == "passed" for check in report), report


def test_recurrent_ppo_on_images_is_healthy():
    report = examine(recurrent_ppo("discrete", IMAGE, "CnnLstmPolicy"))
    assert report.healthy, report


class LateStarts(RecurrentPPOAdapter):
    """Hands episode_starts over one step late, in training."""

    def unroll(self, obs, state, reset):
        late = torch.cat([torch.zeros_like(reset[:1]), reset[:-1]])
        return super().unroll(obs, state, late)


def test_a_late_episode_start_is_found():
    report = examine(LateStarts(recurrent_ppo().policy))
    assert "reset_before_step" in report.failed, report


def test_sequences_laid_out_by_time_are_found():
    class ByTime(RecurrentPPOAdapter):
        def unroll(self, obs, state, reset):
            steps, n = reset.shape
            mixed = obs.reshape(n, steps, -1).transpose(0, 1)
            return super().unroll(mixed, state, reset)

    report = examine(ByTime(recurrent_ppo().policy))
    assert "axes_order" in report.failed, report


def torchrl_module(kind, layers=1, **options):
    modules = pytest.importorskip("torchrl.modules")
    torch.manual_seed(0)
    names = {"LSTMModule": ["h", "c"], "GRUModule": ["h"]}[kind]
    return getattr(modules, kind)(
        input_size=4,
        hidden_size=8,
        num_layers=layers,
        in_keys=["observation", *names],
        out_keys=["features", *(("next", name) for name in names)],
        **options,
    )


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("kind", ["LSTMModule", "GRUModule"])
def test_torchrl_modules_are_healthy(kind, layers):
    report = examine(TorchRLAdapter(torchrl_module(kind, layers)))
    assert report.healthy, report
    assert all(check.status == "passed" for check in report), report


@pytest.mark.parametrize("kind", ["LSTMModule", "GRUModule"])
def test_torchrl_s_python_based_modules_are_healthy(kind):
    report = examine(TorchRLAdapter(torchrl_module(kind, python_based=True)))
    assert report.healthy, report


def test_a_forgotten_init_tracker_is_found():
    """Without is_init, as the module's own documentation warns, states leak across episodes."""

    class NoTracker(TorchRLAdapter):
        def step(self, obs, state, reset):
            return super().step(obs, state, torch.zeros_like(reset))

        def unroll(self, obs, state, reset):
            return super().unroll(obs, state, torch.zeros_like(reset))

    report = examine(NoTracker(torchrl_module("LSTMModule")))
    assert report.failed == ("reset_clears",), report


class FlatAgent(torch.nn.Module):
    """An agent of CleanRL's shape, in our own code: a GRU or an LSTM behind one layer."""

    obs_shape = (4,)

    def __init__(self, kind="LSTM", clears=True, order="time"):
        super().__init__()
        torch.manual_seed(0)
        self.network, self.clears, self.order = torch.nn.Linear(4, 8), clears, order
        self.core = getattr(torch.nn, kind)(8, 8)
        self.actor, self.critic = torch.nn.Linear(8, 3), torch.nn.Linear(8, 1)

    def get_states(self, x, state, done):
        parts = state if isinstance(state, tuple) else (state,)
        n = parts[0].shape[1]
        features = torch.tanh(self.network(x))
        if self.order == "time":
            features, done = features.reshape(-1, n, 8), done.reshape(-1, n)
        else:  # sequences one after the other, which is not how they come
            features, done = features.reshape(n, -1, 8).transpose(0, 1), done.reshape(n, -1).T
        rows = []
        for feature, flag in zip(features, done, strict=True):
            keep = (1.0 - flag)[None, :, None] if self.clears else 1.0
            parts = tuple(keep * part for part in parts)
            row, after = self.core(feature[None], parts if len(parts) == 2 else parts[0])
            parts = after if isinstance(after, tuple) else (after,)
            rows.append(row)
        hidden = torch.cat(rows)
        if self.order != "time":
            hidden = hidden.transpose(0, 1)
        return hidden.flatten(0, 1), parts if len(parts) == 2 else parts[0]

    def get_value(self, x, state, done):
        return self.critic(self.get_states(x, state, done)[0])

    def get_action_and_value(self, x, state, done, action=None):
        hidden, state = self.get_states(x, state, done)
        chosen = torch.distributions.Categorical(logits=self.actor(hidden))
        action = chosen.sample() if action is None else action
        value = self.critic(hidden)
        return action, chosen.log_prob(action), chosen.entropy(), value, state


@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
def test_an_agent_of_cleanrl_s_shape_is_healthy_and_its_faults_are_found(kind):
    report = examine(CleanRLAdapter(FlatAgent(kind)))
    assert report.healthy, report
    assert all(check.status == "passed" for check in report), report
    assert "reset_clears" in examine(CleanRLAdapter(FlatAgent(kind, clears=False))).failed
    assert "axes_order" in examine(CleanRLAdapter(FlatAgent(kind, order="envs"))).failed
