"""The check of the three patients: right cures of several styles, and what is wrong by name."""

import pytest
import torch
from torch import nn

from rnn_tutorial.doctor import examine
from rnn_tutorial.doctor.zoo import BUGS
from rnn_tutorial.exercises.patients import DISEASES, PatientA, PatientB, PatientC, check_cure

pytestmark = pytest.mark.slow


# Right cures.
class Masked(PatientA):
    def step(self, obs, state, reset):
        cleared = tuple(part.masked_fill(reset[:, None], 0.0) for part in state)
        return super().step(obs, cleared, reset)


class Kept(PatientA):
    def step(self, obs, state, reset):
        keep = 1.0 - reset.to(obs.dtype).unsqueeze(1)
        h, c = self.cell(obs, (state[0] * keep, state[1] * keep))
        return self.head(h), (h, c)


class Indexed(PatientA):
    def step(self, obs, state, reset):
        h, c = (part.clone() for part in state)
        h[reset], c[reset] = 0, 0
        new = self.cell(obs, (h, c))
        return self.head(new[0]), new


class OneTensor(PatientA):
    """The pair in one tensor (N, 32)."""

    def initial_state(self, n):
        return torch.zeros(n, 32)

    def step(self, obs, state, reset):
        fresh = self.initial_state(len(obs)).to(state)
        pair = torch.where(reset[:, None], fresh, state).chunk(2, dim=1)
        h, c = self.cell(obs, pair)
        return self.head(h), torch.cat((h, c), dim=1)


class Transposed(PatientB):
    def layers_first(self, state):
        return state.transpose(0, 1).contiguous()

    def batch_first(self, state):
        return state.transpose(0, 1)


class Stacked(PatientB):
    def layers_first(self, state):
        return torch.stack(state.unbind(1))

    def batch_first(self, state):
        return torch.stack([state[0], state[1]], dim=1)


class AsTorchHasIt(PatientB):
    """The state stays (layers, N, H)."""

    def initial_state(self, n):
        return torch.zeros(2, n, 16)

    def step(self, obs, state, reset):
        output, state = self.gru(obs[:, None], state * ~reset[None, :, None])
        return self.head(output[:, 0]), state


class StandingStill(PatientC):
    def centred(self, obs):
        return obs - self.mean


class Before(StandingStill):
    def step(self, obs, state, reset):
        state = self.cell(self.centred(obs), state.masked_fill(reset[:, None], 0.0))
        return self.head(state), state


class Where(PatientC):
    def step(self, obs, state, reset):
        state = torch.where(reset[:, None], self.initial_state(len(obs)).to(state), state)
        state = self.cell(obs - self.mean.detach(), state)
        return self.head(state), state


class WithUpdate(Before):
    """The statistics move where the training loop says so."""

    @torch.no_grad()
    def update_mean(self, obs):
        self.mean.lerp_(obs.flatten(0, -2).mean(0), 0.01)


class WholeSequence(Before):
    def unroll(self, obs, state, reset):
        outputs, keep = [], 1.0 - reset.to(obs.dtype)[..., None]
        for x, k in zip(self.centred(obs), keep, strict=True):
            state = self.cell(x, state * k)
            outputs.append(state)
        return self.head(torch.stack(outputs)), state


RIGHT = {
    PatientA: [Masked, Kept, Indexed, OneTensor],
    PatientB: [Transposed, Stacked, AsTorchHasIt],
    PatientC: [Before, Where, WithUpdate, WholeSequence],
}


# Wrong cures.
class Untouched(PatientA):
    """Nothing is overridden."""


class Started(PatientA):
    def step(self, obs, state, reset):
        return None


class HiddenTwice(PatientA):
    def step(self, obs, state, reset):
        return super().step(obs, (state[0].masked_fill(reset[:, None], 0.0), state[1]), reset)


class InPlace(PatientA):
    def step(self, obs, state, reset):
        for part in state:
            part[reset] = 0.0
        return super().step(obs, state, reset)


class Amnesiac(PatientA):
    def step(self, obs, state, reset):
        output, _ = super().step(obs, self.initial_state(len(obs)), reset)
        return output, self.initial_state(len(obs))


