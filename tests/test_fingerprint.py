"""A stable text for any argument: equal for equal values, in every process, and for no others."""

import json
import subprocess
import sys
from dataclasses import dataclass
from functools import partial, wraps
from threading import Lock

import numpy as np
import pytest
import torch
from torch import nn

from rnn_tutorial.fingerprint import fingerprint


@dataclass
class Course:
    length: int
    walls: np.ndarray


class Thing:
    def __init__(self, size):
        self.size = size


def at_least(number):
    def measure():
        return number

    return measure


def other(name):
    """A function of the same name and module as `at_least`'s, with another body."""

    def measure():
        return -name

    measure.__qualname__ = at_least(0).__qualname__
    return measure


def times(k):
    def decorate(function):
        @wraps(function)
        def inner():
            return k * function()

        return inner

    return decorate


class Scale(nn.Module):
    """A module with a number that isn't a weight."""

    def __init__(self, factor):
        super().__init__()
        self.factor = factor


def made(body):
    """A class whose one method was edited, as in a notebook."""
    space = {"__name__": "page"}
    exec(f"class Measure:\n    def __call__(self):\n        {body}", space)
    sys.modules.setdefault("page", type(sys)("page")).Measure = space["Measure"]
    return space["Measure"]


def linear(seed):
    torch.manual_seed(seed)
    return nn.Linear(2, 3)


LONG = np.zeros(3000)


def told(value):
    """As it is kept: a NaN is a NaN."""
    return json.dumps(fingerprint(value))


@pytest.mark.parametrize(
    ("one", "same", "another"),
    [
        (np.int64(3), 3, 4),
        ({"a": (1, 2.5)}, {"a": [1, 2.5]}, {"a": [1, 2.6]}),
        (LONG, LONG.copy(), np.where(np.arange(3000) == 1500, 1.0, 0.0)),
        (torch.zeros(2), torch.zeros(2), torch.ones(2)),
        (torch.zeros(99, dtype=torch.bfloat16), torch.zeros(99, dtype=torch.bfloat16), LONG),
        (Course(3, LONG), Course(3, LONG.copy()), Course(3, LONG + 1)),
        (Thing(1), Thing(1), Thing(2)),
        (at_least(5), at_least(5), at_least(6)),
        (at_least(5), at_least(5), other(5)),
        (times(5)(at_least(1)), times(5)(at_least(1)), times(6)(at_least(1))),
        (Scale(1.0), Scale(1.0), Scale(2.0)),
        (np.array([1j]), np.array([1j]), np.array([2j])),
        (float("nan"), float("nan"), 0.0),
        (partial(divmod, 5), partial(divmod, 5), partial(divmod, 6)),
        (linear(0), linear(0), linear(1)),
        (lambda x: x + 1, None, lambda x: x + 2),
        (Thing, Thing, Course),
        (Thing(1).__init__, Thing(1).__init__, Thing(2).__init__),
    ],
)
def test_equal_values_and_only_they_have_one_fingerprint(one, same, another):
    assert told(one) != told(another)
    if same is not None:
        assert told(one) == told(same)


def test_an_object_of_an_edited_class_is_another_one():
    prints = [told(made(f"return {number}")()) for number in (5, 5, 6)]
    assert prints[0] == prints[1] != prints[2]


def test_what_cannot_be_told_apart_is_refused():
    with pytest.raises(ValueError, match="cannot be told apart"):
        fingerprint(Lock())


def test_it_is_the_same_in_another_process():
    code = (
        "import numpy as np, torch; from torch import nn\n"
        "from rnn_tutorial.fingerprint import fingerprint\n"
        "from rnn_tutorial.settings import Settings\n"
        "torch.manual_seed(0)\n"
        "def f(x): return x in {'a', 'b', 'c'}\n"
        "things = [nn.GRU(2, 3), np.arange(99), Settings(), {'a', 'b', 'c'}, Settings, f]\n"
        "print(fingerprint(things))"
    )
    runs = [subprocess.run([sys.executable, "-c", code], capture_output=True) for _ in range(2)]
    assert runs[0].stdout == runs[1].stdout != b"", runs[0].stderr
