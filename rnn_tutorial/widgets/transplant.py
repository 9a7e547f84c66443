"""The transplant view: two agents swap their hidden states at time k; where does each walk?"""

from itertools import islice
from typing import Any

import gymnasium as gym
import ipywidgets as w
import matplotlib as mpl
import numpy as np
from gymnasium.vector import AutoresetMode
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from rnn_tutorial.acting import act, begin, env_seeds
from rnn_tutorial.colours import HIDDEN, OBSERVATION, REWARD
from rnn_tutorial.interventions import once, transplant
from rnn_tutorial.plotting.figures import HOUSE_STYLE, figure
from rnn_tutorial.plotting.plane import set_plane
from rnn_tutorial.policy import RNNPolicy
from rnn_tutorial.widgets.live import LiveFigure, LiveView, row, share

NAMES = ("A", "B")


class TransplantView(LiveView):
    """Two paths side by side, a slider for the time of the swap, and a choice of the pair.

    Each move runs both agents again, as a vector env of two; they take the mean of their action
    distribution. At k = T nothing is swapped. Pair j has the goals of
    envs 2 j and 2 j + 1 of a large vector env that is recorded with the same seed.

    Args:
        policy: trained on the env.
        env_id: a point env whose info has a "goal".
        k: the first time of the swap.
        pair: the first pair.
        pairs: the number of pairs to choose from.
        seed: of the first pair.
        **env: settings of the env.

    Attributes:
        goals: (2, 2), of the two agents.
        way: (T + 1, 2, 2), the positions of the two agents.

    Raises:
        ValueError: for a k or a pair out of range.
    """

    def __init__(
        self,
        policy: RNNPolicy,
        env_id: str = "rnn_tutorial/CuedPoint-v0",
        k: int = 1,
        pair: int = 0,
        pairs: int = 512,
        seed: int = 0,
        **env: Any,
    ) -> None:
        self.subject, self.seed = policy, seed
        self.swap = transplant([1, 0])
        # This mode returns the last observation of an episode like any other.
        self.env = gym.make_vec(env_id, num_envs=2, autoreset_mode=AutoresetMode.NEXT_STEP, **env)
        self.steps = int(self.env.horizon)  # type: ignore[attr-defined]
        for name, value, high in (("k", k, self.steps), ("pair", pair, pairs - 1)):
            if not 0 <= value <= high:
                raise ValueError(f"{name}: expected 0 to {high}, got {value}")
        wide = {"description_width": "76px"}
        self.k = w.IntSlider(
            k, 0, self.steps, description="swap at k", layout=share(most="400px"), style=wide
        )
        self.pair = w.BoundedIntText(
            pair, 0, pairs - 1, description="pair", style={"description_width": "40px"}
        )
        self.pair.layout.width = "120px"
        fig, axes = figure(1, 2, size=(6.2, 4.5), sharey=True)
        self.moving: list[Any] = []
        with mpl.rc_context(HOUSE_STYLE):
            self.parts = [self._prepare(ax, name) for ax, name in zip(axes, NAMES, strict=True)]
            _explain(fig)
        axes[1].set_ylabel("")
        self.live = LiveFigure(fig, self.moving)
        super().__init__([row(self.k, self.pair)], self._frame, self._describe)
        self.k.observe(self.refresh, "value")
        self.pair.observe(self.refresh, "value")

    def run(self, k: int, pair: int) -> tuple[np.ndarray, np.ndarray]:
        """Return goals (2, 2) and positions (T + 1, 2, 2); the states are swapped before step k."""
        seeds = env_seeds(self.seed, 2 * pair + 2)[-2:]
        carry = begin(self.subject, self.env, seeds)
        swap = once(k, self.swap)
        loop = act(self.subject, self.env, carry, deterministic=True, intervention=swap)
        seen = [carry.observation, *(step.then.observation for step in islice(loop, self.steps))]
        return carry.info["goal"].copy(), np.stack([positions[:, :2] for positions in seen])

    def distances(self) -> tuple[np.ndarray, np.ndarray]:
        """Return how far each agent (2,) ends from its own goal, and from its partner's."""
        ends = self.way[-1]
        own, other = (np.linalg.norm(ends - g, axis=1) for g in (self.goals, self.goals[::-1]))
        return own, other

    def _prepare(self, ax: Axes, name: str) -> dict[str, Any]:
        """A plane with everything that will move on it."""
        set_plane(ax, 1.4)
        ax.set_title(f"agent {name} ends", loc="left", pad=44)
        # Only the numbers move: text takes longer to draw than paths.
        place: dict[str, Any] = {"va": "baseline", "transform": ax.transAxes, "linespacing": 1.35}
        ax.text(0.18, 1.05, "from its own goal\nfrom its partner's", **place)

        def line(style: str = "-", **look: Any) -> Line2D:
            return ax.plot([], [], style, **look)[0]

        parts = {
            "other": line("*", ms=15, mfc="none", mec=REWARD, zorder=4),
            "own": line("*", ms=15, color=REWARD, zorder=4),
            "before": line(color=OBSERVATION, lw=2),
            "after": line(color=HIDDEN, lw=2),
            "swap": line("s", ms=7, mfc="none", mec=HIDDEN, mew=2, zorder=5),
            "end": line("o", ms=8, zorder=6),
            "words": ax.text(0.0, 1.05, "", **place),
            "time": ax.text(0.04, 0.05, "", transform=ax.transAxes),
        }
        self.moving += parts.values()
        return parts

    def _frame(self) -> bytes:
        k = self.k.value
        self.goals, self.way = self.run(k, self.pair.value)
        goals, (own, other) = self.goals, self.distances()
        for i, parts in enumerate(self.parts):
            path = self.way[:, i]
            parts["before"].set_data(*path[: k + 1].T)
            parts["after"].set_data(*path[k:].T)
            parts["swap"].set_data(*path[k : k + 1 if k < self.steps else k].T)
            parts["end"].set_data(*path[-1:].T)
            parts["end"].set_color(HIDDEN if k < self.steps else OBSERVATION)
            for key, goal in (("own", goals[i]), ("other", goals[1 - i])):
                parts[key].set_data([goal[0]], [goal[1]])
            parts["words"].set_text(f"{own[i]:.2f}\n{other[i]:.2f}")
            parts["time"].set_text(f"swap at k = {k}" if k < self.steps else "no swap")
        return self.live.frame()

    def _describe(self) -> str:
        own, other = self.distances()
        swap = f"swapped at step {self.k.value}" if self.k.value < self.steps else "not swapped"
        ends = "; ".join(
            f"agent {name} ends {a:.2f} from its own goal and {b:.2f} from its partner's"
            for name, a, b in zip(NAMES, own, other, strict=True)
        )
        return f"Two paths on the plane, pair {self.pair.value}, states {swap}: {ends}."


def _explain(fig: Figure) -> None:
    """Draw a legend below both planes."""
    looks: dict[str, dict[str, Any]] = {
        "own goal": {"marker": "*", "ls": "", "ms": 13, "color": REWARD},
        "partner's goal": {"marker": "*", "ls": "", "ms": 13, "mfc": "none", "mec": REWARD},
        "with its own memory": {"color": OBSERVATION, "lw": 2},
        "with its partner's memory": {"color": HIDDEN, "lw": 2},
        "swap": {"marker": "s", "ls": "", "ms": 7, "mfc": "none", "mec": HIDDEN, "mew": 2},
        "end": {"marker": "o", "ls": "", "ms": 8, "color": HIDDEN},
    }
    handles = [Line2D([], [], label=name, **look) for name, look in looks.items()]
    fig.legend(handles=handles, loc="outside lower center", ncols=3, columnspacing=1.2)
