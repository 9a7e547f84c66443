"""The checks of the rollouts' exercises name the typical mistakes."""

import numpy as np
import pytest
import torch

from rnn_tutorial.exercises.rollouts import check_carry, check_episode_returns


def values_by_steps(policy, obs, reset):
    state, values = policy.initial_state(obs.shape[1]), []
    for t in range(len(obs)):
        output, state = policy.step(obs[t], state, reset[t])
        values.append(output.value)
    return torch.stack(values)


def totals(reward, reset):
    return np.add.reduceat(reward, np.flatnonzero(reset))


@pytest.mark.parametrize(
    ("check", "answer"),
    [
        (check_episode_returns, totals),
        (check_carry, values_by_steps),
    ],
)
def test_right_answers_are_right(check, answer):
    assert check(answer).right


@pytest.mark.parametrize(
    ("check", "answer", "words"),
    [
        (
            check_episode_returns,
            lambda r, f: [r[:4].sum(), r[4:6].sum(), r[6:].sum()],
            "the one before",
        ),
        (check_episode_returns, lambda r, f: totals(r, f)[:-1], "last episode is missing"),
        (check_episode_returns, lambda r, f: np.cumsum(totals(r, f)), "begun anew"),
        (check_carry, lambda p, o, r: values_by_steps(p, o, r & False), "never cleared"),
        (
            check_carry,
            lambda p, o, r: torch.cat(
                [
                    values_by_steps(p, o[:1], r[:1]),
                    values_by_steps(p, o[1:], r[1:] & False),
                ]
            ),
            "first differs at time 1, env 0",
        ),
        (check_carry, lambda p, o, r: values_by_steps(p, o, r | True), "amnesiac"),
        (check_carry, lambda p, o, r: 1 / 0, "ZeroDivisionError"),
    ],
)
def test_wrong_answers_are_named(check, answer, words):
    verdict = check(answer)
    assert verdict.status == "wrong"
    assert words in verdict.message


def test_clearing_after_the_step_is_named():
    def cleared_late(policy, obs, reset):
        late = torch.cat((torch.ones_like(reset[:1]), reset[:-1]))
        return values_by_steps(policy, obs, late)

    assert "after step t" in check_carry(cleared_late).message
