"""Checks of memory: it is carried, and steps, chunks, batches and the whole agree on it."""

import copy
from typing import Any

import numpy as np
import torch

from rnn_tutorial.doctor.calibration import calibrate
from rnn_tutorial.doctor.comparison import Difference
from rnn_tutorial.doctor.examination import Examination, Outcome, failed, passed, skipped
from rnn_tutorial.doctor.nest import leaves, numbers
from rnn_tutorial.doctor.probe import WAYS, Probe, SubjectError
from rnn_tutorial.doctor.subject import BITS, Scale

SCALES: tuple[Scale, ...] = (1.0, 10.0, 0.1, BITS, 100.0, 0.01)  # of observations, tried in turn
LONG = 50  # steps, where nothing is remembered over few
LONGER = 33  # steps, for what happens only now and then
PLAIN = 1e4  # tolerances: an influence of the past that cannot be missed
CUTS = ((1, 2, 7), (5,), (4, 5, 6))  # chunk boundaries


def memory_carried(exam: Examination) -> Outcome:
    """The present output depends on past observations, by step and by unroll."""
    probe = exam.probe
    best = dict.fromkeys(WAYS, Difference(0.0, "", torch.zeros(1, 1)))
    scales: dict[Scale, float] = {}
    for scale, steps in [(s, probe.T) for s in SCALES] + [(s, LONG) for s in SCALES[:4]]:
        effects = {way: _effect_of_the_past(probe, way, scale, steps) for way in WAYS}
        for way, effect in effects.items():
            best[way] = max(best[way], effect, key=lambda found: found.excess)
        scales[scale] = min(effect.excess for effect in effects.values())
        if scales[scale] > PLAIN or (steps == LONG and scales[scale] > 1):
            break
    exam.remembers = {way: found.differs for way, found in best.items()}
    most = max(scales, key=lambda scale: scales[scale])
    probe.scale = most if scales[most] > 1 else 1.0
    calibrate(probe)
    without = [way for way, found in best.items() if not found.differs]
    if without:
        cause = "" if len(without) == 2 else f"Amnesia in {without[0]}: its state is not used."
        if len(without) == 2 and _remembers_where_all_reset(probe):
            cause = (
                "The mask of the resets is inverted: the state is cleared where an env goes on and "
                "kept where it resets."
            )
        how = " and ".join(without)
        return failed(f"{how}: other past observations, the very same output", 0.0, cause)
    return passed(f"other past observations change the output: {best['step'].text}")


def _remembers_where_all_reset(probe: Probe) -> bool:
    """Whether the past matters if, and only if, every env resets at every step."""
    obs = probe.draw(5, probe.N)
    other = np.concatenate((probe.draw(4, probe.N), obs[-1:]))
    always = np.ones(obs.shape[:2], dtype=bool)
    a, b = (probe.run("step", each, None, always).outputs[-1:] for each in (obs, other))
    return probe.compare(a, b, bare=True).differs


def _effect_of_the_past(probe: Probe, way: str, scale: Scale, steps: int) -> Difference:
    """How much outputs differ after the past, the observations from there on being the same.

    Where only one observation is possible, the past is another first state.
    """
    past = steps - 4
    obs = probe.draw(steps, probe.N, scale)
    if probe.spec.constant:
        a, b = probe.run(way, obs), probe.run(way, obs, probe.warm(probe.N))
        return probe.compare(a.outputs, b.outputs, 0, bare=True)
    other = obs.copy()
    other[:past] = probe.draw(past, probe.N, scale)
    a, b = probe.run(way, obs), probe.run(way, other)
    return probe.compare(a.outputs[past:], b.outputs[past:], past, bare=True)


def step_equals_unroll(exam: Examination) -> Outcome:
    """T calls of step give what one call of unroll gives, outputs and state."""
    probe, worst = exam.probe, (0.0, "no difference")
    for obs, state, reset in _cases(probe):
        by_step, by_unroll = (probe.run(way, obs, state, reset) for way in WAYS)
        difference = probe.compare(by_step.outputs, by_unroll.outputs)
        with_resets = " (with resets)" if reset.any() else ""
        if difference.differs:
            evidence = f"step and unroll{with_resets}: {difference.text}"
            cause = _leak(exam) or (with_resets and "The reset flags are applied differently.")
            return failed(evidence, difference.excess, cause or _why_unequal(probe))
        worst = max(worst, (difference.excess, difference.text))
        after = probe.same_state("step", by_step.state, by_unroll.state)
        if after.differs:
            cause = "unroll returns another state than the one after the last step."
            evidence = f"going on from their last states{with_resets}: {after.text}"
            return failed(evidence, after.excess, cause)
    return _in_own_precision(exam) or passed(f"steps and one unroll: {worst[1]}", worst[0])


