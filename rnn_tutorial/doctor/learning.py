"""Examines a learner: are the steps that it learns from the steps that it took?"""

from collections.abc import Callable

import numpy as np

from rnn_tutorial.doctor import targets
from rnn_tutorial.doctor.learner import Learner
from rnn_tutorial.doctor.replay import NotApplicableError, Replay, array, tolerance
from rnn_tutorial.doctor.report import FAILED, NOT_APPLICABLE, PASSED, Finding

BUFFER = "06_the_rollout_buffer.ipynb: "
SECTIONS = {
    "learner_runs": BUFFER + "What must be stored for a recurrent policy, and why",
    "ratio_is_one": BUFFER + "The puzzle: the same weights, the same data, another policy",
    "resets_follow_ends": BUFFER + "The reset flag is off by one: what it looks like on the buffer",
    "every_step_once": BUFFER
    + "Whole sequences make up a minibatch, and what if they don't divide?",
    "states_aligned": BUFFER
    + "A rollout may begin in the middle of an episode: where is its first state kept?",
}


def examine_learner(learner: Learner) -> list[Finding]:
    """Examines a collect-and-replay pair; nothing is learned meanwhile.

    Args:
        learner: see `Learner`; for the package's own PPO a `PPOLearner`.

    Returns:
        A finding for each check. A learner that raises is reported, with the call that did it.
    """
    try:
        replay = Replay(learner)
    except Exception as error:
        raised = f"collecting or replaying raised {type(error).__name__}: {_short(error)}"
        cure = "The call must run before anything else can be examined."
        section = SECTIONS["learner_runs"]
        first = Finding("learner_runs", FAILED, raised, "The learner fails.", cure, section)
        rest = (name for name in CHECKS if name != "learner_runs")
        return [first, *(Finding(n, NOT_APPLICABLE, "the learner did not run") for n in rest)]
    findings = []
    for name, check in CHECKS.items():
        try:
            findings.append(check(replay))
        except NotApplicableError as reason:
            findings.append(Finding(name, NOT_APPLICABLE, str(reason)))
        except Exception as error:
            raised = f"raised {type(error).__name__}: {_short(error)}"
            cure = "Make `evaluate` and `loss` run on the learner's own minibatches."
            section = SECTIONS.get(name, targets.SECTIONS.get(name, ""))
            findings.append(Finding(name, FAILED, raised, "A call fails.", cure, section))
    return findings


def _short(error: Exception) -> str:
    return str(error).split("\n")[0][:200]


def _runs(replay: Replay) -> Finding:
    entries = sum(batch.valid.size for batch in replay.batches)
    return Finding(
        "learner_runs",
        PASSED,
        f"two rollouts of {replay.T} steps in {replay.N} envs; {len(replay.batches)} minibatches "
        f"of {entries} entries; {int(replay.begins.sum())} episodes begin in the second rollout",
    )


def _ratio(replay: Replay) -> Finding:
    """The present policy gives stored steps the log-probabilities that acting gave them."""
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
        if value is not None:
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


