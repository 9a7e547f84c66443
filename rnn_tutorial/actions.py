"""Action spaces: the distribution over a space's actions, and drawing from it.

Every distribution is in the space's own units, and its `log_prob` and `entropy` are joint over the
action's numbers (https://docs.pytorch.org/docs/stable/distributions.html).
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.distributions import Bernoulli, Categorical, Distribution, Independent, Normal
from torch.nn.functional import softplus

MIN_STD = 1e-3
KINDS = ("Box", "Discrete", "MultiDiscrete", "MultiBinary")
# A finite bound beyond this is how some envs write "no bound".
LARGEST_BOUND = 1e9


def check_action_space(space: gym.Space) -> str:
    """The name of the kind of an action space.

    Raises:
        TypeError: for one that is not supported; the message says what helps.
    """
    kinds = [kind for kind in KINDS if isinstance(space, getattr(gym.spaces, kind))]
    if not kinds:
        raise TypeError(
            f"action_space: expected Box, Discrete, MultiDiscrete or MultiBinary, got {space}; "
            "gymnasium.wrappers.TransformAction turns one of these into it"
        )
    return kinds[0]


def number_of_parameters(space: gym.Space) -> int:
    """Numbers that determine the distribution over a space's actions."""
    if isinstance(space, gym.spaces.Box):
        return 2 * math.prod(space.shape)
    if isinstance(space, gym.spaces.Discrete):
        return int(space.n)
    if isinstance(space, gym.spaces.MultiDiscrete):
        return int(np.sum(space.nvec))
    return math.prod(space.shape or ())


def same_actions(space: Any, other: Any) -> bool:
    """Whether two spaces have actions of one kind and size, whatever their bounds."""

    def form(of: Any) -> tuple[Any, ...]:
        sizes = np.ravel(getattr(of, "nvec", getattr(of, "n", 0)))
        return type(of), of.shape, sizes.tolist()

    return form(space) == form(other)


class Gaussian(Normal):
    """A Normal whose mean and standard deviation have the same shape already.

    torch's own constructor brings them to one shape first, which takes as long as the heads.
    """

    def __init__(self, loc: Tensor, scale: Tensor, validate_args: bool = False) -> None:
        self.loc, self.scale = loc, scale
        Distribution.__init__(self, loc.shape, validate_args=validate_args)


