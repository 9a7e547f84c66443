"""The examination: every check in turn, whatever the subject does meanwhile."""

from collections.abc import Callable
from typing import Any

from gymnasium import spaces

from rnn_tutorial.acting import check_seed
from rnn_tutorial.doctor import form, gradients, leaks, memory, resets, runs
from rnn_tutorial.doctor.advice import ADVICE
from rnn_tutorial.doctor.examination import Examination, Outcome, failed, skipped
from rnn_tutorial.doctor.precision import first_probe, in_double
from rnn_tutorial.doctor.preparation import (
    bytes_held,
    copy_of,
    copy_of_mixed,
    generators_kept,
    one_thread,
    seed_all,
    subject_kept,
    wake_zeros,
)
from rnn_tutorial.doctor.probe import TIME_LIMIT, SubjectError
from rnn_tutorial.doctor.report import FAILED, Finding, Report
from rnn_tutorial.doctor.rows import RowSubject
from rnn_tutorial.doctor.subject import (
    Number,
    Observations,
    ask,
    missing_methods,
    observations_of,
)

CALL_FAILS = "A call fails that went well with other arguments; it says with which ones."
CALL_FAILS_CURE = "Make it take any number of envs and steps, and any reset flags."
MEMORY_LIMIT = 4 * 2**30
Check = Callable[[Examination], Outcome]
Gate = Callable[[Examination], Outcome | None]


def examine(
    subject: Any,
    obs_shape: int | tuple[int, ...] | None = None,
    *,
    obs_dtype: Any = None,
    obs_bounds: tuple[Number, Number] | None = None,
    learner: Any = None,
    seed: int = 0,
    memory_limit: int = MEMORY_LIMIT,
    time_limit: float = TIME_LIMIT,
) -> Report:
    """Examines a recurrent policy: is it one, and the same one in acting and in training?

    The subject is left as it was: the examination works on a deep copy in evaluation mode (a
    module that was left in training mode inside one that was not is found), in float64 where the
    subject can, with one thread, and with small numbers in the place of parameters that are all
    zero (a head that begins at zero hides what lies behind it).

    Args:
        subject: anything with `initial_state`, `step` and `unroll`; see `Subject`.
        obs_shape: of one observation; None asks the subject (obs_shape, observation_space). A
            subject whose observation_space is gymnasium's Dict or Tuple gets nests of arrays.
        obs_dtype: of observations, e.g. torch.int64 or "uint8"; None takes floats.
        obs_bounds: least and greatest value; whole numbers default to (0, 1), bytes to (0, 255).
        learner: a collect-and-replay pair to be examined as well; see `learning.examine_learner`.
        seed: of the made-up observations; the verdict does not depend on it.
        memory_limit: bytes that the subject may hold, or add to the process; noticed after each
            call, so a single call that asks for more than there is fails by itself.
        time_limit: seconds that a call may take, 0 for no limit; a call that hangs is named, and no
            other is made. It works in a program's main thread, and not on Windows.

    Returns:
        A report; also for a subject that raises or returns nonsense.

    Raises:
        ValueError: for a seed, a shape or bounds that cannot be, or if the form of the observations
            is not known.
        TypeError: for a learner without the methods of one.
    """
    seed = check_seed(seed)
    lacks = [name for name in ("collect", "minibatches", "evaluate") if not hasattr(learner, name)]
    if learner is not None and lacks:
        raise TypeError(f"learner: expected a Learner, got {learner!r}, which has no {lacks[0]}")
    name = _name(subject)
    space = ask(subject, "observation_space")
    if obs_shape is None and isinstance(space, (spaces.Dict, spaces.Tuple, spaces.MultiDiscrete)):
        subject = RowSubject(subject, space)
        spec = subject.spec
    else:
        spec = observations_of(subject, obs_shape, obs_dtype, obs_bounds)
    with one_thread():
        with generators_kept():
            try:
                outcomes = _examine(subject, spec, seed, memory_limit, time_limit)
            except (Exception, SystemExit) as error:  # whatever a subject may be, there is a report
                outcomes = _none_but_runs(failed(f"could not be examined: {_short(error)}"))
        findings = [_finding(check, outcomes[check]) for check in ADVICE]
        if learner is not None:
            from rnn_tutorial.doctor.learning import examine_learner

            findings += examine_learner(learner)
    return Report(name, tuple(findings))


def assert_healthy(subject: Any, *arguments: Any, **options: Any) -> None:
    """Raises an AssertionError with the report unless `examine` finds the subject healthy."""
    report = examine(subject, *arguments, **options)
    if not report.healthy:
        raise AssertionError(str(report))


def _name(subject: Any) -> str:
    return subject.__name__ if isinstance(subject, type) else type(subject).__name__


def _finding(name: str, outcome: Outcome) -> Finding:
    advice = ADVICE[name]
    cause = cure = ""
    if outcome.status == FAILED:
        cause, cure = outcome.cause or advice.cause, outcome.cure or advice.cure
    return Finding(
        name, outcome.status, outcome.evidence, cause, cure, advice.section, outcome.excess
    )