class Memoryless(PatientA):
    def initial_state(self, n):
        return ()

    def step(self, obs, state, reset):
        output, _ = super().step(obs, super().initial_state(len(obs)), reset)
        return output, ()


class CellAlwaysCleared(PatientA):
    def step(self, obs, state, reset):
        return super().step(obs, (state[0], torch.zeros_like(state[1])), reset)


class AllCleared(PatientA):
    def step(self, obs, state, reset):
        return super().step(obs, self.initial_state(len(obs)) if reset.any() else state, reset)


class Larger(Masked):
    def __init__(self):
        super().__init__()
        self.head = nn.Linear(16, 4)


class Raises(Masked):
    def __init__(self):
        raise KeyError("weights")


class OnlyTheWayIn(PatientB):
    def layers_first(self, state):
        return state.transpose(0, 1).contiguous()


class OnlyTheWayOut(PatientB):
    def batch_first(self, state):
        return state.transpose(0, 1)


class Viewed(PatientB):
    def batch_first(self, state):
        return state.reshape(2, state.shape[1], 16).permute(0, 1, 2).reshape(-1, 2, 16)


class UpperLayerOnly(Transposed):
    def layers_first(self, state):
        upper = state.transpose(0, 1).clone()
        upper[0] = 0.0
        return upper


class NoMemory(Transposed):
    def layers_first(self, state):
        return torch.zeros(2, len(state), 16).to(state)


class MovesInTraining(Before):
    def centred(self, obs):
        if self.training:
            with torch.no_grad():
                self.mean = 0.99 * self.mean + 0.01 * obs.flatten(0, -2).mean(0)
        return obs - self.mean


class MovesInItsUnroll(Before):
    def unroll(self, obs, state, reset):
        if self.training:
            self.mean += 0.01
        return super().unroll(obs, state, reset)


class MovesWhileCollecting(Before):
    def centred(self, obs):
        if self.training and not torch.is_grad_enabled():
            self.mean += 0.01
        return obs - self.mean


class KeptElsewhere(Before):
    """The mean is none of the weights any more."""

    seen = 0.0

    def centred(self, obs):
        if self.training:
            self.seen = self.seen + 0.01 * obs.detach().mean()
        return obs - self.mean - self.seen


class BatchMeanInTraining(Before):
    def centred(self, obs):
        return obs - (obs.mean(0) if self.training else self.mean)


class MeanDropped(Before):
    def centred(self, obs):
        return obs


class BatchMean(Before):
    def centred(self, obs):
        return obs - obs.mean(0)


class HeadBeforeTheStep(StandingStill):
    def step(self, obs, state, reset):
        state = state.masked_fill(reset[:, None], 0.0)
        return self.head(state), self.cell(self.centred(obs), state)


class OnlyTheOrder(PatientC):
    def step(self, obs, state, reset):
        state = self.cell(self.centred(obs), state.masked_fill(reset[:, None], 0.0))
        return self.head(state), state


