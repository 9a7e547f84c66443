"""Checks on opening a memory: a transplant, a probe with its control, the unit of a flag."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from rnn_tutorial.exercises.verdict import Verdict, as_array, judge

Array = np.ndarray


def check_transplant(answer: Callable[[Any, Any], Any]) -> Verdict:
    """Judges `answer(state, order) -> state`: env i gets the state of env `order[i]`.

    The state is a tensor (layers, N, H), or a pair of them.
    """
    order = [1, 2, 0]
    # As many layers as envs, so that a wrong axis fits as well.
    hidden = torch.arange(18.0).reshape(3, 3, 2)
    cell = 100 + hidden
    parts = [hidden, hidden, cell]

    def moved(givers: list[int], of: list[torch.Tensor] = parts) -> list[Any]:
        return [[[layer[giver].tolist() for giver in givers] for layer in part] for part in of]

    def run() -> Any:
        alone = answer(hidden.clone(), list(order))
        pair = answer((hidden.clone(), cell.clone()), list(order))
        return alone if alone is None or alone is Ellipsis else [alone, *pair]

    overwritten = [1, 2, 1]  # env 2 looks for env 0, where env 1 stands by now
    inverse = [order.index(i) for i in range(3)]
    return judge(
        run,
        moved(order),
        axes=(["state", "hidden state of the pair", "cell state"], "layer", "env", "unit"),
        mistakes={
            "the layers changed places, not the envs: the batch axis is the second": [
                part[order].tolist() for part in parts
            ],
            "the cell state stayed where it was: an LSTM's memory is both tensors": (
                [*moved(order)[:2], cell.tolist()]
            ),
            "the wrong way round: env i's state went to env order[i], not the reverse": (
                moved(inverse)
            ),
            "a state was overwritten before it had been handed on; index once, or clone first": (
                moved(overwritten)
            ),
            "nothing changed places": [part.tolist() for part in parts],
        },
        praise="each env goes on with another's memory, the LSTM's cell state included.",
    )


def check_probe(answer: Callable[..., Any]) -> Verdict:
    """Judges `answer(state_ef, goal_ek, fit, score, order) -> (r2, control)`.

    A ridge probe (alpha = 1) fitted on the episodes `fit` and scored on the episodes `score`; the
    control does the same with goals `goal_ek[order]`.
    """
    rng = np.random.default_rng(2)
    goal = rng.normal(size=(60, 2))
    state = goal @ rng.normal(size=(2, 9)) + rng.normal(size=(60, 9))
    fit, score = np.arange(0, 60, 2), np.arange(1, 60, 2)
    order = rng.permutation(60)

    def r2(train: Array, told: Array, test: Array, true: Array) -> float:
        """By the normal equations, with the means taken out, instead of scikit-learn."""
        x, y = state[train], told[train]
        centred = x - x.mean(0)
        slope = np.linalg.solve(centred.T @ centred + np.eye(9), centred.T @ (y - y.mean(0)))
        error = true[test] - y.mean(0) - (state[test] - x.mean(0)) @ slope
        spread = true[test] - true[test].mean(0)
        return float(np.mean(1 - (error**2).sum(0) / (spread**2).sum(0)))

    other, everything = goal[order], np.arange(60)
    right = r2(fit, goal, score, goal)
    control = r2(fit, other, score, other)
    return judge(
        lambda: answer(state.copy(), goal.copy(), fit.copy(), score.copy(), order.copy()),
        [right, control],
        axes=(["the probe", "its control"],),
        mistakes={
            "both are scored on the episodes that they were fitted on: a probe with enough "
            "units finds anything there": [r2(fit, goal, fit, goal), r2(fit, other, fit, other)],
            "both are fitted on all episodes, those of the score included": [
                r2(everything, goal, score, goal),
                r2(everything, other, score, other),
            ],
            "the control's goals were not shuffled": [right, right],
            "the control was fitted on the goals of others and scored on the true ones": [
                right,
                r2(fit, other, score, goal),
            ],
            "the control is the true probe, scored on the goals of others": [
                right,
                r2(fit, goal, score, other),
            ],
            "the two are in the wrong order": [control, right],
        },
        praise="what is known is found in new episodes; where nothing is known, nothing is found.",
    )


def check_flag_unit(answer: Callable[[Any, Any], Any]) -> Verdict:
    """Judges `answer(state_sh, flag_s) -> unit`: the unit from which the flag is read best.

    Best is the largest |correlation| with the flag; the unit is right if no other has a larger one.
    """
    rng = np.random.default_rng(4)
    flag = rng.random(300) < 0.4
    state = 0.3 * rng.normal(size=(300, 6))
    state[:, 1] += 0.3 * flag
    state[:, 2] = 0.5  # constant: no correlation can be had of it
    state[:, 3] -= 1.0 * flag  # the right one: falls when the flag rises
    state[:, 4] = 4 * state[:, 4] + 1.2 * flag  # moves further, and drowns in its own spread
    state[:, 5] += 0.6 * flag

    def one(unit: Any) -> Any:
        found = as_array(unit)
        return found.item() if found.size == 1 else unit

    def run() -> Any:
        unit = answer(state.copy(), flag.copy())
        return unit if unit is None or unit is Ellipsis else one(unit)

    return judge(
        run,
        3.0,
        axes=(),
        mistakes={
            "this unit's mean moves furthest, but its spread is larger still: divide by it, or "
            "correlate": 4.0,
            "this unit rises with the flag, but another one falls with it more clearly: take the "
            "absolute value": 5.0,
            "this unit never changes, so its correlation is NaN, and NaN wins every argmax": 2.0,
        },
        praise="this unit alone tells the flag best, by falling when it rises.",
    )
