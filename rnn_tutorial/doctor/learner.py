"""What a learner is to the doctor: something that collects a rollout and replays it in minibatches.

The protocol is small so that any collect-and-replay pair fits it with some twenty lines around it;
`ppo_learner.PPOLearner` is such an adapter, for the package's own buffer and PPO.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Protocol, runtime_checkable

Columns = Mapping[str, Any]


@runtime_checkable
class Learner(Protocol):
    """A policy that collects rollouts and learns from them by replaying sequences.

    Arrays are tensors or NumPy arrays, time-major. T steps of N envs make a rollout, B sequences of
    up to L entries a minibatch. The doctor calls `collect` twice and then looks at the second
    rollout, which may begin in the middle of episodes.
    """

    def collect(self) -> Columns:
        """Acts for T steps in N envs, from where the last call left off. Nothing is learned.

        Returns:
            By name, each (T, N, ...), as they are stored for learning: observation (an array, or a
            nest of them), action, reset (the observation begins an episode), terminated and
            truncated (as the env said). Optional, and the checks that need them do not apply
            without:

            log_prob, value: (T, N). A learner without log_prob replays sequences from a store, or
            imitates: what it leaves out, and what it uses twice, is its choice.
            reward: (T, N), scaled as for learning, but without a bootstrap that is added to it.
            valid: false where a step belongs to no episode (an env's resetting step).
            advantage, gamma, gae_lambda: generalised advantage estimates, and two numbers.
            next_value: V of the observation after the step, the episode's true last one where it
            ended, read from the state after the step.
            state, next_state: (T, N, numbers), what acting started step t from (before any
            clearing) and what it ended in, each env's state flattened into a row.
            mean and std (T, N, *action), or probs (T, N, *action, n), for MultiBinary without the
            n: the action distribution's parameters in acting.
        """
        ...

    def minibatches(self) -> Iterable[Columns]:
        """One epoch over the last rollout, as training goes through it.

        Returns:
            For each minibatch by name, (L, B, ...): observation, action, and log_prob and value of
            the policy that acted, where the rollout has them; valid, false at padding and at the
            steps of a burn-in, which stand before a sequence's first valid one; optional:
            advantage, reset, and state (B, numbers), what each sequence starts from. Further
            entries of any kind come back to `evaluate` and `loss` as they are.
        """
        ...

    def evaluate(self, batch: Columns) -> tuple[Any, Any]:
        """Log-probabilities and values (L, B) of a minibatch by the present policy.

        The values may be None.
        """
        ...

    def loss(self, batch: Columns) -> tuple[float, Any]:
        """The loss of a minibatch and its gradient, all parameters' in one row.

        A learner that can't say raises a NotImplementedError with the reason.
        """
        ...