def _ratio_cause(
    replay: Replay, off: np.ndarray, counts: dict[str, tuple[int, int]]
) -> tuple[str, str]:
    share = [wrong / max(1, all_) for wrong, all_ in counts.values()]
    steps = off[off >= 0]
    if (off < 0).any() or any(_broken(batch.place, replay.N) for batch in replay.batches):
        return (
            "The sequences are not made of an env's steps in order, see every_step_once.",
            "Bring steps into sequences by transpose, and leave padding out.",
        )
    if (replay.rollout["reset"] != replay.begins)[replay.rollout["valid"]].any():
        return (
            "The replay clears the state where no episode begins, see resets_follow_ends.",
            "Replay with reset[t], true where observation t begins an episode.",
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
    if share[0] > 0.02:
        return (
            "Acting and replaying are two functions: they differ from an episode's start on, where "
            "no state and no reset is to blame.",
            "Run the checks of the policy; compare step with unroll, train() with eval() mode.",
        )
    if share[2] > 0 and share[1] > 0.02 and counts[GROUPS[1][1]][1]:
        return (
            "The sequences start from states that acting did not have, or the reset flags are not "
            "those of acting.",
            "Store the state before each sequence's first step, and the flag of each observation.",
        )
    if share[1] > 0.02:
        return (
            "The sequences start from states that acting did not have; all else is right.",
            "Store the policy's state before the step at which a sequence is cut. Where zeros or "
            "a short burn-in were chosen on purpose, this is their price.",
        )
    return (
        "The replay clears the state elsewhere than acting did: the reset flags are missing, or "
        "one step off.",
        "Replay with reset[t], true where observation t begins an episode.",
    )


def _ratio_values(
    replay: Replay, value_gaps: list[np.ndarray], gap: np.ndarray, allowed: float, length: int
) -> Finding:
    """The ratio is 1; are the values right as well?"""
    largest = float(gap.max(initial=0.0))
    off = np.concatenate(value_gaps) if value_gaps else np.zeros(1)
    value = np.abs(replay.rollout["value"]).max()
    bound = tolerance(replay.rollout["value"].dtype, length, float(value))
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


def _resets(replay: Replay) -> Finding:
    """The stored reset flags are those of the observations that begin an episode."""
    valid, stored, right = replay.rollout["valid"], replay.rollout["reset"], replay.begins
    if not right.any():
        raise NotApplicableError("no episode begins in the rollout; make it longer")
    wrong = (stored != right) & valid
    if not wrong.any():
        return Finding(
            "resets_follow_ends",
            PASSED,
            f"reset stands at the {int(right.sum())} steps that begin an episode, nowhere else",
        )
    t, n = np.argwhere(wrong)[0]
    names = {True: "a reset", False: "no reset"}
    early = (stored == replay.ends)[valid].all()
    late = (stored[1:] == right[:-1])[valid[1:]].all()
    cause = "The reset flags do not follow the episodes' ends."
    if not stored.any():
        cause = "No reset is ever noted."
    elif early:
        cause = "Off by one: this is the flag of the step that ended, one step early."
    elif late:
        cause = (
            "Off by one: the flags stand one step late, or an env's resetting step, which belongs "
            "to no episode, is counted as a step."
        )
    return Finding(
        "resets_follow_ends",
        FAILED,
        f"{int(wrong.sum())} of {wrong.size} flags are wrong, first at step {t} of env {n}: "
        f"{names[bool(stored[t, n])]} where {names[bool(right[t, n])]} is due",
        cause,
        "reset[t + 1] = terminated[t] | truncated[t]; mark resetting steps as not valid.",
        SECTIONS["resets_follow_ends"],
    )


def _once(replay: Replay) -> Finding:
    """An epoch uses every step once, in order, inside its own sequence."""
    if not replay.distinct:
        raise NotApplicableError(
            "two steps of the rollout are alike in observation, action, log_prob and value"
        )
    used = np.concatenate([b.place[b.valid] for b in replay.batches])
    strange = int((used < 0).sum())
    counts = np.bincount(used[used >= 0], minlength=replay.T * replay.N)
    valid = replay.rollout["valid"].ravel()
    missing, twice = int((counts[valid] == 0).sum()), int((counts > 1).sum())
    foreign = int(counts[~valid].sum())
    broken = sum(_broken(batch.place, replay.N) for batch in replay.batches)
    if not (strange or missing or twice or foreign or broken):
        sequences = sum(b.valid.shape[1] for b in replay.batches)
        return Finding(
            "every_step_once",
            PASSED,
            f"{int(valid.sum())} steps, each once, in order, in {sequences} sequences",
        )
    told = {
        "never used": missing,
        "used more than once": twice,
        "entries marked as steps that are none of the rollout's": strange,
        "steps used that belong to no episode": foreign,
        "sequences out of order or of more than one env": broken,
    }
    if strange:
        cause = "Padding is marked as steps, or columns of different steps were put together."
        cure = "Bring the mask and every column through the same cut and the same padding."
    elif broken:
        cause = "A reshape where a transpose was needed, or single steps were shuffled."
        cure = "Keep time in order within a sequence; move axes by transpose, shuffle sequences."
    elif missing:
        cause = "What is left over where the sizes do not divide is dropped."
        cure = "Split into minibatches whose sizes differ by one at most."
    else:
        cause = "Sequences overlap, or a step that only resets the env is learned from."
        cure = "Let each step have its place in one sequence, and mask the resetting steps."
    evidence = "; ".join(f"{count} {what}" for what, count in told.items() if count)
    return Finding("every_step_once", FAILED, evidence, cause, cure, SECTIONS["every_step_once"])


def _broken(place: np.ndarray, n: int) -> int:
    """How many of the sequences (L, B) are not consecutive times of one env."""
    number = 0
    for column in place.T:
        entries = np.flatnonzero(column >= 0)
        start, env = column[entries] // n - entries, column[entries] % n
        number += len(np.unique(start)) > 1 or len(np.unique(env)) > 1
    return number


def _states(replay: Replay) -> Finding:
    """Acting carries its state on, and each sequence starts from the state that acting had."""
    state, following = replay.column("state"), replay.column("next_state")
    if state.size == 0:
        raise NotApplicableError("the policy has no state")
    bound = tolerance(state.dtype, replay.T, float(np.abs(state).max(initial=0.0)))
    ended = np.concatenate((replay.before["next_state"][-1:], following[:-1]))
    jump = np.abs(state - ended).max(-1, initial=0.0)
    jump[replay.begins | ~replay.rollout["valid"]] = 0.0
    section = SECTIONS["states_aligned"]
    if jump.max() > bound:
        t, n = np.unravel_index(jump.argmax(), jump.shape)
        between = jump[1:].max(initial=0.0) <= bound
        return Finding(
            "states_aligned",
            FAILED,
            f"acting starts step {t} of env {n} from another state than the step before left, "
            f"difference {jump.max():.2g}",
            _carry_cause(between, np.abs(state[t, n]).max() <= bound),
            "Hand the state that the last step returned to the next one, also across rollouts; "
            "throw away the one that V(s') returns.",
            section,
            float(jump.max() / bound),
        )
    gaps, firsts, starts = [np.zeros(1)], [np.zeros(1, int)], [state[0, :1]]
    for batch in replay.batches:
        if "state" not in batch.native:
            raise NotApplicableError("the learner's minibatches have no 'state'")
        first = batch.place[0]
        counted = (first >= 0) & ~np.append(replay.begins.ravel(), True)[first]
        given = array(batch.native["state"])[counted]
        acting = state.reshape(-1, state.shape[-1])[first[counted]]
        gaps.append(np.abs(given - acting).max(-1, initial=0.0))
        firsts.append(first[counted])
        starts.append(given)
    gap, first, given = map(np.concatenate, (gaps, firsts, starts))
    if len(gap) == 1:
        raise NotApplicableError("every sequence begins an episode; cut elsewhere to examine this")
    worst = int(gap.argmax())
    if gap[worst] <= bound:
        return Finding(
            "states_aligned",
            PASSED,
            f"{len(gap) - 1} sequences start in the middle of an episode, from acting's state "
            f"within {gap[worst]:.1g}",
            excess=float(gap[worst] / bound),
        )
    return Finding(
        "states_aligned",
        FAILED,
        f"{int((gap > bound).sum())} of {len(gap) - 1} sequences that start in the middle of an "
        f"episode start from another state than acting had, worst at {replay.step(first[worst])}",
        *_state_cause(given[worst], following.reshape(-1, state.shape[-1])[first[worst]], bound),
        section,
        float(gap[worst] / bound),
    )


def _carry_cause(between: bool, zero: bool) -> str:
    if not between:
        return "The state is not carried on from step to step."
    if zero:
        return "Every rollout starts from zeros, though the episode goes on."
    return "The state changes between two rollouts: another call of the policy moved it on?"


def _state_cause(given: np.ndarray, after: np.ndarray, bound: float) -> tuple[str, str]:
    if np.abs(given).max(initial=0.0) <= bound:
        return (
            "Sequences start from zeros, also in the middle of an episode.",
            "Store the state before each sequence's first step. Where zeros were chosen on "
            "purpose, this is their price.",
        )
    if np.abs(given - after).max(initial=0.0) <= bound:
        return (
            "The state after the step was stored; the sequence reads that step again.",
            "Store the state before the step, the one that goes into the policy.",
        )
    return (
        "The states belong to other steps, or were recomputed without the resets, or by other "
        "weights.",
        "Cut states and columns at the same steps; replay with the stored reset flags. A short "
        "burn-in is right only nearly.",
    )


CHECKS: dict[str, Callable[[Replay], Finding]] = {
    "learner_runs": _runs,
    "ratio_is_one": _ratio,
    "resets_follow_ends": _resets,
    "every_step_once": _once,
    "states_aligned": _states,
    **targets.CHECKS,
}
