"""Checks of the probabilities: those of the replay are those of acting, one for each step."""

from collections.abc import Callable

import numpy as np

from rnn_tutorial.doctor.replay import NotApplicableError, Replay, array, tolerance
from rnn_tutorial.doctor.report import FAILED, PASSED, Finding

SECTIONS = {
    "ratio_is_one": "06_the_rollout_buffer.ipynb: "
    "The puzzle: the same weights, the same data, another policy",
    "joint_log_prob": "03_the_recurrent_policy.ipynb: "
    "Sum the log-probability over the dimensions of the action",
}


def _ratio(replay: Replay) -> Finding:
    """The present policy gives stored steps the log-probabilities that acting gave them."""
    replay.column("log_prob")
    gaps, value_gaps, places, groups, scale, length = [], [], [], [], 1.0, 1
    for batch in replay.batches:
        old = array(batch.native["log_prob"])
        new, value = replay.learner.evaluate(batch.native)
        gap = np.abs(array(new) - old).reshape(*batch.valid.shape, -1).max(-1)
        gap = np.nan_to_num(gap, nan=np.inf)
        keep = batch.valid
        gaps.append(gap[keep])
        places.append(batch.place[keep])
        groups.append(_groups(replay, batch.place)[keep])
        if value is not None and "value" in batch.native:
            value_gaps.append(np.abs(array(value) - array(batch.native["value"]))[keep])
        scale = max(scale, float(np.abs(old.reshape(*keep.shape, -1)[keep]).max(initial=0.0)))
        length = max(length, len(keep))
    gap, place, group = map(np.concatenate, (gaps, places, groups))
    allowed = tolerance(array(replay.rollout["log_prob"]).dtype, length, scale)
    off = gap > allowed
    worst = int(gap.argmax())
    where = replay.step(place[worst]) if place[worst] >= 0 else "an entry that is no step"
    if not off.any():
        return _ratio_values(replay, value_gaps, gap, allowed, length)
    counts = {name: (int(off[group == i].sum()), int((group == i).sum())) for i, name in GROUPS}
    told = "; ".join(f"{a} of {b} {name}" for name, (a, b) in counts.items() if b)
    evidence = (
        f"{off.sum()} of {len(off)} steps are off, |log ratio| up to {gap[worst]:.2g} at {where}: "
        f"{told}"
    )
    cause, cure = _ratio_cause(replay, place[off], counts)
    excess = float(gap[worst] / allowed)
    return Finding("ratio_is_one", FAILED, evidence, cause, cure, SECTIONS["ratio_is_one"], excess)


GROUPS = (
    (0, "from an episode's beginning on"),
    (1, "from a state carried in"),
    (2, "after a reset inside the sequence"),
    (3, "just before an episode's end"),
)


def _groups(replay: Replay, place: np.ndarray) -> np.ndarray:
    """(L, B), which of GROUPS an entry belongs to."""
    begins = np.append(replay.begins.ravel(), False)[place]
    ends = np.append(replay.ends.ravel(), False)[place]
    inside = np.cumsum(np.concatenate((begins[:1] & False, begins[1:])), axis=0) > 0
    group = np.where(inside, 2, np.where(begins[0], 0, 1))
    return np.where(ends & (group != 1), 3, group)


STORE_BEFORE = (
    "Store the policy's state before the step at which a sequence is cut. Where zeros or a short "
    "burn-in were chosen on purpose, this is their price."
)


