"""Figures without pyplot: one house style, and pictures with their alt text.

Pyplot keeps a global list of figures; these are outside it, so nothing leaks between cells, nothing
is shown twice, and a canvas can be blitted (see :mod:`rnn_tutorial.widgets.live`). They have no
ground and read on light and dark pages (see :mod:`rnn_tutorial.plotting.themes`).
"""

import base64
from collections.abc import Sequence
from html import escape
from io import BytesIO
from typing import Any

import matplotlib as mpl
import numpy as np
from IPython.display import display
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from rnn_tutorial.colours import INK
from rnn_tutorial.plotting.themes import make_neutral

HOUSE_STYLE: Any = {
    "font.size": 11,
    "axes.titlesize": 12,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.facecolor": "none",
    "figure.facecolor": "none",
    "savefig.facecolor": "none",
    "legend.frameon": False,
    **dict.fromkeys(("text.color", "axes.labelcolor", "axes.edgecolor", "hatch.color"), INK),
    **dict.fromkeys(("xtick.color", "ytick.color"), INK),
    "svg.hashsalt": "rnn_tutorial",
}
DPI = 100


def figure(
    rows: int = 1, cols: int = 1, size: Sequence[float | int] = (9.0, 3.2), **subplots: Any
) -> tuple[Figure, Any]:
    """Make a figure in the house style, as `plt.subplots` does but without pyplot.

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
    """Return the figure as a PNG file, the same bytes each time it is drawn from the same data."""
    buffer = BytesIO()
    with mpl.rc_context(HOUSE_STYLE):
        make_neutral(fig)
        fig.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def pixels(fig: Figure, ground: float = 255.0) -> np.ndarray:
    """Return the figure on a grey page as an RGB array (height, width, 3) of dtype uint8.

    Args:
        fig: the figure.
        ground: of the page, from 0 (black) to 255 (white).
    """
    make_neutral(fig)
    canvas = FigureCanvasAgg(fig)
    canvas.draw()
    rgba = np.asarray(canvas.buffer_rgba(), np.float64)
    alpha = rgba[..., 3:] / 255.0
    return np.rint(rgba[..., :3] * alpha + ground * (1.0 - alpha)).astype(np.uint8)


def picture_bundle(png: bytes, alt: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a picture as Jupyter's mime bundle: the PNG, and its alt text twice."""
    data = {"image/png": base64.b64encode(png).decode("ascii"), "text/plain": alt}
    return data, {"image/png": {"alt": alt}}


def caption(alt: str) -> str:
    """Return the alt text as HTML that folds out below the picture."""
    return f"<details><summary>In words</summary>{escape(alt)}</details>"


def show(fig: Figure, alt: str) -> None:
    """Show a figure under the cell, with its alt text folded below it.

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
    display({"text/html": caption(alt), "text/plain": alt}, raw=True)
