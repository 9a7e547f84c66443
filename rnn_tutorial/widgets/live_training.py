"""Learning curves that grow while a policy trains."""

import math
from collections.abc import Callable
from types import TracebackType
from typing import Any

import ipywidgets as w
import matplotlib as mpl
import numpy as np
from IPython.display import display
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.text import Annotation

from rnn_tutorial.colours import REWARD
from rnn_tutorial.plotting.figures import HOUSE_STYLE, figure
from rnn_tutorial.plotting.learning import draw_oracle
from rnn_tutorial.plotting.memory import move_names
from rnn_tutorial.ppo import Training
from rnn_tutorial.widgets.live import LiveFigure, LiveView, row, share

STYLES = ("-", (0, (2, 1)), (0, (5, 1, 1, 1)))
# The columns of `Training.history` that can be shown, with the names of their axes.
COLUMNS = {
    "return": "return, mean of the last episodes",
    "episodes": "episodes in that mean",
    "kl": "KL from the policy that acted",
    "entropy": "entropy of the actions (nats)",
    "clipped": "share of steps beyond the clip",
    "gradient_norm": "gradient norm before clipping",
    "explained_variance": "variance explained by the values",
}


class LiveCurves(LiveView):
    """One number of each run over its steps, redrawn after every iteration.

    Used as a context, it is shown at once, grows while the cell runs, and stays as it was last:

        with LiveCurves("GRU", steps=57_600, oracle=-3.8) as curves:
            train(env, on_iteration=curves.follow("GRU"), progress=False)

    Args:
        names: of the runs, at most three.
        steps: the experience of a whole run, the right end of the axis.
        oracle: the return of a policy that sees the goal, drawn as a level beside returns.
        limits: lowest and highest return of the axis, which widens for the oracle's name; None fits
            the axis to the numbers.
        title: above the picture, such as the seed.
        column: the number shown first, of `COLUMNS`; the menu above the picture shows any other.

    Attributes:
        histories: name -> the records of `Training.history` so far.
        menu: chooses the column.

    Raises:
        ValueError: for no names, more than three, or an unknown column.
    """

    def __init__(
        self,
        *names: str,
        steps: int,
        oracle: float | None = None,
        limits: tuple[float, float] | None = None,
        title: str = "",
        column: str = "return",
    ) -> None:
        if not 1 <= len(names) <= len(STYLES):
            raise ValueError(f"names: expected 1 to {len(STYLES)}, got {len(names)}")
        if column not in COLUMNS:
            raise ValueError(f"column: expected one of {list(COLUMNS)}, got {column!r}")
        self.oracle, self.limits, self.title = oracle, limits, title
        self.histories: dict[str, list[dict[str, float]]] = {name: [] for name in names}
        options = [(name.replace("_", " "), name) for name in COLUMNS]
        self.menu = w.Dropdown(options=options, value=column, description="show", layout=share())
        fig, self._ax = figure(size=(6.2, 3.4))
        self._ax.set(xlim=(0, steps / 1000), xlabel="thousand steps of experience")
        self._ax.set_xticks([tick for tick in self._ax.get_xticks() if tick <= steps / 1000])
        self._ax.set_title(title, fontsize=11, loc="left")
        self._lines: dict[str, Line2D] = {}
        self._labels: dict[str, Annotation] = {}
        self._level: list[Artist] = []
        with mpl.rc_context(HOUSE_STYLE):
            if oracle is not None:
                said, place = f"oracle: {oracle:.1f}", {"textcoords": "offset points"}
                self._level = [
                    draw_oracle(self._ax, oracle),
                    self._ax.annotate(said, (0, oracle), (3, 3), **place),
                ]
            for name, style in zip(names, STYLES, strict=False):
                (self._lines[name],) = self._ax.plot([], [], color=REWARD, ls=style, lw=2.2)
                text, look = f"{name}: -00.00", {"textcoords": "offset points", "va": "center"}
                self._labels[name] = self._ax.annotate(text, (0, oracle or 0), (6, 0), **look)
        self._set_axis()
        _make_room(self._ax, list(self._labels.values()))
        self._live = LiveFigure(fig, [*self._lines.values(), *self._labels.values()])
        super().__init__([row(self.menu)], self._picture, self._alt)
        self.menu.observe(self.refresh, names="value")

    def follow(self, name: str) -> Callable[[Training], None]:
        """Return a function for `ppo.train` to call after each iteration; it draws this curve.

        Raises:
            KeyError: for an unknown name.
        """
        history = self.histories[name]

        def draw(training: Training) -> None:
            history[:] = training.history
            self.refresh()

        return draw

    def curve(self, name: str) -> tuple[list[float], list[float]]:
        """Thousands of steps, and the column that is shown, of a run so far."""
        rows = self.histories[name]
        column = self.menu.value
        return [row["steps"] / 1000 for row in rows], [
            float(row.get(column, math.nan)) for row in rows
        ]

    def _set_axis(self) -> bool:
        """Fit the axis to the column and its numbers; returns whether it changed."""
        column, ax = self.menu.value, self._ax
        is_return, before = column == "return", (ax.get_ylim(), ax.get_ylabel())
        if is_return and self.limits is not None:
            low, high = self.limits
            level = high if self.oracle is None else self.oracle + 0.1 * (high - low)
            limits = (low, max(high, level))
        else:
            shown = [value for name in self.histories for value in self.curve(name)[1]]
            if is_return and self.oracle is not None:
                shown.append(self.oracle)
            finite = [value for value in shown if math.isfinite(value)] or [0.0]
            low, high = min(finite), max(finite)
            room = 0.12 * (high - low) or 0.1 * abs(high) or 1.0
            limits = (low - room, high + room)
            (bottom, top), label = before
            fits = bottom <= low and high <= top and 3 * (high - low) >= top - bottom
            if fits and label == COLUMNS[column]:  # an axis that need not move stays
                limits = (bottom, top)
        for artist in self._level:
            artist.set_visible(is_return)
        ax.set(ylim=limits, ylabel=COLUMNS[column])
        return (ax.get_ylim(), ax.get_ylabel()) != before

    def _said(self, value: float) -> str:
        return f"{value:.1f}" if self.menu.value == "return" else f"{value:.3g}"

    def __enter__(self) -> "LiveCurves":
        self._handle: Any = display(self, display_id=True)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._handle is not None:  # None outside of a notebook
            self._handle.update(self)  # so that the stored picture is the last one

    def _picture(self) -> bytes:
        if self._set_axis():
            self._live.fig.set_layout_engine("constrained")
            self._live.draw_background()
        begun = []
        for name in self.histories:
            steps, values = self.curve(name)
            self._lines[name].set_data(steps, values)
            known = bool(values) and math.isfinite(values[-1])
            self._labels[name].set_text(f"{name}: {self._said(values[-1])}" if known else "")
            if known:
                begun.append((self._labels[name], (steps[-1], values[-1])))
        move_names([label for label, _ in begun], np.array([end for _, end in begun]))
        return self._live.frame()

    def _alt(self) -> str:
        curves = {name: self.curve(name)[1] for name in self.histories}
        found = [f"{name} {self._said(v[-1])}" for name, v in curves.items() if v]
        shown = self.menu.value.replace("_", " ")
        words = (
            f"Learning curves{self.title and f' ({self.title})'}, with the last {shown} of each: "
            f"{'; '.join(found) or 'none yet'}."
        )
        if self.oracle is None or self.menu.value != "return":
            return words
        return f"{words} The dashed level is the oracle's return, {self.oracle:.1f}."


def _make_room(ax: Axes, labels: list[Annotation]) -> None:
    """Widen the axis of steps, so that the longest label fits to the right of a whole curve."""
    fig = ax.figure.figure
    fig.draw_without_rendering()
    widest = 12 + max(label.get_window_extent().width for label in labels)
    ax.set_xlim(0, ax.get_xlim()[1] / (1 - widest / ax.get_window_extent().width))
