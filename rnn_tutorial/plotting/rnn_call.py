"""One call of nn.RNN, nn.GRU or nn.LSTM: its settings, and the shapes that come back."""

import warnings
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import nn

from rnn_tutorial.recurrent import CELLS


class Shapes(NamedTuple):
    """The shapes of all tensors of one call; the cell states are None except for an LSTM."""

    input: tuple[int, ...]
    h_0: tuple[int, ...]
    c_0: tuple[int, ...] | None
    output: tuple[int, ...]
    h_n: tuple[int, ...]
    c_n: tuple[int, ...] | None


@dataclass(frozen=True)
class RNNCall:
    """The settings of one call of nn.RNN, nn.GRU or nn.LSTM.

    Attributes:
        cell: "rnn", "gru" or "lstm".
        num_layers: layers stacked.
        bidirectional: a second row of cells per layer that runs from the last time to the first.
        batch_first: the batch axis of `input` and `output` comes before time.
        batched: False for a single sequence, with no batch axis anywhere.
        length: T, the number of time steps.
        batch: N, the number of sequences; ignored when not batched.
        input_size: D, the features of one time step.
        hidden_size: H, the units of the hidden state, and of the cell state.
        proj_size: units that an LSTM's hidden state is projected to; 0 for no projection.

    Raises:
        ValueError: for settings that PyTorch does not offer; the message names them.
    """

    cell: str = "gru"
    num_layers: int = 2
    bidirectional: bool = False
    batch_first: bool = False
    batched: bool = True
    length: int = 5
    batch: int = 3
    input_size: int = 4
    hidden_size: int = 8
    proj_size: int = 0

    def __post_init__(self) -> None:
        if self.cell not in CELLS:
            raise ValueError(f"cell must be one of {', '.join(CELLS)}, got {self.cell!r}")
        for name in ("num_layers", "length", "batch", "input_size", "hidden_size"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        if self.proj_size and self.cell != "lstm":
            raise ValueError(f"proj_size is for the LSTM only, got {self.proj_size} for {self}")
        if not 0 <= self.proj_size < self.hidden_size:
            raise ValueError(
                "proj_size must be 0 (none) or smaller than hidden_size "
                f"({self.hidden_size}), got {self.proj_size}"
            )

    @property
    def directions(self) -> int:
        """Rows of cells in each layer: 2 when bidirectional, else 1."""
        return 2 if self.bidirectional else 1

    def __str__(self) -> str:
        extra = "".join(
            f", {name}={getattr(self, name)}"
            for name in ("num_layers", "bidirectional", "batch_first", "proj_size")
            if getattr(self, name) != getattr(nn.LSTM(1, 1), name)
        )
        return f"nn.{CELLS[self.cell].__name__}({self.input_size}, {self.hidden_size}{extra})"

    def module(self) -> nn.RNNBase:
        """The real module with these settings and new random weights."""
        return CELLS[self.cell](
            self.input_size,
            self.hidden_size,
            num_layers=self.num_layers,
            bidirectional=self.bidirectional,
            batch_first=self.batch_first,
            **({"proj_size": self.proj_size} if self.cell == "lstm" else {}),
        )

    def data(self) -> torch.Tensor:
        """An input for :meth:`module`: (T, N, D), (N, T, D) batch first, or (T, D)."""
        sizes = [self.length, self.input_size]
        if self.batched:
            sizes.insert(0 if self.batch_first else 1, self.batch)
        return torch.randn(sizes, generator=torch.Generator().manual_seed(0))

    def run(self) -> Shapes:
        """Build the module and call it twice: without a state, then with the state it returned.

        The second call proves that h_0 and c_0 have the shapes of h_n and c_n.

        Returns:
            The shapes of the tensors of the second call.
        """
        with torch.random.fork_rng(devices=[]), torch.no_grad(), warnings.catch_warnings():
            # oneDNN has no LSTM with projections; PyTorch warns once that it uses its own.
            warnings.filterwarnings("ignore", "LSTM with projections is not supported with oneDNN")
            module = self.module()
            x = self.data()
            _, state_0 = module(x)
            output, state_n = module(x, state_0)
        (h_0, c_0), (h_n, c_n) = (
            state if isinstance(state, tuple) else (state, None) for state in (state_0, state_n)
        )
        tensors = (x, h_0, c_0, output, h_n, c_n)
        return Shapes._make(None if tensor is None else tuple(tensor.shape) for tensor in tensors)

    def axes(self) -> dict[str, str]:
        """The axis names of each tensor; H is the hidden size, and D the features of the input."""
        batch = ["N"] if self.batched else []
        time = [*batch, "T"] if self.batch_first else ["T", *batch]
        twice = "2*" if self.bidirectional else ""
        hidden = "proj_size" if self.proj_size else "H"
        state = [f"{twice}num_layers", *batch]
        names = {
            "input": [*time, "D"],
            "h_0": [*state, hidden],
            "c_0": [*state, "H"],
            "output": [*time, twice + hidden],
        }
        names |= {"h_n": names["h_0"], "c_n": names["c_0"]}
        return {tensor: f"({', '.join(axes)})" for tensor, axes in names.items()}

    def corners(self) -> list[str]:
        """The entries that `output` and `h_n` share, as Python expressions that hold."""
        every = ":, " if self.batched and self.batch_first else ""
        if not self.bidirectional:
            return [f"output[{every}-1] == h_n[-1]"]
        size = self.proj_size or self.hidden_size
        return [
            f"output[{every}-1, ..., :{size}] == h_n[-2]",
            f"output[{every}0, ..., {size}:] == h_n[-1]",
        ]