class ActionHead(nn.Module):
    """Turns parameters into the distribution over a space's actions; it has no weights itself.

    A Box gets a Normal in each dimension, in the action's own units. Between two bounds its mean is
    centre + half-range × tanh(.), and its standard deviation half-range × softplus(.). With one
    bound the mean is bound ± softplus(.), without any it is (.) itself, both with spread
    softplus(.). Discrete and MultiDiscrete get a Categorical for each number, counted from 0
    whatever the space starts from; MultiBinary gets a Bernoulli for each.

    Args:
        space: Box, Discrete, MultiDiscrete or MultiBinary.

    Raises:
        TypeError: for a space of another kind.

    Example:
        >>> head = ActionHead(gym.spaces.Box(5.0, 10.0, (1,)))
        >>> head(torch.tensor([[-9.0, 0.0], [0.0, 0.0], [9.0, 0.0]])).mean.flatten()
        tensor([ 5.0000,  7.5000, 10.0000])
        >>> head = ActionHead(gym.spaces.MultiDiscrete([2, 3]))
        >>> pairs = head(torch.zeros(1, 5))
        >>> pairs.log_prob(torch.tensor([[1, 2]])).exp()  # one of six
        tensor([0.1667])
    """

    centre: Tensor
    reach: Tensor
    sign: Tensor
    both: Tensor
    one: Tensor
    real: Tensor
    row: Tensor

    def __init__(self, space: gym.Space) -> None:
        super().__init__()
        self.kind, self.shape = check_action_space(space), tuple(space.shape or ())
        if isinstance(space, gym.spaces.Box):
            low, high = (
                torch.as_tensor(np.asarray(b, np.float64).ravel()) for b in (space.low, space.high)
            )
            above, below = low > -LARGEST_BOUND, high < LARGEST_BOUND
            both = above & below
            # As low == high leaves no choice, any spread does.
            half = torch.where(both & (high > low), (high - low) / 2, 1.0)
            centre = torch.where(both, (high + low) / 2, 0.0)
            centre = torch.where(above & ~both, low, centre)
            centre = torch.where(below & ~both, high, centre)
            self.bounded = bool(both.all())
            self.unit = self.bounded and bool((centre == 0).all() and (half == 1).all())
            self.register_buffer("centre", centre.float(), persistent=False)
            self.register_buffer("reach", half.float(), persistent=False)
            sign = torch.where(above, 1.0, -1.0)
            self.register_buffer("sign", sign, persistent=False)
            self.register_buffer("both", both, persistent=False)
            self.register_buffer("one", (above | below) & ~both, persistent=False)
        elif isinstance(space, gym.spaces.MultiDiscrete):
            sizes = np.asarray(space.nvec).ravel()
            real = torch.arange(int(sizes.max())) < torch.as_tensor(sizes)[:, None]
            self.register_buffer("real", real, persistent=False)
            row = torch.zeros_like(real, dtype=torch.long)  # which parameter is whose logit
            row[real] = torch.arange(int(real.sum()))
            self.register_buffer("row", row, persistent=False)

    def forward(self, parameters: Float[Tensor, "*batch P"]) -> Distribution:
        """The distribution, of batch shape (*batch)."""
        if self.kind == "Discrete":
            return Categorical(logits=parameters, validate_args=False)
        shape, batch = self.shape, parameters.shape[:-1]
        if self.kind == "Box":
            mean, std = self._normal(*parameters.chunk(2, dim=-1))
            if len(shape) != 1:
                mean, std = mean.view(*batch, *shape), std.view(*batch, *shape)
            normal = Gaussian(mean, std)
            return Independent(normal, len(shape), validate_args=False)
        if self.kind == "MultiBinary":
            bits = Bernoulli(logits=parameters.view(*batch, *shape), validate_args=False)
            return Independent(bits, len(shape), validate_args=False)
        # Numbers with fewer values than the largest are filled up with some that can't be drawn.
        lowest = torch.finfo(parameters.dtype).min
        logits = parameters[..., self.row].masked_fill(~self.real, lowest)
        logits = logits.view(*batch, *shape, self.real.shape[-1])
        return Independent(
            Categorical(logits=logits, validate_args=False), len(shape), validate_args=False
        )

    def _normal(self, x: Tensor, spread: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation (*batch, A)."""
        std = softplus(spread) + MIN_STD
        if self.unit:
            return x.tanh(), std
        std = std * self.reach
        if self.bounded:
            return x.tanh() * self.reach + self.centre, std
        one_sided = torch.where(self.one, self.centre + self.sign * softplus(x), x)
        return torch.where(self.both, x.tanh() * self.reach + self.centre, one_sided), std


def draw_action(
    distribution: Distribution, deterministic: bool, generator: torch.Generator | None
) -> Tensor:
    """Draw actions with a given generator, which torch's own `sample` does not accept.

    Args:
        distribution: of an `ActionHead`.
        deterministic: takes the mode instead.
        generator: on the distribution's device; None means torch's global generator.

    Returns:
        Actions of the distribution's batch shape, detached.
    """
    with torch.no_grad():
        inner: Any = getattr(distribution, "base_dist", distribution)
        if isinstance(inner, Categorical):
            if deterministic:
                return inner.probs.argmax(-1)
            flat = inner.probs.reshape(-1, inner.probs.shape[-1])
            return torch.multinomial(flat, 1, generator=generator).view(inner.batch_shape)
        if isinstance(inner, Bernoulli):
            if deterministic:
                return (inner.logits > 0).to(inner.logits.dtype)
            return torch.bernoulli(inner.probs, generator=generator)
        mean, std = inner.mean, inner.stddev
        if deterministic:
            return mean
        noise = torch.randn(mean.shape, generator=generator, device=mean.device, dtype=mean.dtype)
        return mean + std * noise


def distribution_parameters(distribution: Distribution) -> dict[str, Tensor]:
    """A distribution's parameters by name.

    "mean" and "std" for a Box action; "probs" for Discrete (*batch, n), MultiDiscrete
    (*batch, numbers, largest n; 0 for actions that do not exist) and MultiBinary.
    """
    inner: Any = getattr(distribution, "base_dist", distribution)
    if isinstance(inner, Normal):
        return {"mean": inner.mean, "std": inner.stddev}
    return {"probs": inner.probs}


def first_distribution(distribution: Distribution) -> Distribution:
    """The first of a batch of distributions."""
    return _rebuilt(lambda parts: parts[0][0], [distribution])


def join_distributions(distributions: Sequence[Distribution]) -> Distribution:
    """Distributions of T steps, each of batch shape (N,), as one of batch shape (T, N)."""
    return _rebuilt(torch.stack, distributions)


def _rebuilt(join: Callable[[list[Tensor]], Tensor], distributions: Sequence[Any]) -> Distribution:
    """A distribution from those of several; `join` makes one parameter of all of theirs."""
    first = distributions[0]
    if isinstance(first, Independent):
        inner = _rebuilt(join, [each.base_dist for each in distributions])
        return Independent(inner, first.reinterpreted_batch_ndims, validate_args=False)
    names = ("loc", "scale") if isinstance(first, Normal) else ("logits",)
    parts = {name: join([getattr(each, name) for each in distributions]) for name in names}
    return type(first)(**parts, validate_args=False)
