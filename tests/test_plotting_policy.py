"""The pictures of a recurrent policy and its faults show what they are given."""

import numpy as np
import pytest

from rnn_tutorial.plotting.figures import png_bytes
from rnn_tutorial.plotting.policy import (
    draw_answers,
    draw_channels,
    draw_gaps,
    draw_memories,
    draw_ratios,
    draw_unrolled_policy,
)


def test_the_unrolled_policy_names_each_steps_parts():
    fig = draw_unrolled_policy(2)
    texts = [text.get_text() for text in fig.axes[0].texts]
    assert texts.count("recurrent core") == texts.count("value head") == 2
    assert png_bytes(fig)[:4] == b"\x89PNG"


def test_answers_stand_below_their_hidden_states_on_one_scale():
    hidden, mean = np.ones((5, 3)) / 2, np.arange(10.0).reshape(5, 2)
    fig = draw_answers({"a": (hidden, mean), "b": (-hidden, mean)}, limit=0.7)
    assert [ax.images[0].get_clim() for ax in fig.axes[:2]] == [(-0.7, 0.7)] * 2
    assert np.allclose(fig.axes[2].lines[1].get_ydata(), mean[:, 1])


def test_memories_share_limits_and_mark_resets():
    resets = np.array([True, False, True, False])
    runs = {"a": np.zeros((4, 2)), "b": np.ones((4, 2))}
    first, second, _ = draw_memories(runs, ["g", "x"], resets, 1.5).axes
    assert first.images[0].get_clim() == second.images[0].get_clim() == (-1.5, 1.5)
    assert first.lines[0].get_xdata()[0] == 1.5
    assert [label.get_text() for label in first.get_yticklabels()] == ["g", "x"]


def test_memories_can_show_a_window_of_steps():
    runs, resets = {"a": np.zeros((9, 2))}, np.arange(9) == 4
    (whole, _), (part, _) = (
        draw_memories(runs, ["g", "x"], resets, window=window).axes for window in (None, (3, 7))
    )
    assert whole.get_xlim() == (-0.5, 8.5)
    assert whole.get_xticks().tolist() == [4]
    assert part.get_xlim() == (2.5, 7.5)
    assert part.get_xticks().tolist() == [3, 5, 7]


def test_gaps_are_lines_with_their_names():
    (ax,) = draw_gaps({"a": np.arange(4.0), "b": np.zeros(4)}, "difference").axes
    assert [text.get_text() for text in ax.texts] == ["a", "b"]
    assert np.allclose(ax.lines[0].get_ydata(), [0, 1, 2, 3])


def test_channels_are_the_image_s_own():
    image = np.zeros((3, 4, 4))
    image[1, 2] = 1
    image[2, 2, 3] = 1
    whole, *channels = draw_channels(image).axes
    assert np.allclose(channels[1].images[0].get_array(), image[1])
    assert [text.get_text() for text in whole.texts] == ["G", "G", "G", "GB"]


@pytest.mark.parametrize(("ratio", "full"), [((1.1, 1.15), 1), ((1.3, 0.8), 0)])
def test_ratios_are_judged_by_their_product(ratio, full):
    (ax,) = draw_ratios([ratio], 0.2).axes
    assert len(ax.lines[1].get_xdata()) == full
