"""Learning curves that grow while a policy trains."""

from collections.abc import Callable
from types import TracebackType
from typing import Any

import matplotlib as mpl
import numpy as np
from IPython.display import display
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.text import Annotation

from rnn_tutorial.colours import REWARD
from rnn_tutorial.plotting.figures import HOUSE_STYLE, figure
from rnn_tutorial.plotting.learning import draw_oracle
from rnn_tutorial.plotting.memory import move_names
from rnn_tutorial.ppo import Training
from rnn_tutorial.widgets.live import LiveFigure, LiveView

STYLES = ("-", (0, (2, 1)), (0, (5, 1, 1, 1)))


class LiveCurves(LiveView):
    """The return of each run over its steps, redrawn after every iteration.

    Used as a context, it is shown at once, grows while the cell runs, and stays as it was last:

        with LiveCurves("GRU", steps=57_600, oracle=-3.8) as curves:
            train(env, on_iteration=curves.follow("GRU"), progress=False)

    Args:
        names: of the runs, at most three.
        steps: the experience of a whole run, the right end of the axis.
        oracle: the return of a policy that sees the goal, drawn as a level.
        limits: lowest and highest return of the axis, which widens for the oracle's name.
        title: above the picture, such as the seed.

    Attributes:
        curves: name -> steps and returns so far.

    Raises:
        ValueError: for no names, or more than three.
    """

    def __init__(
        self,
        *names: str,
        steps: int,
        oracle: float,
        limits: tuple[float, float] = (-36.0, -2.0),
        title: str = "",
    ) -> None:
        if not 1 <= len(names) <= len(STYLES):
            raise ValueError(f"names: expected 1 to {len(STYLES)}, got {len(names)}")
        self.oracle = oracle
        self.curves: dict[str, tuple[list[float], list[float]]] = {n: ([], []) for n in names}
        fig, ax = figure(size=(6.2, 3.4))
        top = max(limits[1], oracle + 0.1 * (limits[1] - limits[0]))
        ax.set(xlim=(0, steps / 1000), ylim=(limits[0], top))
        ax.set_xticks([tick for tick in ax.get_xticks() if tick <= steps / 1000])
        ax.set(xlabel="thousand steps of experience", ylabel="return, mean over a rollout")
        ax.set_title(title, fontsize=11, loc="left")
        self.title = title
        self._lines: dict[str, Line2D] = {}
        self._labels: dict[str, Annotation] = {}
        with mpl.rc_context(HOUSE_STYLE):
            draw_oracle(ax, oracle)
            ax.annotate(f"oracle: {oracle:.1f}", (0, oracle), (3, 3), textcoords="offset points")
            for name, style in zip(names, STYLES, strict=False):
                (self._lines[name],) = ax.plot([], [], color=REWARD, ls=style, lw=2.2)
                text, look = f"{name}: -00.0", {"textcoords": "offset points", "va": "center"}
                self._labels[name] = ax.annotate(text, (0, oracle), (6, 0), **look)
        _make_room(ax, list(self._labels.values()))
        self._live = LiveFigure(fig, [*self._lines.values(), *self._labels.values()])
        super().__init__([], self._picture, self._alt)

    def follow(self, name: str) -> Callable[[Training], None]:
        """Return a function for `ppo.train` to call after each iteration; it draws this curve.

        Raises:
            KeyError: for an unknown name.
        """
        steps, returns = self.curves[name]

        def draw(training: Training) -> None:
            steps[:] = [row["steps"] / 1000 for row in training.history]
            returns[:] = [row["return"] for row in training.history]
            self.refresh()

        return draw

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
        begun = []
        for name, (steps, returns) in self.curves.items():
            self._lines[name].set_data(steps, returns)
            self._labels[name].set_text(f"{name}: {returns[-1]:.1f}" if returns else "")
            if returns:
                begun.append((self._labels[name], (steps[-1], returns[-1])))
        move_names([label for label, _ in begun], np.array([end for _, end in begun]))
        return self._live.frame()

    def _alt(self) -> str:
        found = [
            f"{name} {returns[-1]:.1f}" for name, (_, returns) in self.curves.items() if returns
        ]
        return (
            f"Learning curves{self.title and f' ({self.title})'}, with the last return of each: "
            f"{'; '.join(found) or 'none yet'}. "
            f"The dashed level is the oracle's return, {self.oracle:.1f}."
        )


def _make_room(ax: Axes, labels: list[Annotation]) -> None:
    """Widen the axis of steps, so that the longest label fits to the right of a whole curve."""
    fig = ax.figure.figure
    fig.draw_without_rendering()
    widest = 12 + max(label.get_window_extent().width for label in labels)
    ax.set_xlim(0, ax.get_xlim()[1] / (1 - widest / ax.get_window_extent().width))
