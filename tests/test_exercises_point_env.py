"""The checks on the point envs accept a solution and name the typical mistakes."""

import numpy as np
import pytest

from rnn_tutorial.exercises.point_env import (
    check_cue_memory,
    check_reset_flags,
    check_true_next_obs,
)


def shifted(done):
    return np.concatenate((np.ones((1, done.shape[1]), bool), done[:-1]))


def true_next(next_obs, info):
    if "final_obs" not in info:
        return next_obs
    return np.where(info["_final_obs"][:, None], info["final_obs"], next_obs)


def remember(obs, memory, gain=10.0):
    memory = np.where(obs[:, 4:] == 1, obs[:, 2:4], memory)
    return np.clip(gain * (memory - obs[:, :2]), -1, 1), memory


def keep_first(obs, memory):
    memory = np.where((memory == 0).all(1, keepdims=True), obs[:, 2:4], memory)
    return 10 * (memory - obs[:, :2]), memory


@pytest.mark.parametrize(
    ("check", "solution"),
    [
        (check_reset_flags, lambda a, b: shifted(a | b)),
        (check_true_next_obs, true_next),
        (check_cue_memory, remember),
    ],
)
def test_a_solution_is_right(check, solution):
    assert check(solution).right


@pytest.mark.parametrize(
    ("check", "wrong", "message"),
    [
        (check_reset_flags, lambda a, b: a | b, "off by one"),
        (check_reset_flags, lambda a, b: shifted(a), "truncated episodes end too"),
        (check_reset_flags, lambda a, b: shifted(b), "terminated episodes end too"),
        (check_reset_flags, lambda a, b: shifted(a & b), "asks for both"),
        (
            check_reset_flags,
            lambda a, b: np.concatenate((np.zeros((1, 3)), (a | b)[:-1])),
            "observation 0",
        ),
        (check_true_next_obs, lambda obs, info: obs, "next episode's first observation"),
        (check_true_next_obs, lambda obs, info: info.get("final_obs", obs), "valid only where"),
        (check_true_next_obs, lambda obs, info: info["final_obs"], "KeyError"),
        (
            check_cue_memory,
            lambda obs, memory: (10 * (obs[:, 2:4] - obs[:, :2]), memory),
            "zero after the cue",
        ),
        (check_cue_memory, keep_first, "first episode's goal"),
        (check_cue_memory, lambda obs, memory: remember(obs, memory, 1.0), "not divided"),
        (
            check_cue_memory,
            lambda obs, memory: (10 * remember(obs, memory)[1], remember(obs, memory)[1]),
            "not from (0, 0)",
        ),
    ],
)
def test_a_typical_mistake_is_named(check, wrong, message):
    verdict = check(wrong)
    assert verdict.status == "wrong"
    assert message in verdict.message
