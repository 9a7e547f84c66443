"""The pictures of a policy's memory show what they are given."""

import numpy as np
import pytest

from rnn_tutorial.plotting.figures import figure, png_bytes
from rnn_tutorial.plotting.memory import draw_gaussian, draw_hidden, draw_probs, keep_apart

RESETS = [True, False, False, True, False]


def test_hidden_units_are_rows_time_runs_right_and_zero_is_the_middle():
    hidden = np.arange(10.0).reshape(5, 2) / 10
    _, ax = figure()
    image = draw_hidden(ax, hidden)
    assert np.allclose(image.get_array(), hidden.T)
    assert image.get_clim() == (-1.0, 1.0)
    assert draw_hidden(ax, hidden, limit=None).get_clim() == (-0.9, 0.9)
    assert draw_hidden(ax, np.zeros((5, 2)), limit=None).get_clim() == (-1.0, 1.0)


def test_a_line_stands_before_each_reset_but_the_first():
    _, ax = figure()
    draw_hidden(ax, np.zeros((5, 2)), RESETS)
    assert [line.get_xdata()[0] for line in ax.lines] == [2.5]


def test_the_mean_is_the_line_and_one_spread_the_band():
    fig, ax = figure()
    mean = np.array([[0.0, 1.0], [0.5, 0.2], [0.1, 0.3]])
    draw_gaussian(ax, mean, np.full_like(mean, 0.25), ["x", "y"])
    assert np.allclose(ax.lines[1].get_ydata(), mean[:, 1])
    assert ax.collections[1].get_paths()[0].vertices[:, 1].max() == pytest.approx(1.25)
    assert [text.get_text() for text in ax.texts] == ["x", "y"]
    assert png_bytes(fig)[:4] == b"\x89PNG"


def test_probabilities_are_drawn_from_zero_to_one():
    _, ax = figure()
    image = draw_probs(ax, np.full((5, 2), 0.5), ["left", "right"], RESETS)
    assert image.get_clim() == (0, 1)
    assert len(ax.lines) == 1


@pytest.mark.parametrize(
    ("places", "moved"),
    [
        ([0.0, 30.0], [0.0, 30.0]),
        ([3.0, 0.0], [7.5, -4.5]),
        ([5.0, 5.0, 5.0], [-7.0, 5.0, 17.0]),
        ([0.0, 11.0, 22.0, 90.0], [-1.0, 11.0, 23.0, 90.0]),
        ([8.0], [8.0]),
    ],
)
def test_names_move_only_as_far_as_they_would_overlap(places, moved):
    np.testing.assert_allclose(keep_apart(np.array(places), 12.0), moved)


@pytest.mark.parametrize(
    ("hidden", "resets", "message"),
    [
        (np.zeros((5, 1, 2)), None, r"hidden: expected shape \(T, H\)"),
        (np.zeros((5, 2)), [True], r"resets: expected shape \(5,\)"),
    ],
)
def test_other_shapes_are_refused(hidden, resets, message):
    _, ax = figure()
    with pytest.raises(ValueError, match=message):
        draw_hidden(ax, hidden, resets)
