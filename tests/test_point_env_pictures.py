"""The figures of the point envs draw what they are given, and say so on their axes."""

import gymnasium as gym
import numpy as np
import pytest
from matplotlib.colors import to_hex

import rnn_tutorial  # noqa: F401
from rnn_tutorial.colours import ACTION, OBSERVATION, REWARD
from rnn_tutorial.envs.oracle import oracle_action
from rnn_tutorial.plotting import figure
from rnn_tutorial.plotting.point_env import (
    draw_best_places,
    draw_buffers,
    draw_cue,
    draw_over_time,
    draw_returns,
    draw_rewards_on_one_path,
    draw_trial,
)
from rnn_tutorial.plotting.streams import HALF, OBSERVATION_NAMES, draw_stream

GOAL = np.array((0.6, 0.8))


def texts(ax):
    return [text.get_text().strip() for text in ax.texts]


def stream(name, steps):
    """Observations (steps, D) of the oracle."""
    env = gym.make(f"rnn_tutorial/{name}-v0")
    obs, seen = env.reset(options={"goal": GOAL})[0], []
    for _ in range(steps):
        seen.append(obs)
        obs = env.step(oracle_action(obs[:2], GOAL).astype(np.float32))[0]
    return np.array(seen)


def test_each_goal_has_its_own_line_of_rewards():
    rewards = {"A": np.linspace(-1, 0, 5), "B": np.linspace(-1, -2, 5)}
    goals = {"A": GOAL, "B": -GOAL}
    plane, curves = draw_rewards_on_one_path(np.zeros((6, 2)), goals, rewards).axes
    assert texts(plane) == texts(curves) == ["A", "B"]
    for line, values in zip(curves.lines, rewards.values(), strict=True):
        np.testing.assert_array_equal(line.get_ydata(), values)


def test_lines_over_time_carry_their_names_and_the_boundary():
    lines = {"one": np.array([1.0, 2.0, 3.0]), "two": np.array([0.0, 1.0, 1.0])}
    notes = {"one": (0, 1), "two": (1, 0)}
    (ax,) = draw_over_time(lines, "value", {1: "a", 2: "b"}, notes).axes
    assert texts(ax) == ["one", "two", "a", "b"]
    np.testing.assert_array_equal(ax.lines[1].get_ydata(), lines["two"])
    assert [line.get_xdata()[0] for line in ax.lines[2:]] == [0.5, 1.5]


def test_buffers_are_titled_by_their_type():
    buffers = {"a": np.zeros((3, 2), np.int64), "b": np.zeros((3, 2), np.float32)}
    titles = [ax.get_title(loc="left") for ax in draw_buffers(buffers).axes]
    assert titles == ["a: int64", "b: float32"]


def test_best_places_are_marked_on_their_maps():
    values, arc = np.zeros((121, 121)), np.array([GOAL, -GOAL])
    values[60, 100] = 1.0
    one, many = draw_best_places(
        {"Map": values, "Same": values}, {"Map": GOAL[None], "Same": arc}
    ).axes[:2]
    np.testing.assert_array_equal(one.images[0].get_array(), values)
    np.testing.assert_allclose(one.lines[0].get_xydata(), [GOAL])
    np.testing.assert_allclose(many.lines[0].get_xydata(), arc)


def test_returns_are_dots_with_their_numbers_and_their_bound():
    returns = {"Point": {"oracle": -3.0, "blind": -90.0}, "Sparse": {"oracle": 9.0, "blind": 1.0}}
    fig = draw_returns(returns, {"Point": -70.0, "Sparse": 2.0})
    for ax, by_policy, bound in zip(fig.axes, returns.values(), (-70.0, 2.0), strict=True):
        dots, line = ax.lines
        assert list(dots.get_xdata()) == list(by_policy.values())
        assert line.get_xdata()[0] == bound
        assert min(line.get_ydata()) > ax.texts[0].get_position()[1]  # below its name
        labels = [label.get_text() for label in ax.get_yticklabels()]
        assert labels == [f"{who}  {value:.1f}" for who, value in by_policy.items()]


def bars(ax, row, steps):
    """Heights of the bars in a row of a stream of `steps` steps."""
    return np.array([bar.get_height() for bar in ax.patches[row * steps : (row + 1) * steps]])


def test_the_cue_is_framed_where_the_flag_is_one():
    above, below = draw_cue(stream("CuedPoint", 12), GOAL).axes
    frame = above.lines[-1]
    np.testing.assert_array_equal(frame.get_xdata(), [-0.5, 0.5, 0.5, -0.5, -0.5])
    for row, number in enumerate(GOAL):
        np.testing.assert_allclose(bars(below, row, 12), -HALF * number)


def test_a_trial_is_cut_at_its_second_episode():
    left, plane = draw_trial(stream("PointTrial", 60), GOAL, radius=0.3).axes
    assert left.lines[-1].get_xdata()[0] == 29.5
    assert texts(plane) == ["episode 0", "episode 1", "last place of each"]
    paths = [line for line in plane.lines if len(line.get_xdata()) == 30]
    assert [line.get_linestyle() for line in paths] == ["-", "--"]


def test_a_stream_has_a_named_row_for_each_number_in_the_colour_of_its_role():
    _, ax = figure()
    names = OBSERVATION_NAMES["rnn_tutorial/PointTrial-v0"]
    values = np.linspace(-1, 1, 42).reshape(7, 6)
    draw_stream(ax, values, names, boundaries=[3])
    assert [label.get_text() for label in ax.get_yticklabels()] == list(names)
    for row, colour in enumerate([OBSERVATION] * 2 + [ACTION] * 2 + [REWARD, OBSERVATION]):
        np.testing.assert_allclose(bars(ax, row, 7), -HALF * values[:, row])
        assert to_hex(ax.patches[7 * row].get_facecolor()).upper() == colour
    assert ax.lines[-1].get_xdata()[0] == 2.5
    with pytest.raises(ValueError, match=r"expected shape \(T, 2\), got \(7, 6\)"):
        draw_stream(ax, values, ("x", "y"))
