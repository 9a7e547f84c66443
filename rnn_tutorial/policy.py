"""The recurrent policy: encoder -> recurrent core -> policy head and value head.

`step` and `unroll` take the state and return it. Both compute the same function, so acting and
training agree (Hausknecht & Stone 2015, https://arxiv.org/abs/1507.06527).
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import gymnasium as gym
import torch
from jaxtyping import Bool
from torch import Tensor, nn
from torch.distributions import Distribution

from rnn_tutorial.actions import (
    ActionHead,
    draw_action,
    first_distribution,
    number_of_parameters,
)
from rnn_tutorial.checks import whole_number
from rnn_tutorial.cores import make_core
from rnn_tutorial.encoders import make_encoder
from rnn_tutorial.nest import Nest, first_leaf, map_nest
from rnn_tutorial.normalisation import RunningNormaliser
from rnn_tutorial.observations import (
    check_array,
    check_observation,
    check_space,
    copy_floats,
    first_array,
    is_float_box,
    prepare,
    to_tensors,
)
from rnn_tutorial.recurrent import State


class PolicyOutput(NamedTuple):
    """The policy's output for each observation.

    Attributes:
        distribution: over actions, batch shape (N,) or (T, N). Its `log_prob` is joint: summed
            over the action's dimensions.
        value: (N,) or (T, N).
    """

    distribution: Distribution
    value: Tensor


class RNNPolicy(nn.Module):
    """A policy and a value function over one recurrent core.

    By default an encoder of 128 leaky-ReLU units and a GRU with 2 layers of 64 units; the
    distribution is that of an `ActionHead`.

    Args:
        observation_space: any space of `rnn_tutorial.observations`; for a vector env, that of a
            single env.
        action_space: Box, Discrete, MultiDiscrete or MultiBinary, of a single env.
        cell: "rnn", "gru" or "lstm"; "mingru", whose sequences are computed at once; "attention"
            over the last steps; or a feed-forward layer: "none" (no memory) or "stack" (it sees the
            last few inputs at once).
        hidden_size: H.
        num_layers: recurrent layers.
        encoder: "none", "mlp", "conv", or a module (B, *obs) -> (B, features); or one of these for
            each entry of a Dict or Tuple space, by its name.
        encoder_size: features of "mlp" and "conv".
        images: how arrays of pixels are read: "auto", "channels_first", "channels_last", or "codes"
            for integers that are not pixels; or one of these by the entry's name.
        normalise_observations: scales observations by their running mean and standard deviation,
            which move only in `update_statistics`.
        **core: settings of this cell alone: `frames` (4) that "stack" sees, `window` (32) and
            `heads` of "attention".

    Raises:
        TypeError: for a space of another kind.
        ValueError: for an unknown cell, encoder or setting, or a size that isn't a whole number
            from 1 on.

    Example:
        >>> box = gym.spaces.Box(-1.0, 1.0, (3,))
        >>> policy = RNNPolicy(box, box, cell="lstm", hidden_size=16)
        >>> obs, reset = torch.zeros(4, 2, 3), torch.zeros(4, 2, dtype=torch.bool)  # T = 4, N = 2
        >>> output, (hidden, cell) = policy.unroll(obs, policy.initial_state(2), reset)
        >>> output.value.shape, hidden.shape
        (torch.Size([4, 2]), torch.Size([2, 2, 16]))
        >>> action, log_prob, state = policy.choose_action(obs[0])
        >>> action.shape, log_prob.shape
        ((2, 3), (2,))
    """

    def __init__(
        self,
        observation_space: gym.Space,
        action_space: gym.Space,
        cell: str = "gru",
        hidden_size: int = 64,
        num_layers: int = 2,
        encoder: str | nn.Module | Mapping[str, Any] = "mlp",
        encoder_size: int = 128,
        images: str | Mapping[str, str] = "auto",
        normalise_observations: bool = False,
        **core: Any,
    ) -> None:
        super().__init__()
        hidden_size = whole_number("hidden_size", hidden_size, 1)
        num_layers = whole_number("num_layers", num_layers, 1)
        encoder_size = whole_number("encoder_size", encoder_size, 1)
        self.settings: dict[str, Any] = {
            "cell": cell,
            "hidden_size": hidden_size,
            "num_layers": num_layers,
            "encoder": encoder,
            "encoder_size": encoder_size,
            "images": images,
            "normalise_observations": normalise_observations,
            **core,
        }
        check_space(observation_space, images)
        self.observation_space, self.action_space = observation_space, action_space
        self.images, self.obs_shape = images, observation_space.shape
        self.is_plain = is_float_box(observation_space)  # needs no preparation
        head = ActionHead(action_space)
        self.encoder, features = make_encoder(encoder, observation_space, encoder_size, images)
        self.core = make_core(cell, features, hidden_size, num_layers, core)
        self.discrete = isinstance(action_space, gym.spaces.Discrete)
        self.actor = nn.Linear(hidden_size, number_of_parameters(action_space))
        self.head = head
        self.critic = nn.Linear(hidden_size, 1)
        self.normaliser: RunningNormaliser | None = None
        if normalise_observations:
            self.normaliser = RunningNormaliser(observation_space)

    @property
    def device(self) -> torch.device:
        """The device of the weights."""
        return self.critic.weight.device

    @property
    def dtype(self) -> torch.dtype:
        """The dtype of the weights."""
        return self.critic.weight.dtype

    def to_tensors(self, observation: Nest) -> Nest:
        """Observations as `step` and `unroll` take them: copies, on the policy's device."""
        if self.is_plain:
            return copy_floats(observation, self.dtype, self.device)
        return to_tensors(self.observation_space, observation, self.dtype, self.device)

    def update_statistics(self, obs: Nest, valid: Bool[Tensor, "T N"]) -> None:
        """Take observations (T, N, *obs) into the running mean and standard deviation, if any."""
        if self.normaliser is not None:
            prepared = prepare(self.observation_space, obs, 2, self.dtype, self.images)
            self.normaliser.update(prepared, valid)

    def initial_state(self, n: int) -> State:
        """Zeros for n envs, on the policy's device: (layers, n, H), for an LSTM a pair of these."""
        return self.core.initial_state(n)

    def step(
        self,
        obs: Nest,
        state: State,
        reset: Bool[Tensor, " N"] | None = None,
    ) -> tuple[PolicyOutput, State]:
        """One time step for N envs.

        Args:
            obs: observations (N, *obs), a tensor, or a nest of tensors for a Dict or Tuple.
            state: from `initial_state(N)` or from the previous step.
            reset: clears the state of these envs before the step; None clears none.

        Returns:
            The output, batch shape (N,), and the state after the step.

        Raises:
            ValueError: for an observation, state or reset of the wrong shape, or NaN observations.
        """
        obs = self._read(obs, ("N",))
        hidden, state = self.core.step(self.encoder(obs), state, reset)
        return self._heads(hidden), state

    def unroll(
        self,
        obs: Nest,
        state: State,
        reset: Bool[Tensor, "T N"] | None = None,
    ) -> tuple[PolicyOutput, State]:
        """A whole sequence for N envs; equal to T calls of `step`, with the same errors.

        Args:
            obs: observations (T, N, *obs), T at least 1.
            state: the state before the first step.
            reset: clears the state of env n before step t where `reset[t, n]`; None clears none.

        Returns:
            The output, batch shape (T, N), and the state after the last step.
        """
        obs = self._read(obs, ("T", "N"))
        flat = map_nest(lambda part: part.flatten(0, 1), obs)
        features = self.encoder(flat).unflatten(0, first_leaf(obs).shape[:2])
        hidden, state = self.core.unroll(features, state, reset)
        return self._heads(hidden), state

    def forward(
        self, obs: Nest, state: State | None = None, reset: Tensor | None = None
    ) -> tuple[PolicyOutput, State]:
        """Step or unroll, depending on the number of axes in front of the observation's own.

        One observation (*obs) and a batch (N, *obs) take a step; a sequence (T, N, *obs) is
        unrolled. An image (C, H, W) counts as one observation.

        Args:
            obs: as above.
            state: None means the initial state.
            reset: () for one observation, (N,) for a batch, (T, N) for a sequence, or None.

        Returns:
            The output, with batch shape (), (N,) or (T, N), and the new state, which keeps its
            batch axis even for one observation.

        Raises:
            ValueError: for any other number of axes.
        """
        given, shape = first_array(self.observation_space, obs)
        extra = given.ndim - len(shape)
        if extra == 0:
            single = None if reset is None else reset[None]
            state = self.initial_state(1) if state is None else state
            output, state = self.step(map_nest(lambda part: part[None], obs), state, single)
            return PolicyOutput(first_distribution(output.distribution), output.value[0]), state
        if extra == 1:
            state = self.initial_state(len(given)) if state is None else state
            return self.step(obs, state, reset)
        if extra == 2:
            state = self.initial_state(given.shape[1]) if state is None else state
            return self.unroll(obs, state, reset)
        raise ValueError(
            f"obs: expected one observation {shape}, (N, ...) of these or "
            f"(T, N, ...), got {tuple(given.shape)}"
        )

    def choose_action(
        self,
        obs: Any,
        state: State | None = None,
        reset: Any = None,
        *,
        is_training: bool = False,
        deterministic: bool = False,
        generator: torch.Generator | None = None,
    ) -> tuple[Any, Any, State]:
        """Draw an action and compute its joint log-probability.

        `is_training` only selects the form of the result. It does not select the branch (the shape
        of `obs` does, see `forward`) and is not the module's train() / eval() mode.

        Args:
            obs: one observation, a batch or a sequence, array or tensor.
            state: the state before `obs`; None means the initial state.
            reset: as in `forward`.
            is_training: True returns tensors with a graph, False NumPy arrays.
            deterministic: takes the mean or the most likely action instead of drawing.
            generator: of the draw; None means torch's global generator.

        Returns:
            The action, its log-probability, and the new state, to be passed in with the next
            observation.
        """
        obs = self.to_tensors(obs)
        if reset is not None:
            reset = torch.as_tensor(reset, dtype=torch.bool, device=self.device)
        with torch.set_grad_enabled(is_training):
            output, state = self(obs, state, reset)
            action = draw_action(output.distribution, deterministic, generator)
            log_prob = output.distribution.log_prob(action)
        if is_training:
            return action, log_prob, state
        return action.cpu().numpy(), log_prob.cpu().numpy(), state

    def _heads(self, hidden: Tensor) -> PolicyOutput:
        parameters = self.actor(hidden)
        value = self.critic(hidden).squeeze(-1)
        # Under autocast the heads' numbers are short; distributions need the core's long ones.
        return PolicyOutput(self.head(parameters.to(hidden.dtype)), value.to(hidden.dtype))

    def _read(self, obs: Nest, axes: tuple[str, ...]) -> Nest:
        """Check observations, and scale and encode them as their space says."""
        if self.is_plain:
            check_array("obs", self.obs_shape or (), obs, axes, self.dtype)
            return obs if self.normaliser is None else self.normaliser(obs)
        check_observation(self.observation_space, obs, axes, self.dtype)
        obs = prepare(self.observation_space, obs, len(axes), self.dtype, self.images)
        return obs if self.normaliser is None else self.normaliser(obs)
