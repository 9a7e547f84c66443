"""Three sick policies without names, and the check of their diagnosis and cure: the doctor."""

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any

import torch
from torch import Tensor, nn

from rnn_tutorial.doctor import Report, examine
from rnn_tutorial.doctor.zoo import BUGS
from rnn_tutorial.exercises.verdict import NOT_ATTEMPTED, Verdict


class Patient(nn.Module):
    """What the three have in common: their `unroll` is a loop over their `step`."""

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
    """A GRU of two layers, batch first. So is its state: (N, 2, 16)."""

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


def check_cure(patient: type, diagnosis: str | Sequence[str] | None, cured: type) -> Verdict:
    """Judges a diagnosis and a cure.

    Args:
        patient: PatientA, PatientB or PatientC.
        diagnosis: the names that the bugs of its kind have in the zoo; one name, or several.
        cured: a subclass of the patient that is healthy, has the same weights, and remembers.
    """
    untouched = not any(callable(member) for member in vars(cured).values())
    if diagnosis is None and untouched:
        return NOT_ATTEMPTED
    names = (diagnosis,) if isinstance(diagnosis, str) else tuple(diagnosis or ())
    fault = _misdiagnosis(patient, names)
    if fault:
        return Verdict("wrong", fault)
    if untouched:
        return Verdict("wrong", "the diagnosis is right; the cure is still to come.")
    fault = _still_sick(patient, cured)
    if fault:
        return Verdict("wrong", f"the diagnosis is right; {fault}")
    return Verdict("right", "the diagnosis, and the cure: the doctor finds nothing any more.")


def _report(kind: type) -> Report:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return examine(kind())


def _misdiagnosis(patient: type, names: tuple[str, ...]) -> str:
    """What speaks against a diagnosis; empty if it is right."""
    unknown = [name for name in names if name not in BUGS]
    if unknown:
        near = get_close_matches(unknown[0].replace(" ", "_"), BUGS, 1)
        hint = f" Is it {near[0]}?" if near else ""
        return f"diagnosis: the field guide has no bug called {unknown[0]!r}.{hint}"
    if set(names) == set(DISEASES[patient]):
        return ""
    wrong = [name for name in names if name not in DISEASES[patient]]
    if not names:
        return "the diagnosis is missing: give the name of the bug."
    if not wrong:
        have, all_ = len(names), len(DISEASES[patient])
        return f"diagnosis: {have} of {all_}. Cure what you found, and examine the cured class."
    bug, failed = BUGS[wrong[0]], _report(patient).failed
    if set(bug.caught_by) <= set(failed):
        return (
            f"diagnosis: {bug.name} fails the same checks, but is another mistake: {bug.title} "
            "Compare its diff with the patient's code."
        )
    hidden = " (a second disease may hide behind the first)" if len(DISEASES[patient]) > 1 else ""
    return (
        f"diagnosis: {bug.name} would be caught by {', '.join(bug.caught_by)}; of the patient "
        f"failed {', '.join(failed)}{hidden}. Which lines of its code could do that?"
    )


def _still_sick(patient: type, cured: type) -> str:
    """What is wrong with a cure; empty if nothing is."""
    try:
        before, after = (
            {name: tuple(value.shape) for name, value in kind().state_dict().items()}
            for kind in (patient, cured)
        )
    except Exception as error:
        return f"but {cured.__name__}() raises {type(error).__name__}: {error}"
    if before != after:
        odd = sorted(before.items() ^ after.items())[0][0]
        return f"but the cured one has other weights: {odd}. Leave the network as it is."
    report = _report(cured)
    if not report.healthy:
        first = report[report.failed[0]]
        return f"the doctor still finds {first.name}: {first.evidence}. Likely: {first.cause}"
    if report["memory_carried"].status != "passed":
        return "and the doctor finds nothing, but the memory is gone with the disease."
    return ""