def _ratio_cause(
    replay: Replay, off: np.ndarray, counts: dict[str, tuple[int, int]]
) -> tuple[str, str]:
    """The first cause for which there is evidence: what was put in, then what was done with it."""
    carried, fresh = counts[GROUPS[1][1]], counts[GROUPS[0][1]]
    share = [wrong / max(1, all_) for wrong, all_ in counts.values()]
    steps = off[off >= 0]
    if (off < 0).any() or any(batch.disorder(replay.N) for batch in replay.batches):
        return (
            "The sequences are not made of an env's steps in order, see every_step_once.",
            "Bring steps into sequences by transpose, and leave padding out.",
        )
    if any(batch.padded_in_front for batch in replay.batches) and carried[0] and not fresh[0]:
        return (
            "Padding stands in front of the steps, so the stored state meets the padding first.",
            "Pad at the end of a sequence.",
        )
    if (replay.rollout["reset"] != replay.begins)[replay.rollout["valid"]].any():
        return (
            "The replay clears the state where no episode begins, see resets_follow_ends.",
            "Replay with reset[t], true where observation t begins an episode.",
        )
    states = _states_differ(replay)
    if states == "stale":
        return (
            "A sequence that begins an episode starts from the last episode's state, see "
            "states_aligned.",
            "Replay with the reset flag of a sequence's first step, too.",
        )
    if states == "other":
        return (
            "The sequences start from states that acting did not have, see states_aligned.",
            STORE_BEFORE,
        )
    action = replay.rollout["action"].reshape(replay.T * replay.N, -1)
    if np.issubdtype(action.dtype, np.floating) and len(steps):
        ends = [(action == action.max(0)) & ((action == action.max(0)).sum(0) > 1)]
        ends += [(action == action.min(0)) & ((action == action.min(0)).sum(0) > 1)]
        at_bound = np.any(ends, axis=(0, 2))
        if at_bound[steps].all():
            return (
                "The stored action is not the one that was drawn: it was clipped.",
                "Store the action as drawn, beside its log-probability; clip what the env gets.",
            )
    first = replay.begins.ravel()[steps].sum() == replay.begins.sum()
    if first and 0.02 < share[0] < 0.9:
        return (
            "Acting does not clear the state where an episode begins, and the replay does.",
            "Hand the reset flags to the policy in acting, too.",
        )
    if share[0] > 0.02 and not carried[0] and carried[1] and share[2] <= 0.02:
        return (
            "The replay does not clear the state at the first step of a sequence that begins an "
            "episode.",
            "Hand the reset flag of a sequence's first step to the policy, too.",
        )
    if share[0] > 0.02 and _evaluated_twice(replay):
        return (
            "Evaluated twice, one minibatch gives two answers: dropout is on in learning, or a "
            "normaliser moves its statistics with each call.",
            "Act and learn in one mode; move statistics between rollouts only.",
        )
    if share[0] > 0.02 and not np.isin(np.flatnonzero(replay.begins), steps).any():
        return (
            "An episode's first step is right and the next ones are not: the replay does not carry "
            "the state on, or an input of the step before (previous action, reward) is shifted.",
            "Store what the policy was given at each step, and replay exactly this.",
        )
    if share[0] > 0.02:
        return (
            "Acting and replaying are two functions: they differ from an episode's start on, where "
            "no state and no reset is to blame (another mode, or a normaliser that has moved on).",
            "Run the checks of the policy; compare step with unroll, train() with eval() mode.",
        )
    if share[1] > 0.02 and any(batch.warm.any() for batch in replay.batches):
        return (
            "What is learned from does not start from the state that the burn-in ends in: it is "
            "thrown away, or the burn-in starts from another state or without the resets.",
            "Go on from the state that the burn-in returns.",
        )
    if share[1] > 0.02 and states == "none":
        return (
            "The replay does not start from the states that it is given: they are dropped, or "
            "sequences are joined and the second goes on from the first.",
            "Start every sequence from its own state; mark a reset where two are joined.",
        )
    if share[2] > 0 and share[1] > 0.02 and carried[1]:
        return (
            "The sequences start from states that acting did not have, or the reset flags are not "
            "those of acting.",
            "Store the state before each sequence's first step, and the flag of each observation.",
        )
    if share[1] > 0.02:
        return (
            "The sequences start from states that acting did not have; all else is right.",
            STORE_BEFORE,
        )
    return (
        "The replay clears the state elsewhere than acting did: the reset flags are missing, or "
        "one step off.",
        "Replay with reset[t], true where observation t begins an episode.",
    )


def _evaluated_twice(replay: Replay) -> bool:
    """Whether a second evaluation of a minibatch gives other log-probabilities."""
    batch = replay.batches[0]
    first, second = (array(replay.learner.evaluate(batch.native)[0]) for _ in range(2))
    size = tolerance(first.dtype, len(batch.valid), float(np.abs(first[batch.valid]).max()))
    return bool(np.abs(first - second)[batch.valid].max() > size)