A, B, C = (DISEASES[patient] for patient in (PatientA, PatientB, PatientC))
WRONG = {
    PatientA: [
        ("amnesia", Untouched, "caught by memory_carried"),
        ("amnesia", Untouched, "the patient failed reset_every_part"),
        ("amnezia", Untouched, "no bug called 'amnezia'. Is it amnesia?"),
        ("first_layer_cleared", Masked, "near, but it is another bug. There is only one layer"),
        ("zero_starts", Masked, "a bug of collecting or learning"),
        (None, Masked, "the diagnosis is missing"),
        (7, Masked, "no bug called '7'"),
        ((*A, "amnesia"), Masked, "caught by memory_carried"),
        (A, Untouched, "now write the cure"),
        (A, Started, "now write the cure"),
        (A, HiddenTwice, "still finds reset_every_part"),
        (A, InPlace, "still finds inputs_unchanged"),
        (A, Amnesiac, "still finds memory_carried"),
        (A, Memoryless, "has removed the memory as well"),
        (A, AllCleared, "still finds reset_only_named"),
        (A, CellAlwaysCleared, "another policy: without a reset it should still"),
        (A, Larger, "other weights: head"),
        (A, Raises, "KeyError: 'weights'"),
        (A, Transposed, "expected a subclass of PatientA"),
    ],
    PatientB: [
        ("batch_statistics", Transposed, "not through a mean"),
        ("reshape_for_transpose", Transposed, "Which tensor is reshaped here?"),
        ("time_and_batch_swapped", Transposed, "caught by axes_order"),
        (B, OnlyTheWayIn, "still finds no_env_leak"),
        (B, OnlyTheWayOut, "still finds no_env_leak"),
        (B, Viewed, "still finds no_env_leak"),
        (B, NoMemory, "still finds memory_carried"),
        (B, UpperLayerOnly, "another policy: with one env it should still"),
    ],
    PatientC: [
        ("hidden_member", StandingStill, "1 of 2"),
        (("hidden_member", "hidden_member"), Before, "1 of 2"),
        (("hidden_member", "gradient_cut"), Before, "may hide behind the first"),
        (("hidden_member", "never_reset"), Before, "before the step or after it?"),
        (("hidden_member", "reset_one_late"), Before, "the flags stored while collecting"),
        ("batch_statistics", Before, "it is also kept"),
        ("carried_detached", Before, "fails the same checks, but it is another bug"),
        (C, StandingStill, "still finds reset_before_step"),
        (C, OnlyTheOrder, "still finds no_hidden_member"),
        (C, MovesInTraining, "in training mode unroll changes `mean`: the training loop"),
        (C, MovesInItsUnroll, "in training mode unroll changes `mean`"),
        (C, MovesWhileCollecting, "in training mode unroll changes `mean`"),
        (C, KeptElsewhere, "in training mode unroll returns something else the second time"),
        (C, BatchMeanInTraining, "unroll in training mode differs"),
        (C, BatchMean, "still finds no_env_leak"),
        (C, MeanDropped, "with a mean that stands still it should still compute"),
        (C, HeadBeforeTheStep, "another policy: without a reset"),
    ],
}


def each(table):
    return [
        pytest.param(patient, entry, id=f"{patient.__name__}-{i}")
        for patient, entries in table.items()
        for i, entry in enumerate(entries)
    ]


def test_each_patient_is_tried_with_three_cures_and_five_mistakes():
    assert set(RIGHT) == set(WRONG) == set(DISEASES)
    assert all(len(RIGHT[patient]) >= 3 for patient in DISEASES)
    assert all(len({words for _, _, words in WRONG[patient]}) >= 5 for patient in DISEASES)


@pytest.mark.parametrize("kind", DISEASES)
def test_every_patient_is_sick_and_its_class_does_not_name_the_disease(kind):
    torch.manual_seed(0)
    assert not examine(kind()).healthy
    assert not set(DISEASES[kind]) & set(kind.__doc__.split())


@pytest.mark.parametrize(("patient", "cured"), each(RIGHT))
def test_a_right_diagnosis_and_a_cure_are_right(patient, cured):
    verdict = check_cure(patient, DISEASES[patient], cured)
    assert verdict.right, verdict


@pytest.mark.parametrize(("patient", "entry"), each(WRONG))
def test_what_is_missing_is_said(patient, entry):
    diagnosis, cured, words = entry
    verdict = check_cure(patient, diagnosis, cured)
    assert verdict.status == "wrong"
    assert words in verdict.message


@pytest.mark.parametrize(
    "diagnosis",
    [
        "cell_not_cleared",
        ["cell_not_cleared"],
        {"cell_not_cleared"},
        " Cell not cleared",
        "cell-not-cleared",
        BUGS["cell_not_cleared"],
    ],
)
def test_a_name_may_be_written_in_several_ways(diagnosis):
    assert "now write the cure" in check_cure(PatientA, diagnosis, Untouched).message


def test_two_names_in_one_string():
    verdict = check_cure(PatientC, "reset_after_step, hidden_member", StandingStill)
    assert "still finds reset_before_step" in verdict.message


def test_an_untouched_stub_is_not_attempted():
    assert check_cure(PatientA, None, Untouched).status == "not attempted"
    assert check_cure(PatientA, None, Started).status == "not attempted"


def test_an_object_is_not_the_class():
    assert "the class itself, without ()" in check_cure(PatientA, A, Masked()).message


def test_the_check_leaves_the_global_generator_alone():
    before = torch.random.get_rng_state()
    assert check_cure(PatientC, C, Before).right
    assert torch.equal(before, torch.random.get_rng_state())
