"""The rollout stepper and the picture under it: every control moves the picture."""

from io import BytesIO

import gymnasium as gym
import numpy as np
import pytest
from any_env import BOX, IMAGE, any_vector
from PIL import Image

from rnn_tutorial.plotting.figures import pixels
from rnn_tutorial.plotting.memory import NAME_HEIGHT
from rnn_tutorial.plotting.rollout import RolloutPicture
from rnn_tutorial.policy import RNNPolicy
from rnn_tutorial.probes import flat_observations
from rnn_tutorial.rollout import record, zero
from rnn_tutorial.widgets.stepper import ENVS, RolloutStepper, describe_branch, make_policy

pytestmark = pytest.mark.slow
S = gym.spaces


@pytest.fixture
def stepper():
    return RolloutStepper(seed=4)


def test_time_moves_the_picture_and_returning_restores_it(stepper):
    stepper.show_step(20)
    before = stepper.image.value
    stepper.forth.click()
    assert stepper.time.value == 21
    assert stepper.image.value != before
    stepper.back.click()
    assert stepper.image.value == before
    assert stepper.failure.value == ""


def test_a_step_beyond_the_ends_stays_at_the_end(stepper):
    stepper.show_step(1000)
    assert stepper.time.value == 99
    stepper.forth.click()
    assert stepper.time.value == 99
    stepper.show_step(-5)
    assert stepper.time.value == 0


@pytest.mark.parametrize(
    ("control", "value"),
    [("policy", "amnesiac"), ("policy", "memoryless"), ("seed", 5), ("env", list(ENVS)[2])],
)
def test_every_choice_gives_another_rollout_and_picture(stepper, control, value):
    picture, rollout = stepper.image.value, stepper.rollout
    getattr(stepper, control).value = value
    assert stepper.image.value != picture
    assert stepper.rollout is not rollout
    assert stepper.failure.value == ""


@pytest.mark.parametrize("env_id", list(ENVS))
@pytest.mark.parametrize("kind", ["recurrent", "amnesiac", "memoryless"])
def test_every_combination_can_be_drawn_at_both_ends(env_id, kind):
    stepper = RolloutStepper(env_id, kind)
    for t in (0, stepper.time.max):
        stepper.show_step(t)
    assert len(stepper.rollout) == stepper.time.max + 1


def test_the_amnesiac_has_the_weights_of_the_living_one_and_an_empty_memory():
    living, amnesiac = RolloutStepper(seed=3), RolloutStepper(policy="amnesiac", seed=3)
    assert np.array_equal(living.rollout.action[0], amnesiac.rollout.action[0])
    assert not amnesiac.rollout.memory["hidden"].any()
    assert living.rollout.memory["hidden"][1:].any()


def test_a_policy_of_your_own_is_offered_for_its_env_only():
    env_id = "rnn_tutorial/CuedPoint-v0"
    own = make_policy(gym.make(env_id), "recurrent", 9)
    stepper = RolloutStepper(env_id, "mine", policies={env_id: {"mine": own}})
    assert "mine" in stepper.policy.options
    stepper.env.value = "rnn_tutorial/Point-v0"
    assert "mine" not in stepper.policy.options
    assert stepper.policy.value == "recurrent"


def test_a_belief_is_drawn_where_it_says_the_goal_is_at_each_step():
    env_id = "rnn_tutorial/CuedPoint-v0"
    own = {env_id: {"mine": make_policy(gym.make(env_id), "recurrent", 9)}}
    beliefs = {env_id: {"mine": lambda rollout: rollout.observation[..., :2] + (0.5, -0.25)}}
    stepper = RolloutStepper(env_id, "mine", policies=own, beliefs=beliefs)
    stepper.show_step(7)
    at = stepper.rollout.observation[7, 0, :2]
    x, y = stepper.picture.cross.get_data()
    np.testing.assert_allclose((x[0], y[0]), (at[0] + 0.5, at[1] - 0.25))
    with_cross = stepper.image.value
    stepper.picture.cross.set_data([], [])
    assert stepper.live.frame() != with_cross
    stepper.policy.value = "recurrent"
    assert stepper.picture.belief is None


def test_a_failure_is_shown_above_the_picture_and_not_swallowed(stepper):
    stepper.picture.rollout = None
    with pytest.raises(TypeError):
        stepper.show_step(3)
    assert "could not be drawn" in stepper.failure.value


def test_the_stored_view_holds_the_present_picture_and_its_alt_text(stepper):
    data, metadata = stepper._repr_mimebundle_()
    assert data["image/png"]
    assert "seed 4, at step 49" in metadata["image/png"]["alt"]


def test_the_picture_hides_the_future_and_only_that():
    env = gym.make("CartPole-v1")
    rollout = record(RNNPolicy(env.observation_space, env.action_space), env, 40, seed=0)
    picture = RolloutPicture(rollout)
    whole = pixels(picture.fig)
    picture.set_time(5)
    early = pixels(picture.fig)
    assert (early != whole).any()
    picture.set_time(39)
    again = pixels(picture.fig)  # older versions of matplotlib round a few pixels otherwise
    np.testing.assert_allclose(again.astype(int), whole, atol=1)
    with pytest.raises(IndexError, match="expected 0 to 39, got 40"):
        picture.set_time(40)


