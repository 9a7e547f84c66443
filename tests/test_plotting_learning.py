"""The pictures of learning show every seed, the median and the oracle."""

import numpy as np
import pandas as pd
import pytest

from rnn_tutorial.colours import ACTION
from rnn_tutorial.plotting.figures import figure, png_bytes
from rnn_tutorial.plotting.learning import draw_learning_curves, draw_outcomes, draw_studies


def curves():
    rows = [
        {"agent": agent, "seed": seed, "steps": 1000 * i, "return": -10.0 + seed * i}
        for agent in ("GRU", "no memory")
        for seed in (0, 1, 5)
        for i in (1, 2)
    ]
    return pd.DataFrame(rows)


def test_each_agent_has_a_panel_with_every_seed_and_the_median_of_them():
    fig = draw_learning_curves(curves(), oracle=-3.8)
    assert [ax.get_title().split("\n")[0] for ax in fig.axes] == ["GRU", "no memory"]
    *seeds, median, oracle = fig.axes[0].lines
    assert [line.get_ydata().tolist() for line in seeds] == [[-10, -10], [-9, -8], [-5, 0]]
    assert median.get_ydata().tolist() == [-9, -8]
    assert median.get_xdata().tolist() == [1, 2]
    assert median.get_linewidth() > max(line.get_linewidth() for line in seeds)
    assert set(oracle.get_ydata()) == {-3.8}
    assert oracle.get_color() == ACTION
    assert "last median -8.0" in fig.axes[0].get_title()


def test_five_agents_are_two_rows_of_panels_with_nothing_outside_the_figure():
    agents = ["a", "b", "c", "d", "e"]
    table = pd.concat([curves().query("agent == 'GRU'").assign(agent=name) for name in agents])
    fig = draw_learning_curves(table, oracle=-3.8)
    png_bytes(fig)
    assert [ax.get_title()[0] for ax in fig.axes] == agents
    tops = [round(ax.get_position().y1, 3) for ax in fig.axes]
    assert tops[0] == tops[1] == tops[2] > tops[3] == tops[4]
    width, height = fig.canvas.get_width_height()
    assert width <= 620
    for ax in fig.axes:
        boxes = [text.get_window_extent() for text in (ax.title, *ax.texts)]
        assert all(b.x0 >= 0 and b.x1 <= width and b.y1 <= height for b in boxes)
    bottom = [ax.xaxis.get_tick_params()["labelbottom"] for ax in fig.axes]
    assert bottom == [False, False, True, True, True]


def test_the_oracle_s_line_has_its_name_above_it_in_every_panel_of_curves():
    fig = draw_learning_curves(curves(), oracle=-3.8)
    png_bytes(fig)
    for ax in fig.axes:
        (name,) = [text for text in ax.texts if text.get_text() == "oracle"]
        box, frame = name.get_window_extent(), ax.get_window_extent()
        assert ax.transData.transform((0, -3.8))[1] < box.y0 < box.y1 <= frame.y1
        assert frame.x0 <= box.x0 < box.x1 < frame.x1


def test_the_oracle_s_line_has_its_name_once_at_its_end_in_the_studies():
    table = pd.DataFrame(
        [("L", "30", -5.0), ("N", "64", -5.0)], columns=["study", "choice", "score"]
    )
    fig = draw_studies(table.assign(seed=0), {"L": "length", "N": "envs"}, oracle=-3.8)
    ((ax, name),) = [(ax, t) for ax in fig.axes for t in ax.texts if t.get_text() == "oracle"]
    png_bytes(fig)
    assert ax is fig.axes[-1]
    box, frame = name.get_window_extent(), ax.get_window_extent()
    assert frame.x1 <= box.x0 < frame.x1 + 15
    assert box.x1 <= fig.canvas.get_width_height()[0]
    assert box.y0 < ax.transData.transform((0, -3.8))[1] < box.y1


def test_outcomes_are_a_dot_for_each_seed_and_a_bar_at_the_median():
    _, ax = figure()
    draw_outcomes(ax, {"10": [1.0, 2.0, 9.0], "20": [4.0, 5.0]})
    dots, bar = ax.lines[:2]
    assert list(dots.get_ydata()) == [1.0, 2.0, 9.0]
    assert list(bar.get_ydata()) == [2.0, 2.0]
    assert [text.get_text() for text in ax.texts] == ["2.0", "4.5"]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["10", "20"]


def test_each_study_has_a_panel_with_its_choices_in_the_order_of_the_table():
    rows = [("L", "30", -5.0), ("L", "1", -9.0), ("N", "64", -5.0)]
    table = pd.DataFrame(rows, columns=["study", "choice", "score"])
    fig = draw_studies(table, {"L": "length", "N": "envs"}, oracle=-3.8)
    assert [ax.get_xlabel() for ax in fig.axes] == ["length", "envs"]
    assert [label.get_text() for label in fig.axes[0].get_xticklabels()] == ["30", "1"]
    assert np.ravel(fig.axes[0].lines[2].get_ydata()).tolist() == [-9.0]
    assert fig.axes[0].get_ylim() == fig.axes[1].get_ylim()


@pytest.mark.parametrize("draw", [draw_learning_curves])
def test_a_picture_is_the_same_bytes_each_time(draw):
    assert png_bytes(draw(curves(), -3.8)) == png_bytes(draw(curves(), -3.8))
