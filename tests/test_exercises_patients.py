"""The check of the three patients: it tells a wrong diagnosis, half a cure, and a cheap one."""

import pytest
import torch
from torch import nn

from rnn_tutorial.doctor import examine
from rnn_tutorial.exercises.patients import DISEASES, PatientA, PatientB, PatientC, check_cure


class CuredA(PatientA):
    def step(self, obs, state, reset):
        cleared = tuple(part.masked_fill(reset[:, None], 0.0) for part in state)
        return super().step(obs, cleared, reset)


class CuredB(PatientB):
    def layers_first(self, state):
        return state.transpose(0, 1).contiguous()

    def batch_first(self, state):
        return state.transpose(0, 1)


class HalfCuredC(PatientC):
    def centred(self, obs):
        return obs - self.mean


class CuredC(HalfCuredC):
    def step(self, obs, state, reset):
        state = self.cell(self.centred(obs), state.masked_fill(reset[:, None], 0.0))
        return self.head(state), state


class Untouched(PatientA):
    pass


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


class Larger(CuredA):
    def __init__(self):
        super().__init__()
        self.head = nn.Linear(16, 4)


class Raises(CuredA):
    def __init__(self):
        raise KeyError("weights")


@pytest.mark.parametrize("kind", DISEASES)
def test_every_patient_is_sick_and_its_class_does_not_name_the_disease(kind):
    torch.manual_seed(0)
    assert not examine(kind()).healthy
    assert not set(DISEASES[kind]) & set(kind.__doc__.split())


@pytest.mark.parametrize(
    ("patient", "diagnosis", "cured"),
    [
        (PatientA, "cell_not_cleared", CuredA),
        (PatientA, ["cell_not_cleared"], CuredA),
        (PatientB, "h_n_taken_batch_first", CuredB),
        (PatientC, ("reset_after_step", "hidden_member"), CuredC),
    ],
)
def test_a_right_diagnosis_and_a_cure_are_right(patient, diagnosis, cured):
    assert check_cure(patient, diagnosis, cured).right


def test_an_untouched_stub_is_not_attempted():
    assert check_cure(PatientA, None, Untouched).status == "not attempted"


@pytest.mark.parametrize(
    ("patient", "diagnosis", "cured", "words"),
    [
        (PatientA, "amnesia", Untouched, "caught by memory_carried"),
        (PatientA, "amnesia", Untouched, "of the patient failed reset_every_part"),
        (PatientA, "amnezia", Untouched, "no bug called 'amnezia'. Is it amnesia?"),
        (PatientA, "cell not cleared", Untouched, "Is it cell_not_cleared?"),
        (PatientA, "first_layer_cleared", CuredA, "fails the same checks, but is another"),
        (PatientA, None, CuredA, "the diagnosis is missing"),
        (PatientC, ("hidden_member", "never_reset"), CuredC, "may hide behind the first"),
        (PatientA, "cell_not_cleared", Untouched, "the cure is still to come"),
        (PatientA, ("cell_not_cleared", "amnesia"), CuredA, "caught by memory_carried"),
        (PatientA, "cell_not_cleared", Amnesiac, "still finds memory_carried"),
        (PatientA, "cell_not_cleared", Memoryless, "the memory is gone with the disease"),
        (PatientA, "cell_not_cleared", Larger, "other weights: head"),
        (PatientA, "cell_not_cleared", Raises, "Raises() raises KeyError"),
        (PatientC, "hidden_member", HalfCuredC, "1 of 2"),
        (
            PatientC,
            ("hidden_member", "reset_after_step"),
            HalfCuredC,
            "still finds reset_before_step",
        ),
    ],
)
def test_what_is_missing_is_said(patient, diagnosis, cured, words):
    verdict = check_cure(patient, diagnosis, cured)
    assert verdict.status == "wrong"
    assert words in verdict.message
