"""Goal samplers: by name, or any function of a NumPy generator.

>>> sorted(GOAL_SAMPLERS)
['circle', 'semi_circle']
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

GoalSampler = Callable[[np.random.Generator], Any]


def semi_circle_goal_sampler(rng: np.random.Generator) -> NDArray[np.float64]:
    """A goal (2,) at distance 1 from the origin, its angle uniform in [0, pi].

    Example:
        >>> goal = semi_circle_goal_sampler(np.random.default_rng(0))
        >>> goal.shape, bool(goal[1] >= 0), round(float(np.hypot(*goal)), 6)
        ((2,), True, 1.0)
    """
    angle = rng.uniform(0.0, math.pi)
    return np.array((math.cos(angle), math.sin(angle)))


def circle_goal_sampler(rng: np.random.Generator) -> NDArray[np.float64]:
    """A goal (2,) at distance 1 from the origin, its angle uniform in [0, 2 pi].

    Example:
        >>> round(float(np.hypot(*circle_goal_sampler(np.random.default_rng(0)))), 6)
        1.0
    """
    angle = rng.uniform(0.0, 2.0 * math.pi)
    return np.array((math.cos(angle), math.sin(angle)))


GOAL_SAMPLERS: dict[str, GoalSampler] = {
    "semi_circle": semi_circle_goal_sampler,
    "circle": circle_goal_sampler,
}


def find_goal_sampler(sampler: str | GoalSampler) -> GoalSampler:
    """Look a sampler up by its name in `GOAL_SAMPLERS`; a callable is returned as it is.

    Raises:
        ValueError: for an unknown name.
        TypeError: for anything that is neither a name nor callable.
    """
    if callable(sampler):
        return sampler
    if not isinstance(sampler, str):
        raise TypeError(
            f"goal_sampler: expected a name or a callable, got {type(sampler).__name__}"
        )
    if sampler not in GOAL_SAMPLERS:
        known = ", ".join(map(repr, sorted(GOAL_SAMPLERS)))
        raise ValueError(f"goal_sampler: expected one of {known} or a callable, got {sampler!r}")
    return GOAL_SAMPLERS[sampler]


def check_array(name: str, value: Any, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Copy numbers from the caller (a goal, actions) into a float64 array.

    Raises:
        ValueError: if the shape is not `shape` or an entry is not finite.
    """
    array = np.array(value, dtype=np.float64)
    if array.shape != shape:
        raise ValueError(f"{name}: expected shape {shape}, got {array.shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"{name}: expected finite numbers, got {array.tolist()}")
    return array