@pytest.mark.parametrize("env_id", ["rnn_tutorial/PointTrial-v0", "CartPole-v1"])
def test_nothing_is_drawn_to_the_right_of_the_present(env_id):
    env = gym.make(env_id)
    rollout = record(RNNPolicy(env.observation_space, env.action_space), env, 55, seed=0)
    picture = RolloutPicture(rollout)
    assert picture.breaks[20:].any()  # a dashed line that is hidden, too
    picture.set_time(15)
    seen = pixels(picture.fig)
    first, _, *others = picture.fig.axes
    for ax in others if picture.has_path else [first, *others]:
        frame = ax.get_window_extent()
        left = ax.transData.transform((15.5, 0.0))[0] + 25  # the names are beside the present
        top, bottom = (round(len(seen) - y) for y in (frame.y1 - 2, frame.y0 + 2))
        inside = seen[top:bottom]
        assert (inside[:, round(left) : round(frame.x1)] == 255).all(), ax.get_title(loc="left")
        assert (inside[:, round(frame.x0) + 2 : round(left)] != 255).any()


def test_any_env_can_be_stepped_through():
    stepper = RolloutStepper("CartPole-v1", "amnesiac")
    before = stepper.image.value
    stepper.show_step(20)
    assert stepper.image.value != before
    assert "the observation over time" in stepper.caption.value
    assert "action probabilities" in stepper.caption.value
    assert stepper.env.options[-1] == ("CartPole-v1", "CartPole-v1")


def test_the_way_through_a_policy_of_any_spaces_is_told_with_its_shapes():
    room = S.Dict(door=S.Discrete(3), pose=BOX)
    way = describe_branch(RNNPolicy(room, S.MultiDiscrete([2, 3]), encoder="none"))
    assert "observation door (), pose (3,) → encoder (1, 6)" in way
    assert "→ action (2,), value ()" in way


@pytest.mark.parametrize(
    ("observation", "action", "names"),
    [
        (S.Dict(door=S.Discrete(3), pose=BOX), S.MultiDiscrete([2, 3]), 5),
        (IMAGE, S.MultiBinary(4), 4),
        (S.Discrete(4), S.Box(5.0, 10.0, (2, 2)), 4),
        (S.Tuple((S.Box(-1.0, 1.0, ()), S.MultiBinary((2, 2)))), S.Discrete(9), 2),
    ],
)
def test_a_rollout_of_any_spaces_is_drawn(observation, action, names):
    rollout = record(RNNPolicy(observation, action), any_vector(observation, action), 12, seed=0)
    picture = RolloutPicture(rollout, env=1)
    seen, _, _, shown, _ = picture.fig.axes
    assert seen.images[0].get_array().shape == flat_observations(rollout)[:, 1].T.shape
    assert len(picture.names or shown.get_yticks()) == names
    early, late = [], []
    for t, kept in ((2, early), (11, late)):
        picture.set_time(t)
        kept.append(pixels(picture.fig))
    assert (early[0] != late[0]).any()


def test_the_step_before_a_reset_does_not_tell_of_it():
    env = gym.make("rnn_tutorial/PointTrial-v0")
    rollout = record(make_policy(env, "recurrent", 0), env, 55, seed=0, intervention=zero())
    picture = RolloutPicture(rollout)
    pictures = []
    for t in (29, 30):
        picture.set_time(t)
        memory = picture.fig.axes[2].get_window_extent()
        whole = pixels(picture.fig)
        top, bottom = (round(len(whole) - y) for y in (memory.y1 - 2, memory.y0 + 2))
        pictures.append(whole[top:bottom, round(memory.x0) + 2 : round(memory.x1)])
    assert pictures[0].min() > 240  # an empty memory, and no dashed line
    assert pictures[1].min() < 200


def test_names_stand_beside_their_lines_at_the_present_step(stepper):
    for t in (3, 60):
        stepper.show_step(t)
        means = stepper.rollout.distribution["mean"][t, 0]
        for name, mean in zip(stepper.picture.names, means, strict=True):
            assert name.xy == pytest.approx((t, mean))
            assert abs(name.get_position()[1]) <= NAME_HEIGHT / 2


def test_a_frame_has_no_ground(stepper):
    alpha = np.asarray(Image.open(BytesIO(stepper.image.value)).convert("RGBA"))[..., 3]
    assert (alpha == 0).mean() > 0.5


def test_the_branch_is_described_with_the_shapes_of_a_run():
    env = gym.make("rnn_tutorial/CuedPoint-v0")
    words = describe_branch(RNNPolicy(env.observation_space, env.action_space, cell="lstm"))
    assert "observation (5,)" in words
    assert "encoder (1, 128)" in words
    assert "state (2, 1, 64)" in words
    with pytest.raises(ValueError, match="expected one of"):
        make_policy(env, "forgetful", 0)
