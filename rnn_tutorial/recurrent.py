"""The recurrent core: nn.RNN, nn.GRU or nn.LSTM that clears its state where an episode begins.

Functions take the state and return it. It is a tensor (layers, N, H), for the LSTM a pair of them
(hidden state, cell state), as in PyTorch's modules; other cores may have any nest of tensors whose
second axis is the env's
(https://docs.pytorch.org/docs/stable/generated/torch.nn.GRU.html). `reset[t]` is true where
observation t begins an episode; the state is cleared before step t.
"""

from collections.abc import Callable
from functools import partial, wraps
from itertools import pairwise
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from rnn_tutorial.layers import GRULayer, RNNLayer, by_layers, by_shut_gates
from rnn_tutorial.nest import leaves, map_nest

State = Any  # a tensor (layers, N, H), or a nest of tensors (*, N, ...)

CELLS: dict[str, Any] = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}
UNROLL: dict[str, Any] = {
    "rnn": partial(by_layers, RNNLayer),
    "gru": partial(by_layers, GRULayer),
    "lstm": by_shut_gates,
}


def map_state(function: Callable[[Tensor], Tensor], state: State) -> State:
    """Apply a function to each tensor of a state."""
    return function(state) if isinstance(state, Tensor) else map_nest(function, state)


def named_parts(core: Any, state: State) -> dict[str, Tensor]:
    """The tensors of a state by the core's names for them, "hidden" and "cell" for the LSTM."""
    parts = leaves(state)
    names = getattr(core, "parts", None) or [name or "hidden" for name, _ in parts]
    return {name: part for name, (_, part) in zip(names, parts, strict=True)}


def clear_state(state: State, reset: Bool[Tensor, " N"]) -> State:
    """Return the state with zeros, in every tensor and layer, for the envs where `reset` is true.

    Unlike a product with a mask, `masked_fill` clears NaN as well.
    """
    return map_state(lambda part: part.masked_fill(_mask(reset, part), 0.0), state)


def _mask(reset: Tensor, part: Tensor) -> Tensor:
    """A reset (N,) in the form that spreads over a state's tensor (*, N, ...)."""
    return reset.view(-1, *[1] * (part.ndim - 2))


def take(state: State, envs: Any) -> State:
    """The state of the given envs, in the given order."""
    return map_state(lambda part: part[:, envs], state)


def by_steps(core: Any, x: Tensor, state: State, reset: Tensor) -> tuple[Tensor, State]:
    """What `unroll` is equal to: `step` at every time. Clears NaN at every reset, and is slow."""
    outputs = []
    for x_t, reset_t in zip(x, reset, strict=True):
        output, state = core.step(x_t, state, reset_t)
        outputs.append(output)
    return torch.stack(outputs), state


def check_reset(reset: Tensor | None, shape: tuple[int, ...]) -> None:
    """Raise a ValueError for a reset that is not boolean or not of this shape."""
    if reset is not None and (reset.shape != shape or reset.dtype != torch.bool):
        raise ValueError(f"reset: expected bool {shape}, got {reset.dtype} {tuple(reset.shape)}")


def check_input(x: Tensor, reset: Tensor | None, size: int, axes: tuple[str, ...]) -> None:
    """Raise a ValueError for inputs without these axes before `size` features, or a wrong reset."""
    lead = tuple(x.shape[:-1])
    if len(lead) != len(axes) or x.shape[-1] != size or 0 in lead:
        form = ", ".join([*axes, str(size)])
        raise ValueError(f"x: expected shape ({form}), none of them 0, got {tuple(x.shape)}")
    check_reset(reset, lead)


def in_its_own_dtype(method: Callable[..., Any]) -> Callable[..., Any]:
    """Run a core's method in the dtype of its weights, also where autocast is on.

    A state is summed up over hundreds of steps, which eight bits of precision do not carry.
    """

    @wraps(method)
    def run(self: nn.Module, x: Tensor, *args: Any) -> Any:
        device = x.device.type
        if not torch.is_autocast_enabled(device):
            return method(self, x, *args)
        with torch.autocast(device, enabled=False):
            return method(self, x.to(next(self.parameters()).dtype), *args)

    return run


class MemorylessCore(nn.Module):
    """A feed-forward layer with the interface of a recurrent core: the baseline without memory.

    Its state is an empty tensor (0, n, H), so the code around it needs no special case.

    Args:
        input_size: features of each input.
        hidden_size: H, features of the output.
    """

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__()
        self.linear = nn.Linear(input_size, hidden_size)

    def initial_state(self, n: int) -> State:
        """An empty tensor (0, n, H)."""
        return self.linear.weight.new_zeros(0, n, self.linear.out_features)

    @in_its_own_dtype
    def step(
        self, x: Float[Tensor, "N features"], state: State, reset: Tensor | None = None
    ) -> tuple[Float[Tensor, "N H"], State]:
        """tanh(W x + b), and the state unchanged."""
        check_reset(reset, tuple(x.shape[:-1]))
        return torch.tanh(self.linear(x)), state

    @in_its_own_dtype
    def unroll(
        self, x: Float[Tensor, "T N features"], state: State, reset: Tensor | None = None
    ) -> tuple[Float[Tensor, "T N H"], State]:
        """`step` at every time."""
        check_reset(reset, tuple(x.shape[:-1]))
        return torch.tanh(self.linear(x)), state


