"""The exercises on cells: solutions pass, and typical wrong answers are told what they did."""

import pytest
import torch

from rnn_tutorial.exercises import cells


def count(kind, features, hidden, layers, *, biases=2, gates=None):
    gates = gates or {"rnn": 1, "gru": 3, "lstm": 4}[kind]
    first = gates * hidden * (features + hidden + biases)
    return first + (layers - 1) * gates * hidden * (2 * hidden + biases)


def time_major(flat, envs):
    return flat.unflatten(0, (envs, -1)).transpose(0, 1)


def run(cell, x, h):
    states = []
    for x_t in x:
        h = cell(x_t, h)
        states.append(h)
    return torch.stack(states)


def backward(cell, x, h):
    return run(cell, x.flip(0), h).flip(0)


def padded(cell, x, lengths, *, shift=0, clear=False):
    h = x.new_zeros(x.shape[1], cell.hidden_size)
    for t, x_t in enumerate(x):
        real = (t < lengths + shift)[:, None]
        h = torch.where(real, cell(x_t, h), 0.0 if clear else h)
    return h


SOLUTIONS = [
    (cells.check_parameter_count, count),
    (cells.check_time_major, time_major),
    (cells.check_backward_direction, backward),
    (cells.check_padded_unroll, padded),
]


@pytest.mark.parametrize(("check", "solution"), SOLUTIONS)
def test_a_solution_is_right(check, solution):
    assert check(solution).right


@pytest.mark.parametrize(
    ("check", "wrong", "message"),
    [
        (cells.check_parameter_count, lambda *a: count(*a, biases=1), "two biases a gate"),
        (cells.check_parameter_count, lambda *a: count(*a, biases=0), "biases are missing"),
        (cells.check_parameter_count, lambda *a: count(*a, gates=1), "LSTM four"),
        (
            cells.check_parameter_count,
            lambda kind, d, h, layers: layers * count(kind, d, h, 1),
            "reads H features",
        ),
        (cells.check_parameter_count, lambda *a: count(*a[:3], 1), "layers above the first are"),
        (
            cells.check_parameter_count,
            lambda kind, *sizes: (
                count(kind, *sizes) * 2 // 3 if kind == "gru" else count(kind, *sizes)
            ),
            "three blocks: r, z and n",
        ),
        (cells.check_time_major, lambda x, n: x.reshape(-1, n, 2), "mixes envs and time"),
        (cells.check_time_major, lambda x, n: x.reshape(n, -1, 2), "still to be transposed"),
        (cells.check_backward_direction, run, "ran forward, from"),
        (cells.check_backward_direction, lambda c, x, h: run(c, x.flip(0), h), "flip them back"),
        (cells.check_backward_direction, lambda c, x, h: run(c, x, h).flip(0), "only its outputs"),
        (cells.check_backward_direction, lambda c, x, h: backward(c, x, 0 * h), "was not used"),
        (cells.check_padded_unroll, lambda c, x, n: padded(c, x, n + 9), "went on changing"),
        (cells.check_padded_unroll, lambda c, x, n: padded(c, x, n, clear=True), "was cleared"),
        (cells.check_padded_unroll, lambda c, x, n: padded(c, x, n, shift=1), "one step too many"),
        (cells.check_padded_unroll, lambda c, x, n: padded(c, x, n, shift=-1), "one step too few"),
    ],
)
def test_typical_wrong_answers_are_rejected_and_named(check, wrong, message):
    verdict = check(wrong)
    assert verdict.status == "wrong"
    assert message in verdict.message


def test_checks_leave_the_global_generator_alone():
    before = torch.random.get_rng_state()
    for check, solution in SOLUTIONS:
        check(solution)
    assert torch.equal(before, torch.random.get_rng_state())
