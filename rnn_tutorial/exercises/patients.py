"""Three sick policies without names, and the check of a diagnosis and a cure by the doctor."""

from collections.abc import Iterable
from difflib import get_close_matches
from functools import partial
from itertools import product
from typing import Any

import torch
from torch import Tensor, nn

from rnn_tutorial.doctor import Report, examine
from rnn_tutorial.doctor.zoo import BUGS
from rnn_tutorial.exercises.verdict import NOT_ATTEMPTED, Verdict, describe_error, untouched


class Patient(nn.Module):
    """The base of all three: `unroll` is a loop over `step`."""

    obs_shape = 5

    def step(self, obs: Tensor, state: Any, reset: Tensor) -> tuple[Tensor, Any]:
        raise NotImplementedError

    def unroll(self, obs: Tensor, state: Any, reset: Tensor) -> tuple[Tensor, Any]:
        outputs = []
        for obs_nd, reset_n in zip(obs, reset, strict=True):
            output, state = self.step(obs_nd, state, reset_n)
            outputs.append(output)
        return torch.stack(outputs), state


class PatientA(Patient):
    """An LSTM cell and one linear head. The state is a pair of (N, 16)."""

    def __init__(self) -> None:
        super().__init__()
        self.cell = nn.LSTMCell(5, 16)
        self.head = nn.Linear(16, 3)

    def initial_state(self, n: int) -> tuple[Tensor, Tensor]:
        return torch.zeros(n, 16), torch.zeros(n, 16)

    def step(self, obs: Tensor, state: Any, reset: Tensor) -> tuple[Tensor, Any]:
        h_nh, c_nh = state
        h_nh = torch.where(reset[:, None], torch.zeros_like(h_nh), h_nh)
        h_nh, c_nh = self.cell(obs, (h_nh, c_nh))
        return self.head(h_nh), (h_nh, c_nh)


class PatientB(Patient):
    """A batch-first GRU of two layers. Its state is batch first, too: (N, 2, 16)."""

    def __init__(self) -> None:
        super().__init__()
        self.gru = nn.GRU(5, 16, num_layers=2, batch_first=True)
        self.head = nn.Linear(16, 3)

    def initial_state(self, n: int) -> Tensor:
        return torch.zeros(n, 2, 16)

    def layers_first(self, state: Tensor) -> Tensor:
        return state.reshape(2, len(state), 16)

    def batch_first(self, state: Tensor) -> Tensor:
        return state.reshape(state.shape[1], 2, 16)

    def step(self, obs: Tensor, state: Any, reset: Tensor) -> tuple[Tensor, Any]:
        state = state.masked_fill(reset[:, None, None], 0.0)
        output, h_lnh = self.gru(obs[:, None], self.layers_first(state))
        return self.head(output[:, 0]), self.batch_first(h_lnh)


class PatientC(Patient):
    """A GRU cell behind a running mean of its observations. It has two diseases."""

    mean: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(5))
        self.cell = nn.GRUCell(5, 16)
        self.head = nn.Linear(16, 3)

    def initial_state(self, n: int) -> Tensor:
        return torch.zeros(n, 16)

    def centred(self, obs: Tensor) -> Tensor:
        self.mean = 0.99 * self.mean + 0.01 * obs.flatten(0, -2).mean(0)
        return obs - self.mean

    def step(self, obs: Tensor, state: Any, reset: Tensor) -> tuple[Tensor, Any]:
        state = self.cell(self.centred(obs), state)
        output = self.head(state)
        return output, state.masked_fill(reset[:, None], 0.0)


DISEASES: dict[type, tuple[str, ...]] = {
    PatientA: ("cell_not_cleared",),
    PatientB: ("h_n_taken_batch_first",),
    PatientC: ("hidden_member", "reset_after_step"),
}
# Diagnoses that come near, and how they differ.
NEAR: dict[tuple[type, str], str] = {
    (PatientA, "first_layer_cleared"): "There is only one layer here. What else is in the state?",
    (PatientB, "reshape_for_transpose"): (
        "Yes, a reshape is used in place of a transpose, but that name is for the buffer's "
        "sequences. Which tensor is reshaped here?"
    ),
    (PatientB, "batch_statistics"): "The envs do influence each other, but not through a mean.",
    (PatientC, "batch_statistics"): (
        "Yes, the mean is over a batch; but it is also kept, and each call changes it."
    ),
    (PatientC, "reset_one_late"): (
        "Yes, it is one step late, but that name is for the flags stored while collecting."
    ),
    (PatientC, "never_reset"): "The state is cleared here. When: before the step or after it?",
}
# Where a patient is healthy; there its cure must compute the same.
SOUND: dict[type, str] = {
    PatientA: "without a reset",
    PatientB: "with one env",
    PatientC: "without a reset and with a mean that stands still",
}


def check_cure(patient: type, diagnosis: Any, cured: Any) -> Verdict:
    """Check a diagnosis and a cure.

    Args:
        patient: PatientA, PatientB or PatientC.
        diagnosis: the zoo's names of the patient's bugs; one name, or several.
        cured: a subclass of the patient that is healthy, in training mode as well, has the same
            weights, remembers, and computes what the patient computes where the patient is healthy.
    """
    if not isinstance(cured, type) or not issubclass(cured, patient):
        what = "the class itself, without ()" if isinstance(cured, patient) else "a subclass"
        return Verdict("wrong", f"expected {what} of {patient.__name__}, got {cured!r:.60}")
    stub = all(untouched(member) for member in vars(cured).values() if callable(member))
    if diagnosis is None and stub:
        return NOT_ATTEMPTED
    names = _names(diagnosis)
    fault = _misdiagnosis(patient, names)
    if fault:
        return Verdict("wrong", fault)
    if stub:
        return Verdict("wrong", "the diagnosis is right; now write the cure.")
    try:
        with torch.random.fork_rng(devices=[]):
            fault = _still_sick(patient, cured) or _another_policy(patient, cured)
    except Exception as error:
        fault = f"but {describe_error(error)}"
    if fault:
        return Verdict("wrong", f"the diagnosis is right; {fault}")
    return Verdict("right", "both the diagnosis and the cure: the doctor finds nothing any more.")