def _cases(probe: Probe) -> list[tuple[np.ndarray, Any, np.ndarray]]:
    """Observations, first state and resets.

    Some observations are all zeros, which must not be taken for padding. The long case shows what
    happens only now and then; everything is reset every eleven steps, so that a policy that
    magnifies roundings has no time to.
    """
    cases = []
    for n, warm, resets in ((probe.N, False, False), (probe.N, True, False), (2, True, True)):
        obs = probe.draw(probe.T, n)
        obs[[3, -2, -1], 0] = probe.spec.least()
        obs[-1] = probe.spec.least() if resets else obs[-1]
        reset = probe.pattern(probe.T, n) & resets
        cases.append((obs, probe.warm(n) if warm else None, reset))
    reset = probe.pattern(LONGER, probe.N)
    reset[::11] = True
    cases.append((probe.draw(LONGER, probe.N), probe.warm(probe.N), reset))
    return cases


def _in_own_precision(exam: Examination) -> Outcome | None:
    """The same in the subject's own dtype, where a cast or autocast in one of the two shows."""
    if exam.first is exam.probe or exam.failed("state_form"):
        return None
    probe = copy.copy(exam.probe)
    probe.subject, probe.dtype, probe.ruler = (
        getattr(exam.first, name) for name in ("subject", "dtype", "ruler")
    )
    before = torch.get_default_dtype()
    torch.set_default_dtype(exam.first.default_dtype)
    try:
        with torch.backends.cudnn.flags(allow_tf32=False):
            calibrate(probe)
            obs, start = probe.draw(probe.T, probe.N), probe.warm(probe.N)
            by_step, by_unroll = (probe.run(way, obs, start).outputs for way in WAYS)
    finally:
        torch.set_default_dtype(before)
    difference = probe.compare(by_step, by_unroll)
    if not difference.differs:
        return None
    return failed(
        f"in {str(probe.dtype).removeprefix('torch.')}: {difference.text}",
        difference.excess,
        "One of the two computes in a lower precision than the other (autocast, a cast).",
        "Act and train in one precision, or take the difference for a part of the ratio.",
    )


def _leak(exam: Examination) -> str:
    """The leak that makes other comparisons fail as well, if one was found."""
    found = [name for name in LEAKS if exam.failed(name)]
    return f"Outputs depend on what they must not know, see {found[0]}." if found else ""


def _why_unequal(probe: Probe) -> str:
    """A likelier cause than the usual one, if a simple comparison shows it."""
    obs = probe.draw(4, probe.N)
    warm = probe.warm(probe.N)
    ignoring = [
        way
        for way in WAYS
        if not probe.compare(
            probe.run(way, obs[:1], warm).outputs, probe.run(way, obs[:1]).outputs, bare=True
        ).differs
    ]
    if len(ignoring) == 1:
        return f"{ignoring[0]} takes no notice of the state that it is given."
    one_step, one_unroll = (probe.run(way, obs[:1], warm) for way in WAYS)
    if probe.compare(one_step.outputs, one_unroll.outputs).differs:
        short = _in_short_numbers(probe, one_step.outputs, one_unroll.outputs)
        if short:
            return f"{short} computes in a lower precision than the other (autocast, a cast)."
        return "Already a sequence of one step differs: the two compute different things."
    if probe.same_state("step", one_step.state, one_unroll.state).differs:
        return "After one step the states differ: something is done to the state in one of them."
    for way, other in (WAYS, WAYS[::-1]):
        kept = _parts_kept(probe, way, other)
        if kept:
            return (
                f"{way} never writes {' and '.join(kept)}, {other} does: the memory of that part "
                f"(the critic's, say) is not carried in {way}."
            )
    return _cleared_now_and_then(probe) or (
        "Something is done once per call: once a step in one, once a sequence in the other."
    )


def _cleared_now_and_then(probe: Probe) -> str:
    """A cause for a memory that one of the two clears in the middle of a sequence."""
    obs, start = probe.draw(LONGER, probe.N), probe.warm(probe.N)
    by = {way: probe.run(way, obs, start).outputs for way in WAYS}
    for t in range(2, LONGER):
        if not probe.compare(by["step"][t : t + 1], by["unroll"][t : t + 1]).differs:
            continue
        fresh = probe.run("step", obs[t : t + 1]).outputs
        for way in WAYS:
            if not probe.compare(by[way][t : t + 1], fresh).differs:
                return f"{way} clears the memory at t = {t} without a reset: every {t} steps?"
        break
    return ""


def _in_short_numbers(probe: Probe, by_step: torch.Tensor, by_unroll: torch.Tensor) -> str:
    """The way, if there is one, whose outputs are numbers of 16 bits, and the other's are not."""
    for short in (torch.bfloat16, torch.float16):
        exact = [
            bool((x == x.to(short).to(x.dtype)).flatten(0, -2).all(dim=0).any())
            for x in (by_step, by_unroll)
        ]
        if exact[0] != exact[1]:
            return WAYS[exact.index(True)]
    return ""


