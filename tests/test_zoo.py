"""The bug zoo: every bug is one small change, is caught, and leaves the package as it is."""

import sys
import traceback
from dataclasses import replace

import gymnasium as gym
import numpy as np
import pytest
import torch

from rnn_tutorial import policy, ppo
from rnn_tutorial.doctor import Report
from rnn_tutorial.doctor.learning import examine_learner
from rnn_tutorial.doctor.zoo import BUGS
from rnn_tutorial.doctor.zoo.changed import Change, ChangedPackage, healthy_source
from rnn_tutorial.doctor.zoo.treatment import CURES, course, treated
from rnn_tutorial.rollout import record

SPACES = (gym.spaces.Box(-9.0, 9.0, (5,)), gym.spaces.Box(-1.0, 1.0, (2,)))
COURSES = {bug.course: bug for bug in BUGS.values()}
pytestmark = pytest.mark.slow
RAISES = {"missing_state", "carried_graph", "initial_state_of_one", "flattened_batch"}
RAISES |= {"image_as_sequence", "log_prob_not_summed"}


@pytest.mark.parametrize("name", BUGS)
def test_every_bug_is_caught_by_the_check_that_is_meant_to(name, as_frozen):
    bug = BUGS[name]
    report = bug.examine()
    as_frozen(f"bug {name}", report)
    assert bug.caught_by
    assert set(bug.caught_by) <= set(report.failed), str(report)
    for check in bug.caught_by:
        assert report[check].cause
        assert report[check].cure
        assert report[check].section


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("name", [name for name, bug in BUGS.items() if not bug.in_policy])
def test_bugs_of_the_learner_are_caught_with_other_seeds(name, seed):
    report = Report(name, tuple(examine_learner(BUGS[name].learner(seed=seed))))
    assert set(BUGS[name].caught_by) <= set(report.failed)


@pytest.mark.parametrize("name", COURSES)
def test_the_healthy_sibling_on_every_course_passes_everything(name, as_frozen):
    report = COURSES[name].healthy.examine()
    as_frozen(f"sibling {name}", report)
    assert report.healthy, str(report)
    assert report["ratio_is_one"].status == "passed"


@pytest.mark.parametrize("name", BUGS)
def test_every_diff_is_small_and_of_the_package_s_own_source(name):
    bug = BUGS[name]
    lines = [line for line in bug.diff.splitlines() if not line.startswith(("+++", "---", "@@"))]
    taken = [line[1:] for line in lines if line[0] == "-"]
    given = [line[1:] for line in lines if line[0] == "+"]
    assert 1 <= len(taken) + len(given) <= 12
    healthy = "\n".join(healthy_source(change.module) for change in bug.changes).splitlines()
    sick = "\n".join(bug.package.sources.values()).splitlines()
    assert set(taken) <= set(healthy)
    assert set(given) <= set(sick)


def test_the_frozen_verdicts_are_those_of_all_bugs_and_courses(frozen_verdicts):
    frozen = {kind: set() for kind in ("bug", "sibling", "own", "foreign")}
    for subject in frozen_verdicts:
        kind, name = subject.split(" ", 1)
        frozen[kind].add(name)
    assert frozen["bug"] == set(BUGS)
    assert frozen["sibling"] == set(COURSES)
    assert len(frozen["own"]) == 114


def test_every_bug_has_its_story_and_every_lesson_and_question_its_bug():
    met = {place for bug in BUGS.values() for place in bug.met}
    assert {f"lesson {i}" for i in range(1, 9)} <= met
    assert {f"Q{i}" for i in (*range(1, 10), 13, 14)} <= met
    assert len(BUGS) >= 25
    for name, bug in BUGS.items():
        assert bug.name == name
        assert bug.title.endswith(".")
        assert bug.story.endswith(".")
        assert bug.met


@pytest.mark.parametrize("name", BUGS)
def test_every_sick_thing_trains_or_fails_with_its_own_error(name):
    bug = BUGS[name]
    short = replace(bug.task.settings, iterations=2)
    bug = replace(bug, task=replace(bug.task, settings=short))
    if name in RAISES:
        with pytest.raises((AttributeError, RuntimeError, ValueError)):
            bug.train()
    else:
        assert len(bug.train().history) == 2


