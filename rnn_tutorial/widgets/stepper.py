"""The rollout stepper: a rollout, with Play, a slider and two buttons to move through time."""

from collections.abc import Callable, Mapping
from typing import Any

import gymnasium as gym
import ipywidgets as w
import numpy as np
import torch

from rnn_tutorial.nest import first_leaf, leaves, map_nest
from rnn_tutorial.observations import prepare, sample_batch
from rnn_tutorial.plotting.rollout import RolloutPicture
from rnn_tutorial.policy import RNNPolicy
from rnn_tutorial.rollout import Rollout, record, zero
from rnn_tutorial.widgets.live import LiveFigure, LiveView, row, share

ENVS: dict[str, dict[str, Any]] = {
    "rnn_tutorial/SparsePoint-v0": {"goal_radius": 0.5},
    "rnn_tutorial/Point-v0": {},
    "rnn_tutorial/CuedPoint-v0": {},
    "rnn_tutorial/PointTrial-v0": {"goal_sampler": "circle"},
}
STEPS = 100  # of an env that does not say how many an episode has
POLICIES = ("recurrent", "amnesiac", "memoryless")


def make_policy(env: gym.Env, kind: str, seed: int) -> RNNPolicy:
    """Return an untrained policy with the demo's settings; a seed always gives the same weights.

    Args:
        env: the policy gets its spaces.
        kind: "recurrent", "amnesiac" (with the weights of "recurrent") or "memoryless".
        seed: of the weights.

    Raises:
        ValueError: for an unknown kind.
    """
    if kind not in POLICIES:
        raise ValueError(f"policy: expected one of {POLICIES}, got {kind!r}")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        cell = "none" if kind == "memoryless" else "gru"
        return RNNPolicy(env.observation_space, env.action_space, cell=cell)


def describe_branch(policy: RNNPolicy) -> str:
    """Return the path of one observation through the policy, with measured shapes."""
    space = policy.observation_space
    batch = policy.to_tensors(sample_batch(space))
    features = policy.encoder(prepare(space, batch, 1, policy.dtype, policy.images))
    output, state = policy(map_nest(lambda part: part[0], batch))
    shapes = {name: tuple(part.shape[1:]) for name, part in leaves(batch)}
    seen = shapes[""] if "" in shapes else ", ".join(f"{n} {s}" for n, s in shapes.items())
    return (
        f"step: observation {seen} → encoder {tuple(features.shape)} → core, "
        f"state {tuple(first_leaf(state).shape)} → action "
        f"{tuple(output.distribution.event_shape)}, value {tuple(output.value.shape)}"
    )


