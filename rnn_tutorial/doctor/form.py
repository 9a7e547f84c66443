"""Checks of form: the state keeps its form, and a call is a function of its arguments."""

import copy
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from rnn_tutorial.doctor.examination import Examination, Outcome, failed, passed, skipped
from rnn_tutorial.doctor.nest import clone, form, leaves, numbers
from rnn_tutorial.doctor.preparation import copy_of, seed_all
from rnn_tutorial.doctor.probe import WAYS, Probe, Run, SubjectError
from rnn_tutorial.doctor.runs import OTHER_N


def state_form(exam: Examination) -> Outcome:
    """Structure, shape, dtype and device hold over calls, and N is one of the axes."""
    probe = exam.first
    first, other = probe.initial(probe.N), probe.initial(OTHER_N)
    exam.memoryless = not any(numbers(array).numel() for _, array in leaves(first))
    problem = _find_batch_axes(probe, first, other)
    if problem:
        exam.formless = True
        return problem
    expected = form(first)
    for way in WAYS:
        state = probe.initial(probe.N)
        for n_steps in (1, 2):
            obs = probe.draw(n_steps, probe.N)
            reset = probe.rng.random(obs.shape[:2]) < 0.5 * (n_steps - 1)
            state = probe.run(way, obs, state, reset).state
            if form(state) != expected:
                shapes = [[part[:2] for part in parts] for parts in (expected, form(state))]
                exam.formless = shapes[0] != shapes[1]
                return failed(f"after {way}: {_first_change(expected, form(state))}")
            for path, array in leaves(state):
                if numbers(array).isnan().any():
                    return failed(f"after {way}: NaN in state{path}")
    if exam.memoryless:
        return passed("the state is empty: no memory")
    parts = ", ".join(f"state{path} {shape} {dtype}" for path, shape, dtype, _ in expected[:4])
    return passed(parts + (", ..." if len(expected) > 4 else "") + _idle_parts(probe))


def _idle_parts(probe: Probe) -> str:
    """A note about entries of the state that no call ever changes, if others do change."""
    start = probe.initial(probe.N)
    after = [leaves(probe.run(way, probe.draw(3, probe.N), start).state) for way in WAYS]
    names = []
    for i, (path, array) in enumerate(leaves(start)):
        if all(torch.equal(numbers(array), numbers(state[i][1])) for state in after):
            names.append(f"state{path}")
    if not 0 < len(names) < len(leaves(start)):
        return ""
    return f"; note: {', '.join(names)} never changed in any call, so nothing is remembered there"


def _find_batch_axes(probe: Probe, first: Any, other: Any) -> Outcome | None:
    a, b = leaves(first), leaves(other)
    if [path for path, _ in a] != [path for path, _ in b]:
        return failed(f"initial_state({probe.N}) and initial_state({OTHER_N}) differ in structure")
    axes: dict[str, int | None] = {}
    for (path, x), (_, y) in zip(a, b, strict=True):
        differing = [i for i, (p, q) in enumerate(zip(x.shape, y.shape, strict=False)) if p != q]
        fits = [i for i in differing if x.shape[i] == probe.N and y.shape[i] == OTHER_N]
        if len(x.shape) != len(y.shape) or len(differing) > 1 or differing != fits:
            return failed(
                f"state{path}: expected one axis of n, got {tuple(x.shape)} for n = {probe.N} and "
                f"{tuple(y.shape)} for n = {OTHER_N}"
            )
        axes[path] = fits[0] if fits else None
    if axes and all(axis is None for axis in axes.values()) and any(x.nbytes for _, x in a):
        shapes = [tuple(x.shape) for _, x in a]
        return failed(f"initial_state(n) takes no notice of n: {shapes} for any n")
    probe.batch_axes = axes
    return None


