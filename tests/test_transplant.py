"""The transplant view: it runs the pair that it shows, and its controls move the picture."""

import gymnasium as gym
import numpy as np
import pytest
from test_rollout import CUED, make_policy

from rnn_tutorial.colours import HIDDEN, OBSERVATION
from rnn_tutorial.interventions import once, partners, transplant
from rnn_tutorial.rollout import record
from rnn_tutorial.widgets.transplant import TransplantView

pytestmark = pytest.mark.slow

PAIRS, SEED = 4, 30


@pytest.fixture
def policy():
    return make_policy(gym.make_vec(CUED, num_envs=2))


@pytest.fixture
def view(policy):
    return TransplantView(policy, k=5, pair=1, pairs=PAIRS, seed=SEED)


def test_both_controls_move_the_picture_and_moving_back_restores_it(view):
    before = view.image.value
    for control in (view.k, view.pair):
        at = control.value
        control.value = at + 1
        assert view.image.value != before
        control.value = at
        assert view.image.value == before
    assert view.failure.value == ""


@pytest.mark.parametrize("k", [0, 3, 29, 30])
def test_a_pair_walks_as_it_does_among_all_pairs(view, policy, k):
    env = gym.make_vec(CUED, num_envs=2 * PAIRS)
    swap = once(k, transplant(partners(2 * PAIRS)))
    many = record(policy, env, 30, seed=SEED, deterministic=True, intervention=swap)
    view.pair.value, view.k.value = 2, k
    np.testing.assert_array_equal(view.goals, many.info["goal"][0, 4:6])
    for i in (0, 1):
        path = many.path(4 + i, slice(0, 30))
        np.testing.assert_allclose(view.way[:, i], path, atol=1e-5)


def test_the_distances_are_to_the_own_and_to_the_partners_goal(view):
    own, other = view.distances()
    for i in (0, 1):
        end = view.way[-1, i]
        assert own[i] == pytest.approx(np.hypot(*(end - view.goals[i])))
        assert other[i] == pytest.approx(np.hypot(*(end - view.goals[1 - i])))


def test_at_the_last_step_nothing_is_swapped(view, policy):
    view.k.value, view.pair.value = 30, 0
    env = gym.make_vec(CUED, num_envs=2)
    plain = record(policy, env, 30, seed=SEED, deterministic=True)
    np.testing.assert_array_equal(view.way[:, 0], plain.path(0, slice(0, 30)))
    assert "not swapped" in view._describe()


def test_the_end_has_the_colour_of_the_memory_that_led_there(view):
    ends = [parts["end"] for parts in view.parts]
    assert {end.get_markerfacecolor() for end in ends} == {HIDDEN}
    view.k.value = 30
    assert {end.get_markerfacecolor() for end in ends} == {OBSERVATION}


def test_the_picture_says_when_the_states_are_swapped(view):
    assert {parts["time"].get_text() for parts in view.parts} == {"swap at k = 5"}
    view.k.value = 30
    assert {parts["time"].get_text() for parts in view.parts} == {"no swap"}


def test_the_stored_view_holds_the_picture_and_says_where_both_end(view):
    data, metadata = view._repr_mimebundle_()
    own, other = view.distances()
    assert data["image/png"]
    alt = metadata["image/png"]["alt"]
    assert "swapped at step 5" in alt
    assert f"agent B ends {own[1]:.2f} from its own goal and {other[1]:.2f}" in alt


def test_a_start_out_of_range_is_refused(policy):
    with pytest.raises(ValueError, match="k: expected 0 to 30, got 31"):
        TransplantView(policy, k=31)
    with pytest.raises(ValueError, match="pair: expected 0 to 3, got 4"):
        TransplantView(policy, pair=4, pairs=PAIRS)
