"""The pictures of replays show what they are given."""

import numpy as np
import pytest

from rnn_tutorial.plotting.figures import figure, png_bytes
from rnn_tutorial.plotting.replay import CLIP, PARTS, draw_errors, draw_horizons, draw_log_ratios


def test_log_ratios_are_levels_of_ten_with_envs_as_rows():
    log_ratio = np.array([[0.0, -0.1], [100.0, 1.0], [0.0, 0.0]])
    reset = np.zeros((3, 2), bool)
    reset[1, 1] = True
    fig = draw_log_ratios({"a": log_ratio, "b": log_ratio * 0}, reset)
    top, bottom = fig.axes[:2]
    middles = slice(PARTS // 2, None, PARTS)
    assert np.allclose(top.images[0].get_array()[:, middles], [[-3, 2, -3], [-1, 0, -3]])
    assert np.allclose(bottom.images[0].get_array()[:, middles], -3)
    assert [line.get_xdata()[0] for line in top.lines if line.get_linestyle() == "--"] == [0.5]
    assert png_bytes(fig)[:4] == b"\x89PNG"


def test_nothing_is_painted_under_the_dashes_of_a_reset():
    reset = np.zeros((3, 2), bool)
    reset[0, 0] = reset[1, 1] = True
    level = draw_log_ratios({"a": np.ones((3, 2))}, reset).axes[0].images[0].get_array()
    gaps = np.argwhere(np.ma.getmaskarray(np.ma.masked_invalid(level))).tolist()
    assert gaps == [[0, 0], [1, PARTS - 1], [1, PARTS]]


def test_the_log_ratios_read_in_a_narrow_column():
    fig = draw_log_ratios(
        {"one step early: 74% outside, median |log ratio| 5": np.ones((3, 2))},
        np.zeros((3, 2), bool),
    )
    png_bytes(fig)
    assert fig.get_figwidth() <= 6.2
    box = fig.axes[0].title.get_window_extent()
    assert box.x0 >= 0
    assert box.x1 <= fig.canvas.get_width_height()[0]


def test_the_colour_bar_marks_where_ppo_clips():
    fig = draw_log_ratios({"a": np.zeros((3, 2))}, np.zeros((3, 2), bool))
    bar = fig.axes[-1]
    labels = {
        text.get_text(): place
        for text, place in zip(bar.get_yticklabels(), bar.get_yticks(), strict=True)
    }
    assert labels["0.2: clip"] == pytest.approx(np.log10(CLIP))
    assert bar.lines[-1].get_ydata()[0] == pytest.approx(np.log10(CLIP))
    assert np.allclose(np.exp([-CLIP, CLIP]), [0.8, 1.2], atol=0.03)


def test_one_panel_is_enough():
    assert draw_log_ratios({"a": np.zeros((3, 2))}, np.zeros((3, 2), bool)).axes[0].get_title()


def test_errors_are_lines_with_names_at_their_ends():
    _, ax = figure()
    draw_errors(ax, {"x": [0.0, 1.0, 2.0], "y": [1.0, 1.0, 1.0]}, "black")
    assert [text.get_text() for text in ax.texts] == ["x", "y"]
    assert ax.lines[0].get_ydata()[0] == pytest.approx(1e-9)
    assert ax.texts[0].xy == (2, 2.0)
    assert ax.lines[0].get_linestyle() != ax.lines[1].get_linestyle()


def test_horizons_have_time_downwards_and_observations_to_the_right():
    sizes = np.array([[1.0, 0.1], [0.0, 1.0]])  # (k, t)
    fig = draw_horizons({"L = 2": sizes, "L = 1": np.eye(2)}, [1])
    assert np.allclose(fig.axes[0].images[0].get_array(), [[0, -3], [-1, 0]])
    assert np.allclose(fig.axes[1].images[0].get_array(), [[0, -3], [-3, 0]])
    assert fig.axes[0].lines[0].get_ydata()[0] == 0.5
