"""Interactive views: controls above a picture, which is blitted and also stored as a PNG.

A new matplotlib figure takes a hundred milliseconds to draw. So a view draws its axes once, keeps
them as a background, and for each move draws only the artists that changed. Where no kernel runs
(GitHub, a static page) the view shows the picture that it had when the notebook was saved.

A view is never wider than its column: controls wrap, and the picture shrinks. A picture 6.2 inches
wide with the house style's type of 11 points still has type of 11 pixels in a column of 444 pixels,
which is what JupyterLab leaves in a window of 560.
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

from rnn_tutorial.plotting.figures import picture_bundle
from rnn_tutorial.plotting.themes import make_neutral

WIDTH = 620  # CSS pixels

FOLD = """<details><summary>In words</summary></details>
<style>.rnn-fold:not(:has(details[open])) + .rnn-words { display: none; }</style>"""


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
        """Draw everything that does not move; needed again when an axis or a title changes."""
        self.canvas.draw()
        # The layout is settled by now. Left on, it would be solved for every frame.
        self.fig.set_layout_engine("none")
        self.background = self.canvas.copy_from_bbox(self.fig.bbox)

    def frame(self) -> bytes:
        """Return the present frame as PNG bytes, compressed for speed rather than size."""
        self.canvas.restore_region(self.background)
        for artist in self.moving:
            self.fig.draw_artist(artist)
        pixels = self.canvas.buffer_rgba()
        size = (pixels.shape[1], pixels.shape[0])
        image = Image.frombytes("RGBA", size, bytes(pixels))
        return encode_png(image, compress_level=1)


def encode_png(image: Image.Image, compress_level: int) -> bytes:
    """Return an image as PNG bytes."""
    buffer = BytesIO()
    image.save(buffer, format="PNG", compress_level=compress_level)
    return buffer.getvalue()


def row(*controls: w.Widget) -> w.HBox:
    """Return the controls side by side, going on in the next line where the column ends."""
    return w.HBox(controls, layout=w.Layout(flex_flow="row wrap", max_width="100%"))


def share(basis: str = "200px", most: str = "300px") -> w.Layout:
    """Return the layout of a control that takes an equal share of its row.

    Args:
        basis: the width below which it goes into the next line.
        most: its largest width.
    """
    return w.Layout(flex=f"1 1 {basis}", width="auto", min_width="0", max_width=most)


class Caption(w.VBox):
    """Words below a picture that fold out, and stay folded out when they change."""

    def __init__(self) -> None:
        fold, self._words = w.HTML(FOLD), w.HTML()
        fold.add_class("rnn-fold")
        self._words.add_class("rnn-words")
        super().__init__([fold, self._words])

    @property
    def value(self) -> str:
        """The words as HTML."""
        return self._words.value

    @value.setter
    def value(self, words: str) -> None:
        self._words.value = escape(words)


class LiveView(w.VBox):
    """Controls above a picture that follows them.

    Subclasses build their controls, then call `super().__init__` with `draw`. An exception while
    drawing is shown above the picture; otherwise a widget's callback would fail in silence.

    Args:
        controls: widgets above the picture.
        draw: returns the picture of the present settings as PNG bytes.
        describe: returns the present picture's alt text, also shown below it as a caption.
        width: the picture's width in CSS pixels, where the column is as wide as that.
    """

    def __init__(
        self,
        controls: Sequence[w.Widget],
        draw: Callable[[], bytes],
        describe: Callable[[], str],
        width: int = WIDTH,
    ) -> None:
        self._draw = draw
        self._describe = describe
        size = w.Layout(width=f"{width}px", max_width="100%", margin="0")
        self.image = w.Image(format="png", layout=size)
        self.failure, self.caption = w.HTML(), Caption()
        self.failure.add_class("rnn-widget-failure")
        column = [*controls, self.failure, self.image, self.caption]
        super().__init__(column, layout=w.Layout(max_width="100%"))
        self.refresh()

    def refresh(self, _change: object = None) -> None:
        """Draw the present settings; can be the observer of any control."""
        self.attempt(self._show)

    def attempt(self, action: Callable[[], None]) -> None:
        """Run an action; if it fails, say so above the picture and raise the error again."""
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
        self.caption.value = self._describe()

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        png = encode_png(Image.open(BytesIO(self.image.value)), compress_level=9)
        data, metadata = picture_bundle(png, self._describe())
        return {**super()._repr_mimebundle_(**kwargs), **data}, metadata
