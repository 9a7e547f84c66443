"""The figures on what a memory knows show their numbers."""

import numpy as np
import pandas as pd
import pytest

from rnn_tutorial.colours import BOUNDARY
from rnn_tutorial.plotting.figures import figure, pixels
from rnn_tutorial.plotting.inside import (
    draw_delays,
    draw_fates,
    draw_scores,
    draw_swaps,
    draw_trajectories,
    draw_two_units,
    draw_visits,
    mean_and_interval,
)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_the_interval_of_a_mean_covers_it_as_often_as_it_says(rng):
    samples = rng.normal(size=(300, 60))
    mean, low, high = mean_and_interval(samples)
    np.testing.assert_allclose(mean, samples.mean(1))
    covered = ((low < 0) & (high > 0)).mean()
    assert 0.90 < covered < 0.98
    assert np.median(high - low) == pytest.approx(2 * 1.96 / 60**0.5, rel=0.1)


def test_swaps_draw_the_means_at_their_times(rng):
    own, partner = rng.random((2, 5, 40))
    fig = draw_swaps(range(5), own, partner, {"best": np.zeros(5)})
    lines = [line.get_ydata() for line in fig.axes[0].lines]
    np.testing.assert_allclose(lines, [own.mean(1), partner.mean(1), np.zeros(5)])


def test_the_band_of_swaps_takes_two_partners_as_one(rng):
    """Partners with opposite numbers: every pair has the same mean, so the band has no width."""
    one = rng.random((5, 20))
    agents = np.stack((one, 1 - one), axis=2).reshape(5, 40)
    fig = draw_swaps(range(5), agents, agents, {})
    for band in fig.axes[0].collections:
        np.testing.assert_allclose(band.get_paths()[0].vertices[:, 1], 0.5)


def test_the_names_of_swaps_are_beside_their_lines_and_apart():
    falling = np.linspace(1, 0, 31)[:, None] + np.zeros((31, 40))
    fig = draw_swaps(range(31), falling, 1 - falling, {"best": np.zeros(31)})
    pixels(fig)
    (ax,) = fig.axes
    boxes = [text.get_window_extent() for text in ax.texts]
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[i + 1 :])
    for text, line, box in zip(ax.texts, ax.lines, boxes, strict=True):
        assert text.get_color() == line.get_color()
        way = ax.transData.transform(line.get_xydata())
        assert np.abs(way - box.get_points().mean(0)).max(1).min() < 60  # pixels
        assert fig.bbox.containsx(box.x1)
        assert fig.bbox.containsy(box.y0)


def test_fates_draw_every_path_and_goal_in_a_panel_of_its_own(rng):
    paths = {name: list(rng.normal(size=(3, 6, 2))) for name in "abcde"}
    fig = draw_fates(paths, rng.normal(size=(3, 2)))
    assert [ax.get_title() for ax in fig.axes] == [*"abcde", ""]
    for ax, several in zip(fig.axes, paths.values(), strict=False):
        drawn = [line.get_xydata() for line in ax.lines if len(line.get_xdata()) == 6]
        np.testing.assert_allclose(drawn, several)


def test_no_path_leaves_the_frame_of_its_panel(rng):
    far = {"near": [rng.normal(size=(6, 2))], "far": [np.linspace((0, 0), (5, -7), 6)]}
    for ax in draw_fates(far, np.zeros((1, 2)), rows=1).axes:
        places = np.concatenate([line.get_xydata() for line in ax.lines])
        (left, right), (low, high) = ax.get_xlim(), ax.get_ylim()
        assert ((places >= (left, low)) & (places <= (right, high))).all()


def test_names_of_scores_do_not_cover_each_other():
    fig, ax = figure()
    draw_scores(ax, {name: (np.full(9, 0.5), "black", "-") for name in "abc"}, "score")
    heights = sorted(text.get_position()[1] for text in ax.texts)
    low, high = ax.get_ylim()
    assert (np.diff(heights) > 0.09 * (high - low)).all()
    assert low < heights[0] < heights[-1] < high
    assert ax.get_ylabel() == "score"
    assert fig.axes == [ax]


def test_names_of_scores_stay_in_the_axes_when_lines_end_at_the_top_and_at_the_bottom():
    _, ax = figure()
    ends = {"a": 1.0, "b": 1.0, "c": 0.5, "d": 0.0, "e": 0.0}
    draw_scores(ax, {name: (np.full(9, end), "C0", "-") for name, end in ends.items()}, "score")
    places = {text.get_text(): text.get_position()[1] for text in ax.texts}
    low, high = ax.get_ylim()
    assert all(low < place < high for place in places.values())
    assert (np.diff(sorted(places.values())) > 0.09 * (high - low)).all()
    assert places["c"] == 0.5


