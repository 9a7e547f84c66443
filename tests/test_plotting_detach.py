"""The picture of `detach` draws the gradient that it is given, and no other."""

import numpy as np
import pytest

from rnn_tutorial.colours import GRADIENT, HIDDEN
from rnn_tutorial.plotting.detach import draw_detach
from rnn_tutorial.plotting.figures import png_bytes

WHOLE = np.array([0.15, 0.08, 0.03, 0.05, 0.36, 1.7])
CUT = WHOLE * (np.arange(6) >= 3)


def arrows(fig, colour):
    """The arrows of one colour, each as (where it begins, where it points), rightmost first."""
    ends = [
        (text.xyann[0], text.xy[0])
        for text in fig.axes[0].texts
        if getattr(text, "arrowprops", None) and text.arrowprops["color"] == colour
    ]
    return sorted(ends, reverse=True)


def test_the_state_goes_forward_and_crosses_the_cut():
    forwards = arrows(draw_detach({"detached": CUT}, cut=3), HIDDEN)
    assert len(forwards) == 6  # five between the steps, one to the answer
    assert all(tail < head for tail, head in forwards)


def test_the_gradient_goes_back_as_far_as_it_is_not_zero():
    for norm, reached in ((WHOLE, 6), (CUT, 3)):
        back = arrows(draw_detach({"run": norm}, cut=3), GRADIENT)
        assert len(back) == reached
        assert all(head < tail for tail, head in back)


def test_the_words_say_where_the_norm_is_zero_and_not_how_large_it_is():
    ax = draw_detach({"whole": WHOLE, "detached": CUT}, cut=3).axes[0]
    words = [text.get_text() for text in sorted(ax.texts, key=lambda text: text.get_position())]
    in_order = [word for word in words if word in ("0", "≠ 0")]
    assert in_order.count("≠ 0") == 6 + 3
    assert in_order.count("0") == 3 + 1  # and the time step 0
    assert not any("1.7" in word or "0.15" in word for word in words)


def test_only_a_run_that_is_cut_shows_the_cut():
    both = draw_detach({"whole": WHOLE, "detached": CUT}, cut=3).axes[0]
    assert [text.get_text() for text in both.texts].count("h_n.detach()") == 1
    whole, detached = (draw_detach({"run": norm}, cut=3) for norm in (WHOLE, CUT))
    assert png_bytes(whole) != png_bytes(detached)


@pytest.mark.parametrize("cut", [0, 6])
def test_a_cut_outside_of_the_sequence_is_refused(cut):
    with pytest.raises(ValueError, match=f"inside the sequence, got {cut}"):
        draw_detach({"whole": WHOLE}, cut)


def test_texts_neither_overlap_nor_leave_the_figure(texts_fit):
    norms = np.linspace(0.1, 12.0, 12)
    texts_fit(draw_detach({"whole": norms, "detached": norms * (np.arange(12) > 5)}, cut=6))
