"""Interactive views: a persistent figure, blitted into an image widget, that also prints as a PNG.

Drawing a matplotlib figure anew takes a hundred milliseconds, so a view draws its axes once,
keeps them as a background, and on each move draws only the artists that changed. Where no kernel
runs (GitHub, a static page) the view shows the picture it had when the notebook was saved.
"""

from collections.abc import Callable, Sequence
from html import escape
from io import BytesIO
from typing import Any

import ipywidgets as w
from matplotlib.artist import Artist
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from rnn_tutorial.plotting.figures import caption, picture_bundle
from rnn_tutorial.plotting.themes import make_neutral


class LiveFigure:
    """A figure whose moving artists are redrawn over a stored background.

    Args:
        fig: the figure, complete with all its artists.
        moving: the artists that change from frame to frame, in drawing order.
    """

    def __init__(self, fig: Figure, moving: Sequence[Artist]) -> None:
        make_neutral(fig)
        self.fig = fig
        self.moving = list(moving)
        self.canvas = FigureCanvasAgg(fig)
        for artist in self.moving:
            artist.set_animated(True)
        self.draw_background()

    def draw_background(self) -> None:
        """Draws everything that does not move; needed again when an axis or a title changes."""
        self.canvas.draw()
        # The layout is settled by now. Left on, it would be solved anew with each frame.
        self.fig.set_layout_engine("none")
        self.background = self.canvas.copy_from_bbox(self.fig.bbox)

    def frame(self) -> bytes:
        """The present frame as PNG bytes, compressed for speed rather than size."""
        self.canvas.restore_region(self.background)
        for artist in self.moving:
            self.fig.draw_artist(artist)
        pixels = self.canvas.buffer_rgba()
        size = (pixels.shape[1], pixels.shape[0])
        image = Image.frombytes("RGBA", size, bytes(pixels))
        return encode_png(image, compress_level=1)


def encode_png(image: Image.Image, compress_level: int) -> bytes:
    """An image as PNG bytes."""
    buffer = BytesIO()
    image.save(buffer, format="PNG", compress_level=compress_level)
    return buffer.getvalue()


class LiveView(w.VBox):
    """Controls over a picture that follows them.

    Subclasses build their controls, call `super().__init__`, and hand in `draw`, which returns the
    PNG of the present settings. An exception while drawing is shown above the picture, where a
    widget's callback would otherwise fail in silence.

    Args:
        controls: widgets to stand above the picture.
        draw: returns the present picture as PNG bytes.
        describe: returns the present picture's alt text.
        width: the picture's width in CSS pixels.
    """

    def __init__(
        self,
        controls: Sequence[w.Widget],
        draw: Callable[[], bytes],
        describe: Callable[[], str],
        width: int = 900,
    ) -> None:
        self._draw = draw
        self._describe = describe
        self.image = w.Image(format="png", layout=w.Layout(width=f"{width}px", max_width="100%"))
        self.failure, self.caption = w.HTML(), w.HTML()
        self.failure.add_class("rnn-widget-failure")
        super().__init__([*controls, self.failure, self.image, self.caption])
        self.refresh()

    def refresh(self, _change: object = None) -> None:
        """Draws the present settings; usable as an observer of any control."""
        self.attempt(self._show)

    def attempt(self, action: Callable[[], None]) -> None:
        """Runs an action; if it fails, says so above the picture before the error goes on."""
        try:
            action()
            self.failure.value = ""
        except Exception as error:
            self.failure.value = (
                f"<b>This view could not be drawn:</b> {type(error).__name__}: {escape(str(error))}"
            )
            raise

    def _show(self) -> None:
        self.image.value = self._draw()
        self.caption.value = caption(self._describe())

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        png = encode_png(Image.open(BytesIO(self.image.value)), compress_level=9)
        data, metadata = picture_bundle(png, self._describe())
        return {**super()._repr_mimebundle_(**kwargs), **data}, metadata
