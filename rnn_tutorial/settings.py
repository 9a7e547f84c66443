"""The settings of recurrent PPO."""

from dataclasses import dataclass

INITIAL_STATES = ("stored", "zero", "recompute", "burn_in")


@dataclass(frozen=True)
class Settings:
    """The settings of a training run; the policy's and the env's are kept apart.

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
    """Minibatches of whole sequences in one epoch."""
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
    """Largest norm of the gradient; a longer one is scaled down to it."""
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
