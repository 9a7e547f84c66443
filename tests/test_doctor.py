"""The doctor on foreign agents: the healthy pass everything, the sick fail what names their bug."""

import copy
import random

import numpy as np
import pytest
import torch
from doctor_agents import ACTIONS, HEALTHY, OBS, OPTIONS, H, Loop, NumpyRNN, Uncopyable
from doctor_sick import (
    SICK,
    GlobalNoise,
    Hoards,
    LateInUnroll,
    MemberBuffer,
    RoundedInUnroll,
    ZeroedInStep,
)

from rnn_tutorial.doctor import Subject, assert_healthy, examine
from rnn_tutorial.doctor.nest import leaves, map_leaves
from rnn_tutorial.doctor.preparation import seed_all

pytestmark = pytest.mark.slow
SEEDS = 20


def examined(make, shape=OBS, seed=0, weights=0, **options):
    torch.manual_seed(weights)
    return examine(make(), shape, seed=seed, **options)


@pytest.mark.parametrize("name", HEALTHY)
def test_a_healthy_foreign_agent_passes_every_check(name, as_frozen):
    make, shape = HEALTHY[name]
    report = examined(make, shape, **OPTIONS.get(name, {}))
    as_frozen(f"foreign {name}", report)
    assert report.healthy, report


ALONE = {  # a bug that breaks one rule fails one check
    *("LateEverywhere", "OnlyH", "OnlyC", "OnlyLayer0", "OnlyTopLayer", "FirstHalf", "AnyReset"),
    *("AllReset", "NextEnvReset", "NoReset", "ResetToZeros", "HalvedAtReset", "DividesByN"),
    *("SqueezesOne", "DetachedInside", "DetachedEveryThird", "NoGradInUnroll", "MemberBuffer"),
    *("GradientThroughReset", "WritesIntoState", "WritesIntoObs", "DropoutAlways", "GlobalNoise"),
    *("RunningMean", "OwnGenerator", "GraphInMember", "LastLayerOnly", "Grows", "DoubleState"),
    *("NumpyLate", "ZeroedEverywhere", "RoundedInUnroll", "BeforeAndAfter", "AlwaysReset"),
}


EVIDENCE = {  # and says so in these words
    "LateInStep": ("step, a reset of all envs at t = 5", "after step t"),
    "EarlyInUnroll": ("unroll", "before step t - 1"),
    "OnlyH": ("only state[0] is cleared",),
    "OnlyLayer0": ("only state, layer 0 is cleared",),
    "AnyReset": ("others change", "any()"),
    "AllReset": ("not cleared", "all()"),
    "ResetToZeros": ("the past is gone", "something else than initial_state"),
    "ReshapedIn": ("by a reshape", "transpose"),
    "BatchFirstGiven": ("T = N", "swapped"),
    "ZeroedInUnroll": ("unroll takes no notice of the state",),
    "HnForAll": ("one output for the whole sequence",),
    "HalfState": ("after unroll", "float16", "float32"),
    "DetachedEveryThird": ("observation at t = 13", "14 of 15"),
    "Raises": ("unroll(float32 (13, 5, 4)", "RuntimeError: the seventh seal"),
    "Exits": ("step(float32 (5, 4)", "SystemExit"),
    "NotANumber": ("step returned NaN",),
    "HugeState": ("initial_state(5) returned", "GiB"),
}


@pytest.mark.parametrize("make", SICK, ids=lambda make: make.__name__)
def test_a_sick_foreign_agent_fails_the_check_that_names_its_bug(make, as_frozen):
    report = examined(make)
    as_frozen(f"foreign {make.__name__}", report)
    assert SICK[make] in report.failed, report
    if make.__name__ in ALONE:
        assert report.failed == (SICK[make],), report
    finding = report[SICK[make]]
    for word in EVIDENCE.get(make.__name__, ()):
        assert word in f"{finding.evidence} {finding.cause}", finding


def test_a_sick_agent_s_verdict_does_not_depend_on_the_seed():
    verdicts = {examined(LateInUnroll, seed=seed, weights=seed).failed for seed in range(SEEDS)}
    assert len(verdicts) == 1


def test_a_healthy_agent_s_verdict_does_not_depend_on_the_seed():
    make, shape = HEALTHY["chaotic"]
    for seed in range(SEEDS):
        report = examined(make, shape, seed, weights=seed)
        assert report.healthy, report


