"""The recurrent policy: encoder -> recurrent core -> policy head and value head.

The state is explicit: `step` and `unroll` take it and return it, and both are one function, so
that acting and training agree (Hausknecht & Stone 2015, https://arxiv.org/abs/1507.06527).
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
    """What the policy says of each observation.

    Attributes:
        distribution: over actions, batch shape (N,) or (T, N). Its `log_prob` is already joint:
            summed over the action's dimensions.
        value: (N,) or (T, N).
    """

    distribution: Distribution
    value: Tensor


class RNNPolicy(nn.Module):
    """A policy and a value function over one recurrent core.

    The defaults are those of the series' demo: encoder of 128 leaky-ReLU units, a GRU of 2 layers
    with 64 units. A Box action gets a Normal with mean tanh(.) and standard deviation softplus(.),
    independent in its dimensions; a Discrete action a Categorical.

    Args:
        observation_space: Box; of a vector env, the single env's.
        action_space: Box of one dimension, or Discrete.
        cell: "rnn", "gru", "lstm"; in their place, with a feed-forward layer, "none" for no memory
            or "stack" for the last few inputs at once.
        hidden_size: H.
        num_layers: layers of the core.
        encoder: "none", "mlp", "conv", or a module (B, *obs) -> (B, features).
        encoder_size: features of "mlp" and "conv".
        frames: inputs that "stack" sees at once.

    Raises:
        TypeError: for a space of another kind.
        ValueError: for an unknown cell or encoder.
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
        """Zeros for n envs: (layers, n, H), for the LSTM a pair (hidden, cell), on its device."""
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
            state: as `initial_state(N)` gives it, or the one returned by the step before.
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
        """A whole sequence for N envs; equals T calls of `step`.

        Args:
            obs: observations (T, N, *obs), T at least 1.
            state: the state before the first step.
            reset: clears the state of env n before step t where `reset[t, n]`; None clears none.

        Returns:
            The output, batch shape (T, N), and the state after the last step.

        Raises:
            ValueError: as `step`.
        """
        self._check(obs, ("T", "N"))
        features = self.encoder(obs.flatten(0, 1)).unflatten(0, obs.shape[:2])
        hidden, state = self.core.unroll(features, state, reset)
        return self._heads(hidden), state

    def forward(
        self, obs: Tensor, state: State | None = None, reset: Tensor | None = None
    ) -> tuple[PolicyOutput, State]:
        """Chooses the branch by the number of dimensions beyond one observation's own.

        One observation (*obs) and a batch (N, *obs) take a step; a sequence (T, N, *obs) is
        unrolled. Counting relative to the observation lets an image (C, H, W) be one observation.

        Args:
            obs: observations.
            state: None stands for the initial state.
            reset: (N,) for a batch, (T, N) for a sequence, () for one observation, or None.

        Returns:
            The output, with the batch shape (), (N,) or (T, N), and the new state, whose batch
            axis stays also for one observation.

        Raises:
            ValueError: for another number of dimensions.
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
        """Draws an action and gives its joint log-probability.

        `is_training` chooses only what comes back. It does not choose the branch (the shape of
        `obs` does, see `forward`), and it is not the module's own train() / eval() mode.

        Args:
            obs: one observation, a batch or a sequence, array or tensor.
            state: the state to go on from; None stands for the initial state.
            reset: as in `forward`.
            is_training: True gives tensors with a graph, False NumPy arrays without.
            deterministic: takes the mean or the likeliest action instead of a draw.
            generator: where the draw comes from; None is torch's global generator.

        Returns:
            action, log-probability (the action's batch shape), and the new state: keep it, and
            hand it in again with the next observation.
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
        """Raises a ValueError that says expected and got; `axes` stand before the observation's."""
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
    """An action of the distribution; torch's own `sample` takes no generator, this does.

    Args:
        distribution: Categorical, or Independent over a Normal.
        deterministic: the mode instead of a draw.
        generator: on the distribution's device; None is torch's global generator.

    Returns:
        Actions of the distribution's batch shape, without a graph.
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
    """ "mean" and "std" of a Box action's distribution, or "probs" of a Discrete one's."""
    if isinstance(distribution, Categorical):
        return {"probs": distribution.probs}
    return {"mean": distribution.mean, "std": distribution.stddev}


def _first(output: PolicyOutput) -> PolicyOutput:
    """The output without its batch axis of one."""
    distribution = output.distribution
    if isinstance(distribution, Categorical):
        distribution = Categorical(logits=distribution.logits[0], validate_args=False)
    else:
        normal = Normal(distribution.mean[0], distribution.stddev[0], validate_args=False)
        distribution = Independent(normal, 1, validate_args=False)
    return PolicyOutput(distribution, output.value[0])