def _first_change(expected: Any, got: Any) -> str:
    if [part[0] for part in expected] != [part[0] for part in got]:
        names = [[f"state{part[0]}" for part in parts] for parts in (expected, got)]
        return f"expected {names[0] or 'no state'}, got {names[1] or 'no state'}"
    for (path, *wanted), (_, *found) in zip(expected, got, strict=True):
        for word, a, b in zip(("shape", "dtype", "device"), wanted, found, strict=True):
            if a != b:
                return f"state{path} has {word} {b}, expected {a}"
    return "the same form"


def same_input_same_output(exam: Examination) -> Outcome:
    """Two copies of the subject, other random numbers, one input: one output."""
    probe = exam.probe
    obs, start = probe.draw(probe.T, probe.N), probe.warm(probe.N)
    worst: tuple[float, str] = (0.0, "")
    kept = torch.ones(len(probe.column_names()), dtype=torch.bool)
    for way in WAYS:
        results = []
        for seed in (1, 2):
            copied = copy.copy(probe)
            copied.subject = copy_of(probe.subject) or probe.subject
            seed_all(probe.seed + seed)
            results.append(copied.run(way, obs, start))
        a, b = results
        difference = probe.compare(a.outputs, b.outputs)
        if difference.excess > worst[0]:
            worst = difference.excess, f"{way} twice: {difference.text}"
        gap = (a.outputs - b.outputs).abs().nan_to_num(0.0)
        kept &= ~(gap > probe.ruler.tolerance(a.outputs, b.outputs)).any(dim=0).any(dim=0)
        if probe.same_state(way, a.state, b.state).differs:
            exam.unrepeatable = "the same call gives another state each time"
    probe.reseed()
    if worst[0] <= 1 and not exam.unrepeatable:
        of_mode = _mode(exam)
        if of_mode:
            return of_mode
        return passed(f"{way} and step twice: {difference.text}", worst[0])
    if not kept.any():
        exam.unrepeatable = "the same call gives another output each time"
    elif not kept.all():
        _keep(probe, kept)
    return failed(worst[1] or exam.unrepeatable, worst[0])


def _mode(exam: Examination) -> Outcome | None:
    """Whether modules that are in training mode, inside one that is not, change what it returns.

    A subject that is in training mode as a whole acts in evaluation mode later; one that was set to
    evaluation mode acts as it is, with whatever was left out.
    """
    if exam.left_in_training is None:
        return None
    probe = copy.copy(exam.first)
    obs, start = probe.draw(4, probe.N), probe.initial(probe.N)
    for way in WAYS:
        seen = []
        for seed in (1, 2):
            probe.subject = copy.deepcopy(exam.left_in_training)
            seed_all(probe.seed + seed)
            seen += [probe.run(way, obs, start).outputs for _ in range(2)]
        probe.subject = copy_of(exam.left_in_training)
        one, two = (probe.run(way, obs, start).outputs for _ in range(2))
        probe.reseed()
        if probe.compare(one, two).differs:  # a member is to blame, see no_hidden_member
            return None
        for other, what in ((seen[2], "by chance: dropout"), (seen[1], "on: a normaliser")):
            difference = probe.compare(seen[0], other)
            if difference.differs:
                return failed(
                    f"as it was handed in, {way} twice: {difference.text}",
                    difference.excess,
                    "A module was left in training mode inside one that is in evaluation mode, and "
                    f"each call moves its numbers {what}.",
                    "Call .eval() on the whole policy before it acts, and after every .train().",
                )
    return None


def _keep(probe: Probe, kept: Tensor) -> None:
    """Compares only these columns from now on."""
    if probe.kept is None:
        probe.kept = kept
    else:
        probe.kept = probe.kept.clone()
        probe.kept[probe.kept.clone()] = kept
    if probe.ruler.response is not None:
        probe.ruler = replace(probe.ruler, response=probe.ruler.response[kept])


def no_hidden_member(exam: Examination) -> Outcome:
    """A call gives the same result whether or not other calls came between."""
    try:
        return _calls_in_between(exam)
    except SubjectError as error:
        exam.unrepeatable = DEPENDS
        return failed(f"after other calls: {error}")