def test_a_difference_is_given_in_tolerances_with_its_first_place():
    finding = examined(ZeroedInStep)["step_equals_unroll"]
    assert finding.excess > 1e6
    assert "first at t = 1, env 0" in finding.evidence
    rounded = examined(RoundedInUnroll)["step_equals_unroll"]
    assert 1e3 < rounded.excess < finding.excess


def test_what_cannot_be_judged_says_why():
    report = examined(ZeroedInStep)
    assert report["memory_carried"].evidence.startswith("step: ")
    report = examine(NumpyRNN())
    assert {check.evidence for check in report if check.status == "not applicable"} == {
        "NumPy arrays have no gradient"
    }
    raising = examined(next(make for make in SICK if make.__name__ == "Raises"))
    others = [check for check in raising if check.name != "runs"]
    assert all(check.evidence == "the subject does not run, see runs" for check in others)


@pytest.mark.parametrize("subject", [None, 3, "policy", object(), torch.nn.Linear(2, 2), Loop])
def test_what_is_no_subject_is_reported_and_crashes_nothing(subject):
    report = examine(subject, OBS)
    assert report.failed == ("runs",)


class Contrary(Loop):
    """Raises wherever it is asked for anything."""

    @property
    def obs_shape(self):
        raise RuntimeError("no")

    def __deepcopy__(self, memo):
        raise RuntimeError("no copy")

    def initial_state(self, n):
        raise KeyError("no state")


def test_a_contrary_subject_gets_a_report():
    report = examine(Contrary(), OBS)
    assert report.failed == ("runs",)
    assert report["runs"].evidence == "initial_state(5) raised KeyError: 'no state'"


def test_memory_hoarded_by_a_subject_is_reported_with_the_call():
    report = examined(Hoards, memory_limit=100 * 2**20)
    assert not report.healthy
    found = [report[name].evidence for name in report.failed]
    assert any("step(" in text and ("GiB" in text or "memory" in text) for text in found), report


def test_a_subject_that_holds_too_much_is_not_even_copied():
    agent = Loop()
    agent.replay = torch.empty(1).expand(2**31)
    report = examine(agent, OBS)
    assert report.failed == ("runs",)
    assert report["runs"].evidence == "its members hold 8 GiB"


def generator_states():
    numpy_state = np.random.get_state()[1].tolist()  # noqa: NPY002
    return torch.get_rng_state().tolist(), random.getstate(), numpy_state


@pytest.mark.parametrize("make", [Loop, Uncopyable, MemberBuffer, GlobalNoise])
def test_the_subject_and_the_world_are_left_as_they_were(make):
    torch.manual_seed(0)
    agent = make().train()
    agent.head.bias.data.zero_()
    agent.head.bias.requires_grad_(False)
    before = copy.deepcopy(agent.state_dict())
    members = set(vars(agent))
    seed_all(5)
    generators = generator_states()
    examine(agent, OBS)
    assert agent.training
    assert all(module.training for module in agent.modules())
    assert set(vars(agent)) == members
    assert not agent.head.bias.requires_grad
    assert all(parameter.grad is None for parameter in agent.parameters())
    for name, value in agent.state_dict().items():
        assert torch.equal(value, before[name])
        assert value.dtype == torch.float32
    assert generator_states() == generators
    assert torch.get_default_dtype() == torch.float32


def test_assert_healthy_raises_the_report():
    assert_healthy(Loop(), OBS)
    with pytest.raises(AssertionError, match=r"(?s)sick.*memory_carried +failed"):
        assert_healthy(ZeroedInStep(), OBS)


def test_the_protocol_names_what_a_subject_is():
    assert isinstance(Loop(), Subject)
    assert isinstance(NumpyRNN(), Subject)
    assert not isinstance(torch.nn.Linear(2, 2), Subject)


def test_an_unknown_form_of_observations_is_an_error_with_its_cure():
    with pytest.raises(ValueError, match="obs_shape: expected the shape of one observation"):
        examine(Loop())
    with pytest.raises(ValueError, match="obs_dtype: expected floats"):
        examine(Loop(), OBS, obs_dtype="complex64")


def test_a_nest_is_taken_apart_and_put_together():
    nest = {"a": (torch.ones(2), [np.zeros(3), None, 4]), "b": Loop}
    paths = [path for path, _ in leaves({"a": nest["a"]})]
    assert paths == [
        "['a'][0]",
        "['a'][1][0]",
        "['a'][1][2]",
    ]
    doubled = map_leaves(lambda array: array * 2, {"a": nest["a"]})
    assert doubled["a"][0].tolist() == [2, 2]
    assert doubled["a"][1][1:] == [None, 8]
    assert ACTIONS != H