def test_a_bug_changes_nothing_but_its_own_copies():
    before = dict(sys.modules)
    bug = BUGS["amnesia"]
    sick = bug.package["policy"].RNNPolicy
    assert sick is not policy.RNNPolicy
    assert bug.package["ppo"].RNNPolicy is sick  # the bug is in every module that uses it
    assert sys.modules["rnn_tutorial.policy"] is before["rnn_tutorial.policy"] is policy
    assert ppo.RNNPolicy is policy.RNNPolicy


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
def test_an_infected_copy_has_the_bug_and_the_weights_and_the_original_stays_healthy(cell):
    healthy = BUGS["amnesia"].healthy.policy(cell=cell, num_layers=2)
    original = policy.RNNPolicy(*SPACES, cell=cell, hidden_size=64, encoder="none")
    original.load_state_dict(healthy.state_dict())
    obs = torch.randn(2, 3, 5)
    values = {}
    for name in ("amnesia", "first_layer_read", "reset_in_place"):
        sick = BUGS[name].infect(original)
        assert type(sick) is BUGS[name].package["policy"].RNNPolicy
        _, state = sick.step(obs[0], sick.initial_state(3))
        values[name] = sick.step(obs[1], state)[0].value
    _, state = original.step(obs[0], original.initial_state(3))
    values["healthy"] = original.step(obs[1], state)[0].value
    assert torch.equal(values["healthy"], values["reset_in_place"])  # nothing was reset
    assert not torch.equal(values["healthy"], values["amnesia"])
    if cell != "lstm":
        assert not torch.equal(values["healthy"], values["first_layer_read"])


def test_an_infected_copy_has_a_bug_of_the_heads():
    original = policy.RNNPolicy(*SPACES, hidden_size=8)
    sick = BUGS["log_prob_not_summed"].infect(original)
    obs, state = torch.zeros(3, 5), original.initial_state(3)
    shapes = [each.step(obs, state)[0].distribution.batch_shape for each in (original, sick)]
    assert shapes == [(3,), (3, 2)]


def test_a_traceback_shows_the_sick_line():
    bug = BUGS["missing_state"]
    sick = bug.policy()
    with pytest.raises(AttributeError) as caught:
        sick.unroll(torch.zeros(2, 3, 5), sick.initial_state(3))
    lines = [frame.line for frame in traceback.extract_tb(caught.value.__traceback__)]
    assert "hidden, state = self.core.unroll(features, self.state, reset)" in lines


@pytest.mark.parametrize(("old", "times"), [("no such text", 0), ("import", "")])
def test_a_text_that_does_not_stand_there_once_is_told(old, times):
    with pytest.raises(ValueError, match=rf"once in policy.py, found it {times}.*{old}"):
        ChangedPackage("odd", [Change("policy", old, "")])


def test_the_first_patient_is_cured_one_disease_at_a_time():
    reports = dict(course())
    verdicts = [report.failed for report in reports.values()]
    assert len(verdicts) == len(CURES) + 1
    assert all(verdicts[:-1])
    assert verdicts[0] == ("runs",)
    assert verdicts[-1] == ()
    for name, gone in (
        ("a batch of observations stays a batch", None),
        ("the state is an argument and a result", "no_hidden_member"),
        ("acting starts from the state that it is given, not from zeros", "memory_carried"),
        ("no tanh on the state", "step_equals_unroll"),
        ("the state is cleared where an episode begins, before the step", "reset_clears"),
    ):
        place = list(reports).index(name)
        assert gone not in verdicts[place]
        assert gone is None or gone in verdicts[place - 1]
    assert "init_hidden" in treated(len(CURES)).diff


ACTS_WRONGLY = ("never_reset", "reset_after_step", "reset_clears_all", "mask_as_index")
ACTS_WRONGLY += ("cell_not_cleared", "first_layer_cleared")
# These act as the healthy policy does: wrong are a training branch, an argument, a gradient.
ACTS_RIGHTLY = ("reset_one_early_in_training", "reset_in_place", "cleared_behind_autograd")


@pytest.mark.parametrize("name", ACTS_WRONGLY + ACTS_RIGHTLY)
def test_a_record_shows_the_reset_bugs_of_acting(name):
    bug = BUGS[name]
    torch.manual_seed(0)
    policy = bug.healthy.policy(hidden_size=16)
    env = bug.task.env(4)
    values = [record(each, env, 40, seed=0).value for each in (policy, bug.infect(policy))]
    alike = np.allclose(values[0], values[1], atol=1e-6)
    assert alike == (name in ACTS_RIGHTLY)
