"""The inside of one recurrent cell: RNN, GRU or LSTM, with the gates drawn as valves.

The old state enters at the left and the new one leaves at the right. A valve on an arrow is a
gate: it multiplies what passes, unit by unit, by a number between 0 (shut) and 1 (open). The
formulas are PyTorch's: a GRU's reset gate works after the matrix product. Biases are left out.
"""

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, Polygon

from rnn_tutorial.colours import CELL, HIDDEN, INK, OBSERVATION
from rnn_tutorial.plotting.diagrams import Point, arrow, box, chip
from rnn_tutorial.plotting.figures import figure

CELLS = ("rnn", "gru", "lstm")

# All lengths are inches: the figure's width, the heights of the two lanes and of the input x.
# FROM and TO are the middles of the values at the left and at the right.
WIDTH, HIGH, LOW, INPUT = 6.2, 2.02, 1.02, 0.3
FROM, TO = 0.36, 5.84
LARGE, TYPE = 13.0, 11.0  # points; the subscripts of LARGE are 9 pixels high in a column of 444


def draw_gates(cell: str) -> Figure:
    """Draw one cell: the old state, the part of it that is kept, and what is added.

    Args:
        cell: "rnn" (no gates), "gru" or "lstm".

    Returns:
        The figure.

    Raises:
        ValueError: for another cell.
    """
    if cell not in CELLS:
        raise ValueError(f"cell must be one of {', '.join(CELLS)}, got {cell!r}")
    height = 1.3 if cell == "rnn" else 2.6
    fig, ax = figure(size=(WIDTH, height))
    fig.set_layout_engine("none")
    ax.set_position((0, 0, 1, 1))
    ax.set(xlim=(0, WIDTH), ylim=(0, height))
    ax.set_axis_off()
    {"rnn": _rnn, "gru": _gru, "lstm": _lstm}[cell](ax)
    return fig


def _rnn(ax: Axes) -> None:
    _value(ax, (FROM, LOW), "$h_{t-1}$", HIDDEN)
    end = _candidate(ax, "hh", "ih", HIDDEN, gate=None)
    arrow(ax, (end, LOW), (TO - 0.34, LOW), HIDDEN)
    _value(ax, (TO, LOW), "$h_t$", HIDDEN)
    words = "the whole state is\noverwritten at each step"
    ax.text(2.5, 0.4, words, va="center", size=TYPE)


def _gru(ax: Axes) -> None:
    _value(ax, (FROM, HIGH), "$h_{t-1}$", HIDDEN)
    arrow(ax, (FROM + 0.34, HIGH), (4.66, HIGH), HIDDEN)
    _valve(ax, (2.9, HIGH), "z", "keeps")
    _turn(ax, (FROM + 0.46, HIGH), (FROM + 0.46, LOW), (0.95, LOW), HIDDEN)
    end = _candidate(ax, "hn", "in", HIDDEN, gate="r")
    ax.text(end + 0.16, LOW - 0.1, "n", ha="center", va="top", size=LARGE)
    _turn(ax, (end, LOW), (4.8, LOW), (4.8, HIGH - 0.14), HIDDEN)
    _valve(ax, (3.75, LOW), "1 − z", "writes")
    _plus(ax, (4.8, HIGH))
    arrow(ax, (4.94, HIGH), (TO - 0.34, HIGH), HIDDEN)
    _value(ax, (TO, HIGH), "$h_t$", HIDDEN)
    ax.text(2.5, INPUT, _gate_of("r", "z likewise"), va="center", size=TYPE)


