"""Strokes of the diagrams: rounded chips for values, boxes for steps, arrows between them.

Nothing is filled opaquely, so that a diagram reads on light and dark pages.
"""

from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.patches import FancyBboxPatch

from rnn_tutorial.colours import INK

DARK = "#1a1a1a"  # of a text on a full colour
Point = tuple[float, float]


def chip(
    ax: Axes,
    middle: Point,
    text: str,
    colour: str,
    *,
    strength: float = 0.2,
    size: Point = (0.5, 0.23),
    fontsize: float = 8.5,
) -> None:
    """Draw a value: a rounded frame in its role's colour, filled as strongly as asked for.

    Args:
        ax: axes in which both directions have one unit.
        middle: of the chip.
        text: what stands in it; may be empty.
        colour: of the frame and the filling.
        strength: of the filling, from 0 (clear) to 1 (full).
        size: width and height.
        fontsize: of the text, in points.
    """
    (x, y), (width, height) = middle, size
    frame = FancyBboxPatch(
        (x - width / 2 + 0.05, y - height / 2 + 0.05),
        width - 0.1,
        height - 0.1,
        boxstyle="round,pad=0.05,rounding_size=0.09",
        facecolor=to_rgba(colour, strength),
        edgecolor=colour,
        linewidth=1.0,
        zorder=3,
    )
    ax.add_patch(frame)
    ink = DARK if strength > 0.6 else INK
    ax.text(x, y - 0.005, text, ha="center", va="center", fontsize=fontsize, color=ink, zorder=4)


def box(ax: Axes, middle: Point, text: str, size: Point = (0.6, 0.34)) -> None:
    """Draw a step of a computation: a grey frame with square corners around its name."""
    (x, y), (width, height) = middle, size
    outline(ax, (x - width / 2, y - height / 2), (x + width / 2, y + height / 2), rounding=0.02)
    ax.text(x, y - 0.01, text, ha="center", va="center", fontsize=10, zorder=4)


def arrow(ax: Axes, start: Point, end: Point, colour: str = INK) -> None:
    """Draw an arrow from one point to another, without a gap at its ends."""
    style = {"arrowstyle": "-|>", "color": colour, "lw": 1.5, "shrinkA": 0, "shrinkB": 0}
    ax.annotate("", end, start, arrowprops={**style, "mutation_scale": 9}, zorder=2)


def outline(
    ax: Axes,
    low: Point,
    high: Point,
    colour: str = INK,
    dashes: str = "-",
    linewidth: float = 1.0,
    rounding: float = 0.1,
) -> None:
    """Draw an empty frame from its lower left to its upper right corner."""
    frame = FancyBboxPatch(
        low,
        high[0] - low[0],
        high[1] - low[1],
        boxstyle=f"round,pad=0,rounding_size={rounding}",
        fill=False,
        edgecolor=colour,
        linestyle=dashes,
        linewidth=linewidth,
        zorder=5,
    )
    ax.add_patch(frame)
