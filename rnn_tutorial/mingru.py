"""minGRU: a GRU whose gates don't see the state, so that a whole sequence is computed at once.

Feng et al. 2024, "Were RNNs all we needed?", https://arxiv.org/abs/2410.01201. Without the state in
its gates a GRU is h' = (1 - z) h + z c with z and c from the inputs alone: every step is a pair
(a, b) that stands for h' = a h + b, and pairs can be composed in any grouping. A reset is the pair
that forgets (Lu et al. 2023, https://arxiv.org/abs/2303.03982).
"""

from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from rnn_tutorial.recurrent import State, by_steps, check_input, clear_state, in_its_own_dtype


def compose(first: tuple[Tensor, Tensor], then: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    """The pair (a, b) of two steps h' = a h + b, one after the other.

    Example:
        >>> pairs = (torch.tensor(0.5), torch.tensor(1.0)), (torch.tensor(0.0), torch.tensor(3.0))
        >>> compose(*pairs)  # the second one forgets what was before it
        (tensor(0.), tensor(3.))
    """
    (a, b), (a_then, b_then) = first, then
    return a_then * a, a_then * b + b_then


def scan_in_rounds(a: Float[Tensor, "T ..."], b: Float[Tensor, "T ..."]) -> Tensor:
    """Every h of h' = a h + b from h = 0, in about log2 T rounds instead of T steps.

    After round k each pair stands for the last 2^k steps (Hillis & Steele 1986,
    https://doi.org/10.1145/7902.7903).

    Example:
        >>> scan_in_rounds(torch.full((4,), 0.5), torch.ones(4))
        tensor([1.0000, 1.5000, 1.7500, 1.8750])
    """
    reach = 1
    while reach < len(a):
        longer = compose((a[:-reach], b[:-reach]), (a[reach:], b[reach:]))
        a, b = (torch.cat((old[:reach], new)) for old, new in zip((a, b), longer, strict=True))
        reach *= 2
    return b


class Mix(Function):
    """h' = (1 - z) h + z c over a sequence, with z = sigmoid(gate), and h = 0 at a reset.

    On a GPU the recurrence is a scan in rounds, elsewhere a loop of one operation for each step.
    """

    @staticmethod
    def forward(
        ctx: Any,
        inputs: Float[Tensor, "T N H2"],
        h: Float[Tensor, "N H"],
        reset: Bool[Tensor, "T N"],
    ) -> Float[Tensor, "T N H"]:
        """The state after each step. The inputs are gate and c, side by side."""
        gate, c = inputs.chunk(2, dim=-1)
        z = torch.sigmoid(gate)
        keep = (1.0 - z).masked_fill_(reset[..., None], 0.0)
        out = z * c
        out[0].addcmul_(keep[0], h)
        out = _run(keep[1:], out)
        ctx.save_for_backward(inputs, h, reset, z, keep, out)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None]:
        """Of the inputs and of h, by the same recurrence from the end to the beginning."""
        inputs, h, reset, z, keep, out = ctx.saved_tensors
        d = _run(keep[1:].flip(0), grad.flip(0)).flip(0)
        of_inputs = torch.empty_like(inputs, memory_format=torch.contiguous_format)
        of_gate, of_c = of_inputs.chunk(2, dim=-1)
        before = torch.cat((h[None], out[:-1])).masked_fill_(reset[..., None], 0.0)
        torch.sub(inputs.chunk(2, dim=-1)[1], before, out=of_gate)
        torch.mul(d, z, out=of_c)
        of_gate.mul_(of_c)
        of_gate.addcmul_(of_gate, z, value=-1.0)  # d (c - h) z (1 - z)
        return of_inputs, d[0] * keep[0], None


