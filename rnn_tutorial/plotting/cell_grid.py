"""The grid of cells behind a call of nn.RNN, nn.GRU or nn.LSTM, with every tensor's shape.

Time runs left to right and layers bottom to top. Boxes are cells, rounded chips are values:
observations blue, hidden states orange, cell states vermilion. The shapes are measured: the real
module is built and run on real data, so the picture cannot disagree with PyTorch.
"""

from collections.abc import Collection
from textwrap import wrap

from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from rnn_tutorial.colours import BOUNDARY, CELL, HIDDEN, OBSERVATION
from rnn_tutorial.plotting.diagrams import Point, arrow, chip, outline
from rnn_tutorial.plotting.figures import figure
from rnn_tutorial.plotting.rnn_call import RNNCall, Shapes

__all__ = ["HIGHLIGHTS", "RNNCall", "Shapes", "draw_cell_grid"]

HIGHLIGHTS = frozenset({"output", "h_n", "corner", "c_n"})

# All lengths below are inches at the figure's own size, and TYPE is points: 9.4 pixels high in a
# column of 444 pixels, which is what JupyterLab leaves in a window of 560.
WIDTH, CHIP, GAP, TYPE = 6.2, 0.24, 0.34, 9.5
LEFT, RIGHT, ASIDE, LINE = 1.7, 0.94, 0.66, 0.24
HALF = 0.25  # of a box
LONGEST = 76  # characters of the call in one line

FILLED = 0.22  # light enough for the ink of the text in it, on light and dark pages


class _Grid:
    """The places of rows, columns and chips, in inches."""

    def __init__(self, call: RNNCall, corner: int) -> None:
        self.call = call
        self.between = 0.14 if call.cell == "lstm" else 0.0  # h and c, apart enough to be outlined
        n = call.length
        self.times: list[int | None] = [*range(n)] if n <= 6 else [0, 1, 2, None, n - 2, n - 1]
        self.pitch = min(1.1, (WIDTH - LEFT - RIGHT) / max(1, len(self.times) - 1))
        span = self.pitch * (len(self.times) - 1)
        self.x0 = LEFT + (WIDTH - LEFT - RIGHT - span) / 2
        self.values = ["h", "c"] if call.cell == "lstm" else ["h"]
        self.box = CHIP * len(self.values) + self.between + 0.12
        self.layer = call.directions * self.box + (call.directions - 1) * 0.14
        self.title = wrap(str(call), LONGEST)
        lines = LINE * (1 + len(self.values))  # of the captions above, and of those below
        self.base = lines + 0.38
        top = lines + 1.0 + LINE * (len(self.title) - 1 + corner)
        self.height = self.base + call.num_layers * (self.layer + GAP) + top

    def x(self, column: int) -> float:
        return self.x0 + self.pitch * column

    def bottom(self, layer: int, direction: int = 0) -> float:
        return self.base + GAP + layer * (self.layer + GAP) + direction * (self.box + 0.14)

    def y(self, layer: int, direction: int, value: str) -> float:
        """The middle of a chip; h lies above c."""
        top = self.bottom(layer, direction) + self.box
        return top - 0.06 - CHIP / 2 - (CHIP + self.between) * self.values.index(value)


def draw_cell_grid(
    call: RNNCall, highlight: Collection[str] = (), ax: Axes | None = None, note: str = ""
) -> Figure:
    """Draw the cells behind a call, time by layers, and every tensor's shape.

    `output` is outlined by a solid line (the last layer at all times), `h_n` by a dashed one (all
    layers at the last time; for the backward direction that is time 0). A long sequence has a gap
    in the middle.

    Args:
        call: the settings; the module is built and run to measure the shapes.
        highlight: any of "output", "h_n", "corner" (what output and h_n share) and "c_n".
        ax: draw here; by default in a new figure whose height follows the settings.
        note: a line below what the corner says, if that is shown.

    Returns:
        The figure drawn in.

    Raises:
        ValueError: if `highlight` holds another word.
    """
    if unknown := set(highlight) - HIGHLIGHTS:
        raise ValueError(f"highlight knows {sorted(HIGHLIGHTS)}, got {sorted(unknown)}")
    grid = _Grid(call, (1 + bool(note)) * ("corner" in highlight))
    if ax is None:
        fig, ax = figure(size=(WIDTH, grid.height))
        fig.set_layout_engine("none")
        ax.set_position((0, 0, 1, 1))
    assert ax is not None
    ax.set(xlim=(-0.05, WIDTH + 0.05), ylim=(0, grid.height))
    ax.set_axis_off()
    for layer in range(call.num_layers):
        for direction in range(call.directions):
            _row(ax, grid, layer, direction, highlight)
        _columns(ax, grid, layer)
    _outlines(ax, grid, highlight)
    _captions(ax, grid, highlight, note)
    return ax.figure.figure


