"""Checks of the reset: what is cleared, when, in which part of the state, and for which envs."""

import numpy as np
import torch
from torch import Tensor

from rnn_tutorial.doctor.comparison import Difference
from rnn_tutorial.doctor.examination import Case, Examination, Outcome, failed, passed, skipped
from rnn_tutorial.doctor.memory import flags
from rnn_tutorial.doctor.nest import is_float, map_leaves
from rnn_tutorial.doctor.probe import SubjectError
from rnn_tutorial.doctor.states import state_parts, with_part

OF_ALL = ("reset_clears", "reset_before_step", "reset_every_part")
AT = 5  # the time of the reset

EARLY, LATE, TWICE = "early", "late", "twice"
NOTHING, SOMETHING, ELSEWHERE = "nothing", "something", "elsewhere"


def reset_findings(exam: Examination) -> None:
    """Examines how a reset of all envs works, and writes three outcomes at once.

    The three answer for one another: a state cleared one step too late is not "not cleared".
    """
    worst = (0.0, "no difference")
    for way in exam.ways_to_reset():
        case = exam.case(way)
        for t in (AT, 0, exam.probe.T - 1):
            kind, difference = _judge(case, t)
            if kind:
                _blame(exam, case, t, kind, difference)
                return
            worst = max(worst, (difference.excess, difference.text))
        survivors = _surviving_parts(case)
        if survivors:
            exam.outcomes |= {
                "reset_clears": skipped("a part is not cleared, see reset_every_part"),
                "reset_before_step": passed(f"{way}: cleared before the step at t = {AT}"),
                "reset_every_part": failed(
                    f"{way}: {_names([name for name, _ in survivors])} not cleared: "
                    f"{survivors[0][1].text}",
                    survivors[0][1].excess,
                ),
            }
            return
    ways = " and ".join(exam.ways_to_reset())
    texts = (
        f"{ways}: after a reset as from initial_state: {worst[1]}",
        f"{ways}: nothing changes before t = {AT}, all is fresh from t = {AT} on",
        f"{ways}: no tensor and no layer of the state survives{_nan_note(exam)}",
    )
    for name, text in zip(OF_ALL, texts, strict=True):
        exam.outcomes[name] = passed(text, worst[0])


def _nan_note(exam: Examination) -> str:
    """What is no fault as long as states are finite: a mask that multiplies keeps a NaN."""
    probe = exam.probe
    reset = flags(probe, [0], list(range(probe.N)))[:1]
    for way in exam.ways_to_reset():
        case = exam.case(way)
        broken = map_leaves(lambda array: array * np.nan if is_float(array) else array, case.start)
        try:
            got = probe.run(way, case.obs[:1], broken, reset).outputs
        except SubjectError:
            continue
        if got.isnan().any():
            return "; a NaN in it would, for 0 * NaN is NaN: torch.where clears that as well"
    return ""


def _judge(case: Case, t: int) -> tuple[str, Difference]:
    """What a reset of all envs at time t does, "" for what it should."""
    probe = case.probe
    got = case.run(flags(probe, [t], list(range(probe.N)))).outputs
    base = case.base.outputs
    before = probe.compare(got[:t], base[:t])
    if before.differs:
        return EARLY, before
    after = probe.compare(got[t:], case.fresh(t).outputs, t)
    if not after.differs:
        return "", after
    unchanged_here = not probe.compare(got[t : t + 1], base[t : t + 1]).differs
    unchanged = not probe.compare(got[t:], base[t:], t).differs
    if t + 1 < probe.T:
        late = not probe.compare(got[t + 1 :], case.fresh(t + 1).outputs).differs
        fresh_here = not probe.compare(got[t : t + 1], case.fresh(t).outputs[:1]).differs
        if late and unchanged_here and not unchanged:
            return LATE, after
        if late and fresh_here:
            return TWICE, after
        if unchanged_here and not unchanged:
            return LATE, after
    if unchanged:
        return NOTHING, after
    return (SOMETHING if _depends_on_past(case, t, got) else ELSEWHERE), after


