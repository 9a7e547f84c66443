"""Interventions: changes of a policy's state in the middle of a rollout.

A *change* is a plain function from state to state; `once` and `from_on` set when it is applied.
`rnn_tutorial.rollout.record` calls an intervention before each step, after the clearing at resets.

    >>> swap = once(at=5, change=transplant([1, 0]))  # two envs exchange their memories
    >>> state = torch.tensor([[[1.0], [2.0]]])  # (layers, N, H)
    >>> swap(4, state).flatten(), swap(5, state).flatten()
    (tensor([1., 2.]), tensor([2., 1.]))
"""

import math
from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from rnn_tutorial.nest import first_leaf, leaves
from rnn_tutorial.recurrent import State, map_state, take

Change = Callable[[State], State]
Intervention = Callable[[int, State], State]


def once(at: int, change: Change) -> Intervention:
    """Apply a change before step `at` only."""
    return lambda t, state: change(state) if t == at else state


def from_on(since: int, change: Change) -> Intervention:
    """Apply a change before step `since` and before every later step."""
    return lambda t, state: change(state) if t >= since else state


def zero(at: int | None = None) -> Intervention:
    """Set the state to zero before step `at`, or before every step.

    Example:
        >>> zero(at=3)(2, torch.ones(1, 1, 2)), zero(at=3)(3, torch.ones(1, 1, 2))
        (tensor([[[1., 1.]]]), tensor([[[0., 0.]]]))
    """
    return from_on(0, forget) if at is None else once(at, forget)


def freeze(since: int) -> Intervention:
    """Keep the state as it was before step `since`; every later step starts from it.

    Example:
        >>> frozen = freeze(since=1)
        >>> [frozen(t, torch.tensor([float(t)])).item() for t in range(4)]
        [0.0, 1.0, 1.0, 1.0]
    """
    kept: list[State] = []

    def intervene(t: int, state: State) -> State:
        if t == since:
            kept[:] = [state]
        return kept[0] if t >= since and kept else state

    return intervene


def replace(at: int, other: State) -> Intervention:
    """Start step `at` from another state of the same form.

    Example:
        >>> replace(at=2, other=torch.zeros(1))(2, torch.ones(1))
        tensor([0.])
    """
    return once(at, lambda _: other)


def forget(state: State) -> State:
    """A state of the same form, full of zeros."""
    return map_state(torch.zeros_like, state)


def transplant(order: Sequence[int]) -> Change:
    """Give env i the state of env `order[i]`; `[1, 0]` swaps two envs.

    Args:
        order: one env for each env; an env may occur twice.
    """
    givers = list(order)

    def change(state: State) -> State:
        n = first_leaf(state).shape[1]
        if len(givers) != n or not all(0 <= giver < n for giver in givers):
            raise ValueError(f"order: expected {n} envs from 0 to {n - 1}, got {givers}")
        return take(state, givers)

    return change


def partners(n: int) -> list[int]:
    """The order that swaps neighbours: [1, 0, 3, 2, ...].

    Raises:
        ValueError: for an odd number of envs.
    """
    if n % 2:
        raise ValueError(f"n: expected an even number of envs, got {n}")
    return [i ^ 1 for i in range(n)]


def add_noise(std: float, generator: torch.Generator) -> Change:
    """Add Gaussian noise to every number of the state.

    Args:
        std: standard deviation, at least 0.
        generator: on the state's device. Each call advances it: for the same noise in a second
            rollout, call `add_noise` again with a fresh generator.

    Raises:
        ValueError: for a standard deviation that is negative or not finite.
    """
    if not 0 <= std < math.inf:
        raise ValueError(f"std: expected a finite number, at least 0, got {std}")

    def noisy(part: Tensor) -> Tensor:
        shape, device = part.shape, part.device
        return part + std * torch.randn(shape, generator=generator, device=device, dtype=part.dtype)

    return lambda state: map_state(noisy, state)


def project_out(
    directions: Float[Tensor, "k F"], centre: Float[Tensor, " F"] | None = None
) -> Change:
    """Remove some directions from the state; the part orthogonal to them stays as it was.

    Args:
        directions: one or more, of any length, in the layout of `features`; what depends on the
            others, or is zero, adds nothing.
        centre: the value that every state gets along the directions; None means the origin.

    Raises:
        ValueError: for directions that are not finite or all zero; when applied to a state that
            does not have F numbers for each env.
    """
    rows = torch.atleast_2d(directions)
    if not rows.isfinite().all():
        raise ValueError("directions: expected finite numbers, got NaN or inf")
    length = rows.norm(dim=1, keepdim=True)
    if not (length > 0).any():
        raise ValueError("directions: expected one that is not zero, got none")
    # Scaled to one length, so that the rank does not depend on what is long and what is short.
    _, sizes, basis = torch.linalg.svd(rows / length.clamp(min=1e-30), full_matrices=False)
    basis = basis[sizes > sizes[0] * max(rows.shape) * torch.finfo(rows.dtype).eps].T  # (F, rank)

    def change(state: State) -> State:
        x = features(state)
        if x.shape[1] != basis.shape[0]:
            raise ValueError(f"directions: expected {x.shape[1]} numbers, got {basis.shape[0]}")
        away = x if centre is None else x - centre.to(x)
        across = basis.to(x)
        return as_state(x - away @ across @ across.T, state)

    return change


def features(state: State) -> Float[Tensor, "N F"]:
    """A state as one row of numbers for each env: hidden states by layer, then cell states."""
    return torch.cat([part.transpose(0, 1).flatten(1) for _, part in leaves(state)], dim=1)


def as_state(rows: Float[Tensor, "N F"], like: State) -> State:
    """The inverse of `features`; `like` is a state of the wanted form."""
    sizes = [part[:, 0].numel() for _, part in leaves(like)]
    each = iter(rows.split(sizes, dim=1))

    def shaped(part: Tensor) -> Tensor:
        layers, _, *rest = part.shape
        return next(each).unflatten(1, (layers, *rest)).transpose(0, 1).contiguous()

    return map_state(shaped, like)