def _row(ax: Axes, grid: _Grid, layer: int, direction: int, highlight: Collection[str]) -> None:
    """One direction of one layer: h_0 enters, each cell passes the state on, h_n leaves."""
    call, last = grid.call, len(grid.times) - 1
    k = layer * call.directions + direction
    bottom = grid.bottom(layer, direction)
    way = ",\nbackward" if direction else ",\nforward" if call.bidirectional else ""
    ax.text(0.0, bottom + grid.box / 2, f"layer {layer}{way}", fontsize=TYPE, va="center")
    left, right = grid.x(0) - ASIDE, grid.x(last) + ASIDE
    for value in grid.values:
        colour = HIDDEN if value == "h" else CELL
        y = grid.y(layer, direction, value)
        entry, leave = (right, left) if direction else (left, right)
        for x, name, strength in ((entry, "0", 0.0), (leave, "n", FILLED)):
            _chip(ax, (x, y), f"{value}_{name}[{k}]", colour, strength, 0.56)
        stops = [left + 0.28, *(grid.x(i) for i in range(last + 1)), right - 0.28]
        for i in range(last + 2):
            gap = [0.0 if j in (0, last + 2) else HALF for j in (i, i + 1)]
            tail, head = (stops[i] + gap[0], y), (stops[i + 1] - gap[1], y)
            arrow(ax, *((head, tail) if direction else (tail, head)), colour)
    for i, t in enumerate(grid.times):
        if t is None:
            ax.text(grid.x(i), bottom + grid.box / 2, "···", ha="center", va="center", fontsize=13)
            continue
        ax.add_patch(
            Rectangle(
                (grid.x(i) - HALF, bottom),
                2 * HALF,
                grid.box,
                facecolor=to_rgba(BOUNDARY, 0.08),
                edgecolor=BOUNDARY,
                linewidth=0.9,
                zorder=2.5,
            )
        )
        at_top, at_end = layer == call.num_layers - 1, i == (0 if direction else last)
        for value in grid.values:
            strength = 0.0
            if (value == "h" and at_top and "output" in highlight) or (
                at_end and f"{value}_n" in highlight
            ):
                strength = FILLED
            if value == "h" and at_top and at_end:
                strength = 1.0 if "corner" in highlight else max(strength, FILLED)
            colour = HIDDEN if value == "h" else CELL
            place = grid.x(i), grid.y(layer, direction, value)
            _chip(ax, place, value, colour, strength, 0.38)


def _columns(ax: Axes, grid: _Grid, layer: int) -> None:
    """The arrows into a layer at each time: from x_t, or from the layer below."""
    call = grid.call
    every = ":, " if call.batched and call.batch_first else ""
    for i, t in enumerate(grid.times):
        if t is None:
            continue
        x, low, high = grid.x(i), grid.bottom(layer), grid.bottom(layer) + grid.layer
        if call.bidirectional:  # one frame round the pair: their h are concatenated
            corners = (x - 0.32, low - 0.05), (x + 0.32, high + 0.05)
            outline(ax, *corners, BOUNDARY, linewidth=0.7)
            low, high = low - 0.05, high + 0.05
        if layer == 0:
            _chip(ax, (x, grid.base - 0.02), f"x[{every}{t}]", OBSERVATION, 0.2, 0.66)
            arrow(ax, (x, grid.base + CHIP / 2 - 0.02), (x, low), OBSERVATION)
        top = layer == call.num_layers - 1
        room = 0.26 if call.bidirectional else GAP
        arrow(ax, (x, high), (x, high + (0.24 if top else room)), HIDDEN)
        if top:
            text = f"output\n[{every}{t}]"
            ax.text(x, high + 0.26, text, ha="center", va="bottom", fontsize=TYPE, linespacing=1.0)


