"""The base of every view: figures that blit, pictures with alt text, failures that are seen."""

import base64
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from rnn_tutorial.plotting.figures import figure, picture_bundle, pixels, png_bytes, show
from rnn_tutorial.widgets.live import LiveFigure, LiveView
from rnn_tutorial.widgets.self_test import SelfTest


def decode(png):
    """A picture as it is seen on a white page."""
    rgba = Image.open(BytesIO(png)).convert("RGBA")
    page = Image.new("RGBA", rgba.size, "white")
    return np.asarray(Image.alpha_composite(page, rgba).convert("RGB"))


def test_a_blitted_frame_equals_the_figure_drawn_anew():
    fig, ax = figure(size=(4, 2))
    (dot,) = ax.plot([0], [0], "o")
    ax.set(xlim=(-1, 5), ylim=(-1, 1))
    live = LiveFigure(fig, [dot])
    dot.set_data([3], [0.5])
    frame = decode(live.frame())
    dot.set_animated(False)
    np.testing.assert_allclose(frame.astype(int), pixels(fig), atol=1)


def test_a_figure_is_the_same_bytes_twice():
    def draw():
        fig, ax = figure()
        ax.plot([1, 2, 3])
        return png_bytes(fig)

    assert draw() == draw()


def test_the_self_test_follows_its_slider():
    view = SelfTest()
    before = view.image.value
    view.slider.value = 12
    assert view.image.value != before
    assert "at 12" in view.caption.value
    data, metadata = view._repr_mimebundle_()
    stored = decode(base64.b64decode(data["image/png"]))
    np.testing.assert_array_equal(stored, decode(view.image.value))
    assert "at 12" in metadata["image/png"]["alt"]


def test_a_failure_is_shown_and_goes_away_again():
    pngs = iter([SelfTest().image.value, None, SelfTest().image.value])

    def draw():
        png = next(pngs)
        if png is None:
            raise ValueError("a <bad> value")
        return png

    view = LiveView([], draw, lambda: "nothing")
    with pytest.raises(ValueError, match="bad"):
        view.refresh()
    assert "ValueError: a &lt;bad&gt; value" in view.failure.value
    view.refresh()
    assert view.failure.value == ""


def test_a_picture_without_alt_text_is_refused():
    fig, _ = figure()
    with pytest.raises(ValueError, match="alt text"):
        show(fig, " ")
    data, metadata = picture_bundle(b"png", "a thing")
    assert data["text/plain"] == metadata["image/png"]["alt"] == "a thing"
