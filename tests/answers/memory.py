"""Answers to the exercises on opening a memory."""

import numpy as np
import torch
from scipy.stats import pointbiserialr
from sklearn.linear_model import Ridge
from sklearn.metrics import mean_squared_error, r2_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from rnn_tutorial.exercises.memory import check_flag_unit, check_probe, check_transplant


def transplant(state, order):
    return tuple(p[:, order] for p in state) if isinstance(state, tuple) else state[:, order]


def each(change):
    """One tensor's change, made of a function of a state."""
    return lambda state, order: (
        tuple(change(p, order) for p in state) if isinstance(state, tuple) else change(state, order)
    )


def by_loop(part, order):
    new = torch.empty_like(part)
    for env, giver in enumerate(order):
        new[:, env] = part[:, giver]
    return new


def in_place(part, order):
    for env, giver in enumerate(order):
        part[:, env] = part[:, giver]
    return part


def copied_first(part, order):
    part[:] = part.clone()[:, order]
    return part


def recursive(state, order):
    if isinstance(state, torch.Tensor):
        return state.index_select(1, torch.tensor(order))
    return [recursive(part, order) for part in state]


def sent(part, order):
    new = torch.empty_like(part)
    new[:, order] = part
    return new


def without_cell(state, order):
    return (state[0][:, order], state[1]) if isinstance(state, tuple) else state[:, order]


def without_hidden(state, order):
    return (state[0], state[1][:, order]) if isinstance(state, tuple) else state[:, order]


def crossed(state, order):
    if isinstance(state, tuple):
        return state[1][:, order], state[0][:, order]
    return state[:, order]


def always_a_pair(state, order):
    return tuple(part[:, order] for part in state)


def hidden_only(state, order):
    return state[0][:, order] if isinstance(state, tuple) else state[:, order]


def stacked(state, order):
    moved = transplant(state, order)
    return torch.stack(moved) if isinstance(moved, tuple) else moved


def fitted(x, y, fit, score, truth=None, model=None):
    model = Ridge(alpha=1.0) if model is None else model
    return model.fit(x[fit], y[fit]).score(x[score], (y if truth is None else truth)[score])


def probe(x, y, fit, score, order):
    return fitted(x, y, fit, score), fitted(x, y[order], fit, score)


def probe_by_hand(x, y, fit, score, order):
    """The ridge as least squares with rows of their own for the penalty, in torch."""
    scores = []
    x = torch.as_tensor(x)
    for target in (torch.as_tensor(y), torch.as_tensor(y)[order]):
        mean_x, mean_y = x[fit].mean(0), target[fit].mean(0)
        rows = torch.cat([x[fit] - mean_x, torch.eye(x.shape[1], dtype=x.dtype)])
        goals = torch.cat([target[fit] - mean_y, torch.zeros(x.shape[1], y.shape[1]).to(x)])
        slope = torch.linalg.lstsq(rows, goals).solution
        left = target[score] - mean_y - (x[score] - mean_x) @ slope
        spread = target[score] - target[score].mean(0)
        scores.append((1 - left.square().sum(0) / spread.square().sum(0)).mean())
    return torch.stack(scores)


def probe_by_coordinate(x, y, fit, score, order):
    def mean_r2(target):
        each = [fitted(x, target[:, k], fit, score) for k in range(target.shape[1])]
        return sum(each) / len(each)

    return [mean_r2(y), mean_r2(np.array([y[i] for i in order]))]


def probe_in_float32(x, y, fit, score, order):
    return probe(x.astype(np.float32), y.astype(np.float32), fit, score, order)


def probe_with(model, score=None):
    """A probe of another model, or of another score of (true, read)."""

    def both(x, y, fit, test, order):
        scores = []
        for target in (y, y[order]):
            made = model().fit(x[fit], target[fit])
            read = made.predict(x[test])
            scores.append((score or r2_score)(target[test], read))
        return scores

    return both


def correlations(state, flag):
    moving = state.std(0) > 0
    found = np.zeros(state.shape[1])
    found[moving] = [np.corrcoef(unit, flag)[0, 1] for unit in state.T[moving]]
    return found


def by_correlation(state, flag):
    return np.abs(correlations(state, flag)).argmax()


