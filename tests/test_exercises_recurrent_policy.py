"""The checks on the recurrent policy accept a solution and name the typical mistakes."""

import math

import pytest
import torch

from rnn_tutorial.exercises.recurrent_policy import (
    check_fold,
    check_joint_log_prob,
    check_step_loop,
)


def stepped(policy, obs, state, reset):
    values = []
    for obs_nd, reset_n in zip(obs, reset, strict=True):
        state = torch.where(reset_n[None, :, None], 0.0, state)
        output, state = policy.step(obs_nd, state)
        values.append(output.value)
    return torch.stack(values)


def cleared_after(policy, obs, state, reset):
    values = []
    for obs_nd, reset_n in zip(obs, reset, strict=True):
        output, state = policy.step(obs_nd, state)
        state = torch.where(reset_n[None, :, None], 0.0, state)
        values.append(output.value)
    return torch.stack(values)


def fold(encoder, images):
    return encoder(images.flatten(0, 1)).unflatten(0, images.shape[:2])


def log_prob(mean, std, action):
    each = -(((action - mean) / std) ** 2) / 2 - std.log() - math.log(2 * math.pi) / 2
    return each.sum(-1)


def density(mean, std, action):
    return torch.distributions.Normal(mean, std).log_prob(action)


@pytest.mark.parametrize(
    ("check", "solution"),
    [
        (check_step_loop, stepped),
        (check_fold, fold),
        (check_joint_log_prob, log_prob),
    ],
)
def test_a_solution_is_right(check, solution):
    assert check(solution).right


@pytest.mark.parametrize(
    ("check", "wrong", "message"),
    [
        (check_step_loop, lambda p, x, s, r: stepped(p, x, s, r & False), "nobody clears"),
        (check_step_loop, cleared_after, "off by one"),
        (
            check_step_loop,
            lambda p, x, s, r: stepped(p, x, s, r.any(1, keepdim=True).expand_as(r)),
            "states of all envs",
        ),
        (check_step_loop, lambda p, x, s, r: stepped(p, x, s, r | True), "not carried"),
        (check_step_loop, lambda p, x, s, r: stepped(p, x, 0 * s, r), "do not begin at zero"),
        (check_fold, lambda e, x: e(x.flatten(0, 1)), "flat batch"),
        (check_fold, lambda e, x: e(x.flatten(0, 1)).reshape(3, 4, -1), "the order in which"),
        (
            check_fold,
            lambda e, x: e(x.flatten(0, 1)).reshape(3, 4, -1).transpose(0, 1),
            "and transposed",
        ),
        (
            check_fold,
            lambda e, x: e(x.transpose(0, 1).flatten(0, 1)).reshape(4, 3, -1),
            "transposed before folding",
        ),
        (check_joint_log_prob, density, "sum over the action's dimensions"),
        (check_joint_log_prob, lambda m, s, a: density(m, s, a).mean(-1), "sum, not mean"),
        (check_joint_log_prob, lambda m, s, a: density(m, s, a).sum(1), "over the envs"),
        (check_joint_log_prob, lambda m, s, a: log_prob(m, s, a).exp(), "the density itself"),
        (check_joint_log_prob, lambda m, s, a: log_prob(m, s**2, a), "variance"),
        (
            check_joint_log_prob,
            lambda m, s, a: density(m, s, a).exp().sum(-1).log(),
            "sum of densities",
        ),
    ],
)
def test_a_typical_wrong_answer_is_rejected_and_its_mistake_named(check, wrong, message):
    verdict = check(wrong)
    assert verdict.status == "wrong"
    assert message in verdict.message


def test_the_checks_leave_the_global_generator_alone():
    before = torch.random.get_rng_state()
    check_step_loop(stepped)
    check_fold(fold)
    assert torch.equal(before, torch.random.get_rng_state())