def test_a_grey_leader_beyond_the_scores_leads_to_each_name_that_was_moved():
    _, ax = figure()
    lines = {"high": (np.full(9, 1.0), "C0", "-"), "low": (np.zeros(9), "C1", ":")}
    lines["at the same height"] = (np.full(9, 1.0), "C2", "--")
    draw_scores(ax, lines, "score")
    places = {text.get_text(): text.get_position() for text in ax.texts}
    assert {text.get_text(): text.get_color() for text in ax.texts} == {
        name: colour for name, (_, colour, _) in lines.items()
    }
    (leader,) = [line for line in ax.lines if len(line.get_xdata()) == 2]
    (start, value), (end, place) = leader.get_xydata()
    moved = min(("high", "at the same height"), key=lambda name: places[name][1])
    assert 8 < start < end < places[moved][0]
    assert (value, place) == (1.0, places[moved][1])
    assert leader.get_color() == BOUNDARY


def test_the_axis_of_scores_ends_with_the_last_score():
    _, ax = figure()
    draw_scores(ax, {"a": (np.full(9, 0.5), "C0", "-")}, "score")
    assert ax.spines["bottom"].get_bounds() == (0, 8)
    assert max(ax.get_xticks()) <= 8


def test_the_arrows_of_two_units_leave_the_cloud_in_their_directions(rng):
    units = rng.uniform(-1, 1, (50, 2)) * (2.0, 0.5)
    arrows = {"up": (np.array([0.0, 3.0]), "--"), "along": (np.array([4.0, 1.0]), "-")}
    ax = draw_two_units(units, units[:, 0], arrows).axes[0]
    np.testing.assert_allclose(ax.collections[0].get_offsets(), units)
    for line, (direction, style) in zip(ax.lines, arrows.values(), strict=True):
        way = np.diff(line.get_xydata(), axis=0)[0]
        np.testing.assert_allclose(way[0] * direction[1], way[1] * direction[0], atol=1e-9)
        assert line.get_linestyle() == style
        assert (np.abs(way) > 1.2 * np.abs(units).max(0)).any()
    assert {"up", "along"} <= {text.get_text() for text in ax.texts}


def test_trajectories_are_coloured_by_their_number(rng):
    paths = {name: rng.normal(size=(4, 3, 2)) for name in ("gru", "lstm")}
    fig = draw_trajectories(paths, np.array([0.0, 1.0, 0.0]), "angle")
    assert len(fig.axes) == 3  # one colour bar for both
    for ax, name in zip(fig.axes, paths, strict=False):
        assert ax.get_title() == name
        drawn = [line for line in ax.lines if len(line.get_xdata()) == 4]
        expected = paths[name].swapaxes(0, 1)
        np.testing.assert_allclose([line.get_xydata() for line in drawn], expected)
        colours = [line.get_color() for line in drawn]
        assert colours[0] == colours[2] != colours[1]


def test_visits_are_full_where_the_visits_were():
    fig = draw_visits({"here": np.full((50, 2), 0.5), "there": np.full((50, 2), -0.5)})
    first, second = (ax.images[0].get_array() for ax in fig.axes)
    assert (first > 0).sum() == (second > 0).sum() == 1
    rows, columns = (np.argwhere(image > 0)[0] for image in (first, second))
    assert (rows > columns).all()


@pytest.mark.parametrize("log", [False, True])
def test_delays_draw_a_line_for_each_seed_and_the_median(rng, log):
    rows = [
        {"cell": cell, "bptt": bptt, "seed": seed, "delay": delay, "success": rng.random()}
        for cell in ("rnn", "gru", "lstm")
        for bptt in ("10", "whole")
        for seed in range(3)
        for delay in (0, 50)
    ]
    table = pd.DataFrame(rows)
    fig = draw_delays(table, "success", "success", log=log, blind=None if log else 0.2)
    for ax, cell in zip(fig.axes, ("rnn", "gru", "lstm"), strict=True):
        assert len(ax.lines) == 2 * (3 + 1) + (not log)
        mine = table[(table.cell == cell) & (table.bptt == "whole")]
        median = mine.groupby("delay").success.median()
        np.testing.assert_allclose(ax.lines[3].get_ydata(), median)
    assert pixels(fig).std() > 0
