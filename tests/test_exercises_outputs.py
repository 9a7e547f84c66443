"""The checks on `output` and `h_n` accept a solution and name the typical mistakes."""

import pytest
import torch

from rnn_tutorial.exercises.outputs import (
    check_chunks,
    check_corner_rule,
    check_last_real_output,
)


def envs(lengths):
    return torch.arange(len(lengths))


def last_real(output, lengths):
    return output[lengths - 1, envs(lengths)]


def in_chunks(rnn, obs, chunk, carry=lambda h_n: h_n.detach()):
    outputs, state = [], None
    for piece in obs.split(chunk):
        output, h_n = rnn(piece, state)
        outputs.append(output)
        state = carry(h_n)
    return torch.cat(outputs)


def corner(num_layers, bidirectional, packed, lengths):
    return not bidirectional and (not packed or len(set(lengths)) == 1)


@pytest.mark.parametrize(
    ("check", "solution"),
    [
        (check_last_real_output, last_real),
        (check_chunks, in_chunks),
        (check_corner_rule, corner),
    ],
)
def test_a_solution_is_right(check, solution):
    assert check(solution).right


@pytest.mark.parametrize(
    ("check", "wrong", "message"),
    [
        (check_last_real_output, lambda out, n: out[-1], "padding's output"),
        (check_last_real_output, lambda out, n: out[n.clamp(max=5), envs(n)], "off by one"),
        (check_last_real_output, lambda out, n: out[n - 2, envs(n)], "not length - 2"),
        (check_last_real_output, lambda out, n: out[n - 1], "each env needs its own"),
        (check_last_real_output, lambda out, n: out.mean(0), "mean over time"),
        (check_last_real_output, lambda out, n: last_real(out, n)[:, :2], "expected shape"),
        (check_chunks, lambda r, x, k: in_chunks(r, x, k, lambda h: None), "began at zero"),
        (
            check_chunks,
            lambda r, x, k: in_chunks(r, x, k, lambda h: h[-1:].repeat(2, 1, 1)),
            "hand over all of h_n",
        ),
        (check_chunks, lambda r, x, k: in_chunks(r, x, k)[:8], "4, 4 and 3"),
        (check_chunks, lambda r, x, k: in_chunks(r, x, k)[8:], "join all of them"),
        (check_chunks, lambda r, x, k: r(x)[0], "detach the state between chunks"),
        (check_chunks, lambda r, x, k: in_chunks(r, x, k).detach(), "no gradient at all"),
        (check_corner_rule, lambda *args: True, "expected 0, got 1"),
        (check_corner_rule, lambda la, both, packed, n: not both, "zero after a short"),
        (check_corner_rule, lambda la, both, packed, n: not both and not packed, "packing alone"),
        (
            check_corner_rule,
            lambda la, both, packed, n: not packed or len(set(n)) == 1,
            "both directions",
        ),
        (
            check_corner_rule,
            lambda la, both, packed, n: not both and len(set(n)) == 1,
            "both have seen padding",
        ),
        (check_corner_rule, lambda la, *rest: la == 1 and corner(la, *rest), "number of layers"),
    ],
)
def test_a_typical_wrong_answer_is_rejected_and_its_mistake_named(check, wrong, message):
    verdict = check(wrong)
    assert verdict.status == "wrong"
    assert message in verdict.message


def test_the_checks_leave_the_global_generator_alone():
    before = torch.random.get_rng_state()
    check_last_real_output(last_real)
    assert torch.equal(before, torch.random.get_rng_state())