def _parts_kept(probe: Probe, way: str, other: str) -> list[str]:
    """The entries of the state that one way leaves as they are, and the other one changes."""
    obs, start = probe.draw(3, probe.N), probe.initial(probe.N)
    by, beside = (probe.run(each, obs, start).state for each in (way, other))
    rows = zip(leaves(start), leaves(by), leaves(beside), strict=True)
    return [
        f"state{path}"
        for (path, a), (_, b), (_, c) in rows
        if torch.equal(numbers(a), numbers(b)) and not torch.equal(numbers(a), numbers(c))
    ]


def chunked_equals_whole(exam: Examination) -> Outcome:
    """A sequence in pieces, the state carried from piece to piece, equals the sequence at once."""
    probe, worst = exam.probe, (0.0, "no difference")
    obs, start = probe.draw(probe.T, probe.N), probe.warm(probe.N)
    for cuts in CUTS:
        for resets in (False, True):
            reset = np.zeros(obs.shape[:2], dtype=bool)
            if resets:  # at a boundary, before it, and both
                for cut in (*cuts, probe.T):
                    reset[cut - 1, [0, 2]] = True
                    reset[min(cut, probe.T - 1), [1, 2]] = True
            whole = probe.run("unroll", obs, start, reset)
            state, pieces = start, []
            for begin, end in zip((0, *cuts), (*cuts, probe.T), strict=True):
                piece = probe.run("unroll", obs[begin:end], state, reset[begin:end])
                pieces.append(piece.outputs)
                state = piece.state
            difference = probe.compare(torch.cat(pieces), whole.outputs)
            if difference.differs:
                evidence = f"chunks cut at t = {cuts}: {difference.text}"
                cause = _leak(exam) or _why_chunks_differ(probe)
                return failed(evidence, difference.excess, cause)
            worst = max(worst, (difference.excess, difference.text))
            after = probe.same_state("unroll", state, whole.state)
            if after.differs:
                return failed(f"going on after chunks cut at {cuts}: {after.text}", after.excess)
    return passed(f"chunks and the whole: {worst[1]}", worst[0])


def _why_chunks_differ(probe: Probe) -> str:
    obs, warm = probe.draw(3, probe.N), probe.warm(probe.N)
    on_warm, on_fresh = probe.run("unroll", obs, warm), probe.run("unroll", obs)
    if not probe.compare(on_warm.outputs, on_fresh.outputs, bare=True).differs:
        return "unroll takes no notice of the state that it is given."
    return ""


def batch_size_independent(exam: Examination) -> Outcome:
    """An env gets the same outputs in a batch of any size."""
    probe, worst = exam.probe, (0.0, "no difference")
    obs = probe.draw(probe.T, probe.N)
    reset = probe.pattern(probe.T, probe.N) & (not exam.failed("reset_only_named"))
    for way in WAYS:
        whole = probe.run(way, obs, None, reset)
        for envs in ([probe.N - 1], [2, 0, 1], [*range(probe.N), 0, 1, 2], [*range(probe.N)] * 8):
            try:
                part = probe.run(way, obs[:, envs], None, reset[:, envs])
            except SubjectError as error:
                return failed(f"{probe.N} envs run, {len(envs)} do not: {error}")
            difference = probe.compare(part.outputs, whole.outputs[:, envs], envs=envs)
            if difference.differs:
                evidence = f"{way}, {len(envs)} envs instead of {probe.N}: {difference.text}"
                return failed(evidence, difference.excess)
            worst = max(worst, (difference.excess, difference.text))
    return passed(f"batches of 1 to {8 * probe.N}: {worst[1]}", worst[0])


def needs_memory(exam: Examination) -> Outcome | None:
    """Why a check of the memory does not apply, if so."""
    if exam.memoryless:
        return skipped("the state is empty: no memory")
    if exam.remembers and not exam.ways_with_memory():
        return skipped("no memory is carried, see memory_carried")
    return None


def needs_order(exam: Examination) -> Outcome | None:
    """Why no reset can be judged, if so."""
    if exam.ways_with_memory() and not exam.ways_to_reset():
        broken = next(name for name in LEAKS if exam.failed(name))
        return skipped(f"outputs depend on what they must not know, see {broken}")
    return None


def needs_axes(exam: Examination) -> Outcome | None:
    """Why nothing that is said by env or by time can be judged, if so."""
    if exam.failed("axes_order"):
        return skipped("time and batch are mixed, see axes_order")
    return None


LEAKS = ("axes_order", "no_future_leak", "no_env_leak")


def flags(probe: Probe, times: list[int], envs: list[int]) -> np.ndarray:
    """Reset flags (T, N), true at these times for these envs."""
    reset = np.zeros((probe.T, probe.N), dtype=bool)
    reset[np.ix_(times, envs)] = True
    return reset
