"""What a training run by recurrent PPO is made of."""

from dataclasses import dataclass

INITIAL_STATES = ("stored", "zero", "recompute", "burn_in")


@dataclass(frozen=True)
class Settings:
    """What a training run is made of; every field has a sentence."""

    iterations: int = 60
    """How often a rollout is collected and learned from."""
    rollout_length: int = 30
    """T, the steps of each env in one rollout."""
    bptt_length: int | None = None
    """L, the steps in one sequence, over which gradients flow back; None is the whole rollout."""
    epochs: int = 4
    """How often each rollout is gone through."""
    minibatches: int = 2
    """Into how many minibatches of whole sequences an epoch is split."""
    learning_rate: float = 5e-3
    """Adam's step size."""
    gamma: float = 0.9
    """Discount of future rewards."""
    gae_lambda: float = 0.95
    """Weight of the longer advantage estimates."""
    clip: float = 0.2
    """How far the probability ratio may move from 1 before its gain is cut off."""
    value_weight: float = 0.5
    """Weight of the value loss."""
    entropy_weight: float = 0.0
    """Weight of the entropy bonus."""
    max_grad_norm: float = 0.5
    """Gradients longer than this are scaled down to it."""
    reward_scale: float = 0.2
    """Rewards are multiplied by this before learning; returns are reported without it."""
    target_kl: float | None = None
    """The epochs stop once the policy has moved this far; None never stops them."""
    initial_state: str = "stored"
    """Where sequences start from: "stored", "zero", "recompute" or "burn_in"."""
    burn_in: int = 10
    """With "burn_in": how many earlier steps are replayed to find the state."""
    checkpoint_every: int = 50
    """Iterations between checkpoints. The envs begin anew at each, whether a file is written or
    not, so that a resumed run repeats one that was never interrupted."""

    def __post_init__(self) -> None:
        if self.initial_state not in INITIAL_STATES:
            raise ValueError(
                f"initial_state: expected one of {INITIAL_STATES}, got {self.initial_state!r}"
            )