class RolloutStepper(LiveView):
    """A rollout to step through: path, memory, action distribution, reward, shapes.

    Args:
        env_id: one of `ENVS`, or the id of any single env.
        policy: one of `POLICIES`, or a name in `policies`.
        seed: of the weights, the env and the actions.
        policies: env id -> name -> a policy of your own, a further choice for that env.
        beliefs: env id -> name of a policy of your own -> a function from its rollout to an
            estimate of the goal's position at each step, (T, N, 2); drawn as a cross.
    """

    def __init__(
        self,
        env_id: str = "rnn_tutorial/SparsePoint-v0",
        policy: str = "recurrent",
        seed: int = 0,
        policies: Mapping[str, Mapping[str, RNNPolicy]] | None = None,
        beliefs: Mapping[str, Mapping[str, Callable[[Rollout], np.ndarray]]] | None = None,
    ) -> None:
        self._own, self._beliefs = policies or {}, beliefs or {}
        self._loading = True
        labels = [{"description_width": width} for width in ("28px", "42px", "34px", "16px")]
        self.env = w.Dropdown(
            options=[(name.split("/")[-1], name) for name in dict.fromkeys([*ENVS, env_id])],
            value=env_id,
            description="env",
            layout=share("160px", "220px"),
            style=labels[0],
        )
        self.policy = w.Dropdown(
            options=self._choices(),
            value=policy,
            description="policy",
            layout=share("150px", "200px"),
            style=labels[1],
        )
        self.seed = w.BoundedIntText(
            seed, 0, 9999, description="seed", layout=w.Layout(width="95px"), style=labels[2]
        )
        self.time = w.IntSlider(
            0,
            min=0,
            max=1,
            description="t",
            layout=share(most="360px"),
            style=labels[3],
        )
        self.play = w.Play(interval=100, min=0, max=1)
        self.back = w.Button(icon="step-backward", tooltip="one step back")
        self.forth = w.Button(icon="step-forward", tooltip="one step on")
        for button in (self.back, self.forth):
            button.layout.width = "40px"
        w.jslink((self.play, "value"), (self.time, "value"))
        self._load()
        choices = row(self.env, self.policy, self.seed)
        moves = row(self.play, self.back, self.forth, self.time)
        super().__init__([choices, moves], self._frame, self._describe)
        self._loading = False
        self.time.observe(self._on_time, "value")
        self.back.on_click(lambda _: self.show_step(self.time.value - 1))
        self.forth.on_click(lambda _: self.show_step(self.time.value + 1))
        self.env.observe(self._on_env, "value")
        for control in (self.policy, self.seed):
            control.observe(self._on_choice, "value")

    def show_step(self, t: int) -> None:
        """Move to step t, or to the first or last step if t lies outside."""
        self.time.value = min(max(t, 0), self.time.max)

    def _choices(self) -> list[str]:
        return [*POLICIES, *self._own.get(self.env.value, {})]

    def _on_time(self, _change: object) -> None:
        if not self._loading:
            self.refresh()

    def _on_env(self, _change: object) -> None:
        chosen, choices = self.policy.value, self._choices()
        self._loading = True
        self.policy.options = choices
        self.policy.value = chosen if chosen in choices else POLICIES[0]
        self._loading = False
        self._on_choice(None)

    def _on_choice(self, _change: object) -> None:
        if not self._loading:
            self.attempt(self._load_and_show)

    def _load_and_show(self) -> None:
        self._loading = True
        try:
            self._load()
        finally:
            self._loading = False
        self._show()

    def _load(self) -> None:
        """Record a rollout of the present choice, and draw its picture."""
        env_id, kind = self.env.value, self.policy.value
        env = gym.make(env_id, **ENVS.get(env_id, {}))
        own = self._own.get(env_id, {})
        policy = own[kind] if kind in own else make_policy(env, kind, self.seed.value)
        steps = int(getattr(env.unwrapped, "horizon", STEPS))
        self.rollout: Rollout = record(
            policy,
            env,
            steps,
            seed=self.seed.value,
            intervention=zero() if kind == "amnesiac" else None,
        )
        radius = getattr(env.unwrapped, "goal_radius", None)
        read = self._beliefs.get(env_id, {}).get(kind)
        self.picture = RolloutPicture(
            self.rollout,
            goal_radius=radius,
            branch=describe_branch(policy),
            belief=None if read is None else read(self.rollout),
        )
        self.live = LiveFigure(self.picture.fig, self.picture.moving)
        self.time.max = self.play.max = steps - 1
        self.time.value = min(self.time.value, steps - 1) or (steps - 1) // 2

    def _frame(self) -> bytes:
        self.picture.set_time(self.time.value)
        return self.live.frame()

    def _describe(self) -> str:
        seen = "path and goal" if self.picture.has_path else "the observation over time"
        gaussian = self.picture.means is not None
        action = "the action distribution's mean and spread" if gaussian else "action probabilities"
        return (
            f"A rollout of the {self.policy.value} policy in {self.env.value}, seed "
            f"{self.seed.value}, at step {self.time.value}: {seen}, memory as a heat map up "
            f"to now, {action}, and the reward so far."
        )
