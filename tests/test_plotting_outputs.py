"""The pictures of `output` and `h_n` show what they are given."""

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


def test_influence_leaves_out_exact_zeros_and_draws_the_cut():
    norms = {"all": np.array([1.0, 2.0, 3.0]), "last": np.array([0.0, 0.0, 3.0])}
    everything, last = draw_influence(norms, log=True).axes
    assert everything.lines[0].get_xdata().tolist() == [0, 1, 2]
    assert last.lines[0].get_xdata().tolist() == [2]
    bars = draw_influence(norms, cut=2).axes[1]
    assert len(bars.patches) == 1
    assert bars.lines[0].get_xdata()[0] == 1.5


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
    white, orange = (1, 1, 1, 1), to_rgba(HIDDEN, 0.4)
    assert [p.get_facecolor() for p in ax.patches] == [orange, orange, white, white]
    assert [bool(p.get_hatch()) for p in ax.patches] == [False, True, False, True]


def test_curves_are_drawn_for_every_seed_and_every_choice():
    seeds = np.array([[0.5, 1.0], [0.4, 0.9], [0.6, 0.8]])
    (ax,) = draw_accuracy({"model": seeds}, [3, 4]).axes
    assert np.allclose(ax.lines[-1].get_ydata(), [0.5, 0.9])
    fig = draw_errors({"all": np.zeros(3), "none": np.ones(3)}, start=7)
    assert fig.axes[0].lines[1].get_xdata().tolist() == [7, 8, 9]
    assert {line.get_color() for line in fig.axes[0].lines} == {HIDDEN}
    assert png_bytes(fig) == png_bytes(fig)
