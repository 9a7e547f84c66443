"""Checks of the sequences: every step in its place, flags and states with the right ones."""

from collections.abc import Callable

import numpy as np

from rnn_tutorial.doctor.replay import NotApplicableError, Replay
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
    if replay.replays:
        missing = twice = 0  # sequences drawn from a store may overlap, and leave steps out
    if replay.idle:
        return Finding(
            "every_step_once",
            FAILED,
            f"after each of {int(replay.ends[:-1].sum())} ends comes a step with a reward of "
            "exactly 0, and it is learned from as if it were one of the episode",
            "The env resets in a step of its own (autoreset mode NEXT_STEP): that step ignores its "
            "action, and the episode begins after it.",
            "Leave the step after an end out (`valid`), and clear the state after it; or make the "
            "env reset in the same step.",
            SECTIONS["every_step_once"],
        )
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
    bound = replay.state_bound
    jump = np.abs(state - replay.ended).max(-1, initial=0.0)
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
    gap, first, given, stale = replay.state_gaps
    inside = ~np.append(replay.begins.ravel(), True)[first] | stale
    if not inside.any():
        raise NotApplicableError("every sequence begins an episode; cut elsewhere to examine this")
    worst = int(gap.argmax())
    if gap[worst] <= bound:
        return Finding(
            "states_aligned",
            PASSED,
            f"{int(inside.sum())} sequences start in the middle of an episode, from acting's state "
            f"within {gap[worst]:.1g}",
            excess=float(gap[worst] / bound),
        )
    off = gap > bound
    if not (off & ~stale).any():
        return Finding(
            "states_aligned",
            FAILED,
            f"{int(off.sum())} sequences that begin an episode start from the state of the last "
            f"one, without a reset, worst at {replay.step(first[worst])}",
            "The state stored at an episode's first step is the last episode's, and the replay "
            "does not clear it.",
            "Replay with the reset flag of a sequence's first step, too; or store the state as it "
            "is after the clearing.",
            section,
            float(gap[worst] / bound),
        )
    worst = int(np.where(stale, 0.0, gap).argmax())
    return Finding(
        "states_aligned",
        FAILED,
        f"{int((off & ~stale).sum())} of {int((inside & ~stale).sum())} sequences that start in "
        "the middle of an episode start from another state than acting had, worst at "
        f"{replay.step(first[worst])}",
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
