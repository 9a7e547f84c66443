"""Probes: what a linear map can read from a hidden state, with controls.

A probe is fitted on some episodes and scored on others (never split by step: the steps of one
episode resemble each other). Its score comes with two controls: the same probe on targets shuffled
among the episodes, and a probe on the observation alone. After Alain and Bengio 2016,
https://arxiv.org/abs/1610.01644, and Hewitt and Liang 2019, https://arxiv.org/abs/1909.03368.
Needs scikit-learn (`pip install "rnn_tutorial[probes]"`).

    >>> goal = np.random.default_rng(0).normal(size=(200, 2))  # of 200 episodes
    >>> features = np.stack([0 * goal, 3 * goal + 1])  # (T, E, F): unknown at t = 0, known at t = 1
    >>> probe(features, goal) > 0.9, probe(features, goal, shuffled=True) > 0.9
    (array([False,  True]), array([False, False]))
"""

from operator import itemgetter
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Shaped

from rnn_tutorial.interventions import features
from rnn_tutorial.nest import Nest, first_leaf, leaves, map_nest
from rnn_tutorial.policy import RNNPolicy
from rnn_tutorial.rollout import Rollout

Array = np.ndarray

KINDS = ("ridge", "logistic")


def states(rollout: Rollout) -> Float[Array, "T N F"]:
    """The state after each step, from which its action is computed: hidden, then cell states.

    In the layout of `rnn_tutorial.interventions.features`.
    """
    parts = [part.swapaxes(1, 2) for part in rollout.state.values()]  # (T, N, layers, H)
    return np.concatenate([part.reshape(*part.shape[:2], -1) for part in parts], axis=-1)


@torch.no_grad()
def states_when_shown(policy: RNNPolicy, obs: Nest) -> Float[Array, "T N F"]:
    """The states of a policy that is shown given observations, its own or another policy's.

    In the layout of `states`. The policy starts from its initial state and is never reset.

    Args:
        policy: shown the observations.
        obs: arrays (T, N, *obs), or a nest of them.
    """
    seen = policy.to_tensors(obs)
    steps, n = first_leaf(seen).shape[:2]
    state, rows = policy.initial_state(n), []
    for t in range(steps):
        _, state = policy.step(map_nest(itemgetter(t), seen), state)
        rows.append(features(state).cpu().numpy())
    return np.stack(rows)


def flat_observations(rollout: Rollout) -> Shaped[Array, "T N D"]:
    """The observations as rows of numbers, the entries of a Dict or Tuple side by side."""
    parts = [part for _, part in leaves(rollout.observation)]
    return np.concatenate([part.reshape(*part.shape[:2], -1) for part in parts], axis=-1)


