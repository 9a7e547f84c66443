"""Running normalisation of observations: their mean and spread so far, kept with the policy."""

import gymnasium as gym
import numpy as np
import torch
from jaxtyping import Bool
from torch import Tensor, nn

from rnn_tutorial.nest import Nest
from rnn_tutorial.observations import each_entry, entries, map_entries

LIMIT = 10.0


class RunningNormaliser(nn.Module):
    """Scale the numbers of float Box entries to mean 0 and standard deviation 1.

    The statistics move only in `update`, so acting and training in between see the same numbers.
    They are buffers, and so lie in every checkpoint. Images, one-hot vectors and codes stay as they
    are. Results are limited to ±10. Before the first update nothing is scaled.

    Args:
        space: of one observation.

    Example:
        >>> normaliser = RunningNormaliser(gym.spaces.Box(-100.0, 100.0, (1,)))
        >>> seen = torch.tensor([[[10.0]], [[30.0]]])  # T = 2, N = 1
        >>> normaliser.update(seen, torch.ones(2, 1, dtype=torch.bool))
        >>> normaliser(torch.tensor([[30.0]]))
        tensor([[1.]])
    """

    count: Tensor

    def __init__(self, space: gym.Space) -> None:
        super().__init__()
        self.space = space
        self.numbers: dict[str, int] = {}
        for name, part in entries(space):
            shape = tuple(part.shape or ())
            if (
                isinstance(part, gym.spaces.Box)
                and np.dtype(part.dtype).kind == "f"
                and (len(shape) < 2)
            ):
                number = self.numbers[name] = len(self.numbers)
                # In float64, so that a long run's mean keeps its digits.
                mean = torch.zeros(shape, dtype=torch.float64)
                self.register_buffer(f"mean_{number}", mean)
                self.register_buffer(f"variance_{number}", torch.ones_like(mean))
        self.register_buffer("count", torch.zeros((), dtype=torch.float64))

    def forward(self, prepared: Nest) -> Nest:
        """Prepared observations (*lead, ...), scaled."""

        def scaled(name: str, space: gym.Space, x: Tensor) -> Tensor:
            if name not in self.numbers:
                return x
            mean, variance = self._statistics(name)
            y = (x - mean.to(x.dtype)) / (variance + 1e-8).sqrt().to(x.dtype)
            return torch.where(self.count > 0, y.clamp(-LIMIT, LIMIT), x)

        return map_entries(scaled, self.space, prepared)

    @torch.no_grad()
    def update(self, prepared: Nest, valid: Bool[Tensor, "T N"]) -> None:
        """Take observations (T, N, ...) into the statistics, where `valid`.

        Batches are merged by the formula of Chan, Golub and LeVeque 1983,
        https://doi.org/10.1080/00031305.1983.10483115.
        """
        n = valid.sum().to(self.count.dtype)
        if n == 0:
            return
        total = self.count + n
        for name, _, x in each_entry(self.space, prepared):
            if name in self.numbers:
                mean, variance = self._statistics(name)
                rows = x[valid].to(mean.dtype)
                new_mean, new_variance = rows.mean(0), rows.var(0, correction=0)
                delta = new_mean - mean
                spread = variance * self.count + new_variance * n
                spread += delta.square() * self.count * n / total
                mean += delta * n / total
                variance.copy_(spread / total)
        self.count.copy_(total)

    def _statistics(self, name: str) -> tuple[Tensor, Tensor]:
        number = self.numbers[name]
        return getattr(self, f"mean_{number}"), getattr(self, f"variance_{number}")
