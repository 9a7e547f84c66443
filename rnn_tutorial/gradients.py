"""The dependence of an action on each earlier observation, measured by the gradient.

Connectivity in the sense of Madsen 2019, "Visualizing memorization in RNNs",
https://distill.pub/2019/memorization-in-rnns, but in absolute size, not rescaled.
"""

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from rnn_tutorial.actions import distribution_parameters
from rnn_tutorial.nest import Nest, leaves, map_nest
from rnn_tutorial.policy import RNNPolicy


def action_gradients(
    policy: RNNPolicy,
    obs: Nest,
    times: Sequence[int] | None = None,
    reset: Bool[Tensor, "T N"] | None = None,
) -> Float[Tensor, "times T N"]:
    """The size of d action at t / d observation at k, for each t and k.

    The action is the mean of its distribution (for Discrete, the probabilities). The size is the
    Euclidean norm over the action's and the observation's numbers. The observations are constants:
    their dependence on earlier actions, through the env, does not count.

    Args:
        policy: starts from its initial state.
        obs: its observations (T, N, *obs); of a Dict or Tuple, the entries of floats count.
        times: the t to compute; None means all.
        reset: clears the state before step t; None clears none.

    Raises:
        ValueError: for observations without floats, or a time outside of them.
    """
    seen = map_nest(lambda part: part.detach().clone(), obs)
    floats = [part for _, part in leaves(seen) if part.is_floating_point()]
    if not floats:
        raise ValueError("obs: expected floats, got integers, which have no gradient")
    steps, n = floats[0].shape[:2]
    wanted = list(range(steps) if times is None else times)
    if not all(0 <= t < steps for t in wanted):
        raise ValueError(f"times: expected 0 to {steps - 1}, got {wanted}")
    for part in floats:
        part.requires_grad_()
    output, _ = policy.unroll(seen, policy.initial_state(n), reset)
    action = next(iter(distribution_parameters(output.distribution).values()))
    keep: Any = {"retain_graph": True, "materialize_grads": True}  # zeros where nothing depends
    sizes = [action.new_zeros(0, steps, n)]
    for t in wanted:
        slopes = [
            slope.reshape(steps, n, -1)
            for number in action[t].reshape(n, -1).unbind(1)
            for slope in torch.autograd.grad(number.sum(), floats, **keep)
        ]
        sizes.append(torch.cat(slopes, -1).norm(dim=-1)[None])
    return torch.cat(sizes)