def _names(diagnosis: Any) -> tuple[str, ...]:
    """The names of bugs as the zoo spells them, from a string, several strings, or bugs."""
    if diagnosis is None:
        return ()
    several = diagnosis.split(",") if isinstance(diagnosis, str) else diagnosis
    several = several if isinstance(several, Iterable) else [several]
    names = [str(getattr(one, "name", one)) for one in several]
    return tuple(name.strip().lower().replace(" ", "_").replace("-", "_") for name in names)


def _report(kind: type) -> Report:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return examine(kind())


def _misdiagnosis(patient: type, names: tuple[str, ...]) -> str:
    """The fault of a diagnosis in words; empty if it is right."""
    unknown = [name for name in names if name not in BUGS]
    if unknown:
        near = get_close_matches(unknown[0], BUGS, 1)
        hint = f" Is it {near[0]}?" if near else ""
        return f"diagnosis: the field guide has no bug called {unknown[0]!r}.{hint}"
    if set(names) == set(DISEASES[patient]):
        return ""
    wrong = [name for name in names if name not in DISEASES[patient]]
    if not names:
        return "the diagnosis is missing: give the name of the bug."
    if not wrong:
        have, all_ = len(set(names)), len(DISEASES[patient])
        return f"diagnosis: {have} of {all_}. Cure what you found, then examine the cured class."
    bug = BUGS[wrong[0]]
    if (patient, bug.name) in NEAR:
        return f"diagnosis: {bug.name} is near, but it is another bug. {NEAR[patient, bug.name]}"
    if not bug.in_policy:
        return f"diagnosis: {bug.name} is a bug of collecting or learning; this is only a policy."
    failed = _report(patient).failed
    if set(bug.caught_by) <= set(failed):
        return (
            f"diagnosis: {bug.name} fails the same checks, but it is another bug: {bug.title} "
            "Compare its diff with the patient's code."
        )
    hidden = " (a second disease may hide behind the first)" if len(DISEASES[patient]) > 1 else ""
    return (
        f"diagnosis: {bug.name} would be caught by {', '.join(bug.caught_by)}; the patient failed "
        f"{', '.join(failed)}{hidden}. Which lines of its code could cause that?"
    )


def _still_sick(patient: type, cured: type) -> str:
    """The fault of a cure by its weights and by the doctor; empty if there is none."""
    before, after = (
        {name: tuple(value.shape) for name, value in kind().state_dict().items()}
        for kind in (patient, cured)
    )
    if before != after:
        odd = sorted(before.items() ^ after.items())[0][0]
        return f"but the cured class has other weights: {odd}. Leave the network as it is."
    report = _report(cured)
    if not report.healthy:
        first = report[report.failed[0]]
        return f"the doctor still finds {first.name}: {first.evidence}. Likely: {first.cause}"
    if report["memory_carried"].status != "passed":
        return "the doctor finds nothing, but the cure has removed the memory as well."
    return ""


def _another_policy(patient: type, cured: type) -> str:
    """The fault of a cure that the doctor, in evaluation mode, cannot find; empty if there is none.

    In both modes a call must leave parameters and buffers unchanged and must not depend on earlier
    calls. The modes must agree with each other, and with the patient where it is healthy.
    """
    torch.manual_seed(1)
    envs = 1 if patient is PatientB else 3
    sick, well = patient(), cured()
    weights = {name: w + 0.3 * torch.randn(w.shape) for name, w in sick.state_dict().items()}
    obs, reset = torch.randn(8, envs, 5), torch.rand(8, envs) < 0.3
    for policy in (sick, well):
        policy.load_state_dict(weights)
    ways = {"unroll": well.unroll, "step": partial(Patient.unroll, well)}
    answers = {}
    for way, mode in product(ways, ("evaluation", "training")):
        well.train(mode == "training")
        calls = []
        for grad in (True, False):
            with torch.set_grad_enabled(grad):
                calls.append(ways[way](obs, well.initial_state(envs), reset)[0].detach())
        moved = [name for name, w in well.state_dict().items() if not torch.equal(w, weights[name])]
        if moved:
            return (
                f"but in {mode} mode {way} changes `{moved[0]}`: the training loop should update "
                "statistics; a call only uses them."
            )
        if not torch.allclose(calls[0], calls[1], atol=1e-5):
            return f"but in {mode} mode {way} returns something else the second time: what is kept?"
        answers[way, mode] = calls[0]
    first = answers["unroll", "evaluation"]
    for (way, mode), answer in answers.items():
        if not torch.allclose(answer, first, atol=1e-5):
            return f"but {way} in {mode} mode differs from unroll in evaluation mode."
    never = torch.zeros_like(reset)
    sick.centred = lambda obs: obs - weights["mean"]  # of PatientC
    expected, got = (p.unroll(obs, p.initial_state(envs), never)[0] for p in (sick, well.eval()))
    if got.shape != expected.shape or not torch.allclose(got, expected, atol=1e-5):
        return (
            f"it is healthy, but another policy: {SOUND[patient]} it should still compute what the "
            "patient computes. Override only what is sick."
        )
    return ""
