"""The doctor's checks of a learner: the package's own PPO passes, and what it can't see is said."""

import re

import gymnasium as gym
import numpy as np
import pytest
import torch

from rnn_tutorial.cores import CORES
from rnn_tutorial.doctor import examine
from rnn_tutorial.doctor.learner import Learner
from rnn_tutorial.doctor.learning import CHECKS, examine_learner
from rnn_tutorial.doctor.ppo_learner import PPOLearner
from rnn_tutorial.policy import RNNPolicy
from rnn_tutorial.settings import INITIAL_STATES, Settings

pytestmark = pytest.mark.slow
LENGTHS = (None, 5, 7)  # of sequences; 25 steps make a rollout, so 7 leaves padding


def make_env(kind, mode="SameStep", n=5):
    if kind == "box":
        return gym.make_vec("rnn_tutorial/CuedPoint-v0", num_envs=n, horizon=6, autoreset_mode=mode)
    settings = {"autoreset_mode": gym.vector.AutoresetMode(mode)}
    return gym.make_vec(
        "CartPole-v1", num_envs=n, vectorization_mode="sync", vector_kwargs=settings
    )


def make_learner(kind="box", mode="SameStep", cell="gru", seed=0, **settings):
    env = make_env(kind, mode)
    torch.manual_seed(seed)
    spaces = env.single_observation_space, env.single_action_space
    policy = RNNPolicy(*spaces, cell=cell, hidden_size=8, encoder_size=8)
    return PPOLearner(policy, env, Settings(**{"rollout_length": 25, **settings}), seed)


def statuses(findings):
    return {finding.name: finding.status for finding in findings}


def failed(findings):
    return [str(finding) for finding in findings if finding.status == "failed"]


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("mode", ["SameStep", "NextStep"])
@pytest.mark.parametrize("kind", ["box", "discrete"])
@pytest.mark.parametrize("cell", sorted(CORES))
def test_our_own_ppo_passes(cell, kind, mode, length):
    learner = make_learner(kind, mode, cell, bptt_length=length)
    assert isinstance(learner, Learner)
    findings = examine_learner(learner)
    assert failed(findings) == []
    found = statuses(findings)
    assert list(found) == list(CHECKS)
    ends = "bootstrap_through_truncation" if kind == "box" else "no_bootstrap_through_termination"
    for name in ("ratio_is_one", "every_step_once", "joint_log_prob", "resets_follow_ends", ends):
        assert found[name] == "passed"
    assert found["states_aligned"] == ("not applicable" if cell == "none" else "passed")
    if length == 7 or mode == "NextStep":
        assert found["padding_outside_loss"] == "passed"


@pytest.mark.parametrize("how", INITIAL_STATES)
@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_every_initial_state_passes_but_zeros_whose_price_is_named(cell, how):
    # whole episodes make up a rollout: nothing before it could be missing in a burn-in
    settings = {"rollout_length": 24, "bptt_length": 4, "initial_state": how, "burn_in": 12}
    learner = make_learner(cell=cell, **settings)
    findings = examine_learner(learner)
    if how != "zero":
        assert failed(findings) == []
        return
    found = {finding.name: finding for finding in findings}
    assert [f.name for f in findings if f.status == "failed"] == ["ratio_is_one", "states_aligned"]
    assert "this is their price" in found["ratio_is_one"].cure
    assert "from zeros" in found["states_aligned"].cause
    assert "0 of 20 after a reset inside" in found["ratio_is_one"].evidence


def test_the_verdict_does_not_depend_on_the_seed():
    verdicts = {
        tuple(statuses(examine_learner(make_learner(seed=seed, bptt_length=7))).values())
        for seed in range(20)
    }
    assert len(verdicts) == 1


def test_the_examination_takes_its_watch_off_and_learns_nothing():
    learner = make_learner()
    before = {name: p.clone() for name, p in learner.policy.state_dict().items()}
    examine_learner(learner)
    assert "step" not in vars(learner.policy)
    assert "step" not in vars(learner.env)
    after = learner.policy.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_a_report_holds_policy_and_learner():
    learner = make_learner()
    report = examine(learner.policy, learner.policy.obs_shape, learner=learner)
    assert report.healthy
    assert {"step_equals_unroll", "ratio_is_one"} <= {check.name for check in report}


class Changed:
    """A learner with some of its columns changed on the way."""

    def __init__(self, learner, rollout=None, batch=None):
        self.learner, self.rollout, self.batch = learner, rollout, batch
        self.evaluate, self.loss = learner.evaluate, learner.loss

    def collect(self):
        columns = self.learner.collect()
        return self.rollout(dict(columns)) if self.rollout else columns

    def minibatches(self):
        for columns in self.learner.minibatches():
            yield self.batch(dict(columns)) if self.batch else columns


