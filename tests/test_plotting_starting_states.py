"""The picture of starting states: each row runs over the steps that it says."""

import itertools

import numpy as np
import pytest

from rnn_tutorial.plotting.figures import pixels
from rnn_tutorial.plotting.starting_states import draw_starting_states

NAMES = ["stored", "zero", "burn-in 4", "recompute"]


def verdicts(fig):
    ax = fig.axes[0]
    names = [label.get_text() for label in ax.get_yticklabels()]
    found = {
        t.get_position()[1]: t.get_text()
        for t in ax.texts
        if t.get_text() in ("has the cue", "cue is lost")
    }
    return {name: found[y] for y, name in enumerate(names)}


def runs(fig, row, style):
    """(start, end) in steps of the lines of a row."""
    lines = [line for line in fig.axes[0].lines if line.get_linestyle() == style]
    pairs = [(line.get_xdata(), line.get_ydata()) for line in lines]
    return [tuple(x + 0.5) for x, y in map(np.asarray, pairs) if len(x) == 2 and set(y) == {row}]


def test_only_what_reaches_back_to_the_cue_holds_it():
    lost = [name for name, words in verdicts(draw_starting_states()).items() if "lost" in words]
    assert lost == ["zero", "burn-in 4"]
    longer = verdicts(draw_starting_states(begin=-2, cut=10, burn_in=12))
    assert [name for name, words in longer.items() if "lost" in words] == ["zero"]
    near = verdicts(draw_starting_states(begin=7, cut=10, burn_in=4))
    assert [name for name, words in near.items() if "lost" in words] == ["zero"]


def test_each_row_runs_with_the_weights_that_it_says():
    fig = draw_starting_states(begin=-6, cut=10, burn_in=4)
    dotted = [runs(fig, row, ":") for row in range(4)]
    solid = [runs(fig, row, "-") for row in range(4)]
    assert dotted == [[(-6, 10)], [], [], [(-6, 0)]]
    assert solid == [[], [], [(6, 10)], [(0, 10)]]


@pytest.mark.parametrize("settings", [{}, {"begin": -9, "cut": 8, "burn_in": 3}])
def test_no_text_lies_on_another_or_leaves_the_figure(settings):
    fig = draw_starting_states(**settings)
    pixels(fig)
    width, height = fig.canvas.get_width_height()
    boxes = [text.get_window_extent() for text in fig.axes[0].texts]
    assert not any(a.overlaps(b) for a, b in itertools.combinations(boxes, 2))
    assert all(b.x0 >= 0 and b.x1 <= width and b.y0 >= 0 and b.y1 <= height for b in boxes)


def test_two_settings_are_two_pictures():
    assert (pixels(draw_starting_states()) != pixels(draw_starting_states(burn_in=6))).any()
