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
