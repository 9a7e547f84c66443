"""Somebody else's learner, examined: stable-baselines3-contrib's RecurrentPPO in a few lines."""

import gymnasium as gym
import numpy as np
import pytest
import torch

from rnn_tutorial.doctor.learning import examine_learner

pytest.importorskip("sb3_contrib")
from sb3_contrib import RecurrentPPO
from sb3_contrib.common.recurrent.buffers import RecurrentRolloutBuffer
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.vec_env import DummyVecEnv


class Endings(BaseCallback):
    """Notes how the steps of a rollout ended."""

    def _on_rollout_start(self):
        self.rows = []

    def _on_step(self):
        cut = [info.get("TimeLimit.truncated", False) for info in self.locals["infos"]]
        self.rows.append((self.locals["dones"] & ~np.array(cut), np.array(cut)))
        return True


class SB3Learner:
    """RecurrentPPO behind the doctor's protocol."""

    def __init__(self, make_env, num_envs=3, steps=20, batch_size=16):
        env = DummyVecEnv([make_env] * num_envs)
        options = {"lstm_hidden_size": 8, "net_arch": [8]}
        self.model = RecurrentPPO(
            "MlpLstmPolicy", env, steps, batch_size=batch_size, policy_kwargs=options, seed=0
        )
        self.callback = Endings()
        self.model._setup_learn(10**6, self.callback)
        self.callback.init_callback(self.model)

    def collect(self):
        model, buffer = self.model, self.model.rollout_buffer
        model.collect_rollouts(model.env, self.callback, buffer, model.n_steps)
        terminated, truncated = map(np.stack, zip(*self.callback.rows, strict=True))
        return {
            "observation": buffer.observations.copy(),
            "action": buffer.actions.copy(),
            "log_prob": buffer.log_probs.copy(),
            "value": buffer.values.copy(),
            "reward": buffer.rewards.copy(),
            "reset": buffer.episode_starts.copy(),
            "advantage": buffer.advantages.copy(),
            "terminated": terminated,
            "truncated": truncated,
            "gamma": model.gamma,
            "gae_lambda": model.gae_lambda,
        }

    def minibatches(self):
        for data in self.model.rollout_buffer.get(self.model.batch_size):
            count = data.lstm_states.pi[0].shape[1]

            def shaped(column, count=count):
                return column.unflatten(0, (count, -1)).transpose(0, 1)

            yield {
                "observation": shaped(data.observations),
                "action": shaped(data.actions),
                "log_prob": shaped(data.old_log_prob),
                "value": shaped(data.old_values),
                "valid": shaped(data.mask) > 1e-8,
                "data": data,
                "shaped": shaped,
            }

    @torch.no_grad()
    def evaluate(self, batch):
        data = batch["data"]
        actions = data.actions
        if self.model.policy.action_dist.__class__.__name__.startswith("Categorical"):
            actions = actions.long().flatten()
        value, log_prob, _ = self.model.policy.evaluate_actions(
            data.observations, actions, data.lstm_states, data.episode_starts
        )
        return batch["shaped"](log_prob), batch["shaped"](value.flatten())

    def loss(self, batch):
        raise NotImplementedError("RecurrentPPO has no loss apart from its training loop")


ENVS = {
    "box": lambda: gym.make("rnn_tutorial/CuedPoint-v0", horizon=7),
    "discrete": lambda: gym.make("CartPole-v1"),
}


@pytest.mark.parametrize("kind", ENVS)
def test_recurrent_ppo_comes_out_healthy_and_what_is_missing_is_said(kind):
    findings = examine_learner(SB3Learner(ENVS[kind]))
    found = {finding.name: finding for finding in findings}
    assert [str(finding) for finding in findings if finding.status == "failed"] == []
    for name in ("ratio_is_one", "resets_follow_ends", "every_step_once", "joint_log_prob"):
        assert found[name].status == "passed"
    assert found["states_aligned"].status == "not applicable"
    assert "no loss apart" in found["padding_outside_loss"].evidence


def test_a_bug_put_into_its_buffer_is_found(monkeypatch):
    right = RecurrentRolloutBuffer.add

    def add(self, *arguments, lstm_states, **options):
        empty = type(lstm_states)(*(tuple(0 * part for part in pair) for pair in lstm_states))
        right(self, *arguments, lstm_states=empty, **options)

    monkeypatch.setattr(RecurrentRolloutBuffer, "add", add)
    found = {f.name: f for f in examine_learner(SB3Learner(ENVS["box"]))}
    assert found["ratio_is_one"].status == "failed"
    assert "start from states that acting did not have" in found["ratio_is_one"].cause