def halves(episodes: int, seed: int) -> tuple[Array, Array]:
    """Split the episodes' indices at random into two halves: one to fit on, one to score on.

    Raises:
        ValueError: for fewer than four episodes.
    """
    if episodes < 4:
        raise ValueError(f"episodes: expected at least 4, got {episodes}")
    order = np.random.default_rng(seed).permutation(episodes)
    return order[: episodes // 2], order[episodes // 2 :]


def make_probe(kind: str = "ridge") -> Any:
    """A linear model on standardised features: "ridge" for numbers, "logistic" for classes.

    Raises:
        ValueError: for another kind.
        ImportError: without scikit-learn.
    """
    if kind not in KINDS:
        raise ValueError(f"kind: expected one of {KINDS}, got {kind!r}")
    try:
        from sklearn.linear_model import LogisticRegression, Ridge
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler
    except ImportError as error:
        raise ImportError(
            'probes need scikit-learn; get it with: pip install "rnn_tutorial[probes]"'
        ) from error
    model = Ridge(alpha=1.0) if kind == "ridge" else LogisticRegression(max_iter=1000)
    return make_pipeline(StandardScaler(), model)


def probe(
    features: Float[Array, "T E F"],
    target: Shaped[Array, "..."],
    kind: str = "ridge",
    *,
    seed: int = 0,
    shuffled: bool = False,
) -> Float[Array, " T"]:
    """Score a probe of a target in unseen episodes, at each time.

    Args:
        features: of each time and episode.
        target: (E, ...) for the whole episode, or (T, E, ...) for each time: one or several numbers
            for "ridge", a class for "logistic".
        kind: "ridge" or "logistic".
        seed: of the split into halves, and of the shuffle.
        shuffled: the control: each episode gets the target of another.

    Returns:
        R² on the other half for "ridge" (1 is perfect, 0 no better than the mean), averaged over
        the target's numbers that vary; accuracy for "logistic". NaN at times where nothing varies
        in the target.

    Raises:
        ValueError: for a target that does not fit the features, or numbers that are not finite.
    """
    steps, episodes = features.shape[:2]
    if target.shape[:1] == (episodes,) and target.shape[:2] != (steps, episodes):
        target = np.broadcast_to(target, (steps, *target.shape))
    if target.shape[:2] != (steps, episodes):
        raise ValueError(
            f"target: expected shape ({episodes}, ...) or ({steps}, {episodes}, ...), "
            f"got {target.shape}"
        )
    _require_finite(features=features, target=target)
    if shuffled:
        target = target[:, np.random.default_rng(seed + 1).permutation(episodes)]
    fit, score = halves(episodes, seed)
    scores = np.full(steps, np.nan)
    target = target.reshape(steps, episodes, -1)
    for t in range(steps):
        varies = [(target[t, half] != target[t, half[:1]]).any(0) for half in (fit, score)]
        varying = varies[0] & varies[1]  # a constant is predicted by every probe
        if varying.any():
            wanted = target[t][:, varying] if kind == "ridge" else target[t].squeeze(-1)
            model = make_probe(kind).fit(features[t, fit], wanted[fit])
            scores[t] = model.score(features[t, score], wanted[score])
    return scores


def compare(
    rollout: Rollout, target: Shaped[Array, "..."], kind: str = "ridge", *, seed: int = 0
) -> dict[str, Float[Array, " T"]]:
    """Fit `probe` on the states of a rollout, with its controls.

    Args:
        rollout: one episode in each env, from its first step on.
        target, kind, seed: as in `probe`.

    Returns:
        "state", "shuffled" (the state, with the targets of other episodes) and "observation"
        (the present observation alone), each (T,).
    """
    if not rollout.reset[0].all() or rollout.reset[1:].any():
        raise ValueError("rollout: expected one episode in each env, got resets within it")
    seen, known = flat_observations(rollout), states(rollout)
    return {
        "state": probe(known, target, kind, seed=seed),
        "shuffled": probe(known, target, kind, seed=seed, shuffled=True),
        "observation": probe(seen, target, kind, seed=seed),
    }


def _require_finite(**arrays: Array) -> None:
    for name, array in arrays.items():
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise ValueError(f"{name}: expected finite numbers, got NaN or inf")


class Decoder:
    """One ridge probe for all times: it reads a target from the state at any step.

    Args:
        features: (T, E, F); the probe is fitted on all times of half of the episodes.
        target: (E, k), of the whole episode.
        seed: of the split.

    Raises:
        ValueError: for numbers that are not finite.

    Attributes:
        fitted, unseen: the episodes it was fitted on, and the others.
    """

    def __init__(
        self, features: Float[Array, "T E F"], target: Float[Array, "E k"], *, seed: int = 0
    ) -> None:
        _require_finite(features=features, target=target)
        self.fitted, self.unseen = halves(features.shape[1], seed)
        rows = features[:, self.fitted].reshape(-1, features.shape[-1])
        self.model = make_probe("ridge").fit(rows, np.tile(target[self.fitted], (len(features), 1)))

    def __call__(self, features: Float[Array, "*batch F"]) -> Float[Array, "*batch k"]:
        """Read the target from states."""
        rows = features.reshape(-1, features.shape[-1])
        return self.model.predict(rows).reshape(*features.shape[:-1], -1)

    @property
    def directions(self) -> Float[Array, "k F"]:
        """The directions of state space that the probe reads, for `project_out`."""
        scaler, ridge = self.model[0], self.model[1]
        return np.atleast_2d(ridge.coef_) / scaler.scale_

    @property
    def centre(self) -> Float[Array, " F"]:
        """The mean of the states it was fitted on."""
        return self.model[0].mean_
