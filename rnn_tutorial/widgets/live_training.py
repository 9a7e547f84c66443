"""Learning curves that grow while a policy trains."""

from collections.abc import Callable
from types import TracebackType
from typing import Any

from IPython.display import display
from matplotlib.lines import Line2D
from matplotlib.text import Text

from rnn_tutorial.colours import REWARD
from rnn_tutorial.plotting.figures import figure
from rnn_tutorial.plotting.learning import draw_oracle
from rnn_tutorial.ppo import Training
from rnn_tutorial.widgets.live import LiveFigure, LiveView

STYLES = ("-", (0, (2, 1)), (0, (5, 1, 1, 1)))


class LiveCurves(LiveView):
    """The return of each run over its steps; drawn anew after every iteration.

    As a context it is shown at once, moves while the cell runs, and leaves the last picture behind:

        with LiveCurves("GRU", steps=57_600, oracle=-3.8) as curves:
            train(env, on_iteration=curves.follow("GRU"), progress=False)

    Args:
        names: of the runs, at most three.
        steps: of experience, where the axis ends.
        oracle: the return of a policy that sees the goal.
        limits: of the returns.

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
    ) -> None:
        if not 1 <= len(names) <= len(STYLES):
            raise ValueError(f"names: expected 1 to {len(STYLES)}, got {len(names)}")
        self.curves: dict[str, tuple[list[float], list[float]]] = {n: ([], []) for n in names}
        fig, ax = figure(size=(9.0, 3.2))
        ax.set(xlim=(0, 1.22 * steps / 1000), ylim=limits)
        ax.set_xticks([tick for tick in ax.get_xticks() if tick <= steps / 1000])
        ax.set(xlabel="thousand steps of experience", ylabel="return, mean over a rollout")
        draw_oracle(ax, oracle)
        ax.text(0.0, oracle + 0.3, " oracle", fontsize=9, va="bottom")
        self._lines: dict[str, Line2D] = {}
        self._labels: dict[str, Text] = {}
        for name, style in zip(names, STYLES, strict=False):
            (self._lines[name],) = ax.plot([], [], color=REWARD, ls=style, lw=2.2)
            self._labels[name] = ax.text(0, 0, "", va="center", fontsize=10)
        self._live = LiveFigure(fig, [*self._lines.values(), *self._labels.values()])
        super().__init__([], self._picture, self._alt)

    def follow(self, name: str) -> Callable[[Training], None]:
        """What `ppo.train` may call after each iteration, to draw the curve of this name.

        Raises:
            KeyError: for a name that the view does not have.
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
        for name, (steps, returns) in self.curves.items():
            self._lines[name].set_data(steps, returns)
            if steps:
                self._labels[name].set_position((steps[-1], returns[-1]))
                self._labels[name].set_text(f"  {name}: {returns[-1]:.1f}")
        return self._live.frame()

    def _alt(self) -> str:
        found = self.curves.items()
        told = [f"{name} {returns[-1]:.1f}" for name, (_, returns) in found if returns]
        return f"Learning curves, with the last return of each: {', '.join(told) or 'none yet'}."