def _outlines(ax: Axes, grid: _Grid, highlight: Collection[str]) -> None:
    """A solid line round `output`, dashed ones round `h_n` and `c_n`."""
    call, last = grid.call, len(grid.times) - 1
    half, layers = 0.19, range(call.num_layers)
    style: dict[str, tuple[str, str, float]] = {
        "output": (HIDDEN, "-", 3.2 if "output" in highlight else 1.6),
        "h_n": (HIDDEN, "--", 3.2 if "h_n" in highlight else 1.6),
        "c_n": (CELL, "--", 3.2 if "c_n" in highlight else 1.6),
    }
    for direction in range(call.directions):
        x = grid.x(0 if direction else last)
        y = grid.y(layers[-1], direction, "h")
        outline(
            ax,
            (grid.x(0) - half - 0.03, y - CHIP / 2 - 0.03),
            (grid.x(last) + half + 0.03, y + CHIP / 2 + 0.03),
            *style["output"],
        )
        for value in grid.values:
            ys = [grid.y(layer, direction, value) for layer in layers]
            whole = len(grid.values) == 1 and not call.bidirectional
            for low, high in [(ys[0], ys[-1])] if whole else zip(ys, ys, strict=True):
                outline(
                    ax,
                    (x - half - 0.09, low - CHIP / 2 - 0.07),
                    (x + half + 0.09, high + CHIP / 2 + 0.07),
                    *style[f"{value}_n"],
                )


def _captions(ax: Axes, grid: _Grid, highlight: Collection[str], note: str) -> None:
    """The call and the shapes: of the results above the grid, of the inputs below it."""
    call, axes = grid.call, grid.call.axes()
    top = grid.height - 0.42 - LINE * (len(grid.title) - 1)
    for line, text in enumerate(grid.title):
        y = grid.height - 0.12 - LINE * line
        ax.text(0, y, text, va="center", fontsize=TYPE, family="monospace")
    if "corner" in highlight:
        corner = "   and   ".join(call.corners())
        under = top - LINE * (1 + len(grid.values))
        ax.text(0, under, corner, va="center", fontsize=TYPE, family="monospace")
        if note:
            ax.text(0, under - LINE, note, va="center", fontsize=TYPE)
    shapes = call.run()._asdict()
    names = [name for name in ("output", "h_n", "c_n", "input", "h_0", "c_0") if shapes[name]]
    colours = {"i": OBSERVATION, "h": HIDDEN, "o": HIDDEN, "c": CELL}
    for place, name in enumerate(names):
        above, line = place < len(names) // 2, place % (len(names) // 2)
        y = (top if above else LINE * len(grid.values) + 0.12) - LINE * line
        colour = colours[name[0]]
        if above:
            dashes, heavy = "-" if name == "output" else "--", 3.2 if name in highlight else 1.6
            ax.plot([0, 0.3], [y, y], linestyle=dashes, color=colour, linewidth=heavy)
        else:
            strength = 0.2 if name == "input" else 0.0
            chip(ax, (0.16, y), "", colour, strength=strength, size=(0.3, CHIP - 0.05))
        weight = "bold" if name in highlight else "normal"
        ax.text(0.38, y, f"{name} {axes[name]}", va="center", fontsize=TYPE, weight=weight)
        ax.text(3.3, y, f"= {shapes[name]}", va="center", fontsize=TYPE, weight=weight)


def _chip(ax: Axes, middle: Point, text: str, colour: str, strength: float, width: float) -> None:
    chip(ax, middle, text, colour, strength=strength, size=(width, CHIP), fontsize=TYPE)
