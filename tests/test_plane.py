"""The pictures of the plane show the data that they are given."""

import numpy as np
import pytest

from rnn_tutorial.envs.point import distance_between, sparse_reward
from rnn_tutorial.plotting import figure
from rnn_tutorial.plotting.plane import draw_goals, draw_paths, draw_reward_map, grid_of_places

GOAL = np.array((0.5, -1.0))


def brightest(image):
    """The place (x, y) of the highest reward on a map."""
    values = image.get_array()
    row, col = np.unravel_index(values.argmax(), values.shape)
    left, right, bottom, top = image.get_extent()
    return np.array(
        (
            left + (right - left) * (col + 0.5) / values.shape[1],
            bottom + (top - bottom) * (row + 0.5) / values.shape[0],
        )
    )


@pytest.mark.parametrize(
    "reward",
    [
        lambda places: -distance_between(places, GOAL),
        lambda places: sparse_reward(distance_between(places, GOAL), 0.3),
    ],
)
def test_the_highest_reward_of_a_map_lies_on_its_goal(reward):
    _, ax = figure()
    np.testing.assert_allclose(brightest(draw_reward_map(ax, reward)), GOAL, atol=0.03)
    assert ax.get_xlim() == (-1.5, 1.5)


def test_a_goal_stands_in_a_gap_of_the_map():
    _, ax = figure()
    distance = np.linalg.norm(grid_of_places() - GOAL, axis=-1)
    image = draw_reward_map(ax, -distance, goal=GOAL)
    gap = distance[np.ma.getmaskarray(image.get_array())]
    assert image.get_clim() == (-distance.max(), -distance.min())
    assert 0 < len(gap) < 200
    assert gap.max() < 0.15
    np.testing.assert_array_equal(ax.lines[0].get_xydata(), GOAL[None])


def test_limits_of_a_map_can_be_shared():
    _, ax = figure()
    image = draw_reward_map(ax, lambda places: places[..., 0], limits=(-2.0, 3.0))
    assert image.get_clim() == (-2.0, 3.0)


def test_places_go_right_and_up():
    places = grid_of_places(5, reach=2.0)
    np.testing.assert_array_equal(places[0, :, 0], [-2, -1, 0, 1, 2])
    np.testing.assert_array_equal(places[:, 0, 1], [-2, -1, 0, 1, 2])


def test_goals_and_paths_are_drawn_where_they_lie():
    _, ax = figure()
    goals = np.array([(1.0, 0.0), (0.0, 1.0)])
    draw_goals(ax, goals)
    np.testing.assert_array_equal(ax.lines[0].get_xydata(), goals)
    _, ax = figure()
    path = np.array([(0.0, 0.0), (0.1, 0.2), (3.0, 0.0)])
    draw_paths(ax, [path, -path], GOAL, radius=0.2)
    drawn = [line.get_xydata() for line in ax.lines]
    assert any(np.array_equal(xy, path) for xy in drawn)
    assert any(np.array_equal(xy, -path) for xy in drawn)
    assert ax.get_xlim()[1] == pytest.approx(3.3)
