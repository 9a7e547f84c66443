"""Layers of RNN, GRU and LSTM over a sequence with resets, each in one pass forward and backward.

The matrix products that need no state are computed for all steps at once, and so are the gradients
of the weights; only the recurrence is left to a loop. The formulas are those in the documentation
of nn.RNN, nn.GRU and nn.LSTM, and the results are theirs.
"""

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.autograd import Function
from torch.autograd.function import once_differentiable

Clear = Sequence[Tensor | None]  # for each step the envs (N, 1) to clear before it, None for none
SHUT = -1e4  # a gate with this input is exactly 0


class RNNLayer(Function):
    """h' = tanh(W_ih x + b_ih + W_hh h + b_hh)."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Float[Tensor, "T N features"],
        h: Float[Tensor, "N H"],
        clear: Clear,
        w_ih: Float[Tensor, "H features"],
        w_hh: Float[Tensor, "H H"],
        b_ih: Float[Tensor, " H"],
        b_hh: Float[Tensor, " H"],
    ) -> Float[Tensor, "T N H"]:
        """The state after each step."""
        out = torch.addmm(b_ih + b_hh, x.flatten(0, 1), w_ih.t()).unflatten(0, x.shape[:2])
        before = []
        for row, envs in zip(out, clear, strict=True):
            before.append(_cleared(h, envs))
            h = row.addmm_(before[-1], w_hh.t()).tanh_()
        ctx.clear = clear
        ctx.save_for_backward(x, w_ih, w_hh, out, torch.stack(before))
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        """Of x, h, and the weights."""
        x, w_ih, w_hh, out, before = ctx.saved_tensors
        slopes, dh = torch.addcmul(torch.ones_like(out), out, out, value=-1.0), None
        for of_output, slope, envs in _backwards(grad, slopes, ctx.clear):
            slope.mul_(of_output if dh is None else of_output + dh)
            dh = _cleared(slope @ w_hh, envs)
        slopes = slopes.flatten(0, 1)
        bias = slopes.sum(0)
        w = slopes.t() @ x.flatten(0, 1), slopes.t() @ before.flatten(0, 1)
        return _of_input(ctx, slopes, w_ih, x), dh, None, *w, bias, bias.clone()


class GRULayer(Function):
    """h' = (1 - z) n + z h with gates r, z = sigmoid(...) and n = tanh(x part + r * (h part))."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Float[Tensor, "T N features"],
        h: Float[Tensor, "N H"],
        clear: Clear,
        w_ih: Float[Tensor, "H3 features"],
        w_hh: Float[Tensor, "H3 H"],
        b_ih: Float[Tensor, " H3"],
        b_hh: Float[Tensor, " H3"],
    ) -> Float[Tensor, "T N H"]:
        """The state after each step. The weights are stacked in the order r, z, n."""
        size, lead, flat = h.shape[1], x.shape[:2], x.flatten(0, 1)
        gates, new = slice(0, 2 * size), slice(2 * size, None)
        rz = torch.addmm((b_ih + b_hh)[gates], flat, w_ih[gates].t()).unflatten(0, lead)
        n = torch.addmm(b_ih[new], flat, w_ih[new].t()).unflatten(0, lead)
        n_h, out, before = torch.empty_like(n), torch.empty_like(n), []
        w_rz, w_n, b_n = w_hh[gates].t(), w_hh[new].t(), b_hh[new]
        rows = zip(rz, *rz.split(size, dim=-1), n, n_h, out, clear, strict=True)
        for rz_t, r, z, n_t, n_h_t, out_t, envs in rows:
            h = _cleared(h, envs)
            before.append(h)
            rz_t.addmm_(h, w_rz).sigmoid_()
            n_t.addcmul_(r, torch.addmm(b_n, h, w_n, out=n_h_t)).tanh_()
            h = torch.lerp(n_t, h, z, out=out_t)
        ctx.clear = clear
        ctx.save_for_backward(x, w_ih, w_hh, rz, n, n_h, torch.stack(before))
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        """Of x, h, and the weights."""
        x, w_ih, w_hh, rz, n, n_h, before = ctx.saved_tensors
        r, z = rz.chunk(2, dim=-1)
        # What each gate's input is worth to h', for all steps; in place, since memory costs time.
        slopes = n.new_empty(*n.shape[:2], 3, n.shape[2])
        to_r, to_z, to_n_h = slopes.unbind(2)
        to_n = torch.addcmul(n.new_ones(()), n, n, value=-1.0)
        to_n.addcmul_(to_n, z, value=-1.0)  # (1 - z) (1 - n n)
        torch.addcmul(r, r, r, value=-1.0, out=to_r).mul_(n_h).mul_(to_n)
        torch.sub(before, n, out=to_z).mul_(z)
        to_z.addcmul_(to_z, z, value=-1.0)  # (h - n) z (1 - z)
        torch.mul(to_n, r, out=to_n_h)
        dhs, dh = torch.empty_like(n), torch.zeros_like(n[0])
        flat = slopes.flatten(2)
        columns = grad, slopes, flat, z, dhs, dhs.unsqueeze(2), ctx.clear
        for of_output, slope, row, z_t, d, d_each, envs in _backwards(*columns):
            torch.add(of_output, dh, out=d)
            slope.mul_(d_each)
            dh = _cleared(torch.addmm(d * z_t, row, w_hh), envs)
        flat = flat.flatten(0, 1)
        w_h, b_h = flat.t() @ before.flatten(0, 1), flat.sum(0)
        torch.mul(dhs, to_n, out=to_n_h)  # of the x part, which r does not scale
        w_x, b_x = flat.t() @ x.flatten(0, 1), flat.sum(0)
        return _of_input(ctx, flat, w_ih, x), dh, None, w_x, w_h, b_x, b_h


