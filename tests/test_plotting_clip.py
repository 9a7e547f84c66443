"""The picture of the clip is PPO's own objective."""

import itertools

import numpy as np
import pytest
import torch

from rnn_tutorial.plotting.clip import draw_clip
from rnn_tutorial.plotting.figures import pixels


@pytest.mark.parametrize(("panel", "advantage"), [(0, 1.0), (1, -1.0)])
@pytest.mark.parametrize("clip", [0.2, 0.1])
def test_bold_is_where_a_gradient_flows_and_thin_where_none_does(panel, advantage, clip):
    free, bold, thin = draw_clip(clip).axes[panel].lines[:3]
    assert bold.get_linewidth() > thin.get_linewidth()
    assert free.get_linestyle() == ":"
    for line, moves in ((bold, True), (thin, False)):
        x, y = np.asarray(line.get_xdata()), np.asarray(line.get_ydata())
        edge = 1 + clip if advantage > 0 else 1 - clip
        inner = np.abs(x - edge) > 1e-6  # at the edge itself the slope jumps
        ratio = torch.tensor(x, requires_grad=True)
        gain = torch.minimum(ratio * advantage, ratio.clamp(1 - clip, 1 + clip) * advantage)
        (slope,) = torch.autograd.grad(gain.sum(), ratio)
        assert np.allclose(gain.detach().numpy(), y)
        assert np.allclose(slope.numpy()[inner], advantage if moves else 0.0)
        assert inner.sum() > 40


def test_a_bad_action_that_grew_likelier_still_has_a_gradient():
    bold = draw_clip().axes[1].lines[1]
    assert max(bold.get_xdata()) > 1.6


def test_no_text_lies_on_another_or_leaves_the_figure():
    fig = draw_clip()
    pixels(fig)
    width, height = fig.canvas.get_width_height()
    assert fig.get_figwidth() <= 6.2  # reads in a narrow column
    boxes = [text.get_window_extent() for ax in fig.axes for text in (*ax.texts, ax.title)]
    assert not any(a.overlaps(b) for a, b in itertools.combinations(boxes, 2))
    assert all(b.x0 >= 0 and b.x1 <= width and b.y0 >= 0 and b.y1 <= height for b in boxes)


def test_two_clips_are_two_pictures():
    assert (pixels(draw_clip(0.2)) != pixels(draw_clip(0.3))).any()
