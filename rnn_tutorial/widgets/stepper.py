"""The rollout stepper: a rollout, moved through time with Play, a slider and two step buttons."""

from collections.abc import Callable, Mapping
from typing import Any

import gymnasium as gym
import ipywidgets as w
import numpy as np
import torch

from rnn_tutorial.plotting.rollout import RolloutPicture
from rnn_tutorial.policy import RNNPolicy
from rnn_tutorial.rollout import Rollout, record, zero
from rnn_tutorial.widgets.live import LiveFigure, LiveView

ENVS: dict[str, dict[str, Any]] = {
    "rnn_tutorial/SparsePoint-v0": {"goal_radius": 0.5},
    "rnn_tutorial/Point-v0": {},
    "rnn_tutorial/CuedPoint-v0": {},
    "rnn_tutorial/PointTrial-v0": {"goal_sampler": "circle"},
}
POLICIES = ("recurrent", "amnesiac", "memoryless")


def make_policy(env: gym.Env, kind: str, seed: int) -> RNNPolicy:
    """An untrained policy with the demo's settings; the same seed gives the same weights.

    Args:
        env: whose spaces it fits.
        kind: "recurrent", "amnesiac" (the same weights as the recurrent one) or "memoryless".
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
    """The way of one observation through the policy, with the shapes found by running it."""
    obs = torch.zeros(policy.obs_shape)
    features = policy.encoder(obs[None])
    output, state = policy(obs)
    hidden = state[0] if isinstance(state, tuple) else state
    event = tuple(output.distribution.mean.shape) if not policy.discrete else ()
    return (
        f"observation {tuple(obs.shape)}: one, so step → encoder {tuple(features.shape)} → core, "
        f"state {tuple(hidden.shape)} → action {event}, value {tuple(output.value.shape)}"
    )


class RolloutStepper(LiveView):
    """A rollout to step through: path, memory, action distribution, reward so far, branch.

    Args:
        env_id: one of `ENVS`.
        policy: one of `POLICIES`, or a name in `policies`.
        seed: of the weights, the env and the actions.
        policies: env id -> name -> a policy of your own, offered for that env beside the built-in
            ones.
        beliefs: env id -> name of a policy of your own -> a function that reads off its rollout
            where the goal is, (T, N, 2); drawn as a cross that moves with the time.
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
        self.env = w.Dropdown(options=list(ENVS), value=env_id, description="env")
        self.policy = w.Dropdown(options=self._choices(), value=policy, description="policy")
        self.seed = w.BoundedIntText(value=seed, min=0, max=9999, description="seed")
        self.time = w.IntSlider(value=0, min=0, max=1, description="t")
        self.play = w.Play(interval=100, min=0, max=1)
        self.back = w.Button(icon="step-backward", tooltip="one step back")
        self.forth = w.Button(icon="step-forward", tooltip="one step on")
        for button in (self.back, self.forth):
            button.layout.width = "40px"
        self.time.layout.width = "420px"
        w.jslink((self.play, "value"), (self.time, "value"))
        self._load()
        super().__init__(
            [
                w.HBox([self.env, self.policy, self.seed]),
                w.HBox([self.play, self.back, self.forth, self.time]),
            ],
            self._frame,
            self._describe,
            width=960,
        )
        self._loading = False
        self.time.observe(self._on_time, "value")
        self.back.on_click(lambda _: self.show_step(self.time.value - 1))
        self.forth.on_click(lambda _: self.show_step(self.time.value + 1))
        self.env.observe(self._on_env, "value")
        for control in (self.policy, self.seed):
            control.observe(self._on_choice, "value")

    def show_step(self, t: int) -> None:
        """Moves to step t, or to the nearest that there is."""
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
        """Records a rollout of the present choice, and draws its picture."""
        env_id, kind = self.env.value, self.policy.value
        env = gym.make(env_id, **ENVS[env_id])
        own = self._own.get(env_id, {})
        policy = own[kind] if kind in own else make_policy(env, kind, self.seed.value)
        steps = int(env.unwrapped.horizon)  # type: ignore[attr-defined]
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
        return (
            f"A rollout of the {self.policy.value} policy in {self.env.value}, seed "
            f"{self.seed.value}, at step {self.time.value}: path and goal, memory as a heat map up "
            "to now, the action distribution's mean and spread, and the reward so far."
        )
