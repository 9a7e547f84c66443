"""The reset view: place resets in a short sequence, and apply them on time, late or early."""

from collections.abc import Sequence
from typing import Any

import ipywidgets as w
import numpy as np
import torch
from torch import Tensor

from rnn_tutorial.plotting.figures import png_bytes
from rnn_tutorial.plotting.resets import Branch, draw_branches
from rnn_tutorial.policy import RNNPolicy
from rnn_tutorial.widgets.live import LiveView

CUES = (0.9, -0.7, 0.5, -0.9, 0.8, -0.6, 1.0, -0.8, 0.6, -1.0, 0.7, -0.5)  # goal x, if t begins one
FIRST_CUE = -0.6  # of the episode that is under way when the sequence begins
WHEN = {"before step t": 0, "one step late": 1, "one step early": -1, "never": None}
BLUE = "info"  # the style of a pressed button


def move(begins: np.ndarray, shift: int | None) -> np.ndarray:
    """Move the flags (T,) to later steps (earlier if negative); None clears all flags."""
    moved = np.zeros_like(begins)
    if shift is None:
        return moved
    into = slice(max(0, shift), len(begins) + min(0, shift))
    moved[into] = begins[max(0, -shift) : len(begins) - max(0, shift)]
    return moved


class ResetView(LiveView):
    """A button for each step that may begin an episode, and a menu for each branch.

    An episode's first observation contains its goal, as in `rnn_tutorial/CuedPoint-v0`; the others
    are zero. The sequence begins in the middle of an episode.

    Args:
        policy: for observations (x, y, goal x, goal y, cue flag), a recurrent core of one layer.
        begins: steps at which an episode begins.
        step: when the loop over `step` clears the state, a key of `WHEN`.
        unroll: when `unroll` clears it.
        unit: of the hidden state, to show.
        scale: factor for the unit's values.

    Attributes:
        buttons: one for each step.
        when: the two menus, by the name of the branch.
        branches: the runs that the picture shows.

    Raises:
        ValueError: for an unknown step or choice.
    """

    def __init__(
        self,
        policy: RNNPolicy,
        begins: Sequence[int] = (4, 8),
        step: str = "before step t",
        unroll: str = "before step t",
        unit: int = 0,
        scale: float = 100.0,
    ) -> None:
        if not all(0 <= t < len(CUES) for t in begins):
            raise ValueError(f"begins: expected steps from 0 to {len(CUES) - 1}, got {begins}")
        for name, choice in (("step", step), ("unroll", unroll)):
            if choice not in WHEN:
                raise ValueError(f"{name}: expected one of {list(WHEN)}, got {choice!r}")
        self.policy, self.unit, self.scale = policy, unit, scale
        self.buttons = [self._button(t, t in begins) for t in range(len(CUES))]
        self.when = {
            name: w.Dropdown(options=list(WHEN), value=choice, description=f"{name} clears")
            for name, choice in (("step", step), ("unroll", unroll))
        }
        wrap = w.Layout(flex_flow="row wrap")
        rows = [
            w.Box([w.Label("an episode begins at t ="), *self.buttons], layout=wrap),
            w.Box(list(self.when.values()), layout=wrap),
        ]
        super().__init__(rows, self._picture, self._describe_branches, width=740)
        for control in (*self.buttons, *self.when.values()):
            control.observe(self.refresh, "value")
        for button in self.buttons:
            button.observe(self._colour, "value")

    @staticmethod
    def _button(t: int, pressed: bool) -> w.ToggleButton:
        tip = f"an episode begins at step {t}"
        look = {"layout": w.Layout(width="44px"), "button_style": BLUE if pressed else ""}
        return w.ToggleButton(pressed, description=str(t), tooltip=tip, **look)

    @staticmethod
    def _colour(change: Any) -> None:
        change["owner"].button_style = BLUE if change["new"] else ""

    @property
    def begins(self) -> np.ndarray:
        """The reader's flags (T,), true where an observation begins an episode."""
        return np.array([button.value for button in self.buttons])

    def cue(self) -> np.ndarray:
        """The cue (T,) of the episode that each step belongs to."""
        shown, now = [], FIRST_CUE
        for begin, cue in zip(self.begins, CUES, strict=True):
            now = cue if begin else now
            shown.append(now)
        return np.array(shown)

    def observations(self) -> Tensor:
        """The sequence (T, 1, 5); the point itself stays at the origin."""
        obs = torch.zeros(len(CUES), 1, 5)
        begins = torch.as_tensor(self.begins)
        obs[begins, 0, 2], obs[begins, 0, 4] = torch.tensor(CUES)[begins], 1.0
        return obs

    @torch.inference_mode()
    def run(self) -> tuple[Branch, Branch]:
        """The same policy and observations, step by step and as one sequence."""
        obs, begins = self.observations(), self.begins
        flags = {name: move(begins, WHEN[choice.value]) for name, choice in self.when.items()}
        cue = torch.tensor([[0.0, 0.0, FIRST_CUE, 0.0, 1.0]])
        start = state = self.policy.step(cue, self.policy.initial_state(1))[1]
        stepped = []
        for one, flag in zip(obs, flags["step"], strict=True):
            _, state = self.policy.step(one, state, torch.tensor([flag]))
            stepped.append(
                float((state[0] if isinstance(state, tuple) else state)[-1, 0, self.unit])
            )
        features, core = self.policy.encoder(obs[:, 0])[:, None], self.policy.core
        reset = torch.as_tensor(flags["unroll"])[:, None]
        hidden, _ = core.unroll(features, start, reset)
        return (
            Branch("step by step", self.scale * np.array(stepped), flags["step"]),
            Branch("one unroll", self.scale * hidden[:, 0, self.unit].numpy(), flags["unroll"]),
        )

    def _picture(self) -> bytes:
        self.branches = self.run()
        return png_bytes(draw_branches(self.begins, self.cue(), self.branches))

    def _describe_branches(self) -> str:
        (one, other), cue = self.branches, self.cue()
        gap = float(np.abs(one.memory - other.memory).max())
        starts = ", ".join(map(str, np.flatnonzero(self.begins))) or "no step"
        parts = [f"Episodes begin at {starts}."]
        for branch, choice in zip(self.branches, self.when.values(), strict=True):
            right = int(np.isclose(branch.memory, cue, atol=1e-3).sum())
            parts.append(f"{branch.name}, cleared {choice.value}: right in {right} of {len(cue)}.")
        agree = "The branches agree" if gap <= 1e-6 else f"The branches differ by up to {gap:.1f}"
        return " ".join(parts) + f" {agree}."
