"""How answers are judged: the place, the reader's own line, and what counts as numbers."""

import importlib
import pkgutil
from inspect import signature

import pytest
import torch
from torch import nn

from rnn_tutorial import exercises
from rnn_tutorial.exercises.verdict import judge


def all_checks():
    """Every `check_...` of a function, by the name of its module and its own."""
    for found in pkgutil.iter_modules(exercises.__path__, "rnn_tutorial.exercises."):
        module = importlib.import_module(found.name)
        for name in sorted(vars(module)):
            check = getattr(module, name)
            if name.startswith("check_") and len(signature(check).parameters) == 1:
                yield pytest.param(check, id=f"{found.name.split('.')[-1]}.{name}")


@pytest.mark.parametrize("check", list(all_checks()))
def test_an_untouched_stub_is_not_attempted_and_an_error_is_wrong(check):
    assert check(lambda *args: None).status == "not attempted"
    assert check(lambda *args: ...).status == "not attempted"
    assert check(lambda *args: 1 / 0).status == "wrong"


def test_a_list_of_tensors_with_gradients_is_judged_by_its_numbers():
    ones = [torch.ones(2, requires_grad=True), torch.ones(2)]
    assert judge(lambda: ones, [[1.0, 1.0], [1.0, 1.0]], axes=("time", "unit")).right


def test_two_results_of_different_shapes_are_no_numbers_of_one_shape():
    verdict = judge(lambda: (torch.ones(3, 2), torch.ones(2)), torch.ones(3, 2), axes=("t", "n"))
    assert verdict.message == "expected numbers of shape (3, 2), got a tuple"


def test_an_error_inside_pytorch_shows_the_line_of_the_answer():
    def answer():
        return nn.GRU(3, 4)(torch.zeros(2, 1, 3), torch.zeros(2, 1, 4))

    verdict = judge(answer, torch.zeros(2, 1, 4), axes=("time", "env", "unit"))
    assert "RuntimeError: Expected hidden size" in verdict.message
    assert "(line: return nn.GRU(3, 4)" in verdict.message


def test_an_axis_of_separate_cases_is_told_by_the_name_of_the_case():
    names = [["no layers", "one layer"]]
    verdict = judge(lambda: [1, 3], [1, 2], axes=names)
    assert verdict.message == "first differs at one layer: expected 2, got 3"
    assert "(case)" in judge(lambda: [1], [1, 2], axes=names).message
