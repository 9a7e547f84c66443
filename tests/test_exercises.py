"""Every exercise: three right answers pass, five typical wrong ones are refused by name.

The answers stand in `answers/`, a file for each module of `rnn_tutorial.exercises`:

    RIGHT = {check: [answer, answer, answer]}                # of different style
    WRONG = {check: [(answer, "words of the message"), ...]}  # five or more
"""

import importlib
import pkgutil
import random
from inspect import signature

import numpy as np
import pytest
import torch

from rnn_tutorial import exercises

pytestmark = pytest.mark.slow

RIGHT, WRONG = {}, {}
for found in pkgutil.iter_modules(exercises.__path__):
    if found.name not in ("verdict", "patients"):  # patients: a class is judged, not a function
        answers = importlib.import_module(f"answers.{found.name}")
        RIGHT |= answers.RIGHT
        WRONG |= answers.WRONG


def all_checks():
    """Every `check_...` of a function."""
    for found in pkgutil.iter_modules(exercises.__path__, "rnn_tutorial.exercises."):
        module = importlib.import_module(found.name)
        for name, check in sorted(vars(module).items()):
            if name.startswith("check_") and len(signature(check).parameters) == 1:
                yield check


def named(check):
    return f"{check.__module__.split('.')[-1]}.{check.__name__}"


def pairs(table):
    return [
        pytest.param(check, entry, id=f"{named(check)}-{i}")
        for check, entries in table.items()
        for i, entry in enumerate(entries)
    ]


@pytest.mark.parametrize("check", list(all_checks()), ids=named)
def test_each_check_is_tried_with_three_right_and_five_wrong_answers(check):
    assert len(RIGHT[check]) >= 3
    assert len(WRONG[check]) >= 5


@pytest.mark.parametrize(("check", "answer"), pairs(RIGHT))
def test_a_right_answer_is_accepted(check, answer):
    verdict = check(answer)
    assert verdict.right, verdict


@pytest.mark.parametrize(("check", "entry"), pairs(WRONG))
def test_a_typical_wrong_answer_is_refused_by_name(check, entry):
    answer, words = entry
    verdict = check(answer)
    assert verdict.status == "wrong"
    assert words in verdict.message


@pytest.mark.parametrize("check", list(all_checks()), ids=named)
def test_an_answer_that_fits_the_first_instance_only_is_refused(check):
    first = []

    def remembered(*args):
        first[:] = first or [RIGHT[check][0](*args)]
        return first[0]

    assert check(remembered).status == "wrong"


@pytest.mark.parametrize("check", list(all_checks()), ids=named)
def test_a_stub_a_forgotten_return_and_an_error_are_told_apart(check):
    def forgotten(*args):
        RIGHT[check][0](*args)

    def unfinished(*args):
        torch.nn.Module()(*args)  # PyTorch raises NotImplementedError

    assert check(lambda *args: None).status == "not attempted"
    assert check(lambda *args: ...).status == "not attempted"
    assert "returned None" in check(forgotten).message
    assert "NotImplementedError" in check(unfinished).message
    assert "your code raised ZeroDivisionError" in check(lambda *args: 1 / 0).message


@pytest.mark.parametrize("check", list(all_checks()), ids=named)
def test_a_check_leaves_the_global_generators_alone(check):
    before = torch.random.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()  # noqa: NPY002
    check(RIGHT[check][0])
    assert torch.equal(before[0], torch.random.get_rng_state())
    assert np.array_equal(before[1], np.random.get_state()[1])  # noqa: NPY002
    assert before[2] == random.getstate()
