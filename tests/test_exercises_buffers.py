"""The checks of the buffer's exercises name the typical mistakes."""

import pytest
import torch

from rnn_tutorial.buffer import gae
from rnn_tutorial.exercises.buffers import check_gae, check_minibatches, check_reset_mask


def mask(ended, begins):
    return torch.cat((begins[None], ended[:-1]))


def whole(count, number, generator):
    return torch.randperm(count, generator=generator).tensor_split(number)


def floored(count, number, generator):
    order = torch.randperm(count, generator=generator)
    return order[: count // number * number].chunk(number)


def remainder(count, number, generator):
    return torch.randperm(count, generator=generator).split(count // number)


def lopsided(count, number, generator):
    order, size = torch.randperm(count, generator=generator), count // number
    return [*order[: (number - 1) * size].split(size), order[(number - 1) * size :]]


def across(reward, value, after, last, terminated, truncated, gamma, lam):
    follows = torch.where(truncated, last, after) * ~terminated
    running, advantage = torch.zeros(reward.shape[1]), torch.zeros_like(reward)
    for t in reversed(range(len(reward))):
        error = reward[t] + gamma * follows[t] - value[t]
        running = error + gamma * lam * running * ~terminated[t]
        advantage[t] = running
    return advantage


@pytest.mark.parametrize(
    ("check", "answer"),
    [(check_gae, gae), (check_reset_mask, mask), (check_minibatches, whole)],
)
def test_right_answers_are_right(check, answer):
    assert check(answer).right


@pytest.mark.parametrize(
    ("check", "answer", "words"),
    [
        (
            check_gae,
            lambda r, v, a, z, d, c, g, m: gae(r, v, a, z, d | c, c & False, g, m),
            "truncation was treated as termination",
        ),
        (
            check_gae,
            lambda r, v, a, z, d, c, g, m: gae(r, v, a, a, d, c, g, m),
            "first observation of another episode",
        ),
        (check_gae, across, "runs on across truncations"),
        (check_gae, lambda r, *_: r[:, 0], "expected shape (8, 2)"),
        (check_reset_mask, lambda e, b: e, "off by one"),
        (check_reset_mask, lambda e, b: mask(e, b | True), "row 0 is begins_n"),
        (check_reset_mask, lambda e, b: mask(e, b & False), "no env was let begin"),
        (check_reset_mask, lambda e, b: e.roll(1, 0), "rolled"),
        (check_minibatches, floored, "never used"),
        (check_minibatches, remainder, "one minibatch more"),
        (check_minibatches, lopsided, "into the last minibatch"),
        (check_minibatches, lambda c, n, g: torch.arange(c).tensor_split(n), "shuffled"),
        (check_minibatches, lambda c, n, g: 1 / 0, "ZeroDivisionError"),
    ],
)
def test_wrong_answers_are_named(check, answer, words):
    verdict = check(answer)
    assert verdict.status == "wrong"
    assert words in verdict.message
