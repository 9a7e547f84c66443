"""Faults from public reports, re-created in `cases/`: found for the right cause, and no other.

Each file has a sick and a healed twin, or a healthy subject that might raise an alarm.
"""

import re
import sys
from importlib import import_module
from pathlib import Path

import pytest
import torch

from rnn_tutorial.doctor import examine
from rnn_tutorial.doctor.learning import examine_learner

pytestmark = pytest.mark.slow
HERE = Path(__file__).parent / "cases"
sys.path.insert(0, str(HERE))
Learner, Policy = (getattr(import_module("_base"), name) for name in ("Learner", "Policy"))

# Case -> the first law that fails, and words of its cause.
SICK = {
    "amp_in_training_only": ("step_equals_unroll", "unroll computes in a lower precision"),
    "doomnet_4_shuffled_behaviour_cloning": ("every_step_once", "single steps were shuffled"),
    "embodichain_610_value_of_before": (
        "bootstrap_through_truncation",
        "value of the step's own observation",
    ),
    "gymnasium_next_step_unnoticed": ("every_step_once", "resets in a step of its own"),
    "isaaclab_2821_normaliser_in_train_mode": (
        "same_input_same_output",
        "left in training mode .* normaliser",
    ),
    "jaxaht_115_done_of_after": ("resets_follow_ends", "one step early"),
    "mlagents_4941_critic_memory_unused": (
        "step_equals_unroll",
        r"step never writes state\[2\] and state\[3\]",
    ),
    "pufferlib_459_cell_and_lstm_untied": ("step_equals_unroll", "compute different things"),
    "r2d2_burn_in_as_learner": ("ratio_is_one", "the state that the burn-in ends in"),
    "ray_19976_padded_in_front": ("ratio_is_one", "Padding stands in front"),
    "ray_21392_state_after_padding": ("step_equals_unroll", "another state than the one after"),
    "ray_23202_seq_lens_from_dict_obs": ("runs", r"A size of 2 .* len\(\) of a dict"),
    "robomimic_164_cleared_every_ten": ("no_hidden_member", "a counter"),
    "rsl_35_long_dones_one_env": ("reset_clears", "used as indices"),
    "sb3_239_stale_state_at_episode_start": ("states_aligned", "is the last episode's"),
    "sheeprl_181_all_envs_bootstrapped": ("bootstrap_goes_on", "added in all envs"),
    "skrl_449_sum_across_truncation": ("bootstrap_through_truncation", "runs on into the next"),
    "skrl_alias_state_after_step": ("states_aligned", "The state after the step was stored"),
    "torchrl_4474_slices_joined": ("ratio_is_one", "sequences are joined"),
}
# Of ratio_is_one where another law is the first: it points to that law.
POINTS = {
    "sb3_239_stale_state_at_episode_start": "see states_aligned",
    "skrl_alias_state_after_step": "see states_aligned",
    "jaxaht_115_done_of_after": "see resets_follow_ends",
    "doomnet_4_shuffled_behaviour_cloning": "see every_step_once",
}


def inverted():
    class Inverted(Policy):
        def clear(self, state, reset):
            return super().clear(state, ~reset)

    return Inverted()


def cleared_every_eight_in_training():
    class EveryEight(Policy):
        def unroll(self, obs, state, reset):
            rows = []
            for t, (now, flags) in enumerate(zip(obs, reset, strict=True)):
                state = self.initial_state(len(now)) if t and t % 8 == 0 else state
                output, state = self.step(now, state, flags)
                rows.append(output)
            return {name: torch.stack([row[name] for row in rows]) for name in rows[0]}, state

    return EveryEight()


def one_tensor_and_flags_as_indices():
    class Indices(Policy):
        def __init__(self):
            super().__init__()
            self.cell = torch.nn.GRUCell(8, 8)

        def initial_state(self, n):
            return self.log_std.new_zeros(n, 8)

        def clear(self, state, reset):
            return state.index_fill(0, reset.int().long(), 0.0)

        def step(self, obs, state, reset):
            state = self.core(obs, self.clear(state, reset))
            return self.heads(state), state

    return Indices()


def dropout_left_on():
    class Dropping(Policy):
        def __init__(self):
            super().__init__()
            self.drop = torch.nn.Dropout(0.1)

        def step(self, obs, state, reset):
            return super().step(self.drop(obs), state, reset)

    policy = Dropping().eval()
    policy.drop.train()
    return policy


def dropout_in_learning():
    class Dropping(Learner):
        def replay(self, batch):
            dropped = torch.nn.functional.dropout(batch["observation"], 0.1)
            return super().replay({**batch, "observation": dropped})

    return Dropping()


def normaliser_that_drifts():
    class Drifting(Learner):
        def replay(self, batch):
            return super().replay({**batch, "observation": 1.05 * batch["observation"] + 0.02})

    return Drifting()


def first_flag_dropped_inside():
    class Dropping(Learner):
        def minibatches(self):
            for batch in super().minibatches():
                yield {"flags" if name == "reset" else name: part for name, part in batch.items()}

        def replay(self, batch):
            reset = torch.cat((torch.zeros_like(batch["flags"][:1]), batch["flags"][1:]))
            return super().replay({**batch, "reset": reset})

    return Dropping()


# Others of the same kinds, with other cells and other places.
VARIATIONS = {
    inverted: ("memory_carried", "mask of the resets is inverted"),
    cleared_every_eight_in_training: ("step_equals_unroll", "clears the memory at t = 8"),
    one_tensor_and_flags_as_indices: ("reset_clears", "used as indices"),
    dropout_left_on: ("same_input_same_output", "left in training mode .* dropout"),
    dropout_in_learning: ("ratio_is_one", "gives two answers: dropout"),
    normaliser_that_drifts: ("ratio_is_one", "a normaliser that has moved on"),
    first_flag_dropped_inside: ("ratio_is_one", "does not clear the state at the first step"),
}
CASES = sorted(path.stem for path in HERE.glob("[!_]*.py"))


def findings(kind):
    torch.manual_seed(0)
    subject = kind()
    return examine_learner(subject) if hasattr(subject, "collect") else list(examine(subject))


@pytest.mark.parametrize(
    "name", [name for name in CASES if hasattr(import_module(name), "healthy")]
)
def test_what_is_healthy_raises_no_alarm(name):
    failed = [each for each in findings(import_module(name).healthy) if each.status == "failed"]
    assert not failed, "\n".join(map(str, failed))


@pytest.mark.parametrize("name", SICK)
def test_what_is_sick_is_found_for_the_right_cause(name):
    law, cause = SICK[name]
    failed = {
        each.name: each for each in findings(import_module(name).sick) if each.status == "failed"
    }
    assert law in failed, list(failed)
    assert re.search(cause, failed[law].cause), failed[law].cause
    if name in POINTS:
        assert POINTS[name] in failed["ratio_is_one"].cause
    elif "states_aligned" not in failed:
        assert next(iter(failed)) == law


def test_a_part_of_the_state_that_never_changes_is_noted():
    sick = import_module("agilerl_431_second_encoder_not_fed").sick
    found = {each.name: each.evidence for each in findings(sick)}
    assert "note: state['critic_c'], state['critic_h'] never changed" in found["state_form"]


@pytest.mark.parametrize("make", VARIATIONS, ids=lambda make: make.__name__)
def test_others_of_the_same_kind_are_found_for_the_same_cause(make):
    law, cause = VARIATIONS[make]
    failed = {each.name: each for each in findings(make) if each.status == "failed"}
    assert re.search(cause, failed[law].cause), {n: each.cause for n, each in failed.items()}