def as_numpy(columns):
    return {k: v.detach().numpy() if torch.is_tensor(v) else v for k, v in columns.items()}


def test_numpy_columns_and_few_columns_are_enough():
    assert failed(examine_learner(Changed(make_learner(), as_numpy, as_numpy))) == []
    needed = ("observation", "action", "log_prob", "value", "reset", "terminated", "truncated")
    few = Changed(make_learner(), lambda columns: {name: columns[name] for name in needed})
    findings = examine_learner(few)
    assert failed(findings) == []
    found = {finding.name: finding for finding in findings}
    assert found["ratio_is_one"].status == "passed"
    for name, column in (
        ("states_aligned", "state"),
        ("bootstrap_through_truncation", "next_value"),
        ("bootstrap_goes_on", "next_value"),
    ):
        assert found[name].status == "not applicable"
        assert repr(column) in found[name].evidence


def test_steps_that_cannot_be_told_apart_are_said_to_be():
    def alike(columns):
        return {**columns, **{k: torch.zeros_like(columns[k]) for k in KEY}}

    KEY = ("observation", "action", "log_prob", "value")
    found = {f.name: f for f in examine_learner(Changed(make_learner(), alike, alike))}
    assert found["every_step_once"].status == "not applicable"
    assert "alike" in found["every_step_once"].evidence


def test_values_of_another_function_are_found_where_the_ratio_is_one():
    learner = make_learner()
    wrong = Changed(learner)
    wrong.evaluate = lambda batch: (learner.evaluate(batch)[0], learner.evaluate(batch)[1] + 0.01)
    found = {f.name: f for f in examine_learner(wrong)}
    assert found["ratio_is_one"].status == "failed"
    assert "the values differ" in found["ratio_is_one"].evidence


@pytest.mark.parametrize(
    ("method", "call"),
    [("collect", "collecting"), ("evaluate", "ZeroDivision"), ("loss", "raised")],
)
def test_a_learner_that_raises_is_reported(method, call):
    learner = Changed(make_learner(bptt_length=7))

    def fail(*arguments):
        return 1 / 0

    setattr(learner, method, fail)
    findings = examine_learner(learner)
    assert list(statuses(findings)) == list(CHECKS)
    assert any(call in finding.evidence for finding in findings if finding.status == "failed")


@pytest.mark.parametrize(
    ("rollout", "batch", "message"),
    [
        (lambda c: {"observation": c["observation"]}, None, "expected the columns"),
        (lambda c: {**c, "value": c["value"][:3]}, None, r"expected value \(T, N\)"),
        (None, lambda c: {"observation": c["observation"]}, "minibatch: expected the columns"),
        (None, lambda c: {**c, "value": c["value"][0]}, r"expected value \(L, B"),
    ],
)
def test_columns_that_do_not_fit_are_told(rollout, batch, message):
    finding = examine_learner(Changed(make_learner(), rollout, batch))[0]
    assert (finding.name, finding.status) == ("learner_runs", "failed")
    assert re.search(message, finding.evidence)


def test_advantages_of_other_steps_are_found_and_normalised_ones_are_not():
    def shifted(columns):
        return {**columns, "advantage": columns["advantage"].roll(1, 1)}

    def normalised(columns):
        return {**columns, "advantage": 0.5 * columns["advantage"] - 3.0}

    found = {f.name: f for f in examine_learner(Changed(make_learner(), None, shifted))}
    assert found["every_step_once"].status == "failed"
    assert "advantages" in found["every_step_once"].cause
    assert failed(examine_learner(Changed(make_learner(), None, normalised))) == []


def test_minibatches_without_an_end_are_told():
    endless = Changed(make_learner())
    endless.minibatches = lambda: (b for _ in iter(int, 1) for b in endless.learner.minibatches())
    finding = examine_learner(endless)[0]
    assert finding.status == "failed"
    assert "expected one epoch" in finding.evidence


def test_a_learner_that_exits_is_reported():
    learner = Changed(make_learner())

    def leave():
        raise SystemExit(3)

    learner.collect = leave
    assert "SystemExit" in examine_learner(learner)[0].evidence


def test_nan_is_a_failure_and_no_crash():
    learner = make_learner()
    wrong = Changed(learner)
    wrong.evaluate = lambda batch: (learner.evaluate(batch)[0] * np.nan, None)
    assert statuses(examine_learner(wrong))["ratio_is_one"] == "failed"
