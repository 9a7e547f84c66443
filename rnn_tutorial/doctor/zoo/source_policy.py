"""The first patient: a re-creation of the policy that this series began with, in our own code.

An FC layer, a GRU of two layers, and a mean and a spread for each dimension of the action; the
hidden state lives in a member. `treatment` cures it, one disease at a time.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.distributions import Normal


class SourcePolicy(nn.Module):
    """A recurrent policy whose forward branches on the number of dimensions.

    Args:
        state_dim: features of an observation.
        linear_dim: units of the FC layer.
        hidden_dim: units of each GRU layer.
        num_layers: GRU layers.
        action_dim: dimensions of the action.
    """

    def __init__(
        self,
        state_dim: int = 2,
        linear_dim: int = 128,
        hidden_dim: int = 64,
        num_layers: int = 2,
        action_dim: int = 2,
    ) -> None:
        super().__init__()
        self.num_layers, self.hidden_dim = num_layers, hidden_dim
        self.linear = nn.Sequential(nn.Linear(state_dim, linear_dim), nn.LeakyReLU())
        self.gru = nn.GRU(linear_dim, hidden_dim, num_layers)
        self.mean = nn.Linear(hidden_dim, action_dim)
        self.spread = nn.Linear(hidden_dim, action_dim)

    def init_hidden(self, n: int) -> Tensor:
        """Zeros (layers, n, hidden)."""
        return torch.zeros(self.num_layers, n, self.hidden_dim)

    def forward(self, state: Tensor) -> Normal:
        """One state (state_dim,) in evaluation, a sequence (L, N, state_dim) in training."""
        if state.ndim < 3:
            state = state.reshape(1, 1, -1)
            self.hidden = self.init_hidden(1)
        output, self.hidden = self.gru(self.linear(state), self.hidden)
        self.hidden = torch.tanh(self.hidden)
        mean, std = self.mean(output).tanh(), nn.functional.softplus(self.spread(output))
        return Normal(mean, std + 1e-3)


class SourceSubject(nn.Module):
    """The patient with a subject's three methods, which call `forward`.

    It has nowhere to put the state that is handed in, and nowhere to put the reset.

    Args:
        **sizes: of the `SourcePolicy`.
    """

    def __init__(self, **sizes: int) -> None:
        super().__init__()
        self.policy = SourcePolicy(**sizes)

    def initial_state(self, n: int) -> Tensor:
        """Zeros (layers, n, hidden)."""
        return self.policy.init_hidden(n)

    def step(self, obs: Tensor, state: Tensor, reset: Tensor) -> tuple[Any, Tensor]:
        """One observation (N, state_dim)."""
        actions = self.policy(obs)
        return Normal(actions.mean[0], actions.stddev[0]), self.policy.hidden

    def unroll(self, obs: Tensor, state: Tensor, reset: Tensor) -> tuple[Any, Tensor]:
        """A sequence (T, N, state_dim)."""
        return self.policy(obs), self.policy.hidden