def _lstm(ax: Axes) -> None:
    _value(ax, (FROM, HIGH), "$c_{t-1}$", CELL)
    arrow(ax, (FROM + 0.34, HIGH), (3.71, HIGH), CELL)
    _valve(ax, (2.2, HIGH), "f", "keeps")
    _value(ax, (FROM, LOW), "$h_{t-1}$", HIDDEN)
    end = _candidate(ax, "hg", "ig", CELL, gate=None)
    ax.text(end + 0.16, LOW - 0.1, "g", ha="center", va="top", size=LARGE)
    _turn(ax, (end, LOW), (3.85, LOW), (3.85, HIGH - 0.14), CELL)
    _valve(ax, (3.12, LOW), "i", "writes")
    _plus(ax, (3.85, HIGH))
    arrow(ax, (3.99, HIGH), (TO - 0.34, HIGH), CELL)
    _value(ax, (TO, HIGH), "$c_t$", CELL)
    arrow(ax, (4.45, HIGH), (4.45, LOW + 0.72), CELL)
    _step(ax, (4.45, LOW + 0.55), "tanh")
    _turn(ax, (4.45, LOW + 0.38), (4.45, LOW), (TO - 0.34, LOW), HIDDEN)
    _valve(ax, (5.0, LOW), "o", "shows")
    _value(ax, (TO, LOW), "$h_t$", HIDDEN)
    ax.text(2.2, INPUT, _gate_of("f", "i and o likewise"), va="center", size=TYPE)


def _gate_of(gate: str, others: str) -> str:
    return rf"${gate} = \sigma(W_{{i{gate}}}\, x_t + W_{{h{gate}}}\, h_{{t-1}})$, {others}"


def _candidate(ax: Axes, of_state: str, of_input: str, colour: str, gate: str | None) -> float:
    """W h, through a gate if there is one, plus W x, and the tanh of it; return where it ends."""
    arrow(ax, (0.82 if gate else FROM + 0.34, LOW), (0.95, LOW), HIDDEN)
    _step(ax, (1.25, LOW), rf"$W_{{{of_state}}}$")
    plus = 2.3 if gate else 1.9
    arrow(ax, (1.55, LOW), (plus - 0.14, LOW), HIDDEN)
    if gate:
        _valve(ax, (1.85, LOW), gate, "")
    _value(ax, (FROM, INPUT), "$x_t$", OBSERVATION)
    arrow(ax, (FROM + 0.34, INPUT), (0.95, INPUT), OBSERVATION)
    _step(ax, (1.25, INPUT), rf"$W_{{{of_input}}}$")
    _turn(ax, (1.55, INPUT), (plus, INPUT), (plus, LOW - 0.14), OBSERVATION)
    _plus(ax, (plus, LOW))
    arrow(ax, (plus + 0.14, LOW), (plus + 0.32, LOW), colour)
    _step(ax, (plus + 0.62, LOW), "tanh")
    return plus + 0.92


def _value(ax: Axes, middle: Point, text: str, colour: str) -> None:
    chip(ax, middle, text, colour, strength=0.12, size=(0.68, 0.4), fontsize=LARGE)


def _step(ax: Axes, middle: Point, text: str) -> None:
    box(ax, middle, "")
    ax.text(middle[0], middle[1] - 0.01, text, ha="center", va="center", size=LARGE, zorder=4)


def _turn(ax: Axes, start: Point, corner: Point, end: Point, colour: str) -> None:
    ax.plot(*zip(start, corner, strict=True), color=colour, linewidth=1.5, zorder=2)
    arrow(ax, corner, end, colour)


def _plus(ax: Axes, middle: Point) -> None:
    ax.add_patch(Circle(middle, 0.14, fill=False, edgecolor=INK))
    ax.text(*middle, "+", ha="center", va="center_baseline", size=LARGE)


def _valve(ax: Axes, middle: Point, name: str, work: str) -> None:
    """Two triangles tip to tip, and a stem up to the gate's name and what it does."""
    x, y = middle
    for side in (-0.15, 0.15):
        corners = [(x, y), (x + side, y - 0.11), (x + side, y + 0.11)]
        ax.add_patch(Polygon(corners, facecolor=INK, edgecolor=INK, zorder=3))
    ax.plot([x, x], [y, y + 0.2], color=INK, linewidth=1.5)
    ax.text(x, y + 0.22, name, ha="center", va="bottom", size=LARGE)
    if work:
        ax.text(x + 0.1 + 0.055 * len(name), y + 0.23, work, ha="left", va="bottom", size=TYPE)
