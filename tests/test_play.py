"""Playing by hand: every button acts, nothing hidden is shown before the end, all of it after."""

from io import BytesIO

import gymnasium as gym
import numpy as np
import pytest
from PIL import Image

from rnn_tutorial.envs.oracle import run_oracle
from rnn_tutorial.plotting.streams import OBSERVATION_NAMES
from rnn_tutorial.widgets.play import DIRECTIONS, PlayPoint

pytestmark = pytest.mark.slow

CUED = "rnn_tutorial/CuedPoint-v0"


def click(play, *names):
    for name in names:
        play.buttons[name].click()
        assert play.failure.value == ""


@pytest.mark.parametrize("name", DIRECTIONS)
def test_a_direction_moves_the_point_by_the_steps_of_one_press(name):
    play = PlayPoint(CUED, seed=1)
    before = play.image.value
    click(play, name)
    expected = 3 * 0.1 * np.array(DIRECTIONS[name][1])
    np.testing.assert_allclose(play.observation[:2], expected, atol=1e-6)
    assert len(play.rewards) == 3
    assert play.image.value != before


def test_the_repeat_control_sets_how_many_steps_a_press_takes():
    play = PlayPoint(CUED)
    play.controls["repeat"].value = 10
    click(play, "up")
    assert len(play.rewards) == 10


@pytest.mark.parametrize("env_id", OBSERVATION_NAMES)
def test_a_game_has_the_same_numbers_and_return_as_the_env_itself(env_id):
    play = PlayPoint(env_id, seed=5)
    env = gym.make(env_id)
    observation, info = env.reset(seed=5)
    np.testing.assert_array_equal(play.observation, observation)
    total, over = 0.0, False
    while not over:
        observation, reward, _, over, _ = env.step(np.array((0.0, 1.0), np.float32))
        total += reward
    while not play.revealed:
        click(play, "up")
    np.testing.assert_array_equal(play.observation, observation)
    assert play.returns()[0] == pytest.approx(total)
    assert play.returns()[1] == pytest.approx(run_oracle(env, info["goal"]).rewards.sum())
    assert "horizon" in play.message


def test_goal_and_return_are_hidden_before_the_end_and_shown_after_it():
    plays = [PlayPoint("rnn_tutorial/SparsePoint-v0", seed=seed) for seed in (0, 1)]
    assert not np.array_equal(plays[0].goal, plays[1].goal)
    for play in plays:
        click(play, "up")
    assert plays[0].image.value == plays[1].image.value
    assert plays[0]._alt() == plays[1]._alt()
    for play in plays:
        click(play, "reveal")
        assert "oracle" in play.message
    assert plays[0].image.value != plays[1].image.value


def test_the_plane_is_covered_until_the_end_and_clear_after_it():
    play = PlayPoint(CUED)
    assert 0 < alpha_on_the_plane(play) < 100
    click(play, "reveal")
    assert alpha_on_the_plane(play) == 0


def alpha_on_the_plane(play):
    image = Image.open(BytesIO(play.image.value)).convert("RGBA")
    x, y = play._plane.transAxes.transform((0.9, 0.1))
    return image.getpixel((round(x), round(image.height - y)))[3]


def test_a_press_after_the_end_says_that_the_episode_is_over():
    play = PlayPoint(CUED)
    click(play, "up", "reveal")
    shown = play.image.value
    click(play, "down", "reveal")
    assert "over" in play.message
    assert "over" in play.status.value
    assert play.image.value == shown
    assert len(play.rewards) == 3


def test_revealing_before_the_first_step_compares_nothing_with_nothing():
    play = PlayPoint(CUED)
    click(play, "reveal")
    assert play.returns() == (0.0, 0.0)


def test_a_new_goal_begins_a_new_game_in_the_same_env():
    play = PlayPoint(CUED)
    goal = play.goal
    click(play, "up", "reveal", "new goal")
    assert not play.revealed
    assert play.rewards == []
    assert not np.array_equal(play.goal, goal)
    click(play, "up")
    assert len(play.rewards) == 3


def test_another_env_begins_a_new_game_with_its_own_numbers():
    play = PlayPoint(CUED)
    click(play, "up")
    before = play.image.value
    play.controls["env"].value = "rnn_tutorial/PointTrial-v0"
    assert play.failure.value == ""
    assert play.observation.shape == (6,)
    assert play.rewards == []
    assert play.image.value != before


def test_the_path_of_a_trial_is_cut_where_its_second_episode_begins():
    play = PlayPoint("rnn_tutorial/PointTrial-v0")
    play.controls["repeat"].value = 10
    click(play, *["up"] * 4)
    pieces = play._episodes(np.array(play.positions, np.float64))
    assert [len(piece) for piece in pieces] == [30, 11]
    assert (pieces[1][0] == 0).all()
    click(play, "up", "up")
    assert play.revealed


def test_it_stands_as_a_picture_with_its_numbers_in_words():
    data, metadata = PlayPoint(CUED)._repr_mimebundle_()
    assert data["image/png"]
    assert "cue flag +1.00" in metadata["image/png"]["alt"]


def test_an_unknown_env_is_named():
    with pytest.raises(ValueError, match="CartPole"):
        PlayPoint("CartPole-v1")