def _run(keep: Float[Tensor, "T1 N H"], rows: Float[Tensor, "T N H"]) -> Float[Tensor, "T N H"]:
    """h[t] = keep[t - 1] h[t - 1] + rows[t], in place where it is a loop."""
    if rows.is_cuda:
        return scan_in_rounds(torch.cat((torch.zeros_like(rows[:1]), keep)), rows)
    before, *later = rows
    for keep_t, row in zip(keep, later, strict=True):
        before = row.addcmul_(keep_t, before)
    return rows


class MinGRUCore(nn.Module):
    """Layers of minGRU, each after the first with a norm before it and a residual around it.

    Args:
        input_size: features of each input.
        hidden_size: H, features of the output and of each layer's state.
        num_layers: number of stacked layers.

    Example:
        >>> core = MinGRUCore(input_size=3, hidden_size=4, num_layers=2)
        >>> x, reset = torch.ones(5, 2, 3), torch.zeros(5, 2, dtype=torch.bool)
        >>> reset[3, 0] = True  # in env 0 an episode begins at step 3
        >>> output, state = core.unroll(x, core.initial_state(2), reset)
        >>> output.shape, state.shape, torch.allclose(output[3:, 0], output[:2, 0])
        (torch.Size([5, 2, 4]), torch.Size([2, 2, 4]), True)
    """

    def __init__(self, input_size: int, hidden_size: int, num_layers: int = 1) -> None:
        super().__init__()
        self.input_size, self.hidden_size = input_size, hidden_size
        sizes = [input_size, *[hidden_size] * (num_layers - 1)]
        self.inputs = nn.ModuleList(nn.Linear(size, 2 * hidden_size) for size in sizes)
        self.norms = nn.ModuleList(nn.LayerNorm(hidden_size) for _ in sizes[1:])

    def initial_state(self, n: int) -> Float[Tensor, "layers n H"]:
        """Zeros (layers, n, H) on the parameters' device."""
        weight = next(self.parameters())
        return weight.new_zeros(len(self.inputs), n, self.hidden_size)

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

        def mix(inputs: Tensor, h: Tensor) -> Tensor:
            gate, c = inputs.chunk(2, dim=-1)
            return torch.lerp(h, c, torch.sigmoid(gate))

        return self._layers(x, state, mix)

    @in_its_own_dtype
    def unroll(
        self,
        x: Float[Tensor, "T N features"],
        state: State,
        reset: Bool[Tensor, "T N"] | None = None,
    ) -> tuple[Float[Tensor, "T N H"], State]:
        """A whole sequence for N envs; equal to T calls of `step`, forward and gradient.

        Raises:
            ValueError: for inputs, a state or a reset of the wrong shape.
        """
        self._check(x, state, reset, "T", "N")
        if reset is None:
            reset = torch.zeros(x.shape[:2], dtype=torch.bool, device=x.device)
        state = clear_state(state, reset[0])
        if not state.isfinite().all():  # a later reset multiplies with 0, and 0 NaN is NaN
            return by_steps(self, x, state, reset)
        return self._layers(x, state, lambda inputs, h: Mix.apply(inputs, h, reset))

    def _layers(self, x: Tensor, state: Tensor, mix: Any) -> tuple[Tensor, Tensor]:
        """The layers, one after the other; `mix(inputs, h)` is the state after each step."""
        last = []
        for layer, (inputs, h) in enumerate(zip(self.inputs, state, strict=True)):
            below = x
            x = mix(inputs(x if layer == 0 else self.norms[layer - 1](x)), h)
            last.append(x if x.ndim == 2 else x[-1])
            x = x if layer == 0 else below + x
        return x, torch.stack(last)

    def _check(self, x: Tensor, state: State, reset: Tensor | None, *axes: str) -> None:
        check_input(x, reset, self.input_size, axes)
        expected = (len(self.inputs), x.shape[-2], self.hidden_size)
        got = tuple(state.shape) if isinstance(state, Tensor) else type(state).__name__
        if got != expected:
            raise ValueError(f"hidden state: expected (layers, N, H) = {expected}, got {got}")
