"""What the heads read, in acting and in training: the same numbers, unless there is a bug.

The input of the value head is noted while a rollout is collected, and again while the learner goes
through its minibatches. An entry of a minibatch is brought back to the step that it came from by
its log-probability, which no other step shares.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from gymnasium.vector import VectorEnv, VectorWrapper
from torch import Tensor, nn

from rnn_tutorial.doctor.zoo.bug import Bug


@dataclass(frozen=True)
class TwoPaths:
    """A rollout as the heads met it twice.

    Attributes:
        acting: (T, N, H), what they read when step t was taken; NaN where acting failed.
        training: (T, N, H), what they read where step t is learned from; NaN where it never is.
        reset: (T, N) bool, where an episode begins.
        error: what ended acting or training, "" if nothing did.
    """

    acting: np.ndarray
    training: np.ndarray
    reset: np.ndarray
    error: str = ""

    @property
    def gap(self) -> np.ndarray:
        """(N,), each env's largest difference between the two, over the steps that it has."""
        return np.nan_to_num(np.abs(self.training - self.acting)).max((0, 2))

    def telling_env(self) -> int:
        """The env that is worth a look: most steps missing in training, then the largest gap.

        Where there is nothing to tell between the two paths it is env 1, which resets earlier than
        env 0 on the staggered tasks.
        """
        missing = np.isnan(self.training).any(2).sum(0)
        if missing.min() < missing.max():
            return int(missing.argmax())
        return int(self.gap.argmax()) if self.gap.max() > 1e-5 else 1


class _Listening(VectorWrapper):
    """Notes before each step of the env what the policy's heads have just read."""

    def __init__(self, env: VectorEnv, heard: list[np.ndarray]) -> None:
        super().__init__(env)
        self.heard, self.rows = heard, list[np.ndarray]()

    def step(self, actions: Any) -> Any:
        self.rows.append(self.heard[-1])
        return super().step(actions)


def two_paths(bug: Bug, num_envs: int = 8, hidden_size: int = 24, seed: int = 0) -> TwoPaths:
    """A rollout with new weights, which a bug and its healthy sibling have in common.

    It is the learner's second rollout, which may begin in the middle of episodes.

    Args:
        bug: of the zoo, or the healthy sibling of one.
        num_envs: N.
        hidden_size: H.
        seed: of weights, envs, actions and shuffles.
    """
    learner = bug.learner(num_envs, seed, hidden_size=hidden_size)
    length = bug.task.settings.rollout_length
    acting, training = np.full((2, length, num_envs, hidden_size), np.nan)
    reset = np.zeros((length, num_envs), bool)
    heard: list[np.ndarray] = []

    def note(_head: nn.Module, inputs: Any) -> None:
        heard.append(inputs[0].detach().numpy().copy())

    learner.policy.critic.register_forward_pre_hook(note)
    learner.env = _Listening(learner.env, heard)
    try:
        learner.collect()
        learner.env.rows.clear()
        rollout = learner.collect()
        acting[:] = learner.env.rows
        reset[:] = rollout["reset"]
        places = dict(
            zip(_keys(rollout["log_prob"].flatten(0, 1)), np.ndindex(reset.shape), strict=True)
        )
        for batch in learner.minibatches():
            learner.evaluate(batch)
            valid = batch["valid"].numpy()
            for key, hidden in zip(_keys(batch["log_prob"][valid]), heard[-1][valid], strict=True):
                if key in places:  # padding that is taken for a step comes from nowhere
                    training[places[key]] = hidden
    except Exception as error:
        return TwoPaths(acting, training, reset, f"{type(error).__name__}: {error}")
    return TwoPaths(acting, training, reset)


def _keys(log_prob: Tensor) -> list[bytes]:
    """What tells the steps (K, ...) apart."""
    return [row.tobytes() for row in log_prob.numpy()]
