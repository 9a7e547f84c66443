"""Play it yourself: steer the point with only the numbers that a policy sees."""

from typing import Any

import gymnasium as gym
import ipywidgets as w
import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.lines import Line2D
from matplotlib.text import Text
from numpy.typing import NDArray

import rnn_tutorial  # noqa: F401  (registers the envs)
from rnn_tutorial.colours import ACTION, BOUNDARY, INK, OBSERVATION
from rnn_tutorial.envs.oracle import OracleRun, run_oracle
from rnn_tutorial.plotting.figures import HOUSE_STYLE, figure
from rnn_tutorial.plotting.plane import draw_paths, set_plane
from rnn_tutorial.plotting.streams import OBSERVATION_NAMES
from rnn_tutorial.widgets.live import LiveFigure, LiveView, row, share

# name -> (what the button shows, action)
DIRECTIONS: dict[str, tuple[str, tuple[float, float]]] = {
    "up left": ("↖", (-1.0, 1.0)),
    "up": ("↑", (0.0, 1.0)),
    "up right": ("↗", (1.0, 1.0)),
    "left": ("←", (-1.0, 0.0)),
    "stay": ("•", (0.0, 0.0)),
    "right": ("→", (1.0, 0.0)),
    "down left": ("↙", (-1.0, -1.0)),
    "down": ("↓", (0.0, -1.0)),
    "down right": ("↘", (1.0, -1.0)),
}
SCALE = 1.5  # where the bars of the numbers end


