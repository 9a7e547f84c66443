"""The checks of the loss's exercises name the typical mistakes."""

import pytest
import torch
from torch.distributions import Normal

from rnn_tutorial.buffer import masked_mean
from rnn_tutorial.exercises.learning import check_bootstrap, check_clipped_loss, check_log_ratio
from rnn_tutorial.recurrent import clear_state


def log_ratio(mean, std, action, old, valid):
    new = Normal(mean, std).log_prob(action).sum(-1)
    return (new - old).masked_fill(~valid, 0.0)


def each(mean, std, action, old, valid):
    return Normal(mean, std).log_prob(action) - old[..., None]


def gains(log_r, advantage, clip):
    ratio = log_r.exp()
    return ratio * advantage, ratio.clamp(1 - clip, 1 + clip) * advantage


def clipped_loss(log_r, advantage, valid, clip):
    return -masked_mean(torch.minimum(*gains(log_r, advantage, clip)), valid)


def bootstrap(policy, next_obs, final_obs, before, after, truncated):
    obs = torch.where(truncated[:, None], final_obs, next_obs)
    return policy.step(obs, after)[0].value


@pytest.mark.parametrize(
    ("check", "answer"),
    [
        (check_log_ratio, log_ratio),
        (check_clipped_loss, clipped_loss),
        (check_bootstrap, bootstrap),
    ],
)
def test_right_answers_are_right(check, answer):
    assert check(answer).right


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda *a: log_ratio(*a[:4], a[4] | True), "padding was left in"),
        (lambda *a: -log_ratio(*a), "old minus new"),
        (lambda *a: log_ratio(*a).exp() * a[4], "the ratio itself"),
        (lambda *a: log_ratio(*a[:4], a[4] | True).exp(), "the ratio, and padding"),
        (lambda *a: each(*a) * a[4][..., None], "their sum"),
        (each, "one for each dimension of the action, and padding"),
        (lambda *a: each(*a).mean(-1) * a[4], "averaged"),
        (lambda *a: each(*a)[..., 0] * a[4], "only the first dimension"),
        (lambda *a: log_ratio(*a).sum(), "expected shape (4, 3)"),
    ],
)
def test_wrong_log_ratios_are_named(answer, words):
    verdict = check_log_ratio(answer)
    assert verdict.status == "wrong"
    assert words in verdict.message


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda r, a, v, c: clipped_loss(r, a, v | True, c), "padding was averaged in"),
        (lambda r, a, v, c: clipped_loss(r, a, v, c) * v.sum() / v.numel(), "counted in the n"),
        (lambda r, a, v, c: clipped_loss(r, a, v, c) * v.sum(), "the sum was taken"),
        (lambda *a: -clipped_loss(*a), "minus its mean"),
        (
            lambda r, a, v, c: -masked_mean(torch.maximum(*gains(r, a, c)), v),
            "the larger of the two",
        ),
        (lambda r, a, v, c: -masked_mean(gains(r, a, c)[1], v), "only the clipped gain"),
        (lambda r, a, v, c: -masked_mean(gains(r, a, c)[0], v), "nothing was clipped"),
        (lambda r, a, v, c: r, "expected shape ()"),
    ],
)
def test_wrong_losses_are_named(answer, words):
    verdict = check_clipped_loss(answer)
    assert verdict.status == "wrong"
    assert words in verdict.message


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda p, n, f, b, a, t: bootstrap(p, n, f, a, b, t), "state_before was used"),
        (lambda p, n, f, b, a, t: bootstrap(p, n, f, b, a * 0, t), "zeros were used"),
        (lambda p, n, f, b, a, t: bootstrap(p, n, n, b, a, t), "its own last one"),
        (
            lambda p, n, f, b, a, t: bootstrap(p, n, n, b, clear_state(a, t), t),
            "the next episode's first observation",
        ),
        (
            lambda p, n, f, b, a, t: bootstrap(p, n, f, b, clear_state(a, t), t),
            "cleared for final_obs",
        ),
        (lambda p, n, f, b, a, t: bootstrap(p, f, f, b, a, t), "that go on as well"),
        (lambda p, n, f, b, a, t: a, "expected shape (4,)"),
    ],
)
def test_wrong_bootstraps_are_named(answer, words):
    verdict = check_bootstrap(answer)
    assert verdict.status == "wrong"
    assert words in verdict.message
