"""The settings of recurrent PPO."""

import math
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

INITIAL_STATES = ("stored", "zero", "recompute", "burn_in")
# Name -> the lowest value of a count.
COUNTS = {
    "iterations": 0,
    "rollout_length": 1,
    "bptt_length": 1,
    "epochs": 1,
    "minibatches": 1,
    "burn_in": 0,
    "checkpoint_every": 1,
}
# Name -> the highest value of a number that may be 0.
FROM_ZERO = {"gamma": 1.0, "gae_lambda": 1.0}
FROM_ZERO |= dict.fromkeys(("value_weight", "entropy_weight", "target_kl"), math.inf)
ABOVE_ZERO = ("learning_rate", "clip", "max_grad_norm", "reward_scale")
OPTIONAL = ("bptt_length", "target_kl")


@dataclass(frozen=True)
class Settings:
    """The settings of a training run; the policy's and the env's are kept apart.

    Raises:
        ValueError: for a setting of the wrong kind or out of its range; the message names it.

    Example:
        >>> settings = Settings(iterations=100, bptt_length=10)
        >>> settings.gamma, settings.initial_state
        (0.9, 'stored')
        >>> Settings(initial_state="random")
        Traceback (most recent call last):
        ValueError: initial_state: expected one of ('stored', 'zero', ...), got 'random'
    """

    iterations: int = 60
    """Number of rollouts, each collected and then learned from."""
    rollout_length: int = 30
    """T, the steps of each env in one rollout."""
    bptt_length: int | None = None
    """L, the steps in one sequence: gradients flow back this far. None means the whole rollout."""
    epochs: int = 4
    """Passes over each rollout."""
    minibatches: int = 2
    """Minibatches of whole sequences in one epoch; with fewer sequences, one for each."""
    learning_rate: float = 5e-3
    """Adam's step size."""
    gamma: float = 0.9
    """Discount of future rewards."""
    gae_lambda: float = 0.95
    """Weight of the longer advantage estimates."""
    clip: float = 0.2
    """Distance of the probability ratio from 1 beyond which a step gains nothing more."""
    value_weight: float = 0.5
    """Weight of the value loss."""
    entropy_weight: float = 0.0
    """Weight of the entropy bonus."""
    max_grad_norm: float = 0.5
    """Largest norm of the gradient; a longer one is scaled down to it. Infinite: never."""
    reward_scale: float = 0.2
    """Factor on the rewards before learning; reported returns are without it."""
    target_kl: float | None = None
    """KL divergence at which the passes over a rollout stop early; None means never."""
    initial_state: str = "stored"
    """State before each sequence: "stored", "zero", "recompute" or "burn_in"."""
    burn_in: int = 10
    """With "burn_in": number of earlier steps replayed to compute the state."""
    checkpoint_every: int = 50
    """Iterations between checkpoints. Every env is reset at each, with or without a file, so that a
    resumed run is equal to an uninterrupted one."""

    def __post_init__(self) -> None:
        if self.initial_state not in INITIAL_STATES:
            raise ValueError(
                f"initial_state: expected one of {INITIAL_STATES}, got {self.initial_state!r}"
            )
        for name, least in COUNTS.items():
            self._check(
                name, Integral, f"a whole number, at least {least}", lambda x, m=least: x >= m
            )
        for name, most in FROM_ZERO.items():
            said = "a number, at least 0" if most == math.inf else f"a number from 0 to {most:g}"
            self._check(name, Real, said, lambda x, m=most: 0 <= x <= m and x < math.inf)
        for name in ABOVE_ZERO:
            endless = name == "max_grad_norm"
            said = "a number above 0" + (" or infinity" if endless else "")
            self._check(name, Real, said, lambda x, e=endless: x > 0 and (e or x < math.inf))
        if self.bptt_length is not None and self.bptt_length > self.rollout_length:
            raise ValueError(
                f"bptt_length: expected at most rollout_length = {self.rollout_length}, "
                f"got {self.bptt_length}"
            )

    def _check(self, name: str, kind: Any, said: str, fits: Any) -> None:
        """Refuse a value that does not fit; keep it as a plain Python number."""
        value = getattr(self, name)
        if value is None and name in OPTIONAL:
            return
        if isinstance(value, bool) or not isinstance(value, kind) or not fits(value):
            raise ValueError(f"{name}: expected {said}, got {value!r}")
        object.__setattr__(self, name, int(value) if kind is Integral else float(value))
