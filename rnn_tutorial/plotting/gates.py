"""The inside of one recurrent cell: RNN, GRU or LSTM, with the gates drawn as valves.

The old state comes in at the left and the new one leaves at the right. A valve on an arrow is a
gate: what passes is multiplied, unit by unit, by a number between 0 (shut) and 1 (open). The
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
WIDTH, HIGH, LOW, INPUT = 7.6, 2.02, 1.02, 0.3


def draw_gates(cell: str) -> Figure:
    """Draw one cell: the state that comes in, what is kept of it, and what is added.

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
    _value(ax, (0.42, LOW), "$h_{t-1}$", HIDDEN)
    arrow(ax, (0.76, LOW), (1.3, LOW), HIDDEN)
    end = _candidate(ax, "hh", "ih", HIDDEN, gate=None)
    arrow(ax, (end, LOW), (6.84, LOW), HIDDEN)
    _value(ax, (7.18, LOW), "$h_t$", HIDDEN)
    ax.text(
        5.0, 0.55, "no gate: all of the state\nis overwritten at each step", va="center", size=10
    )


def _gru(ax: Axes) -> None:
    _value(ax, (0.42, HIGH), "$h_{t-1}$", HIDDEN)
    arrow(ax, (0.76, HIGH), (6.06, HIGH), HIDDEN)
    _valve(ax, (3.7, HIGH), "z", "keeps")
    _turn(ax, (0.96, HIGH), (0.96, LOW), (1.3, LOW), HIDDEN)
    end = _candidate(ax, "hn", "in", HIDDEN, gate="r")
    ax.text(end + 0.18, LOW - 0.1, "n", ha="center", va="top")
    _turn(ax, (end, LOW), (6.2, LOW), (6.2, HIGH - 0.14), HIDDEN)
    _valve(ax, (4.8, LOW), "1 − z", "writes")
    _plus(ax, (6.2, HIGH))
    arrow(ax, (6.34, HIGH), (6.84, HIGH), HIDDEN)
    _value(ax, (7.18, HIGH), "$h_t$", HIDDEN)
    ax.text(4.0, INPUT, _gate_of("r", "z likewise"), va="center", size=10.5)


def _lstm(ax: Axes) -> None:
    _value(ax, (0.42, HIGH), "$c_{t-1}$", CELL)
    arrow(ax, (0.76, HIGH), (4.76, HIGH), CELL)
    _valve(ax, (2.6, HIGH), "f", "keeps")
    _value(ax, (0.42, LOW), "$h_{t-1}$", HIDDEN)
    arrow(ax, (0.76, LOW), (1.3, LOW), HIDDEN)
    end = _candidate(ax, "hg", "ig", CELL, gate=None)
    ax.text(end + 0.18, LOW - 0.1, "g", ha="center", va="top")
    _turn(ax, (end, LOW), (4.9, LOW), (4.9, HIGH - 0.14), CELL)
    _valve(ax, (4.0, LOW), "i", "writes")
    _plus(ax, (4.9, HIGH))
    arrow(ax, (5.04, HIGH), (6.84, HIGH), CELL)
    _value(ax, (7.18, HIGH), "$c_t$", CELL)
    arrow(ax, (5.5, HIGH), (5.5, LOW + 0.72), CELL)
    box(ax, (5.5, LOW + 0.55), "tanh")
    _turn(ax, (5.5, LOW + 0.38), (5.5, LOW), (6.84, LOW), HIDDEN)
    _valve(ax, (6.3, LOW), "o", "shows")
    _value(ax, (7.18, LOW), "$h_t$", HIDDEN)
    ax.text(4.0, INPUT, _gate_of("f", "i and o likewise"), va="center", size=10.5)


def _gate_of(gate: str, others: str) -> str:
    return rf"${gate} = \sigma(W_{{i{gate}}} x_t + W_{{h{gate}}} h_{{t-1}})$, {others}"


def _candidate(ax: Axes, of_state: str, of_input: str, colour: str, gate: str | None) -> float:
    """W h, through a gate if there is one, plus W x, and the tanh of it; return where it ends."""
    box(ax, (1.6, LOW), rf"$W_{{{of_state}}}$")
    plus = 3.0 if gate else 2.5
    arrow(ax, (1.9, LOW), (plus - 0.14, LOW), HIDDEN)
    if gate:
        _valve(ax, (2.4, LOW), gate, "")
    _value(ax, (0.42, INPUT), "$x_t$", OBSERVATION)
    arrow(ax, (0.76, INPUT), (1.3, INPUT), OBSERVATION)
    box(ax, (1.6, INPUT), rf"$W_{{{of_input}}}$")
    _turn(ax, (1.9, INPUT), (plus, INPUT), (plus, LOW - 0.14), OBSERVATION)
    _plus(ax, (plus, LOW))
    arrow(ax, (plus + 0.14, LOW), (plus + 0.4, LOW), colour)
    box(ax, (plus + 0.7, LOW), "tanh")
    return plus + 1.0


def _value(ax: Axes, middle: Point, text: str, colour: str) -> None:
    chip(ax, middle, text, colour, strength=0.12, size=(0.68, 0.4), fontsize=12.0)


def _turn(ax: Axes, start: Point, corner: Point, end: Point, colour: str) -> None:
    ax.plot(*zip(start, corner, strict=True), color=colour, linewidth=1.5, zorder=2)
    arrow(ax, corner, end, colour)


def _plus(ax: Axes, middle: Point) -> None:
    ax.add_patch(Circle(middle, 0.14, fill=False, edgecolor=INK))
    ax.text(*middle, "+", ha="center", va="center_baseline", size=12)


def _valve(ax: Axes, middle: Point, name: str, work: str) -> None:
    """Two triangles tip to tip, and a stem up to the gate's name and what it does."""
    x, y = middle
    for side in (-0.15, 0.15):
        corners = [(x, y), (x + side, y - 0.11), (x + side, y + 0.11)]
        ax.add_patch(Polygon(corners, facecolor=INK, edgecolor=INK, zorder=3))
    ax.plot([x, x], [y, y + 0.2], color=INK, linewidth=1.5)
    ax.text(x, y + 0.22, name, ha="center", va="bottom", size=12)
    if work:
        ax.text(x + 0.09 + 0.05 * len(name), y + 0.23, work, ha="left", va="bottom", size=10)