DEPENDS = "what a call returns depends on the calls before it"


def _calls_in_between(exam: Examination) -> Outcome:
    probe, worst = exam.probe, (0.0, "no difference")

    def run(obs: Any, state: Any) -> Run:
        probe.reseed()
        return probe.run(way, obs, state)

    for way in WAYS:
        obs, start = probe.draw(8, probe.N), probe.initial(probe.N)
        before = run(obs[:4], start)
        undisturbed = run(obs[4:], before.state)
        handed_out = _raw_state(probe, way, obs[3], before.state)
        kept = clone(handed_out)
        _disturb(probe)
        again = run(obs[:4], start)
        _disturb(probe)
        continued = run(obs[4:], before.state)
        for what, a, b in (
            ("the same call, repeated after other calls", before, again),
            ("going on from a state, after other calls in between", undisturbed, continued),
        ):
            difference = probe.compare(a.outputs, b.outputs)
            if difference.differs:
                exam.unrepeatable = DEPENDS
                return failed(f"{way}: {what}: {difference.text}", difference.excess)
            worst = max(worst, (difference.excess, difference.text))
        for (path, a), (_, b) in zip(leaves(handed_out), leaves(kept), strict=True):
            if not torch.equal(numbers(a), numbers(b)):
                return failed(
                    f"{way}: state{path} that was handed out is changed by later calls",
                    cause="The state returned is the member itself, and later calls write to it.",
                )
    return passed(f"calls in between change nothing: {worst[1]}", worst[0])


def _raw_state(probe: Probe, way: str, obs: Any, state: Any) -> Any:
    """The state as the subject hands it out, not copied."""
    flags = probe.flags(probe.rng.random((1, probe.N)) < 0)
    if way == "unroll":
        return probe.call("unroll", probe.array(obs[None]), clone(state), flags)[1]
    return probe.call("step", probe.array(obs), clone(state), flags[0])[1]


def _disturb(probe: Probe) -> None:
    """Other calls: other observations, another number of envs, resets."""
    for n in (probe.N, OTHER_N):
        for way in WAYS:
            obs = probe.draw(3, n)
            probe.run(way, obs, None, probe.rng.random(obs.shape[:2]) < 0.3)


def inputs_unchanged(exam: Examination) -> Outcome:
    """Observations, state and flags are what they were after a call."""
    probe = exam.probe
    state = probe.warm(probe.N)
    for way in WAYS:
        for probability in (0.0, 0.5, 1.0):
            obs = probe.draw(4, probe.N)
            reset = probe.rng.random(obs.shape[:2]) < probability
            lead = slice(None) if way == "unroll" else 0
            given = {
                "obs": probe.array(obs[lead]),
                "state": clone(state),
                "reset": probe.flags(reset[lead]),
            }
            before = clone(given)
            probe.call(way, *given.values())
            old, new = leaves(before), leaves(given)
            if [path for path, _ in old] != [path for path, _ in new]:
                return failed(f"{way} changes the structure of its state argument in place")
            for (path, a), (_, b) in zip(old, new, strict=True):
                a, b = numbers(a), numbers(b)
                if a.shape != b.shape or not torch.equal(a.nan_to_num(), b.nan_to_num()):
                    name = path.split("'")[1] + path.split("]", 1)[1]
                    resets = " where an env resets" if probability else ""
                    return failed(f"{way} writes into its argument {name}{resets}")
    return passed("step and unroll leave obs, state and reset as they were")


def comparable(exam: Examination) -> Outcome | None:
    """Why nothing can be compared, if so."""
    return skipped(exam.unrepeatable) if exam.unrepeatable else None


def keeps_form(exam: Examination) -> Outcome | None:
    """Why a state cannot be handed on, if so."""
    return skipped("the state changes its form, see state_form") if exam.formless else None