def by_matrix(state, flag):
    with np.errstate(invalid="ignore"):
        last = np.corrcoef(state.T, flag)[-1, :-1]
    return int(np.nanargmax(np.abs(last)))


def in_torch(state, flag):
    x, y = torch.as_tensor(state), torch.as_tensor(flag).double()
    x, y = x - x.mean(0), y - y.mean()
    score = torch.einsum("sh,s->h", x, y) / (x.norm(dim=0) * y.norm())
    return score.nan_to_num().abs().argmax(keepdim=True)


def by_loop_over_units(state, flag):
    best, largest = None, -1.0
    for unit in range(state.shape[1]):
        x, y = list(state[:, unit]), [float(value) for value in flag]
        mean_x, mean_y = sum(x) / len(x), sum(y) / len(y)
        together = sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y, strict=True))
        spread = (sum((a - mean_x) ** 2 for a in x) * sum((b - mean_y) ** 2 for b in y)) ** 0.5
        size = abs(together) / spread if spread else 0.0
        if size > largest:
            best, largest = unit, size
    return best


def by_scipy(state, flag):
    units = [h for h in range(state.shape[1]) if np.ptp(state[:, h]) > 0]
    return max(units, key=lambda h: abs(pointbiserialr(flag, state[:, h]).statistic))


def by_distance_in_spreads(state, flag):
    """The gap between the means in units of the spread within: larger where |correlation| is."""
    on, off = state[flag], state[~flag]
    within = np.sqrt(flag.mean() * on.var(0) + (~flag).mean() * off.var(0))
    return (np.abs(on.mean(0) - off.mean(0)) / (within + 1e-9)).argmax()


def gap(state, flag):
    return state[flag].mean(0) - state[~flag].mean(0)


def careless(state, flag):
    x, y = state - state.mean(0), flag - flag.mean()
    with np.errstate(invalid="ignore"):
        return np.abs((x * y[:, None]).mean(0) / x.std(0)).argmax()


def among_those_that_move(state, flag):
    return by_correlation(state[:, state.std(0) > 0], flag)


RIGHT = {
    check_transplant: [
        transplant,
        each(by_loop),
        each(copied_first),
        recursive,
        each(lambda part, order: torch.stack([part[:, i] for i in order], dim=1)),
        each(lambda part, order: np.take(part.numpy(), order, axis=1)),
        each(lambda part, order: part.transpose(0, 1)[order].transpose(0, 1)),
    ],
    check_probe: [
        probe,
        probe_by_hand,
        probe_by_coordinate,
        probe_in_float32,
        probe_with(lambda: Ridge(1.0, solver="svd")),
    ],
    check_flag_unit: [
        by_correlation,
        by_matrix,
        in_torch,
        by_loop_over_units,
        by_scipy,
        by_distance_in_spreads,
    ],
}