class PlayPoint(LiveView):
    """The reader as the policy: buttons for actions, the observation as numbers, no map.

    Path, goal and return stay hidden until the horizon or until "reveal" is pressed. Then the view
    compares them with the oracle, which sees the goal, after the same number of steps.

    Args:
        env_id: one of the ids in `OBSERVATION_NAMES`.
        seed: of the first goal in each env; "new goal" draws the next one.

    Attributes:
        controls: "env" and "repeat" (steps per press).
        buttons: the nine directions, "new goal" and "reveal", by name.
        revealed: whether the game is over and everything is shown.
        message: the text above the picture.

    Raises:
        ValueError: for an unknown env.
    """

    def __init__(self, env_id: str = "rnn_tutorial/CuedPoint-v0", seed: int = 0) -> None:
        if env_id not in OBSERVATION_NAMES:
            raise ValueError(f"env_id: expected one of {list(OBSERVATION_NAMES)}, got {env_id!r}")
        self.seed = seed
        self.revealed = False
        self.status = w.HTML()
        self.controls: dict[str, Any] = {
            "env": w.Dropdown(
                options=[(name.split("/")[1], name) for name in OBSERVATION_NAMES],
                value=env_id,
                description="env",
                style={"description_width": "40px"},
                layout=w.Layout(width="225px", max_width="100%"),
            ),
            "repeat": w.ToggleButtons(
                options=[("1 step", 1), ("3 steps", 3), ("10 steps", 10)],
                value=3,
                description="per press",
                style={"button_width": "86px", "description_width": "70px"},
            ),
        }
        self.buttons = {
            name: w.Button(description=sign, tooltip=name, layout=w.Layout(width="44px"))
            for name, (sign, _) in DIRECTIONS.items()
        }
        for name in ("new goal", "reveal"):
            self.buttons[name] = w.Button(description=name, layout=w.Layout(width="110px"))
        self._start_env()
        pad = w.GridBox(
            [self.buttons[name] for name in DIRECTIONS],
            layout=w.Layout(grid_template_columns="repeat(3, 50px)", grid_gap="2px", width="165px"),
        )
        ends = w.HBox([self.buttons["new goal"], self.buttons["reveal"]])
        aside = w.VBox([self.controls["env"], self.controls["repeat"], ends, self.status])
        aside.layout = share("230px", "440px")
        board = row(pad, aside)
        board.layout.align_items = "flex-start"
        super().__init__([board], self._picture, self._alt)
        for name, (_, action) in DIRECTIONS.items():
            self.buttons[name].on_click(lambda _, action=action: self.press(action))
        self.buttons["new goal"].on_click(lambda _: self._new_game())
        self.buttons["reveal"].on_click(lambda _: self._reveal())
        self.controls["env"].observe(self._start_env, names="value")
        self.controls["env"].observe(self.refresh, names="value")

    def press(self, action: tuple[float, float]) -> None:
        """Take an action (2,) as often as "per press" says, or until the episode ends."""
        if self.revealed:
            self._say("This episode is over: press “new goal” for another.")
            return
        for _ in range(self.controls["repeat"].value):
            step = self.env.step(np.array(action, np.float32))
            self.observation, reward, terminated, truncated, _ = step
            self.rewards.append(float(reward))
            self.positions.append(self.observation[:2])
            if terminated or truncated:
                self._reveal("The horizon is reached. ")
                return
        self._show_numbers()
        self.refresh()

    def _start_env(self, _change: object = None) -> None:
        self.env = gym.make(self.controls["env"].value)
        self._begin(self.seed)

    def _new_game(self) -> None:
        self._begin(None)
        self.refresh()

    def _begin(self, seed: int | None) -> None:
        self.observation, info = self.env.reset(seed=seed)
        self.goal: NDArray[np.float64] = info["goal"]
        self.oracle: OracleRun = run_oracle(gym.make(self.controls["env"].value), self.goal)
        self.positions: list[NDArray[np.float32]] = [self.observation[:2]]
        self.rewards: list[float] = []
        self.revealed = False
        self._say("Steer by the numbers. Path, goal and return are hidden until the end.")
        fig, (self._table, self._plane) = figure(1, 2, (6.2, 3.7), width_ratios=(1.0, 1.0))
        with mpl.rc_context(HOUSE_STYLE):
            self._words = self._draw_plane(self._plane)
            moving = self._draw_table(self._table)
        self._show_numbers()
        self._live = LiveFigure(fig, [*moving, self._words])

    def _draw_table(self, ax: Axes) -> list[Any]:
        """A row for each number: its name, a bar and its value."""
        names = OBSERVATION_NAMES[self.controls["env"].value]
        rows = range(len(names))
        ax.set(xlim=(-SCALE, SCALE + 1.9), ylim=(len(names) - 0.4, -0.6), xlabel=" ")
        ax.set_title("what you see", loc="left")
        ax.set_yticks(rows, [name.replace("previous ", "previous\n") for name in names])
        ax.set_xticks([-1, 0, 1])
        ax.tick_params(axis="y", length=0)
        ax.spines["left"].set_visible(False)
        ax.axvline(0, color=BOUNDARY, lw=0.8)
        self._bars = [Line2D([], [], color=OBSERVATION, lw=9, solid_capstyle="butt") for _ in rows]
        for bar in self._bars:
            ax.add_line(bar)
        self._values: list[Text] = [
            ax.text(SCALE + 1.9, y, "", ha="right", va="center") for y in rows
        ]
        self._clock = ax.text(0.5, -0.13, "", transform=ax.transAxes, ha="center", va="top")
        return [*self._bars, *self._values, self._clock]

    def _draw_plane(self, ax: Axes) -> Text:
        set_plane(ax)
        ax.set(xlabel="\n", ylabel="", anchor="N")  # room for two lines of words
        ax.set_facecolor((*to_rgb(INK), 0.12))
        ax.set_title("what you do not see", loc="left")
        words = "path, goal and return:\nhidden until the end"
        return ax.text(0.5, 0.5, words, transform=ax.transAxes, ha="center", va="center")

    def _say(self, text: str) -> None:
        self.message = text
        self.status.value = text

    def _show_numbers(self) -> None:
        for y, value in enumerate(self.observation):
            self._bars[y].set_data([0, float(np.clip(value, -SCALE, SCALE))], [y, y])
            self._values[y].set_text(f"{shown(value):+.2f}")
        self._clock.set_text(f"after {len(self.rewards)} of {self._horizon} steps")

    @property
    def _horizon(self) -> int:
        base: Any = self.env.unwrapped
        return base.horizon

    def returns(self) -> tuple[float, float]:
        """Return the reader's return so far, and the oracle's after the same number of steps."""
        oracle = self.oracle.rewards[: len(self.rewards)]
        return float(np.sum(self.rewards)), float(oracle.sum())

    def _reveal(self, why: str = "") -> None:
        """Show path, goal and return, and end the game; has no effect when the game is over."""
        if self.revealed:
            return
        self.revealed = True
        yours, best = self.returns()
        result = f"your return {yours:.2f}, the oracle's {best:.2f}"
        self._say(f"{why}After {len(self.rewards)} steps: {result}.")
        self._show_numbers()
        base: Any = self.env.unwrapped
        best_way = self.oracle.positions[: len(self.positions)]
        for way in self._episodes(best_way):
            self._plane.plot(*way.T, color=ACTION, ls="--", lw=2.5)
        ways = self._episodes(np.array(self.positions, np.float64))
        draw_paths(self._plane, ways, self.goal, base.goal_radius, [OBSERVATION])
        self._plane.set_facecolor("none")
        self._plane.set_title("path, goal and return", loc="left")
        self._plane.set(xlabel="\n", ylabel="")
        text = f"you (solid): {yours:.2f}\noracle (dashed): {best:.2f}"
        self._words.set(position=(0.5, -0.13), va="top", text=text)
        self._live.draw_background()
        self.refresh()

    def _episodes(self, positions: NDArray[np.float64]) -> list[NDArray[np.float64]]:
        """Cut the path where an episode of a trial begins, at (0, 0) again."""
        base: Any = self.env.unwrapped
        length = getattr(base, "episode_horizon", base.horizon + 1)
        return np.split(positions, range(length, len(positions), length))

    def _picture(self) -> bytes:
        return self._live.frame()

    def _alt(self) -> str:
        names = OBSERVATION_NAMES[self.controls["env"].value]
        seen = zip(names, self.observation, strict=True)
        numbers = ", ".join(f"{name} {shown(value):+.2f}" for name, value in seen)
        where = f"after {len(self.rewards)} of {self._horizon} steps"
        return f"Play it yourself, {where}. Seen: {numbers}. {self.message}"


def shown(value: Any) -> float:
    """Return the value rounded to two decimals, without the sign of a zero."""
    return round(float(value), 2) + 0.0