class RecurrentCore(nn.Module):
    """A recurrent network over (T, N, features) with resets inside the sequence.

    Args:
        input_size: features of each input.
        hidden_size: H, features of the output and of each layer's state.
        num_layers: number of stacked layers.
        cell: "rnn" (tanh), "gru" or "lstm".

    Raises:
        ValueError: for an unknown cell.

    Example:
        >>> core = RecurrentCore(input_size=3, hidden_size=4)
        >>> x, reset = torch.ones(5, 2, 3), torch.zeros(5, 2, dtype=torch.bool)
        >>> reset[3, 0] = True  # in env 0 an episode begins at step 3
        >>> output, state = core.unroll(x, core.initial_state(2), reset)
        >>> output.shape, state.shape
        (torch.Size([5, 2, 4]), torch.Size([1, 2, 4]))
        >>> torch.allclose(output[3:, 0], output[:2, 0])  # env 0 starts over, env 1 does not
        True
        >>> torch.allclose(output[3:, 1], output[:2, 1])
        False
    """

    def __init__(
        self, input_size: int, hidden_size: int, num_layers: int = 1, cell: str = "gru"
    ) -> None:
        super().__init__()
        if not isinstance(cell, str) or cell not in CELLS:
            known = ", ".join(map(repr, CELLS))
            raise ValueError(f"cell: expected one of {known}, got {cell!r}")
        self.cell = cell
        self.parts = ("hidden", "cell") if cell == "lstm" else ("hidden",)
        self.rnn: nn.RNNBase = CELLS[cell](input_size, hidden_size, num_layers)

    def initial_state(self, n: int) -> State:
        """Zeros (layers, n, H) on the parameters' device, for the LSTM a pair of them."""
        zeros = next(self.parameters()).new_zeros(self.rnn.num_layers, n, self.rnn.hidden_size)
        return (zeros, zeros.clone()) if self.cell == "lstm" else zeros

    @in_its_own_dtype
    def step(
        self,
        x: Float[Tensor, "N features"],
        state: State,
        reset: Bool[Tensor, " N"] | None = None,
    ) -> tuple[Float[Tensor, "N H"], State]:
        """One step for N envs: the top layer's output and the new state.

        `reset` clears the state of these envs before the step; None clears none.

        Raises:
            ValueError: for inputs, a state or a reset of the wrong shape.
        """
        self._check(x, state, reset, ("N",))
        if reset is not None:
            state = clear_state(state, reset)
        output, state = self.rnn(x[None], state)
        return output[0], state

    @in_its_own_dtype
    def unroll(
        self,
        x: Float[Tensor, "T N features"],
        state: State,
        reset: Bool[Tensor, "T N"] | None = None,
    ) -> tuple[Float[Tensor, "T N H"], State]:
        """A whole sequence for N envs; equal to T calls of `step`, forward and gradient.

        `reset[t, n]` clears the state of env n before step t; None clears none. The returned state
        is that after the last step.

        Without resets this is one call of the PyTorch module. With resets it is, on a CPU, one pass
        over the sequence by `rnn_tutorial.layers`; on a GPU, PyTorch's module on each stretch in
        which no env resets.

        Raises:
            ValueError: as `step`.
        """
        self._check(x, state, reset, ("T", "N"))
        if reset is None:
            return self.rnn(x, state)
        state = clear_state(state, reset[0])
        broken = isinstance(state, tuple) and not all(part.isfinite().all() for part in state)
        if x.is_cuda or broken:  # shut gates do not stop a NaN
            return self._unroll_stretches(x, state, reset)
        return UNROLL[self.cell](self.rnn, x, state, reset)

    def _unroll_stretches(self, x: Tensor, state: State, reset: Tensor) -> tuple[Tensor, State]:
        """Run PyTorch's module on each stretch of time in which no env resets."""
        later = reset[1:].any(dim=1).nonzero().flatten() + 1
        cuts = [0, *later.tolist(), len(x)]
        outputs = []
        for begin, end in pairwise(cuts):
            output, state = self.rnn(x[begin:end], clear_state(state, reset[begin]))
            outputs.append(output)
        return torch.cat(outputs), state

    def _check(self, x: Tensor, state: State, reset: Tensor | None, axes: tuple[str, ...]) -> None:
        """Raise a ValueError with expected and got; `axes` come before the features."""
        check_input(x, reset, self.rnn.input_size, axes)
        expected = (self.rnn.num_layers, x.shape[-2], self.rnn.hidden_size)
        parts = ("hidden", "cell") if self.cell == "lstm" else ("hidden",)
        given = state if isinstance(state, tuple) else (state,)
        if len(given) != len(parts) or not all(isinstance(part, Tensor) for part in given):
            form = "a pair of tensors (hidden, cell)" if len(parts) == 2 else "one tensor"
            types = ", ".join(type(part).__name__ for part in given)
            raise ValueError(f"state: expected {form} for cell {self.cell!r}, got ({types})")
        for name, part in zip(parts, given, strict=True):
            if tuple(part.shape) != expected:
                raise ValueError(
                    f"{name} state: expected shape (layers, N, H) = {expected}, "
                    f"got {tuple(part.shape)}"
                )