WRONG = {
    check_transplant: [
        (each(lambda part, order: part[order]), "the layers were moved, not the envs"),
        (each(lambda part, order: part[..., order]), "the units were moved, not the envs"),
        (without_cell, "the cell state was not moved"),
        (without_hidden, "the hidden state was not moved"),
        (crossed, "hidden state and cell state were swapped"),
        (each(sent), "the wrong way round"),
        (each(lambda part, order: part[:, np.argsort(order)]), "the wrong way round"),
        (each(in_place), "overwritten"),
        (lambda state, order: state, "the state is unchanged"),
        (each(lambda part, order: part[:, order[0]][:, None].expand_as(part)), "the same memory"),
        (each(lambda part, order: part.roll(1, 1)), "the wrong way round"),
        (each(lambda part, order: part.flip(1)), "first differs at hidden state, layer 0, env"),
        (each(lambda p, o: torch.cat([p[:1, o], p[1:]])), "only the first layer was moved"),
        (each(lambda p, o: torch.cat([p[:-1], p[-1:, o]])), "only the last layer"),
        (lambda state, order: state[:, order], "TypeError"),
        (always_a_pair, "for a GRU one tensor, got a tuple of 3"),
        (hidden_only, "for an LSTM a pair (hidden, cell), got a Tensor"),
        (stacked, "for an LSTM a pair (hidden, cell), got a Tensor"),
        (each(lambda part, order: part[:, order[0]]), "the state's shape (3, 3, 3)"),
        (lambda state, order: {"state": state}, "for a GRU one tensor, got a dict"),
    ],
    check_probe: [
        (
            lambda x, y, f, s, o: (fitted(x, y, f, f), fitted(x, y[o], f, f)),
            "scored on the episodes that they were fitted on",
        ),
        (lambda x, y, f, s, o: probe(x, y, np.arange(len(x)), s, o), "both are fitted on all"),
        (
            lambda x, y, f, s, o: probe(x, y, np.arange(len(x)), np.arange(len(x)), o),
            "fitted and scored on all episodes",
        ),
        (lambda x, y, f, s, o: probe(x, y, s, f, o), "fitted on `score`"),
        (
            lambda x, y, f, s, o: probe(x, y, slice(len(x) // 2), slice(len(x) // 2, None), o),
            "you split the episodes yourself",
        ),
        (lambda x, y, f, s, o: (fitted(x, y, f, s),) * 2, "not shuffled"),
        (
            lambda x, y, f, s, o: (fitted(x, y, f, s), fitted(x, y[o], f, s, truth=y)),
            "scored on the true ones",
        ),
        (
            lambda x, y, f, s, o: (fitted(x, y, f, s), fitted(x, y, f, s, truth=y[o])),
            "the true probe",
        ),
        (
            lambda x, y, f, s, o: (fitted(x, y, f, s), fitted(x, y[o], f, f)),
            "the control is scored on the episodes that it was fitted on",
        ),
        (
            lambda x, y, f, s, o: (fitted(x, y, f, s), fitted(x[o], y, f, s)),
            "`order` is for the goals",
        ),
        (lambda x, y, f, s, o: probe(x, y, f, s, o)[::-1], "wrong order"),
        (lambda x, y, f, s, o: [1 - r2 for r2 in probe(x, y, f, s, o)], "R² is 1 minus it"),
        (
            probe_with(Ridge, lambda y, z: r2_score(y, z, multioutput="variance_weighted")),
            "weighted by their variance",
        ),
        (probe_with(Ridge, mean_squared_error), "the mean squared error"),
        (probe_with(lambda: Ridge(fit_intercept=False)), "no intercept"),
        (probe_with(lambda: Ridge(alpha=0.0)), "plain least squares"),
        (probe_with(lambda: make_pipeline(StandardScaler(), Ridge())), "standardised first"),
        (
            probe_with(Ridge, lambda y, z: r2_score(y, z, multioutput="raw_values")),
            "the mean over the goal's coordinates",
        ),
        (lambda x, y, f, s, o: fitted(x, y, f, s), "two numbers (r2, control), got shape ()"),
        (lambda x, y, f, s, o: {"r2": fitted(x, y, f, s)}, "(r2, control), got a dict"),
        (lambda x, y, f, s, o: probe(x, y[f], f, s, o), "IndexError"),
    ],
    check_flag_unit: [
        (lambda s, f: np.abs(gap(s, f)).argmax(), "divide by it"),
        (lambda s, f: np.abs(((s - s.mean(0)) * f[:, None]).mean(0)).argmax(), "divide by it"),
        (lambda s, f: correlations(s, f).argmax(), "absolute value"),
        (lambda s, f: correlations(s, f).argmin(), "absolute value"),
        (lambda s, f: np.abs(Ridge(1e-6).fit(s, f).coef_).argmax(), "hardly moves"),
        (careless, "NaN wins"),
        (lambda s, f: s[f].mean(0).argmax(), "subtract the means"),
        (lambda s, f: np.abs(s.T @ f).argmax(), "subtract the means"),
        (lambda s, f: s.std(0).argmax(), "this unit varies most, but not with the flag"),
        (among_those_that_move, "this is an index among the units that vary"),
        (lambda s, f: np.abs(correlations(s, f)).max(), "return the unit that has it"),
        (lambda s, f: np.abs(correlations(s, f)).argmin(), "NaN wins"),
        (lambda s, f: 5, "expected 6, got 5"),
        (gap, "expected one unit's number, got shape (9,)"),
        (lambda s, f: f"unit {by_correlation(s, f)}", "expected one unit's number, got a str"),
    ],
}
