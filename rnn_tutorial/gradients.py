"""The dependence of an action on each earlier observation, measured by the gradient.

Connectivity in the sense of Madsen 2019, "Visualizing memorization in RNNs",
https://distill.pub/2019/memorization-in-rnns, but in absolute size, not rescaled.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from rnn_tutorial.actions import distribution_parameters
from rnn_tutorial.policy import RNNPolicy


def action_gradients(
    policy: RNNPolicy,
    obs: Float[Tensor, "T N ..."],
    times: Sequence[int] | None = None,
    reset: Bool[Tensor, "T N"] | None = None,
) -> Float[Tensor, "times T N"]:
    """The size of d action at t / d observation at k, for each t and k.

    The action is the mean of its distribution (for Discrete, the probabilities). The size is the
    Euclidean norm over the action's and the observation's numbers. The observations are constants:
    their dependence on earlier actions, through the env, does not count.

    Args:
        policy: starts from its initial state.
        obs: its observations.
        times: the t to compute; None means all.
        reset: clears the state before step t; None clears none.
    """
    seen = obs.detach().clone().requires_grad_()
    output, _ = policy.unroll(seen, policy.initial_state(obs.shape[1]), reset)
    action = next(iter(distribution_parameters(output.distribution).values()))
    wanted = range(len(obs)) if times is None else times
    sizes = []
    for t in wanted:
        squares = torch.zeros(obs.shape[:2])
        for number in action[t].flatten(1).unbind(1):
            (slope,) = torch.autograd.grad(number.sum(), seen, retain_graph=True)
            squares += slope.flatten(2).square().sum(-1)
        sizes.append(squares.sqrt())
    return torch.stack(sizes)
