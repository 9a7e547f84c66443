"""How answers are judged: the place, the reader's own line, and what counts as numbers."""

import numpy as np
import pytest
import torch
from torch import nn

from rnn_tutorial.exercises.verdict import Instance, WrongForm, judge, untouched


def ask(answer, expected, *, axes=("time", "env"), **options):
    return judge(answer, [Instance((), expected)], axes=axes, **options)


def test_a_stub_is_known_by_its_instructions():
    def documented(x):
        """Whatever it says."""

    def unwritten(x):
        raise NotImplementedError

    def touched(x):
        if x:
            return x

    assert all(untouched(stub) for stub in (documented, unwritten, lambda x: None, lambda x: ...))
    assert not any(untouched(answer) for answer in (touched, lambda x: x, print, np.sum))


def test_a_list_of_tensors_with_gradients_is_judged_by_its_numbers():
    ones = [torch.ones(2, requires_grad=True), torch.ones(2)]
    assert ask(lambda: ones, [[1.0, 1.0], [1.0, 1.0]]).right


@pytest.mark.parametrize(
    ("result", "message"),
    [
        ((torch.ones(3, 2), torch.ones(2)), "expected numbers of shape (3, 2), got a tuple"),
        ("ones", "expected numbers of shape (3, 2), got a str"),
        (torch.ones(2, 3), "expected shape (3, 2) (time, env), got (2, 3)"),
        ([None, None, None], "your function returned None"),
        (np.array([[1, 1], [1, None], [1, 1]]), "your function returned None"),
    ],
)
def test_what_is_no_array_of_that_shape_is_told(result, message):
    assert message in ask(lambda: result, torch.ones(3, 2)).message


def test_an_error_inside_pytorch_shows_the_line_of_the_answer():
    def answer():
        return nn.GRU(3, 4)(torch.zeros(2, 1, 3), torch.zeros(2, 1, 4))

    message = ask(answer, torch.zeros(2, 1, 4)).message
    assert "RuntimeError: Expected hidden size" in message
    assert "(line: return nn.GRU(3, 4)" in message


def test_an_error_that_is_not_in_the_answer_shows_no_line_of_the_package():
    assert ask(lambda x: x, 1.0, axes=()).message.startswith("calling your function raised Type")

    def call(answer):
        raise WrongForm("expected a pair, got a number")

    assert ask(lambda: 1, 1.0, axes=(), call=call).message == "expected a pair, got a number"


def test_an_axis_of_separate_cases_is_told_by_the_name_of_the_case():
    names = [["no layers", "one layer"]]
    message = ask(lambda: [1, 3], [1, 2], axes=names).message
    assert message == "first differs at one layer: expected 2, got 3"
    assert "(case)" in ask(lambda: [1], [1, 2], axes=names).message


def test_two_numbers_that_differ_are_never_shown_as_equal():
    expected = -0.57831
    message = ask(lambda: expected + 3e-5, expected, axes=()).message
    assert message == "first differs at the result: expected -0.57831, got -0.57828"


def test_the_largest_difference_is_shown_where_it_is_elsewhere():
    message = ask(lambda: [[0.0, 1.001], [5.0, np.nan]], [[0.0, 1.0], [2.0, 1.0]]).message
    assert message == (
        "first differs at time 0, env 1: expected 1, got 1.001; "
        "the largest difference, 3, is at time 1, env 0"
    )


def test_the_first_instance_that_is_wrong_decides_and_names_the_mistake():
    two = [Instance((n,), n * n, {"doubled, not squared": 2 * n}) for n in (2, 3)]
    verdict = judge(lambda n: 2 * n, two, axes=())
    assert verdict.message == (
        "first differs at the result: expected 9, got 6\nLikely: doubled, not squared."
    )


def test_an_answer_that_writes_into_its_arguments_does_no_harm():
    x = torch.ones(2)
    instances = [Instance((x,), x.clone())] * 2

    def answer(x):
        return x.clone(), x.zero_()

    judge(lambda x: answer(x)[0], instances, axes=("i",))
    assert torch.equal(x, torch.ones(2))
