"""Export a policy's step to ONNX, so that it can act where there is no PyTorch.

The exported function is (observations, states, reset) -> (action, states): the caller carries the
states and says where an episode begins, exactly as with `RNNPolicy.step`. The format:
https://onnx.ai/onnx/intro. Needs onnx and onnxscript (`pip install "rnn_tutorial[export]"`).
"""

import warnings
from copy import deepcopy
from pathlib import Path

import gymnasium as gym
import numpy as np
import torch
from torch import Tensor, nn

from rnn_tutorial.actions import draw_action
from rnn_tutorial.nest import leaves, map_nest
from rnn_tutorial.observations import entries, sample_batch
from rnn_tutorial.policy import RNNPolicy
from rnn_tutorial.recurrent import named_parts


class DeployedStep(nn.Module):
    """A policy's step on flat lists of tensors, with its most likely action as an env executes it.

    Args:
        policy: in evaluation mode; its running statistics stand still.
    """

    def __init__(self, policy: RNNPolicy) -> None:
        super().__init__()
        self.policy = policy
        space = policy.action_space
        self.start = torch.as_tensor(np.asarray(getattr(space, "start", 0)))
        self.bounds: tuple[Tensor, Tensor] | None = None
        if isinstance(space, gym.spaces.Box):
            low, high = (
                torch.as_tensor(bound, dtype=policy.dtype) for bound in (space.low, space.high)
            )
            self.bounds, self.whole = (low, high), np.dtype(space.dtype).kind in "iu"

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """Observations, states and reset, in the order of `input_names`; action and new states."""
        given = iter(inputs)
        obs = map_nest(lambda _: next(given), sample_batch(self.policy.observation_space))
        state = map_nest(lambda _: next(given), self.policy.initial_state(1))
        output, state = self.policy.step(obs, state, next(given))
        action = draw_action(output.distribution, deterministic=True, generator=None)
        if self.bounds is not None:
            low, high = self.bounds
            action = action.round() if self.whole else action
            action = torch.minimum(torch.maximum(action, low), high)
            action = action.long() if self.whole else action
        else:
            action = action + self.start
        return action, *(part for _, part in leaves(state))


def input_names(policy: RNNPolicy) -> list[str]:
    """The names of a policy's inputs: "obs", or "obs.a" for an entry; the states'; "reset"."""
    observations = [
        f"obs.{name}" if name else "obs" for name, _ in entries(policy.observation_space)
    ]
    states = list(named_parts(policy.core, policy.initial_state(1)))
    return [*observations, *states, "reset"]


def export(policy: RNNPolicy, path: str | Path) -> list[str]:
    """Write a policy's step as an ONNX file, for any number of envs.

    The inputs are those of `input_names`: observations (N, *obs) in the dtypes of
    `policy.to_tensors`, the state's parts (layers, N, H), and reset (N,) bool. The outputs are
    "action" (N, *action), the most likely one as an env executes it (clipped to a Box, rounded for
    one of whole numbers, counted from a space's start), and each part of the state with ".next"
    behind its name.

    Args:
        policy: on any device; it stays as it is, and a copy on the CPU is written.
        path: the file.

    Returns:
        The names of the file's inputs: those that the policy uses. One without memory has no reset.

    Raises:
        ImportError: without onnx.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> policy = RNNPolicy(gym.spaces.Box(-1.0, 1.0, (3,)), gym.spaces.Discrete(2))
        >>> with TemporaryDirectory() as folder:
        ...     export(policy, Path(folder) / "step.onnx")
        ['obs', 'hidden', 'reset']
    """
    try:
        import onnx
    except ImportError as error:
        raise ImportError(
            'export needs onnx; get it with: pip install "rnn_tutorial[export]"'
        ) from error
    policy = deepcopy(policy).cpu()
    names = input_names(policy)
    states = [part for _, part in leaves(policy.initial_state(3))]
    observations = policy.to_tensors(sample_batch(policy.observation_space, 3))
    # True, so that the tracer goes the way on which a state is cleared.
    reset = torch.ones(3, dtype=torch.bool)
    inputs = [*(part for _, part in leaves(observations)), *states, reset]
    outputs = ["action", *(f"{name}.next" for name in names[-len(states) - 1 : -1])]
    axes = {name: {0: "N"} for name in (*names, *outputs)}
    for name in (*names[-len(states) - 1 : -1], *outputs[1:]):
        axes[name] = {1: "N"}
    step = DeployedStep(policy).eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the checks of shapes become constants, as they should
        torch.onnx.export(
            step,
            tuple(inputs),
            str(path),
            input_names=names,
            output_names=outputs,
            dynamic_axes=axes,
            dynamo=False,
        )
    return [each.name for each in onnx.load(str(path)).graph.input]