def _short(error: BaseException) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"


def _examine(
    subject: Any, spec: Observations, seed: int, limit: int, seconds: float
) -> dict[str, Outcome]:
    missing = missing_methods(subject)
    if missing:
        return _none_but_runs(failed(f"no method {', '.join(missing)}"))
    held = bytes_held(subject)
    if held > limit:
        return _none_but_runs(failed(f"its members hold {held / 2**30:.3g} GiB"))
    seed_all(seed)
    worked_on, mixed = copy_of(subject), copy_of_mixed(subject)
    if worked_on is not None:
        wake_zeros(worked_on, seed)
        return _all_checks(worked_on, True, spec, seed, limit, seconds, mixed)
    with subject_kept(subject):
        return _all_checks(subject, False, spec, seed, limit, seconds)


def _none_but_runs(outcome: Outcome) -> dict[str, Outcome]:
    reason = skipped("the subject does not run, see runs")
    return {name: outcome if name == "runs" else reason for name in ADVICE}


def _all_checks(
    subject: Any,
    copied: bool,
    spec: Observations,
    seed: int,
    limit: int,
    seconds: float,
    mixed: Any = None,
) -> dict[str, Outcome]:
    try:
        first = first_probe(subject, spec, seed, limit, seconds)
    except SubjectError as error:
        return _none_but_runs(failed(str(error)))
    exam = Examination(first, first, left_in_training=mixed)
    exam.outcomes["runs"] = _attempt(exam, runs.runs)
    if exam.failed("runs"):
        return {**_none_but_runs(exam.outcomes["runs"]), **exam.outcomes}
    exam.outcomes["state_form"] = _attempt(exam, form.state_form)
    if copied:
        exam.probe = in_double(first) or first
    for names, check, gates in CHECKS:
        stop = next((reason for gate in gates if (reason := gate(exam))), None)
        if stop is not None:
            exam.outcomes |= dict.fromkeys(names, stop)
            continue
        outcome = _attempt(exam, check)
        if outcome is not None:
            exam.outcomes |= dict.fromkeys(names, outcome)
    return exam.outcomes


def _attempt(exam: Examination, check: Callable[[Examination], Any]) -> Any:
    """The outcome of a check; an error of the subject is a failure, one of ours is said so."""
    try:
        return check(exam)
    except SubjectError as error:
        return failed(str(error), cause=CALL_FAILS, cure=CALL_FAILS_CURE)
    except (Exception, SystemExit) as error:
        text = f"could not be judged: {_short(error)}"
        if exam.failed("state_form"):
            return skipped(text)
        return failed(text, cause=CALL_FAILS, cure=CALL_FAILS_CURE)


def _resets_at_many_times(exam: Examination) -> Outcome | None:
    """The catch-all for resets, once each of their checks has passed."""
    if any(exam.failed(name) for name in (*gradients.RESETS, "batch_size_independent")):
        return None
    return resets.resets_at_many_times(exam)


Names = tuple[str, ...]
ALONE = (form.keeps_form, form.comparable)
MEMORY = (*ALONE, memory.needs_memory)
RESETS = (*MEMORY, memory.needs_order)
AXES = (*ALONE, memory.needs_axes)
TORCH = (form.keeps_form, gradients.differentiable)

# Names, the check, and what makes it not applicable. The order matters: later checks use what
# earlier ones found. A check that returns None has written its outcomes itself.
CHECKS: list[tuple[Names, Callable[[Examination], Outcome | None], tuple[Gate, ...]]] = [
    (("same_input_same_output",), form.same_input_same_output, (form.keeps_form,)),
    (("no_hidden_member",), form.no_hidden_member, ALONE),
    (("inputs_unchanged",), form.inputs_unchanged, (form.keeps_form,)),
    (("memory_carried",), memory.memory_carried, MEMORY),
    (("axes_order",), leaks.axes_order, ALONE),
    (("no_future_leak",), leaks.no_future_leak, AXES),
    (("no_env_leak",), leaks.no_env_leak, AXES),
    (("step_equals_unroll",), memory.step_equals_unroll, ALONE),
    (("chunked_equals_whole",), memory.chunked_equals_whole, ALONE),
    (resets.OF_ALL, resets.reset_findings, RESETS),
    (("reset_only_named",), resets.reset_only_named, RESETS),
    (("batch_size_independent",), memory.batch_size_independent, AXES),
    (("reset_clears",), _resets_at_many_times, RESETS),
    (("padding_inert",), leaks.padding_inert, AXES),
    (("gradient_flows_back",), gradients.gradient_flows_back, (*TORCH, *MEMORY)),
    (("gradient_stops_at_reset",), gradients.gradient_stops_at_reset, (*TORCH, *RESETS)),
    (("second_update",), gradients.second_update, TORCH),
]