def _cleared(h: Tensor, envs: Tensor | None) -> Tensor:
    return h if envs is None else h.masked_fill(envs, 0.0)


def _backwards(*columns: Any) -> Any:
    return reversed(list(zip(*columns, strict=True)))


def _of_input(ctx: Any, slopes: Tensor, weight: Tensor, x: Tensor) -> Tensor | None:
    return (slopes @ weight).view_as(x) if ctx.needs_input_grad[0] else None


def by_layers(
    layer: Any, rnn: nn.RNNBase, x: Tensor, state: Tensor, reset: Bool[Tensor, "T N"]
) -> tuple[Tensor, Tensor]:
    """All layers of an nn.RNN or nn.GRU, one after the other; `reset[0]` is done already."""
    rows = zip(reset[1:, :, None], reset[1:].any(dim=1).tolist(), strict=True)
    clear = [None, *(row if any_env else None for row, any_env in rows)]
    last = []
    for weights, h in zip(rnn.all_weights, state, strict=True):
        x = layer.apply(x, h, clear, *weights)
        last.append(x[-1])
    return x, torch.stack(last)


def by_shut_gates(
    rnn: nn.LSTM, x: Tensor, state: tuple[Tensor, Tensor], reset: Bool[Tensor, "T N"]
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """All layers of an nn.LSTM: before each reset one more step, in which all gates are shut.

    Where i, f and o are 0, c' = f c + i g and h' = o tanh(c') are 0: the state of a new episode. So
    PyTorch's own LSTM, which is much faster than any loop, runs through the whole sequence. All
    envs end at the same step; an env with fewer resets than another shuts its gates for longer.
    Envs without a reset run apart. `reset[0]` is done already.
    """
    reset = torch.cat((torch.zeros_like(reset[:1]), reset[1:]))
    counts = reset.sum(dim=0)
    calm, busy = (counts == 0).nonzero().flatten(), counts.nonzero().flatten()
    if not len(busy):
        return rnn(x, state)
    long, states, place = _with_shut_gates(rnn, x, state, reset, busy)
    rows = torch.empty(reset.shape, dtype=torch.long)  # of each step in the outputs, flattened
    rows[:, busy] = place * len(busy) + torch.arange(len(busy))
    outputs = long.flatten(0, 1)
    if len(calm):
        rest, others = rnn(x[:, calm], tuple(part[:, calm] for part in state))
        rows[:, calm] = len(outputs) + torch.arange(rest.shape[0] * len(calm)).view(-1, len(calm))
        outputs = torch.cat((outputs, rest.flatten(0, 1)))
        order = torch.cat((busy, calm)).argsort()
        pairs = zip(states, others, strict=True)
        states = tuple(torch.cat(pair, dim=1)[:, order] for pair in pairs)
    return outputs.index_select(0, rows.flatten()).unflatten(0, tuple(rows.shape)), states


def _with_shut_gates(
    rnn: nn.LSTM, x: Tensor, state: tuple[Tensor, Tensor], reset: Tensor, envs: Tensor
) -> tuple[Tensor, tuple[Tensor, ...], Tensor]:
    """Outputs (T + more, envs, H) of some envs, the state after them, and where each step is."""
    steps, n, reset = len(x), len(envs), reset[:, envs]
    before = reset.cumsum(dim=0)
    more = int(before[-1].max())
    # A step stands behind the shut ones of its env, and the first reset has as many more of them
    # as it takes to end with the others.
    time = torch.arange(steps)[:, None].expand(steps, n)
    place = time + before + (before > 0) * (more - before[-1])
    source = torch.zeros(steps + more, n, dtype=torch.long).scatter_(0, place, time)
    shut = x.new_ones(steps + more, n, 1).scatter_(0, place[..., None], 0.0)
    x = x.flatten(0, 1).index_select(0, (source * x.shape[1] + envs).flatten())
    x = x.unflatten(0, tuple(source.shape))
    weight = x.new_full((4, rnn.hidden_size, 1), SHUT)  # of this flag, in the order i, f, g, o
    weight[2] = 0.0
    after = []
    for layer, (w_ih, w_hh, b_ih, b_hh) in enumerate(rnn.all_weights):
        x, *pair = torch.lstm(
            torch.cat((x, shut), dim=-1),
            tuple(part[layer : layer + 1, envs] for part in state),
            (torch.cat((w_ih, weight.flatten(0, 1)), dim=1), w_hh, b_ih, b_hh),
            has_biases=True,
            num_layers=1,
            dropout=0.0,
            train=rnn.training,
            bidirectional=False,
            batch_first=False,
        )
        after.append(pair)
    return x, tuple(torch.cat(parts) for parts in zip(*after, strict=True)), place
