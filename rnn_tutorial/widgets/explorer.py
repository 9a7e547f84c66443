"""The shape explorer: the settings of nn.RNN, nn.GRU and nn.LSTM, and the shapes that follow."""

from collections.abc import Collection
from typing import Any

import ipywidgets as w

from rnn_tutorial.plotting.cell_grid import HIGHLIGHTS, WIDTH, RNNCall, draw_cell_grid
from rnn_tutorial.plotting.figures import DPI, png_bytes
from rnn_tutorial.widgets.live import LiveView, row, share

# control -> (field of RNNCall, label, smallest, largest)
SLIDERS = {
    "num_layers": ("layers", 1, 4),
    "length": ("T (time)", 1, 12),
    "batch": ("N (batch)", 1, 8),
    "input_size": ("D (features)", 1, 16),
    "hidden_size": ("H (hidden)", 1, 16),
    "proj_size": ("proj_size", 0, 15),
}
CONDITION = "(with equal lengths, not packed)"  # of what the picture says about the corner


class ShapeExplorer(LiveView):
    """Controls above the grid of cells; the shapes in the picture come from the real module.

    Controls without effect under the current settings are disabled: `proj_size` unless the cell
    is an LSTM, and without a batch also `batch_first` and N. `proj_size` stays below `hidden_size`.

    Args:
        highlight: the parts to emphasise first, any of "output", "h_n", "corner" and "c_n"; also
            shows a button for each. None shows no buttons.
        **settings: the first settings of :class:`RNNCall`.

    Attributes:
        controls: the widgets, by the name of their setting.
        toggles: the highlighting buttons, by name.

    Raises:
        ValueError: for an unknown setting or highlight.
    """

    def __init__(self, highlight: Collection[str] | None = None, **settings: Any) -> None:
        if unknown := set(highlight or ()) - HIGHLIGHTS:
            raise ValueError(f"highlight knows {sorted(HIGHLIGHTS)}, got {sorted(unknown)}")
        start = RNNCall(**settings)
        wide = {"description_width": "86px"}
        self.controls: dict[str, Any] = {
            "cell": w.Dropdown(
                options=[("RNN", "rnn"), ("GRU", "gru"), ("LSTM", "lstm")],
                value=start.cell,
                description="cell",
                layout=share(),
                style=wide,
            ),
            "bidirectional": w.Dropdown(
                options=[("1, forward", False), ("2, both ways", True)],
                value=start.bidirectional,
                description="directions",
                layout=share(),
                style=wide,
            ),
        }
        for name in ("batched", "batch_first"):
            self.controls[name] = w.Checkbox(
                value=getattr(start, name),
                description=name,
                indent=False,
                layout=w.Layout(width="140px"),
            )
        for name, (label, low, high) in SLIDERS.items():
            value = getattr(start, name)
            self.controls[name] = w.IntSlider(
                value, low, max(high, value), description=label, layout=share(), style=wide
            )
        self.toggles = {
            name: w.ToggleButton(
                value=name in (highlight or ()),
                description=name,
                layout=share("80px", "110px"),
            )
            for name in ("output", "h_n", "corner", "c_n")
        }
        self._allow()
        order = ["cell", "num_layers", "bidirectional", "length", "batch", "input_size"]
        order += ["hidden_size", "proj_size"]
        flags = ["batched", "batch_first"]
        assert {*order, *flags} == set(self.controls)
        shown = [row(*(self.controls[name] for name in names)) for names in (order, flags)]
        if highlight is not None:
            shown.append(row(w.Label("highlight"), *self.toggles.values()))
        super().__init__(shown, self._picture, self._alt, width=round(WIDTH * DPI))
        # The limits are set before the picture is drawn: observers are called in this order.
        for control in self.controls.values():
            control.observe(self._allow, names="value")
        for control in [*self.controls.values(), *self.toggles.values()]:
            control.observe(self.refresh, names="value")

    def _allow(self, _change: object = None) -> None:
        """Disable controls without effect, and keep proj_size below hidden_size."""
        get = self.controls
        get["batch_first"].disabled = get["batch"].disabled = not get["batched"].value
        get["proj_size"].disabled = get["cell"].value != "lstm"
        get["proj_size"].max = get["hidden_size"].value - 1
        self.toggles["c_n"].disabled = get["cell"].value != "lstm"

    @property
    def call(self) -> RNNCall:
        """The call that the controls describe; a disabled `proj_size` counts as 0."""
        values = {name: control.value for name, control in self.controls.items()}
        if values["cell"] != "lstm":
            values["proj_size"] = 0
        return RNNCall(**values)

    @property
    def highlight(self) -> frozenset[str]:
        """The parts that the buttons emphasise now."""
        return frozenset(name for name, toggle in self.toggles.items() if toggle.value)

    def _picture(self) -> bytes:
        return png_bytes(draw_cell_grid(self.call, self.highlight, note=CONDITION))

    def _alt(self) -> str:
        shapes = ", ".join(f"{k} {v}" for k, v in self.call.run()._asdict().items() if v)
        return f"Grid of cells of {self.call}, time by layers, with the measured shapes: {shapes}."