def _depends_on_past(case: Case, t: int, got: Tensor) -> bool:
    """Whether the outputs from the reset on still depend on what was before it."""
    probe = case.probe
    obs = case.obs.copy()
    obs[:t] = probe.draw(t, probe.N)
    reset = flags(probe, [t], list(range(probe.N)))
    other = probe.run(case.way, obs, probe.warm(probe.N), reset).outputs
    return probe.compare(got[t:], other[t:]).differs


def _blame(exam: Examination, case: Case, t: int, kind: str, difference: Difference) -> None:
    way = case.way
    at = f"{way}, a reset of all envs at t = {t}"
    if kind in (EARLY, LATE, TWICE):
        causes = {
            EARLY: "The reset flag is off by one: reset[t] clears the state before step t - 1.",
            LATE: "The reset flag is off by one: reset[t] clears the state after step t, not "
            "before it (a done flag taken for a reset flag).",
            TWICE: "reset[t] clears the state twice: before step t, as it should, and after it.",
        }
        words = {
            EARLY: "outputs before it change",
            LATE: "the output at that time still knows the past, the next ones do not",
            TWICE: "the output at that time is fresh, and the memory of it is lost",
        }
        see = skipped("cleared at the wrong time, see reset_before_step")
        exam.outcomes |= {
            "reset_clears": see,
            "reset_before_step": failed(
                f"{at}: {words[kind]}: {difference.text}", difference.excess, causes[kind]
            ),
            "reset_every_part": see,
        }
        return
    if kind == SOMETHING:
        parts = _part_kept(case, t)
        if parts:
            exam.outcomes |= {
                "reset_clears": skipped("a part is not cleared, see reset_every_part"),
                "reset_before_step": skipped("a part is not cleared, see reset_every_part"),
                "reset_every_part": failed(f"{at}: {parts}", difference.excess),
            }
            return
    causes = {
        NOTHING: "The reset flag is ignored.",
        SOMETHING: "",
        ELSEWHERE: "A reset brings the state to something else than initial_state gives.",
    }
    words = {
        NOTHING: "nothing changes",
        SOMETHING: "the past is altered and still there",
        ELSEWHERE: "the past is gone, yet the outputs are not those from initial_state",
    }
    see = skipped("the state is not cleared, see reset_clears")
    cause = AS_INDICES if _flags_are_indices(case) else causes[kind]
    exam.outcomes |= {
        "reset_clears": failed(f"{at}: {words[kind]}: {difference.text}", difference.excess, cause),
        "reset_before_step": see,
        "reset_every_part": see,
    }


AS_INDICES = (
    "The flags are used as indices, not as a mask: whoever resets, envs 0 and 1 are cleared."
)


def _flags_are_indices(case: Case) -> bool:
    """Whether a reset of env 2 clears envs 0 and 1 in its place, as 0 / 1 used as indices do."""
    probe = case.probe
    got = case.run(flags(probe, [AT], [2])).outputs
    changed = {
        env
        for env in range(probe.N)
        if probe.compare(got[:, [env]], case.base.outputs[:, [env]]).differs
    }
    return bool(changed) and changed <= {0, 1}  # env 0 perhaps at every step, so unchanged here


def _surviving_parts(case: Case) -> list[tuple[str, Difference]]:
    """The parts of the state that a reset at t = 0 does not clear, with what they change."""
    probe = case.probe
    obs = case.obs[:3]
    fresh = probe.initial(probe.N)
    reset = flags(probe, [0], list(range(probe.N)))[:3]
    want = probe.run(case.way, obs, fresh, reset).outputs
    found = []
    for name, part in state_parts(probe, fresh).items():
        state = with_part(fresh, case.start, part)
        difference = probe.compare(probe.run(case.way, obs, state, reset).outputs, want)
        if difference.differs:
            found.append((name, difference))
    return found


