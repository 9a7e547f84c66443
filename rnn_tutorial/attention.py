"""Causal attention over the last steps: what a transformer with a fixed window remembers.

Vaswani et al. 2017, https://arxiv.org/abs/1706.03762, with the norm before each part (Xiong et al.
2020, https://arxiv.org/abs/2002.04745). In the place of positions it learns a bias and a value for
each lag (Shaw et al. 2018, https://arxiv.org/abs/1803.02155).
"""

from math import gcd

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from rnn_tutorial.checks import whole_number
from rnn_tutorial.recurrent import State, by_steps, check_input, clear_state, in_its_own_dtype


class AttentionLayer(nn.Module):
    """Attention over a window and a small MLP, each behind a norm and inside a residual."""

    def __init__(self, size: int, window: int, heads: int) -> None:
        super().__init__()
        self.window, self.heads = window, heads
        self.norm, self.mix = nn.LayerNorm(size), nn.Linear(size, size)
        self.query_key_value = nn.Linear(size, 3 * size)
        self.lag_bias = nn.Parameter(torch.zeros(heads, window))
        # Without it, steps that look alike could not be counted: their average is one of them.
        self.lag_value = nn.Parameter(0.02 * torch.randn(window, heads, size // heads))
        self.mlp = nn.Sequential(
            nn.LayerNorm(size), nn.Linear(size, 2 * size), nn.GELU(), nn.Linear(2 * size, size)
        )

    def forward(
        self,
        x: Float[Tensor, "N T H"],
        keys: Float[Tensor, "N past H"],
        values: Float[Tensor, "N past H"],
        visible: Bool[Tensor, "N blocks Q seen"],
    ) -> tuple[Tensor, Tensor, Tensor]:
        """The layer's output, and all keys and values, those of the past first.

        Args:
            x: T is a multiple of the Q steps of a block.
            keys, values: of the window - 1 steps before.
            visible: which of the window - 1 + Q steps up to a block's end each of its steps sees.
        """
        steps, size = visible.shape[2:]
        query, key, value = self.query_key_value(self.norm(x)).chunk(3, dim=-1)
        keys, values = torch.cat((keys, key), dim=1), torch.cat((values, value), dim=1)
        lag = torch.arange(steps)[:, None] + self.window - 1 - torch.arange(size)
        lag = lag.clamp(0, self.window - 1).to(x.device)
        seen = [
            _blocks(part, size, steps).unflatten(2, (self.heads, -1)) for part in (keys, values)
        ]
        asked = query.unflatten(1, (-1, steps)).unflatten(3, (self.heads, -1)).transpose(2, 3)
        scores = asked @ seen[0] / asked.shape[-1] ** 0.5 + self.lag_bias[:, lag]
        weights = scores.masked_fill(~visible[:, :, None], -torch.inf).softmax(dim=-1)
        of_lag = self.lag_value[lag].permute(2, 0, 1, 3)  # (heads, Q, seen, H / heads)
        found = weights @ seen[1].transpose(-1, -2) + (weights[..., None, :] @ of_lag)[..., 0, :]
        x = x + self.mix(found.transpose(2, 3).reshape(x.shape))
        return x + self.mlp(x), keys, values


class AttentionCore(nn.Module):
    """Layers of causal attention over the last `window` steps of the episode.

    The state is what the next step can see: keys and values of the last window - 1 steps
    (layers, N, window - 1, H), and how many of them are of this episode (1, N, 1).

    Args:
        input_size: features of each input.
        hidden_size: H, features of the output, of keys and of values.
        num_layers: number of stacked layers; with each of them information moves on by a window.
        window: number of steps that a step sees, itself included.
        heads: a divisor of H; None means 4, or the most that divide both.

    Raises:
        ValueError: for a window or a number of heads that does not fit.

    Example:
        >>> core = AttentionCore(input_size=3, hidden_size=4, window=3, heads=2)
        >>> x, reset = torch.ones(7, 2, 3), torch.zeros(7, 2, dtype=torch.bool)
        >>> output, (keys, values, filled) = core.unroll(x, core.initial_state(2), reset)
        >>> output.shape, keys.shape, filled.flatten()
        (torch.Size([7, 2, 4]), torch.Size([1, 2, 2, 4]), tensor([2., 2.]))
    """

    parts = ("keys", "values", "filled")

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        window: int = 32,
        heads: int | None = None,
    ) -> None:
        super().__init__()
        self.window = whole_number("window", window, 2)
        heads = gcd(4, hidden_size) if heads is None else whole_number("heads", heads, 1)
        if hidden_size % heads:
            raise ValueError(f"heads: expected a divisor of H = {hidden_size}, got {heads}")
        self.inputs = nn.Linear(input_size, hidden_size)
        self.layers = nn.ModuleList(
            AttentionLayer(hidden_size, window, heads) for _ in range(num_layers)
        )
        self.norm = nn.LayerNorm(hidden_size)

    def initial_state(self, n: int) -> tuple[Tensor, Tensor, Tensor]:
        """An empty window, on the parameters' device."""
        weight = self.inputs.weight
        keys = weight.new_zeros(len(self.layers), n, self.window - 1, len(weight))
        return keys, keys.clone(), weight.new_zeros(1, n, 1)

    @in_its_own_dtype
    def step(
        self,
        x: Float[Tensor, "N features"],
        state: State,
        reset: Bool[Tensor, " N"] | None = None,
    ) -> tuple[Float[Tensor, "N H"], State]:
        """One step for N envs; `reset` clears the state of these envs before it."""
        self._check(x, state, reset, "N")
        if reset is not None:
            state = clear_state(state, reset)
        output, state = self._run(x[None], state, -state[2][0].T)
        return output[0], state

    @in_its_own_dtype
    def unroll(
        self,
        x: Float[Tensor, "T N features"],
        state: State,
        reset: Bool[Tensor, "T N"] | None = None,
    ) -> tuple[Float[Tensor, "T N H"], State]:
        """A whole sequence for N envs; equal to T calls of `step`, forward and gradient.

        It is computed in blocks of `window` steps, each of which looks back over one window more,
        so that the cost grows with T.

        Raises:
            ValueError: for inputs, a state or a reset of the wrong shape.
        """
        self._check(x, state, reset, "T", "N")
        if reset is None:
            reset = torch.zeros(x.shape[:2], dtype=torch.bool, device=x.device)
        keys, values, filled = clear_state(state, reset[0])
        if not values.isfinite().all():  # what is not seen has the weight 0, and 0 NaN is NaN
            return by_steps(self, x, (keys, values, filled), reset)
        time = torch.arange(len(x), device=x.device)[:, None]
        last = torch.where(reset, time, -1).cummax(dim=0).values
        start = torch.where(last < 0, -filled[0].T, last.to(x.dtype))
        return self._run(x, (keys, values, filled), start)

    def _run(self, x: Tensor, state: State, start: Tensor) -> tuple[Tensor, State]:
        """Outputs (T, N, H) and the state after; `start` (T, N) is the first time that t sees."""
        steps, past = len(x), self.window - 1
        block = min(steps, self.window)
        more = -steps % block  # of padding behind the sequence
        rows = torch.cat((start, start[-1:].expand(more, -1))) if more else start
        rows = rows.T.unflatten(1, (-1, block))
        begin = torch.arange(rows.shape[1], device=x.device)[:, None, None] * block - past
        seen = torch.arange(past + block, device=x.device)  # times, from the begin of a block's on
        lag = torch.arange(block, device=x.device)[:, None] + past - seen
        visible = (lag >= 0) & (lag <= past) & (begin + seen >= rows[..., None])
        x = self.inputs(x).transpose(0, 1)
        if more:
            x = nn.functional.pad(x, (0, 0, 0, more))
        kept = []
        for layer, keys, values in zip(self.layers, *state[:2], strict=True):
            x, *pair = layer(x, keys, values, visible)
            kept.append([part[:, steps : steps + past] for part in pair])
        filled = (steps - start[-1]).clamp(max=past)
        old = torch.arange(past, device=x.device) < past - filled[:, None]  # of another episode
        keys, values = (
            torch.stack(parts).masked_fill(old[None, :, :, None], 0.0)
            for parts in zip(*kept, strict=True)
        )
        return self.norm(x[:, :steps].transpose(0, 1)), (keys, values, filled[None, :, None])

    def _check(self, x: Tensor, state: State, reset: Tensor | None, *axes: str) -> None:
        check_input(x, reset, self.inputs.in_features, axes)
        layers, n, past, width = (
            len(self.layers),
            x.shape[-2],
            self.window - 1,
            len(self.norm.weight),
        )
        expected = [(layers, n, past, width), (layers, n, past, width), (1, n, 1)]
        fits = isinstance(state, tuple) and len(state) == 3
        got = [tuple(part.shape) for part in state] if fits else type(state).__name__
        if got != expected:
            raise ValueError(f"state: expected (keys, values, filled) {expected}, got {got}")


def _blocks(part: Float[Tensor, "N time H"], size: int, step: int) -> Tensor:
    """Windows (N, blocks, H, size), one after every `step` times."""
    if part.shape[1] == size:
        return part.transpose(1, 2)[:, None]
    return part.unfold(1, size, step)
