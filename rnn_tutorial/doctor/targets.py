"""Checks of what a learner learns from: bootstrapped targets, and no padding."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rnn_tutorial.doctor.replay import Batch, NotApplicableError, Replay, array, tolerance
from rnn_tutorial.doctor.report import FAILED, PASSED, Finding

ENDS = "06_the_rollout_buffer.ipynb: "
SECTIONS = {
    "no_bootstrap_through_termination": ENDS
    + "Advantages by hand: terminated or truncated, one stops the bootstrap",
    "bootstrap_through_truncation": ENDS
    + "Advantages by hand: terminated or truncated, one stops the bootstrap",
    "bootstrap_goes_on": ENDS + "Which hidden state goes with V at the end of a rollout?",
    "padding_outside_loss": ENDS + "Padding leaks into the loss, the normalisation, the statistics",
}


def _follows(replay: Replay) -> tuple[np.ndarray, float]:
    """What each step's estimate took what follows to be worth, and what rounding may add.

    Read off the advantages: A[t] = r + gamma * follows[t] - V + gamma * lambda * A[t + 1], the last
    term within an episode only.
    """
    advantage, value, reward = map(replay.column, ("advantage", "value", "reward"))
    gamma, lam = (float(replay.column(name)) for name in ("gamma", "gae_lambda"))
    if gamma == 0.0:
        raise NotApplicableError("gamma is 0: nothing is bootstrapped")
    after = np.concatenate((advantage[1:], 0 * advantage[:1])) * ~replay.ends
    follows = (advantage - gamma * lam * after - reward + value) / gamma
    size = max(float(np.abs(x).max()) for x in (advantage, value, reward))
    return follows, tolerance(advantage.dtype, replay.T, size) / gamma


def _bootstrap(
    replay: Replay,
    name: str,
    where: np.ndarray,
    right: np.ndarray,
    absent: str,
    passed: str,
    causes: Callable[[np.ndarray, np.ndarray, float], tuple[str, str]],
) -> Finding:
    """Compares what the estimates took to follow with what should, at some of the steps."""
    follows, bound = _follows(replay)
    where = where & replay.rollout["valid"]
    if not where.any():
        raise NotApplicableError(absent)
    gap = np.where(where, np.abs(follows - right), 0.0)
    excess = float(gap.max() / bound)
    if gap.max() <= bound:
        return Finding(name, PASSED, passed.format(int(where.sum())), excess=excess)
    t, n = np.unravel_index(gap.argmax(), gap.shape)
    evidence = (
        f"{int((gap > bound).sum())} of {int(where.sum())} steps are off, worst at step {t} of "
        f"env {n}: what follows counts as {follows[t, n]:.3g}, expected {right[t, n]:.3g}"
    )
    cause, cure = causes(where, follows, bound)
    return Finding(name, FAILED, evidence, cause, cure, SECTIONS[name], excess)


ADDED_EVERYWHERE = (
    "Where one env is truncated, the bootstrap is added in all envs, also in those that go on.",
    "Add it in the truncated envs only: multiply with the flags of each env.",
)


def _beside_a_truncation(replay: Replay, off: np.ndarray) -> bool:
    """Whether steps are wrong exactly where another env was truncated, in all envs that go on."""
    truncated = replay.rollout["truncated"].any(axis=1, keepdims=True)
    going_on = ~replay.ends & truncated & replay.rollout["valid"]
    return bool(off.any() and (off <= truncated).all() and (off | ~going_on).all())


def _next(column: np.ndarray) -> np.ndarray:
    return np.concatenate((column[1:], 0 * column[:1]))


def _termination(replay: Replay) -> Finding:
    zeros = np.zeros((replay.T, replay.N))
    following = np.concatenate((replay.column("value")[1:], zeros[:1]))

    def causes(where: np.ndarray, follows: np.ndarray, bound: float) -> tuple[str, str]:
        inner = where.copy()
        inner[-1] = False
        if (np.abs(follows - following)[inner] <= bound).all():
            return (
                "Bootstrapped with the value of the next episode's first observation.",
                "Where terminated, what follows is worth 0.",
            )
        if _beside_a_truncation(replay, where & (np.abs(follows) > bound)):
            return ADDED_EVERYWHERE
        return (
            "Something is added after the end: a value, or the next episode's advantages.",
            "Where terminated, what follows is worth 0, and the sum stops.",
        )

    return _bootstrap(
        replay,
        "no_bootstrap_through_termination",
        replay.rollout["terminated"],
        zeros,
        "no step of the rollout terminated",
        "after {} terminated steps nothing is counted",
        causes,
    )


def _truncation(replay: Replay) -> Finding:
    value = replay.column("value")
    right = replay.column("next_value")
    next_row = np.concatenate((value[1:], 0 * value[:1]))

    def causes(where: np.ndarray, follows: np.ndarray, bound: float) -> tuple[str, str]:
        inner = where.copy()
        inner[-1] = False
        if (np.abs(follows)[where] <= bound).all():
            return (
                "Truncation is treated as termination: what follows counts as 0.",
                "Bootstrap with the value of the episode's true last observation. (A learner that "
                "adds it to the reward hands the reward in without it.)",
            )
        if inner.any() and (np.abs(follows - next_row)[inner] <= bound).all():
            return (
                "Bootstrapped with the value of the next episode's first observation.",
                "Take the episode's true last observation, final_obs, read from the state before "
                "it is cleared.",
            )
        if (np.abs(follows - value)[where] <= bound).all():
            return (
                "Bootstrapped with the value of the step's own observation, the one before it.",
                "Take the value of the episode's true last observation, final_obs, read from the "
                "state after the step.",
            )
        runs_on = follows - float(replay.column("gae_lambda")) * _next(replay.column("advantage"))
        if inner.any() and any(
            (np.abs(runs_on - what)[inner] <= bound).all() for what in (next_row, right, 0.0)
        ):
            return (
                "The sum of advantages runs on into the next episode.",
                "Stop the sum where an episode ends, truncated or not.",
            )
        return (
            "V of the last observation is read from a wrong state or of a wrong observation.",
            "Read final_obs from the state after the step, not cleared.",
        )

    return _bootstrap(
        replay,
        "bootstrap_through_truncation",
        replay.rollout["truncated"] & ~replay.rollout["terminated"],
        right,
        "no step of the rollout was truncated",
        "after {} truncated steps the value of the true last observation is counted",
        causes,
    )


def _goes_on(replay: Replay) -> Finding:
    value, truth = replay.column("value"), replay.column("next_value")
    right = np.concatenate((value[1:], truth[-1:]))

    def causes(where: np.ndarray, follows: np.ndarray, bound: float) -> tuple[str, str]:
        off = where & (np.abs(follows - right) > bound)
        if _beside_a_truncation(replay, off):
            return ADDED_EVERYWHERE
        if off[:-1].any():
            return (
                "Inside an episode the next step's value is not what is counted.",
                "Follow GAE: A[t] = delta[t] + gamma * lambda * A[t + 1].",
            )
        return (
            "V(s') at the rollout's end is read from another state than the one after the last "
            "step.",
            "Hand the state after the last step, with the next observation and its reset flag.",
        )

    return _bootstrap(
        replay,
        "bootstrap_goes_on",
        ~replay.ends,
        right,
        "every step of the rollout ends its episode",
        "{} steps count the value of the next observation, the rollout's last ones included",
        causes,
    )


def _padding(replay: Replay) -> Finding:
    """Wild values where no steps are change neither the loss nor its gradient."""
    padded = [batch for batch in replay.batches if not batch.valid.all()]
    if not padded:
        raise NotApplicableError(
            "no entry is padding; choose a sequence length that does not divide the rollout's"
        )
    batch, name, section = padded[0], "padding_outside_loss", SECTIONS["padding_outside_loss"]
    loss, gradient = replay.learner.loss(batch.native)
    gradient = array(gradient)
    kind, steps = gradient.dtype, int(batch.valid.sum())
    bound = tolerance(kind, steps, abs(loss))
    again, _ = replay.learner.loss(batch.native)
    if abs(again - loss) > bound:
        raise NotApplicableError("the loss of one and the same minibatch differs from call to call")
    row_bound = tolerance(kind, steps, 0.0) * max(float(np.abs(gradient).max()), 1e-6)

    def change(columns: dict[str, Any]) -> float:
        new_loss, new_gradient = replay.learner.loss({**batch.native, **columns})
        worst = max(
            abs(new_loss - loss) / bound, np.abs(array(new_gradient) - gradient).max() / row_bound
        )
        return float(np.nan_to_num(worst, nan=np.inf))

    wild = dict(_wild(batch))
    excess, padding = change(wild), int((~batch.valid).sum())
    told = f"{padding} of {batch.valid.size} entries are padding; filled with wild values, "
    if excess <= 1.0:
        return Finding(name, PASSED, told + "loss and gradient stay", excess=excess)
    felt = [column for column, values in wild.items() if change({column: values}) > 1.0]
    cause = "Padding takes part in the loss."
    cure = "Sum over the entries that are steps, and divide by their number."
    if batch.padded_in_front and not LEARNED & set(felt):
        cause = "Padding stands in front of the steps, so that the state walks through it."
        cure = "Pad at the end of a sequence."
    elif felt == ["advantage"]:
        cause = "Padding takes part in the advantages' mean and standard deviation."
        cure = "Normalise over the entries that are steps."
    elif batch.warm.any():
        cause = "The steps of the burn-in take part in the loss."
        cure = "Learn from the steps after the burn-in only."
    evidence = told + f"they change by up to {excess:.3g} tolerances (felt: {', '.join(felt)})"
    return Finding(name, FAILED, evidence, cause, cure, section, excess)


LEARNED = {"log_prob", "value", "advantage", "reward"}  # what only a loss reads


def _wild(batch: Batch) -> Iterator[tuple[str, Any]]:
    """Every column of numbers, with values unlike any step's where nothing is to be learned.

    Padding is filled in each column; a burn-in's steps, which the state must pass, in those alone
    that the loss reads.
    """
    for name, column in batch.native.items():
        if not isinstance(column, (Tensor, np.ndarray)) or column.shape[:2] != batch.valid.shape:
            continue
        values = array(column)
        idle = ~batch.valid if name in LEARNED else ~batch.valid & ~batch.warm
        if not np.issubdtype(values.dtype, np.floating) or not idle.any():
            continue
        filled = np.array(values)
        filled[idle] = -3.0 * np.abs(values[batch.valid]).max(initial=0.0) - 1.0
        yield name, torch.as_tensor(filled) if isinstance(column, Tensor) else filled


CHECKS: dict[str, Callable[[Replay], Finding]] = {
    "no_bootstrap_through_termination": _termination,
    "bootstrap_through_truncation": _truncation,
    "bootstrap_goes_on": _goes_on,
    "padding_outside_loss": _padding,
}