def _part_kept(case: Case, t: int) -> str:
    """Which parts survive a reset at time t, found by trying; "" if all of the state does."""
    probe = case.probe
    got = case.run(flags(probe, [t], list(range(probe.N)))).outputs[t:]
    old, new = case.state_at(t), probe.initial(probe.N)
    parts = state_parts(probe, old)
    groups = {name: [part] for name, part in parts.items()}
    for path in dict.fromkeys(path for path, _ in parts.values()):
        groups[f"state{path}"] = [part for part in parts.values() if part[0] == path]
    for name, group in groups.items():
        kept, cleared = new, old
        for part in group:
            kept = with_part(kept, old, part)
            cleared = with_part(cleared, new, part)
        for state, text in ((kept, f"{name} is not cleared"), (cleared, f"only {name} is cleared")):
            if not probe.compare(probe.run(case.way, case.obs[t:], state).outputs, got).differs:
                return text
    survivors = [part for part, _ in _surviving_parts(case)]
    return f"{_names(survivors)} not cleared" if 0 < len(survivors) < len(parts) else ""


def _names(names: list[str]) -> str:
    return ", ".join(names) + (" are" if len(names) > 1 else " is")


def reset_only_named(exam: Examination) -> Outcome:
    """A reset clears the envs that it names and touches no other."""
    probe, worst = exam.probe, (0.0, "no difference")
    n = probe.N
    patterns = [[2], [0], [n - 1], [1, 2], [0, n - 1], list(range(1, n))]
    for way in exam.ways_to_reset():
        case = exam.case(way)
        for t in (AT, 0) if way == "unroll" else (AT,):
            of_all = case.run(flags(probe, [t], list(range(n)))).outputs
            if not probe.compare(of_all, case.base.outputs).differs:
                continue
            for named in patterns if t else patterns[2:4]:
                got = case.run(flags(probe, [t], named)).outputs
                others = [env for env in range(n) if env not in named]
                at = f"{way}, a reset of env {', '.join(map(str, named))} at t = {t}"
                other = probe.compare(got[:, others], case.base.outputs[:, others], envs=others)
                own = probe.compare(got[:, named], of_all[:, named], envs=named)
                still = probe.compare(got[:, named], case.base.outputs[:, named])
                if other.differs and _flags_are_indices(case):
                    return failed(f"{at}: {other.text}", other.excess, AS_INDICES)
                if other.differs and own.differs:
                    cause = "Other envs are cleared than the ones named: an index is wrong."
                    return failed(f"{at}: {other.text}", other.excess, cause)
                if other.differs:
                    cause = "Envs that do not reset are cleared with the one that does: any()?"
                    return failed(f"{at}: others change: {other.text}", other.excess, cause)
                if own.differs:
                    cause = "" if still.differs else "Cleared only where all envs reset: all()?"
                    return failed(f"{at}: they are not cleared: {own.text}", own.excess, cause)
                worst = max(worst, max(other, own, key=lambda d: d.excess).as_key())
    return passed(f"envs reset one, two or all at a time: {worst[1]}", worst[0])


def resets_at_many_times(exam: Examination) -> Outcome | None:
    """Every episode of a sequence with many resets is as if it stood alone; None if so."""
    probe = exam.probe
    for way in exam.ways_to_reset():
        case = exam.case(way)
        reset = case.no_reset()
        times = [3, 4, 8, probe.T - 2]
        reset[times] = probe.rng.random((len(times), probe.N)) < 0.5
        reset[3, 0], reset[4, 0], reset[8, 0] = True, True, True
        reset[3, 1], reset[4, 1], reset[8, 1] = False, True, False
        want = case.base.outputs.clone()
        for t in times:
            named = torch.as_tensor(reset[t])
            want[t:, named] = case.fresh(t).outputs[:, named]
        difference = probe.compare(case.run(reset).outputs, want)
        if difference.differs:
            text = f"{way}, resets at t = {times}: {difference.text}"
            return failed(text, difference.excess, "Where several resets meet, one is missed.")
        alone = probe.run(way, case.obs[:, :1], None, reset[:, :1]).outputs
        difference = probe.compare(alone[3:], want[3:, :1], 3)
        if difference.differs:
            text = f"{way}, one env alone, resets at t = {times}: {difference.text}"
            return failed(text, difference.excess, "A batch of one env is reset differently.")
    return None
