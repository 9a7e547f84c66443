"""Checks of the exercises on the memory: a transplant, a probe with its control, a flag's unit."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from rnn_tutorial.exercises.verdict import Instance, Verdict, WrongForm, as_array, judge

Array = np.ndarray


def check_transplant(answer: Callable[[Any, Any], Any]) -> Verdict:
    """Check `answer(state, order) -> state`: env i gets the state of env `order[i]`.

    The state is a tensor (layers, N, H), or a pair of them. In the first instances all three sizes
    are equal, so that a wrong axis fits as well; in the others one env gives its state to two.
    """

    def parts_of(answer: Callable[[Any, Any], Any], state: Any, order: list[int]) -> list[Array]:
        """The tensors of the returned state, one or two."""
        got, pair = answer(state, order), isinstance(state, tuple)
        wanted = "for an LSTM a pair (hidden, cell)" if pair else "for a GRU one tensor"
        several = isinstance(got, (tuple, list))
        if got is not None and (several != pair or (several and len(got) != 2)):
            count = f" of {len(got)}" if several else ""
            raise WrongForm(f"expected {wanted}, got a {type(got).__name__}{count}")
        parts = [_numbers(part, wanted) for part in (got if several else (got,))]
        shape = tuple((state[0] if pair else state).shape)
        for part in parts:
            if part.shape != shape:
                raise WrongForm(
                    f"expected the state's shape {shape} (layer, env, unit), got {part.shape}"
                )
        return parts

    return judge(
        answer,
        [
            _transplant(seed, sizes, order, pair)
            for seed, sizes, order in ((1, (3, 3), [1, 2, 0]), (2, (2, 5), [3, 0, 3, 4, 1]))
            for pair in (False, True)
        ],
        axes=(["hidden state", "cell state"], "layer", "env", "unit"),
        call=parts_of,
        praise="each env goes on with another's memory, the LSTM's cell state included.",
    )


def _transplant(seed: int, sizes: tuple[int, int], order: list[int], pair: bool) -> Instance:
    layers, units = sizes
    generator = torch.Generator().manual_seed(seed)
    state = torch.randn(1 + pair, layers, len(order), units, generator=generator)
    slices = state.unbind(2)  # one for each env, put together again in the new order
    right = torch.stack([slices[giver] for giver in order], 2)
    sent, handed, first = state.clone(), state.clone(), state.clone()
    first[:, 0] = right[:, 0]
    last = state.clone()
    last[:, -1] = right[:, -1]
    for i, giver in enumerate(order):
        sent[:, :, giver] = state[:, :, i]
        handed[:, :, i] = handed[:, :, giver]
    neighbours = [min(i ^ 1, len(order) - 1) for i in range(len(order))]
    mistakes = {
        "the wrong way round: env i's state went to env order[i], not the reverse": sent,
        "a state was overwritten before it was passed on; index once, or clone first": handed,
        "the state is unchanged": state,
        "neighbours were swapped; `order` says which env gives to which": state[:, :, neighbours],
        "every env got the same memory": right[:, :, :1].expand_as(right),
        "only the first layer was moved: move all layers": first,
        "only the last layer was moved: move all layers": last,
    }
    if layers == len(order):
        mistakes["the layers were moved, not the envs: the batch axis is the second"] = state[
            :, order
        ]
        mistakes["the units were moved, not the envs: the batch axis is the second"] = state[
            ..., order
        ]
    if pair:
        cell_stayed, hidden_stayed = right.clone(), right.clone()
        cell_stayed[1], hidden_stayed[0] = state[1], state[0]
        mistakes |= {
            "the cell state was not moved: an LSTM's memory is both tensors": cell_stayed,
            "the hidden state was not moved: an LSTM's memory is both tensors": hidden_stayed,
            "hidden state and cell state were swapped": right.flip(0),
            "the hidden state was returned twice, and the cell state is lost": right[[0, 0]],
        }
    question = (state[0].clone(), state[1].clone()) if pair else state[0]
    return Instance((question, order), right, mistakes)


def check_probe(answer: Callable[..., Any]) -> Verdict:
    """Check `answer(state_ef, goal_ek, fit, score, order) -> (r2, control)`.

    A ridge probe (alpha = 1) is fitted on the episodes `fit` and scored on the episodes `score`;
    the control is the same with the goals `goal_ek[order]`.
    """

    def two(answer: Callable[..., Any], *question: Any) -> Array:
        scores = _numbers(answer(*question), "two numbers (r2, control)")
        if scores.shape == (2, question[1].shape[1]):
            raise WrongForm(
                "expected one R² each, the mean over the goal's coordinates, got one for each"
            )
        if scores.shape != (2,):
            raise WrongForm(f"expected two numbers (r2, control), got shape {scores.shape}")
        return scores

    return judge(
        answer,
        [_probe(2, 60, 9, 2), _probe(5, 84, 14, 3)],
        axes=(["the probe", "its control"],),
        call=two,
        praise="the probe reads the goal in new episodes; its control finds nothing.",
        tolerance=1e-4,
    )


def _probe(seed: int, episodes: int, features: int, numbers: int) -> Instance:
    rng = np.random.default_rng(seed)
    goal = rng.normal(size=(episodes, numbers)) * (1 + np.arange(numbers)) + 2
    state = goal @ rng.normal(size=(numbers, features)) / 3
    state = state + rng.normal(size=state.shape) * rng.uniform(0.5, 3, features) + 1
    mixed, order = rng.permutation(episodes), rng.permutation(episodes)
    fit, score = np.sort(mixed[: episodes // 2]), np.sort(mixed[episodes // 2 :])
    halves, everything = np.split(np.arange(episodes), 2), np.arange(episodes)
    other = goal[order]

    def r2(
        told: Array = goal,
        true: Array | None = None,
        train: Array = fit,
        test: Array = score,
        measure: str = "mean",
        alpha: float = 1.0,
        x: Array = state,
        centred: bool = True,
    ) -> float:
        """R² by the normal equations of centred data, instead of scikit-learn."""
        truth = (told if true is None else true)[test]
        x_mean, y_mean = (a[train].mean(0) * centred for a in (x, told))
        a, y = x[train] - x_mean, told[train] - y_mean
        slope = np.linalg.solve(a.T @ a + alpha * np.eye(features), a.T @ y)
        error = ((truth - y_mean - (x[test] - x_mean) @ slope) ** 2).sum(0)
        spread = ((truth - truth.mean(0)) ** 2).sum(0)
        return float(
            {
                "mean": np.mean(1 - error / spread),
                "weighted": 1 - error.sum() / spread.sum(),
                "error": error.sum() / truth.size,
            }[measure]
        )

    def both(**changed: Any) -> list[float]:
        return [r2(**changed), r2(told=other, **changed)]

    right = both()
    scaled = (state - state[fit].mean(0)) / state[fit].std(0)
    mistakes = {
        "both are scored on the episodes that they were fitted on: there a probe with enough "
        "units finds anything": both(test=fit),
        "both are fitted on all episodes, including those of the score": both(train=everything),
        "both are fitted and scored on all episodes": both(train=everything, test=everything),
        "fitted on `score` and scored on `fit`": both(train=score, test=fit),
        "you split the episodes yourself; fit on `fit` and score on `score`": (
            both(train=halves[0], test=halves[1])
        ),
        "the control's goals were not shuffled": [right[0]] * 2,
        "the control was fitted on shuffled goals, but scored on the true ones": (
            [right[0], r2(told=other, true=goal)]
        ),
        "the control is the true probe, scored on shuffled goals": [right[0], r2(true=other)],
        "the control is scored on the episodes that it was fitted on": (
            [right[0], r2(told=other, test=fit)]
        ),
        "the states were shuffled for the control; `order` is for the goals": (
            [right[0], r2(x=state[order])]
        ),
        "the two are in the wrong order": right[::-1],
        "this is the unexplained share of the variance; R² is 1 minus it": [
            1 - value for value in right
        ],
        "the coordinates are weighted by their variance; take the mean of their R²": (
            both(measure="weighted")
        ),
        "this is the mean squared error; R² is 1 minus the error over the variance": (
            both(measure="error")
        ),
        "the probe has no intercept: without it the means of states and goals are left in": (
            both(centred=False)
        ),
        "this is plain least squares: use a ridge with alpha = 1": both(alpha=0.0),
        "the states were standardised first; use them as they are": both(x=scaled),
    }
    return Instance((state, goal, fit, score, order), right, mistakes)


def check_flag_unit(answer: Callable[[Any, Any], Any]) -> Verdict:
    """Check `answer(state_sh, flag_s) -> unit`: the unit that tells the flag best.

    That is the unit with the largest |correlation| with the flag.
    """

    def one(answer: Callable[[Any, Any], Any], state: Array, flag: Array) -> float:
        found = _numbers(answer(state, flag), "one unit's number")
        if found.size != 1:
            raise WrongForm(f"expected one unit's number, got shape {found.shape}")
        return float(found.item())

    return judge(
        answer,
        [_flag(4, 300, -1, (6, 0, 1, 3, 4, 2, 8)), _flag(6, 431, 1, (2, 4, 0, 7, 6, 5, 3))],
        axes=(),
        call=one,
        praise="of all units this one tells the flag best, whichever way it moves with it.",
    )


def _flag(seed: int, samples: int, sign: int, units: tuple[int, ...]) -> Instance:
    """Nine units: one to find, and some that look like it."""
    found, constant, wide, other, offset, moves, narrow = units
    rng = np.random.default_rng(seed)
    flag = rng.random(samples) < 0.4
    state = 0.3 * rng.normal(size=(samples, 9))
    state[:, found] += sign * flag
    state[:, constant] = 0.5  # a binary fraction, so that its spread is exactly 0
    state[:, wide] = 4 * state[:, wide] + 1.7 * flag
    state[:, other] -= 0.6 * sign * flag
    state[:, offset] += 5 + 0.2 * flag
    state[:, moves] *= 9
    state[:, narrow] = 0.05 * (state[:, narrow] + 0.3 * flag)
    # The correlation, from the share of the flag's variance that a line through one unit explains.
    correlation = np.zeros(9)
    for unit in set(range(9)) - {constant}:
        slope, height = np.polyfit(state[:, unit], flag, 1)
        left = np.var(flag - slope * state[:, unit] - height) / np.var(flag)
        correlation[unit] = np.sign(slope) * (1 - left) ** 0.5
    best = int(np.abs(correlation).argmax())
    mistakes = {
        "this unit's mean moves most, but its spread is larger still: divide by it, or "
        "correlate": wide,
        "another unit moves the other way, and more clearly: take the absolute value": other,
        "this unit never changes: its correlation is NaN, and NaN wins every argmax": constant,
        "this unit is large, with the flag and without: subtract the means": offset,
        "this unit varies most, but not with the flag: correlate with the flag": moves,
        "a slope or a weight depends on the unit's scale, and this unit hardly moves: correlate": (
            narrow
        ),
        "this is an index among the units that vary: return the index among all units": best - 1,
        "this is the correlation; return the unit that has it": correlation[best],
        "this is the absolute correlation; return the unit that has it": abs(correlation[best]),
    }
    return Instance((state, flag), best, mistakes)


def _numbers(value: Any, wanted: str) -> Array:
    try:
        return as_array(value)
    except (TypeError, ValueError) as error:
        if isinstance(error, WrongForm):
            raise
        raise WrongForm(f"expected {wanted}, got a {type(value).__name__}") from error
