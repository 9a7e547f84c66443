"""The recurrent policy: encoder -> recurrent core -> policy head and value head.

`step` and `unroll` take the state and return it. Both compute the same function, so acting and
training agree (Hausknecht & Stone 2015, https://arxiv.org/abs/1507.06527).
"""

from typing import Any, NamedTuple

import gymnasium as gym
import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.distributions import Categorical, Distribution, Independent, Normal
from torch.nn.functional import softplus

from rnn_tutorial.encoders import make_encoder
from rnn_tutorial.frame_stack import FrameStackCore
from rnn_tutorial.recurrent import MemorylessCore, RecurrentCore, State

MIN_STD = 1e-3


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

    By default an encoder of 128 leaky-ReLU units and a GRU with 2 layers of 64 units. A Box action
    gets a Normal with mean tanh(.) and standard deviation softplus(.), independent in each
    dimension; a Discrete action gets a Categorical.

    Args:
        observation_space: Box; for a vector env, that of a single env.
        action_space: 1-D Box, or Discrete.
        cell: "rnn", "gru" or "lstm"; or a feed-forward layer instead: "none" (no memory) or "stack"
            (it sees the last few inputs at once).
        hidden_size: H.
        num_layers: recurrent layers.
        encoder: "none", "mlp", "conv", or a module (B, *obs) -> (B, features).
        encoder_size: features of "mlp" and "conv".
        frames: inputs that "stack" sees.

    Raises:
        TypeError: for a space of another kind.
        ValueError: for an unknown cell or encoder.

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
        encoder: str | nn.Module = "mlp",
        encoder_size: int = 128,
        frames: int = 4,
    ) -> None:
        super().__init__()
        if not isinstance(observation_space, gym.spaces.Box):
            raise TypeError(f"observation_space: expected Box, got {observation_space}")
        self.obs_shape = observation_space.shape
        self.encoder, features = make_encoder(encoder, self.obs_shape, encoder_size)
        self.core: RecurrentCore | MemorylessCore | FrameStackCore
        if cell == "none":
            self.core = MemorylessCore(features, hidden_size)
        elif cell == "stack":
            self.core = FrameStackCore(features, hidden_size, frames)
        else:
            self.core = RecurrentCore(features, hidden_size, num_layers, cell)
        self.discrete = isinstance(action_space, gym.spaces.Discrete)
        if isinstance(action_space, gym.spaces.Discrete):
            if action_space.start != 0:
                raise ValueError(f"action_space: expected actions from 0, got {action_space}")
            self.actor = nn.Linear(hidden_size, int(action_space.n))
        elif isinstance(action_space, gym.spaces.Box) and len(action_space.shape) == 1:
            self.actor = nn.Linear(hidden_size, 2 * action_space.shape[0])
        else:
            raise TypeError(f"action_space: expected a 1-D Box or Discrete, got {action_space}")
        self.critic = nn.Linear(hidden_size, 1)

    def initial_state(self, n: int) -> State:
        """Zeros for n envs, on the policy's device: (layers, n, H), for an LSTM a pair of these."""
        return self.core.initial_state(n)

    def step(
        self,
        obs: Float[Tensor, "N ..."],
        state: State,
        reset: Bool[Tensor, " N"] | None = None,
    ) -> tuple[PolicyOutput, State]:
        """One time step for N envs.

        Args:
            obs: observations (N, *obs).
            state: from `initial_state(N)` or from the previous step.
            reset: clears the state of these envs before the step; None clears none.

        Returns:
            The output, batch shape (N,), and the state after the step.

        Raises:
            ValueError: for an observation, state or reset of the wrong shape, or NaN observations.
        """
        self._check(obs, ("N",))
        hidden, state = self.core.step(self.encoder(obs), state, reset)
        return self._heads(hidden), state

    def unroll(
        self,
        obs: Float[Tensor, "T N ..."],
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
        self._check(obs, ("T", "N"))
        features = self.encoder(obs.flatten(0, 1)).unflatten(0, obs.shape[:2])
        hidden, state = self.core.unroll(features, state, reset)
        return self._heads(hidden), state

    def forward(
        self, obs: Tensor, state: State | None = None, reset: Tensor | None = None
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
        extra = obs.ndim - len(self.obs_shape)
        if extra == 0:
            single = None if reset is None else reset[None]
            state = self.initial_state(1) if state is None else state
            output, state = self.step(obs[None], state, single)
            return _first(output), state
        if extra == 1:
            state = self.initial_state(len(obs)) if state is None else state
            return self.step(obs, state, reset)
        if extra == 2:
            state = self.initial_state(obs.shape[1]) if state is None else state
            return self.unroll(obs, state, reset)
        raise ValueError(
            f"obs: expected {self._form()}, (N, ...) of these or (T, N, ...), "
            f"got {tuple(obs.shape)}"
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
        parameter = next(self.parameters())
        device = parameter.device
        obs = torch.as_tensor(obs, dtype=parameter.dtype, device=device)
        reset = None if reset is None else torch.as_tensor(reset, dtype=torch.bool, device=device)
        with torch.set_grad_enabled(is_training):
            output, state = self(obs, state, reset)
            action = draw_action(output.distribution, deterministic, generator)
            log_prob = output.distribution.log_prob(action)
        if is_training:
            return action, log_prob, state
        return action.cpu().numpy(), log_prob.cpu().numpy(), state

    def _heads(self, hidden: Tensor) -> PolicyOutput:
        parameters = self.actor(hidden)
        distribution: Distribution
        if self.discrete:
            distribution = Categorical(logits=parameters, validate_args=False)
        else:
            mean, spread = parameters.chunk(2, dim=-1)
            normal = Normal(mean.tanh(), softplus(spread) + MIN_STD, validate_args=False)
            distribution = Independent(normal, 1, validate_args=False)
        return PolicyOutput(distribution, self.critic(hidden).squeeze(-1))

    def _form(self) -> str:
        return f"one observation {tuple(self.obs_shape)}"

    def _check(self, obs: Tensor, axes: tuple[str, ...]) -> None:
        """Raise a ValueError with expected and got; `axes` come before the observation's own."""
        lead = len(axes)
        dtype = self.critic.weight.dtype
        if not isinstance(obs, Tensor) or obs.dtype != dtype:
            got = obs.dtype if isinstance(obs, Tensor) else type(obs).__name__
            raise ValueError(f"obs: expected a tensor of {dtype}, got {got}")
        if obs.ndim != lead + len(self.obs_shape) or tuple(obs.shape[lead:]) != self.obs_shape:
            expected = ", ".join([*axes, *map(str, self.obs_shape)])
            raise ValueError(f"obs: expected shape ({expected}), got {tuple(obs.shape)}")
        if 0 in obs.shape[:lead]:
            raise ValueError(
                f"obs: expected at least one of each of {axes}, got {tuple(obs.shape)}"
            )
        finite = obs.isfinite()
        if not finite.all():
            where = tuple((~finite).nonzero()[0, :lead].tolist())
            raise ValueError(
                f"obs: expected finite numbers, got NaN or inf first at {axes} {where}"
            )


def draw_action(
    distribution: Distribution, deterministic: bool, generator: torch.Generator | None
) -> Tensor:
    """Draw actions with a given generator, which torch's own `sample` does not accept.

    Args:
        distribution: Categorical, or Independent over a Normal.
        deterministic: takes the mode instead.
        generator: on the distribution's device; None means torch's global generator.

    Returns:
        Actions of the distribution's batch shape, detached.
    """
    with torch.no_grad():
        if deterministic:
            return distribution.mode
        if isinstance(distribution, Categorical):
            flat = (
                distribution.probs.flatten(0, -2)
                if distribution.batch_shape
                else distribution.probs
            )
            return torch.multinomial(flat, 1, generator=generator).view(distribution.batch_shape)
        mean, std = distribution.mean, distribution.stddev
        noise = torch.randn(mean.shape, generator=generator, device=mean.device, dtype=mean.dtype)
        return mean + std * noise


def distribution_parameters(distribution: Distribution) -> dict[str, Tensor]:
    """ "mean" and "std" of a Box action's distribution, "probs" of a Discrete action's."""
    if isinstance(distribution, Categorical):
        return {"probs": distribution.probs}
    return {"mean": distribution.mean, "std": distribution.stddev}


def _first(output: PolicyOutput) -> PolicyOutput:
    """The output without its batch axis of size one."""
    distribution = output.distribution
    if isinstance(distribution, Categorical):
        distribution = Categorical(logits=distribution.logits[0], validate_args=False)
    else:
        normal = Normal(distribution.mean[0], distribution.stddev[0], validate_args=False)
        distribution = Independent(normal, 1, validate_args=False)
    return PolicyOutput(distribution, output.value[0])
