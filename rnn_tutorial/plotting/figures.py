"""Figures without pyplot: one house style, and pictures that carry their alt text.

Figures made here belong to no global state, so nothing leaks between cells, nothing is shown
twice, and a canvas can be blitted (see :mod:`rnn_tutorial.widgets.live`).
"""

import base64
from collections.abc import Sequence
from io import BytesIO
from typing import Any

import matplotlib as mpl
import numpy as np
from IPython.display import display
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

HOUSE_STYLE: Any = {
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "figure.facecolor": "white",
    "svg.hashsalt": "rnn_tutorial",
}
DPI = 100


def figure(
    rows: int = 1, cols: int = 1, size: Sequence[float | int] = (9.0, 3.2), **subplots: Any
) -> tuple[Figure, Any]:
    """A figure in the house style and its axes, as `plt.subplots` gives them but without pyplot.

    Args:
        rows: rows of axes.
        cols: columns of axes.
        size: width and height in inches, at 100 dots per inch.
        **subplots: passed on to `Figure.subplots` (`sharex`, `width_ratios`, ...).

    Returns:
        The figure and one Axes, or an array of them.
    """
    with mpl.rc_context(HOUSE_STYLE):
        fig = Figure(figsize=(size[0], size[1]), dpi=DPI, layout="constrained")
        FigureCanvasAgg(fig)
        return fig, fig.subplots(rows, cols, **subplots)


def png_bytes(fig: Figure) -> bytes:
    """The figure as a PNG file, the same bytes each time it is drawn from the same data."""
    buffer = BytesIO()
    with mpl.rc_context(HOUSE_STYLE):
        fig.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def pixels(fig: Figure) -> np.ndarray:
    """The figure as an RGB array (height, width, 3) of dtype uint8."""
    canvas = FigureCanvasAgg(fig)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def picture_bundle(png: bytes, alt: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """A picture as Jupyter's mime bundle: the PNG, and its alt text as plain text and metadata."""
    data = {"image/png": base64.b64encode(png).decode("ascii"), "text/plain": alt}
    return data, {"image/png": {"alt": alt}}


def show(fig: Figure, alt: str) -> None:
    """Shows a figure under the cell, with a sentence for readers who cannot see it.

    Args:
        fig: a figure, best from :func:`figure`.
        alt: what the picture shows, in one or two sentences; must not be empty.

    Raises:
        ValueError: if the alt text is empty.
    """
    if not alt.strip():
        raise ValueError("every picture needs alt text: say in a sentence what it shows")
    data, metadata = picture_bundle(png_bytes(fig), alt)
    display(data, metadata=metadata, raw=True)
