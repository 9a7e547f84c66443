"""The pictures of `output` and `h_n` show what they are given."""

import itertools

import numpy as np
from matplotlib.colors import to_rgba

from rnn_tutorial.colours import HIDDEN
from rnn_tutorial.plotting.figures import png_bytes
from rnn_tutorial.plotting.outputs import (
    draw_accuracy,
    draw_agreement,
    draw_errors,
    draw_influence,
    draw_last_steps,
)


def test_influence_leaves_out_exact_zeros():
    norms = {"all": np.array([1.0, 2.0, 3.0]), "last": np.array([0.0, 0.0, 3.0])}
    everything, last = draw_influence(norms).axes
    assert everything.lines[0].get_xdata().tolist() == [0, 1, 2]
    assert last.lines[0].get_xdata().tolist() == [2]


def test_last_steps_frames_each_sequence_and_hatches_its_padding():
    (ax, _colorbar) = draw_last_steps({"padded": np.ones((5, 2, 3))}, [5, 2]).axes
    padding, frames = ax.patches[::2], ax.patches[1::2]
    assert [p.get_width() for p in padding] == [0, 3]
    assert [f.get_x() for f in frames] == [3.5, 0.5]
    assert np.allclose(ax.images[0].get_array(), 3**0.5)


def test_agreement_says_equal_and_right_apart():
    table = {"a": [(True, True), (True, False)], "b": [(False, True), (False, False)]}
    (ax,) = draw_agreement(table, ["x", "y"]).axes
    assert [t.get_text() for t in ax.texts] == [
        "equal",
        "equal,\nh_n wrong",
        "differ",
        "differ,\nh_n wrong",
    ]
    entries = [p for p in ax.patches if not p.get_hatch()]
    clear, orange = to_rgba(HIDDEN, 0.0), to_rgba(HIDDEN, 0.18)
    assert [p.get_facecolor() for p in entries] == [orange, orange, clear, clear]
    strips = [p for p in ax.patches if p.get_hatch()]
    assert [(int(p.get_x()), p.get_y()) for p in strips] == [(1, 0), (1, 1)]


def test_curves_are_drawn_for_every_seed_and_every_choice():
    seeds = np.array([[0.5, 1.0], [0.4, 0.9], [0.6, 0.8]])
    (ax,) = draw_accuracy({"model": seeds}, [3, 4]).axes
    assert np.allclose(ax.lines[-1].get_ydata(), [0.5, 0.9])
    assert "thin: 3 seeds, 3 different curves\nbold: median" in {t.get_text() for t in ax.texts}
    (ax,) = draw_accuracy({"model": np.ones((3, 2))}, [3, 4]).axes
    assert any("3 seeds, 1 different curve\n" in text.get_text() for text in ax.texts)
    fig = draw_errors({"all": np.zeros(3), "none": np.ones(3)}, start=7)
    assert fig.axes[0].lines[1].get_xdata().tolist() == [7, 8, 9]
    assert {line.get_color() for line in fig.axes[0].lines} == {HIDDEN}
    assert png_bytes(fig) == png_bytes(fig)


def test_each_error_has_its_name_at_its_first_point_and_none_overlap():
    errors = {
        "all": [0.0, 0.0],
        "one layer": [0.024, 0.03],
        "h only": [0.142, 0.1],
        "-": [0.168, 0],
    }
    fig = draw_errors(errors, start=12)
    fig.canvas.draw()
    names = fig.axes[0].texts
    assert {text.get_text(): text.get_position()[1] for text in names} == {
        name: error[0] for name, error in errors.items()
    }
    boxes = [text.get_window_extent() for text in names]
    assert not any(a.overlaps(b) for a, b in itertools.combinations(boxes, 2))
