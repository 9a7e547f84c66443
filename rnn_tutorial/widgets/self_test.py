"""The smallest live view: a slider and a picture that follows it, to see whether widgets work."""

import ipywidgets as w
import numpy as np

from rnn_tutorial.colours import BOUNDARY, HIDDEN
from rnn_tutorial.plotting.figures import figure
from rnn_tutorial.widgets.live import LiveFigure, LiveView, row, share


class SelfTest(LiveView):
    """A dot on a wave, moved by a slider. If the dot follows, every widget of the series works."""

    def __init__(self) -> None:
        fig, ax = figure(size=(6.2, 1.9))
        angle = np.linspace(0.0, 20.0, 200)
        ax.plot(angle, np.sin(angle), color=BOUNDARY, lw=1)
        (self.dot,) = ax.plot([0.0], [0.0], "o", color=HIDDEN, ms=12)
        ax.set(xlabel="slider", yticks=[], xticks=range(0, 21, 5))
        self.slider = w.IntSlider(5, 0, 20, description="move me", layout=share())
        self.live = LiveFigure(fig, [self.dot])
        super().__init__([row(self.slider)], self._frame, self._describe)
        self.slider.observe(self.refresh, "value")

    def _frame(self) -> bytes:
        self.dot.set_data([self.slider.value], [np.sin(self.slider.value)])
        return self.live.frame()

    def _describe(self) -> str:
        return f"A dot on a wave, at {self.slider.value} on an axis from 0 to 20."
