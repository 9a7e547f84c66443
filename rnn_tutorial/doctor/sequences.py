"""Checks of the sequences: every step in its place, flags and states with the right ones."""

from collections.abc import Callable

import numpy as np

from rnn_tutorial.doctor.replay import NotApplicableError, Replay, array, tolerance
from rnn_tutorial.doctor.report import FAILED, PASSED, Finding

BUFFER = "06_the_rollout_buffer.ipynb: "
SECTIONS = {
    "resets_follow_ends": BUFFER + "The reset flag is off by one: what it looks like on the buffer",
    "every_step_once": BUFFER
    + "Whole sequences make up a minibatch, and what if they don't divide?",
    "states_aligned": BUFFER
    + "A rollout may begin in the middle of an episode: where is its first state kept?",
}


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
    broken = sum(batch.disorder(replay.N) for batch in replay.batches)
    astray = 0 if strange or broken else sum(map(replay.astray, replay.batches))
    if not (strange or missing or twice or foreign or broken or astray):
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
        "minibatches with advantages of other steps": astray,
    }
    if strange:
        cause = "Padding is marked as steps, or columns of different steps were put together."
        cure = "Bring the mask and every column through the same cut and the same padding."
    elif broken:
        cause = "A reshape where a transpose was needed, or single steps were shuffled."
        cure = "Keep time in order within a sequence; move axes by transpose, shuffle sequences."
    elif astray:
        cause = "The advantages were cut, shuffled or padded in another way than the other columns."
        cure = "Bring every column through the same cut and the same shuffle."
    elif missing and not twice:
        cause = "What is left over where the sizes do not divide is dropped."
        cure = "Split into minibatches whose sizes differ by one at most."
    else:
        cause = (
            "Sequences overlap or come twice, or a step that only resets the env is learned from."
        )
        cure = "Let each step have its place in one sequence, and mask the resetting steps."
    evidence = "; ".join(f"{count} {what}" for what, count in told.items() if count)
    return Finding("every_step_once", FAILED, evidence, cause, cure, SECTIONS["every_step_once"])


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
    "resets_follow_ends": _resets,
    "every_step_once": _once,
    "states_aligned": _states,
}
