"""The checks on opening a memory name the typical mistakes."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge

from rnn_tutorial.exercises.memory import check_flag_unit, check_probe, check_transplant


def transplant(state, order):
    return tuple(p[:, order] for p in state) if isinstance(state, tuple) else state[:, order]


def without_cell(state, order):
    return (state[0][:, order], state[1]) if isinstance(state, tuple) else state[:, order]


def in_place(state, order):
    for part in state if isinstance(state, tuple) else (state,):
        for i, giver in enumerate(order):
            part[:, i] = part[:, giver]
    return state


def each(change):
    return lambda state, order: (
        tuple(change(p, order) for p in state) if isinstance(state, tuple) else change(state, order)
    )


def fitted(x, y, fit, score, truth=None):
    return (
        Ridge(alpha=1.0).fit(x[fit], y[fit]).score(x[score], (y if truth is None else truth)[score])
    )


def probe(x, y, fit, score, order):
    return fitted(x, y, fit, score), fitted(x, y[order], fit, score)


def by_correlation(state, flag):
    moving = state.std(0) > 0
    score = np.zeros(state.shape[1])
    score[moving] = [abs(np.corrcoef(unit, flag)[0, 1]) for unit in state.T[moving]]
    return score.argmax()


def mean_gap(state, flag):
    return state[flag].mean(0) - state[~flag].mean(0)


def careless_correlation(state, flag):
    x = state - state.mean(0)
    x[:, (state == state[0]).all(0)] = 0.0
    with np.errstate(invalid="ignore"):
        return np.abs((x * (flag - flag.mean())[:, None]).sum(0) / x.std(0)).argmax()


@pytest.mark.parametrize(
    ("check", "answer"),
    [
        (check_transplant, transplant),
        (check_probe, probe),
        (check_flag_unit, by_correlation),
        (check_flag_unit, lambda s, f: torch.tensor([by_correlation(s, f)])),
    ],
)
def test_right_answers_are_right(check, answer):
    assert check(answer).right


@pytest.mark.parametrize(
    ("check", "answer", "words"),
    [
        (check_transplant, each(lambda part, order: part[order]), "the layers changed places"),
        (check_transplant, without_cell, "the cell state stayed"),
        (check_transplant, each(lambda p, o: p[:, np.argsort(o)]), "the wrong way round"),
        (check_transplant, in_place, "overwritten"),
        (check_transplant, lambda state, order: state, "nothing changed places"),
        (check_transplant, lambda state, order: state[:, order], "TypeError"),
        (
            check_probe,
            lambda x, y, f, s, o: (fitted(x, y, f, f), fitted(x, y[o], f, f)),
            "scored on the episodes that they were fitted on",
        ),
        (
            check_probe,
            lambda x, y, f, s, o: probe(x, y, np.arange(60), s, o),
            "fitted on all episodes",
        ),
        (check_probe, lambda x, y, f, s, o: (fitted(x, y, f, s),) * 2, "not shuffled"),
        (
            check_probe,
            lambda x, y, f, s, o: (fitted(x, y, f, s), fitted(x, y[o], f, s, truth=y)),
            "scored on the true ones",
        ),
        (
            check_probe,
            lambda x, y, f, s, o: (fitted(x, y, f, s), fitted(x, y, f, s, truth=y[o])),
            "the true probe",
        ),
        (check_probe, lambda x, y, f, s, o: probe(x, y, f, s, o)[::-1], "wrong order"),
        (check_probe, lambda x, y, f, s, o: fitted(x, y, f, s), "expected shape (2,)"),
        (check_flag_unit, lambda s, f: np.abs(mean_gap(s, f)).argmax(), "divide by it"),
        (check_flag_unit, lambda s, f: mean_gap(s / (s.std(0) + 1e-9), f).argmax(), "absolute"),
        (check_flag_unit, careless_correlation, "NaN wins"),
        (check_flag_unit, lambda s, f: 0, "expected 3, got 0"),
        (check_flag_unit, lambda s, f: mean_gap(s, f), "a single number"),
    ],
)
def test_wrong_answers_are_named(check, answer, words):
    verdict = check(answer)
    assert verdict.status == "wrong"
    assert words in verdict.message