def _states_differ(replay: Replay) -> str:
    """Whether the sequences' states are not acting's: "none", "stale", "other", "" if unknown."""
    try:
        gap, _, _, stale = replay.state_gaps
    except NotApplicableError:
        return ""
    off = gap > replay.state_bound
    return "none" if not off.any() else "other" if (off & ~stale).any() else "stale"


def _ratio_values(
    replay: Replay, value_gaps: list[np.ndarray], gap: np.ndarray, allowed: float, length: int
) -> Finding:
    """The ratio is 1; are the values right as well?"""
    largest = float(gap.max(initial=0.0))
    off = np.concatenate(value_gaps) if value_gaps else np.zeros(1)
    values = replay.rollout.get("value", np.zeros(1, np.float32))
    bound = tolerance(values.dtype, length, float(np.abs(values).max()))
    if off.max() > bound:
        return Finding(
            "ratio_is_one",
            FAILED,
            f"the ratio is 1, but the values differ from acting's by up to {off.max():.2g}",
            "The value is computed from another state, or by another function, than in acting.",
            "Carry, store and clear the critic's state as the actor's.",
            SECTIONS["ratio_is_one"],
            float(off.max() / bound),
        )
    inside = int(replay.begins[1:].sum())
    return Finding(
        "ratio_is_one",
        PASSED,
        f"largest |log ratio| {largest:.1g} over {len(gap)} steps, with {inside} resets inside the "
        "rollout",
        excess=max(largest / allowed, float(off.max() / bound)),
    )


def _joint(replay: Replay) -> Finding:
    """One log-probability a step: that of the stored action, summed over its dimensions."""
    name, section = "joint_log_prob", SECTIONS["joint_log_prob"]
    log_prob, action = replay.column("log_prob"), replay.column("action")
    if log_prob.shape != (replay.T, replay.N):
        return Finding(
            name,
            FAILED,
            f"expected log_prob of shape {(replay.T, replay.N)}, got {log_prob.shape}",
            "One number for each dimension of the action, not summed.",
            "Sum over the action's dimensions: Independent(Normal(mean, std), 1).",
            section,
        )
    if "probs" in replay.rollout:
        probs, chosen = replay.rollout["probs"], action[..., None].astype(int)
        if probs.ndim == action.ndim:  # MultiBinary: the probability of a 1
            probs = np.stack((1.0 - probs, probs), -1)
        each = np.log(np.take_along_axis(probs, chosen, -1))
    elif "mean" in replay.rollout and "std" in replay.rollout:
        mean, std = replay.rollout["mean"], replay.rollout["std"]
        each = -0.5 * ((action - mean) / std) ** 2 - np.log(std) - 0.5 * np.log(2 * np.pi)
    else:
        return Finding(name, PASSED, f"shape (T, N) = {log_prob.shape}; nothing to compare with")
    valid = replay.rollout["valid"]
    each = each.reshape(replay.T, replay.N, -1)
    joint = each.sum(-1)
    bound = tolerance(log_prob.dtype, each.shape[-1], float(np.abs(each).max()))
    gap = np.where(valid, np.abs(log_prob - joint), 0.0)
    if gap.max() <= bound:
        told = f"shape (T, N) = {log_prob.shape}, the sum over {each.shape[-1]} dimension(s)"
        return Finding(name, PASSED, told, excess=float(gap.max() / bound))
    mean_gap = np.where(valid, np.abs(log_prob - each.mean(-1)), 0.0)
    t, n = np.unravel_index(gap.argmax(), gap.shape)
    averaged = each.shape[-1] > 1 and mean_gap.max() <= bound
    off = float((gap > bound).mean())
    return Finding(
        name,
        FAILED,
        f"{off:.0%} of steps are off, worst at step {t} of env {n}: "
        f"{log_prob[t, n]:.3g}, the sum gives {joint[t, n]:.3g}",
        "Averaged over the action's dimensions."
        if averaged
        else "This is not the log-probability of the stored action: was the action clipped, or "
        "drawn anew?",
        "Sum: independent probabilities multiply, their logarithms add."
        if averaged
        else "Store the action as drawn, with its own log-probability.",
        section,
        float(gap.max() / bound),
    )


CHECKS: dict[str, Callable[[Replay], Finding]] = {
    "ratio_is_one": _ratio,
    "joint_log_prob": _joint,
}
