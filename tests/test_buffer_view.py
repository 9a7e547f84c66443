"""The buffer view and its picture: what they show is what the real buffer does."""

import itertools

import numpy as np
import pytest

from rnn_tutorial.plotting import buffer as pictures
from rnn_tutorial.plotting.buffer import (
    draw_advantages,
    draw_layout,
    draw_rollout,
    draw_sequences,
    lay_out,
)
from rnn_tutorial.plotting.figures import figure, png_bytes
from rnn_tutorial.widgets.buffer_view import SLIDERS, BufferView, example_layout

pytestmark = pytest.mark.slow


def small_layout(bptt=4):
    """Two envs, six steps; env 1 begins an episode at step 4, after a truncation."""
    reset, terminated, truncated = np.zeros((3, 6, 2), bool)
    reset[4, 1] = truncated[3, 1] = terminated[5, 0] = True
    return lay_out(reset, terminated, truncated, bptt)


def test_each_step_appears_once_and_the_rest_is_padding():
    layout = small_layout()
    assert layout.time.shape == (4, 4)
    got = list(zip(layout.time[layout.valid], layout.env[layout.valid], strict=True))
    assert sorted(got) == [(t, n) for t in range(6) for n in range(2)]
    assert (~layout.valid).sum() == 4
    assert layout.valid[:, :2].all()


def test_a_sequence_that_begins_an_episode_starts_from_zeros_all_others_from_what_was_stored():
    assert small_layout().stored.tolist() == [True, True, True, False]


def test_the_pictures_hold_as_many_cells_resets_and_ends_as_there_are():
    layout = small_layout()
    _, axes = figure(1, 2)
    for ax, draw in zip(axes, (draw_rollout, draw_sequences), strict=True):
        draw(ax, layout)
        cells = [p for p in ax.patches if p.get_hatch() is None]
        assert len(cells) == 12
        lines = {kind: [x for x in ax.lines if x.get_marker() == kind] for kind in "o>x"}
        assert {k: len(v) for k, v in lines.items()} == {"o": 4, ">": 1, "x": 1}
        assert len([x for x in ax.lines if x.get_linestyle() == "--"]) == 1
    hatched = [p for p in axes[1].patches if p.get_hatch()]
    assert sum(p.get_width() for p in hatched) == 4
    assert [t.get_text() for t in axes[0].texts] == ["#0", "#1", "#2", "#3"]
    assert [t.get_text() for t in axes[1].texts[:4]] == ["0", "1", "2", "3"]


def test_many_sequences_still_fit_the_page():
    layout = example_layout(18, 4, 6, 2, 1)
    fig = draw_layout(layout)
    assert fig.get_figheight() < 8
    assert len(fig.axes[1].get_yticks()) <= pictures.MOST_LABELS


@pytest.mark.parametrize("settings", [(14, 3, 6, 2, 5), (18, 4, 6, 2, 1), (18, 4, 6, 2, 4)])
def test_it_reads_in_a_narrow_column(settings):
    fig = draw_layout(example_layout(*settings))
    png_bytes(fig)
    assert fig.get_figwidth() <= 6.2
    for ax in fig.axes:
        words = [*ax.texts, *ax.get_xticklabels(), *ax.get_yticklabels(), ax.xaxis.label]
        assert all(text.get_fontsize() >= 11 for text in words)
        boxes = [text.get_window_extent() for text in ax.texts]
        assert not any(a.overlaps(b) for a, b in itertools.combinations(boxes, 2))


def test_the_key_fills_the_room_beside_the_sequences_or_is_at_the_top():
    beside, above = draw_layout(small_layout(2)), draw_layout(small_layout(6))
    assert not beside.legends
    assert not above.axes[1].get_legend()
    for fig, key in ((beside, beside.axes[1].get_legend()), (above, above.legends[0])):
        png_bytes(fig)
        assert len(key.get_texts()) == 6
        box, (width, height) = key.get_window_extent(), fig.canvas.get_width_height()
        assert box.x0 >= 0
        assert box.x1 <= width
        assert box.y1 <= height
    place = beside.axes[1].get_legend().get_window_extent()
    assert place.x0 > beside.axes[1].transData.transform((2 - 0.5, 0))[0]


def test_advantages_have_a_panel_each_and_a_dashed_line_after_each_cut():
    fig = draw_advantages({"a": np.zeros(6), "b": -np.ones(6)}, [0, 0, 1, 0, 0, 1])
    assert [ax.get_title() for ax in fig.axes] == ["a", "b"]
    curve, *ends = fig.axes[1].lines
    assert list(curve.get_ydata()) == [-1] * 6
    assert [line.get_xdata()[0] for line in ends] == [2.5, 5.5]


@pytest.mark.parametrize(
    ("name", "value"),
    [("length", 9), ("num_envs", 1), ("episode_length", 3), ("spread", 0), ("bptt_length", 7)],
)
def test_every_control_moves_the_picture(name, value):
    view = BufferView()
    before = view.image.value
    view.controls[name].value = value
    assert view.failure.value == ""
    assert view.image.value != before


def test_the_bptt_length_never_exceeds_the_rollout():
    view = BufferView(length=12, bptt_length=10)
    view.controls["length"].value = 6
    assert view.failure.value == ""
    assert view.controls["bptt_length"].value == 6
    assert view.layout_now.valid.shape == (6, 3)


@pytest.mark.parametrize("low_or_high", [1, 2])
def test_the_ends_of_all_sliders_can_be_drawn(low_or_high):
    view = BufferView()
    for name, limits in SLIDERS.items():
        view.controls[name].value = limits[low_or_high]
        assert view.failure.value == ""


def test_resets_follow_ends():
    layout = example_layout(18, 4, 5, 3, 6)
    ends = layout.terminated | layout.truncated
    assert (layout.reset[1:] == ends[:-1]).all()
    assert layout.terminated.any()
    assert layout.truncated.any()


def test_a_failure_while_drawing_is_shown(monkeypatch):
    view = BufferView()
    monkeypatch.setattr("rnn_tutorial.widgets.buffer_view.draw_layout", lambda layout: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        view.controls["spread"].value = 1
    assert "ZeroDivisionError" in view.failure.value


def test_without_a_kernel_it_is_a_picture_with_words():
    data, metadata = BufferView()._repr_mimebundle_()
    assert data["image/png"]
    assert "cut into 9 sequences" in metadata["image/png"]["alt"]


def test_the_picture_is_the_same_each_time():
    layout = small_layout()
    assert png_bytes(draw_layout(layout)) == png_bytes(draw_layout(layout))


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"steps": 3}, "expected some of"), ({"num_envs": 9}, "num_envs: expected 1 to 4, got 9")],
)
def test_misuse_is_told(settings, message):
    with pytest.raises(ValueError, match=message):
        BufferView(**settings)
