"""Reset-aware `unroll`, forward and backward, of the cores that `RNNPolicy` builds by default.

Beside plain modules of PyTorch with the same sizes, which know no resets and so compute something
else (the price of a sequence without them), and beside TorchRL's GRUModule, which knows them. In
about one step of thirty an env begins an episode, each env at its own times. One thread.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from measure import Row, Skipped, at_most, limit, side_by_side, times_faster
from torch import nn

from rnn_tutorial.cores import make_core

INPUT, HIDDEN, LAYERS = 128, 64, 2
RESET_EVERY = 30
# (T, N) -> target
SCANNED = {(30, 32): 2.5, (60, 256): 1.5, (512, 8): 6.0, (2048, 8): 7.0}
GRU = {(30, 32): 0.9, (128, 32): 0.9, (512, 8): 0.9, (60, 256): 1.05}
LSTM = {(30, 32): 2.0, (128, 32): 2.0, (60, 256): 1.3}
TORCHRL = {(30, 32): 2.0, (128, 32): 4.0, (60, 256): 5.0}
LENGTHS = (256, 512, 1024, 2048, 4096)  # at N = 8
MODULES = {"gru": nn.GRU, "lstm": nn.LSTM}


class Case:
    """Inputs and resets, and what runs over them."""

    def __init__(self, steps: int, n: int) -> None:
        torch.manual_seed(0)
        self.steps, self.n = steps, n
        self.x = torch.randn(steps, n, INPUT, requires_grad=True)
        self.reset = torch.rand(steps, n) < 1 / RESET_EVERY
        self.repeats = max(5, 120_000 // (steps * n + 2000))

    def run(self, module: nn.Module, forward: Callable[[], torch.Tensor]) -> Callable[[], None]:
        """Forward and backward."""

        def both() -> None:
            module.zero_grad()
            self.x.grad = None
            forward().sum().backward()

        return both

    def ours(self, cell: str) -> Callable[[], None]:
        core = make_core(cell, INPUT, HIDDEN, LAYERS, {})
        start = core.initial_state(self.n)
        return self.run(core, lambda: core.unroll(self.x, start, self.reset)[0])

    def plain(self, cell: str) -> Callable[[], None]:
        module = MODULES[cell](INPUT, HIDDEN, LAYERS)
        return self.run(module, lambda: module(self.x)[0])

    def torchrl(self) -> Callable[[], None]:
        try:
            from tensordict import TensorDict
            from torchrl.modules import GRUModule, set_recurrent_mode
        except ImportError:
            raise Skipped("torchrl is not installed: pip install '.[peers]'") from None
        keys: dict[str, Any] = {"in_keys": ["x", "h"], "out_keys": ["y", ("next", "h")]}
        module = GRUModule(input_size=INPUT, hidden_size=HIDDEN, num_layers=LAYERS, **keys)
        start = torch.zeros(self.n, self.steps, LAYERS, HIDDEN)  # batch first

        def forward() -> torch.Tensor:
            columns = {"x": self.x.transpose(0, 1), "h": start, "is_init": self.reset.T[..., None]}
            with set_recurrent_mode(True):
                return module(TensorDict(columns, [self.n, self.steps]))["y"]

        return self.run(module, forward)


def compare(cell: str, other: str, targets: dict[tuple[int, int], float]) -> list[Row]:
    """Our core beside a plain module, or beside TorchRL's."""
    rows = []
    for (steps, n), target in targets.items():
        case = Case(steps, n)
        theirs = case.torchrl() if other == "TorchRL's GRUModule" else case.plain(other)
        a, b = side_by_side((case.ours(cell), theirs), case.repeats)
        name = f"unroll with resets, ({steps}, {n}): {cell}, {other}"
        row = at_most if cell == other else times_faster
        rows.append(row(name, 1e3 * a, 1e3 * b, target, "ms"))
    return rows


def rows() -> list[Row]:
    """All of them, on one thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        table = compare("mingru", "gru", SCANNED) + compare("gru", "gru", GRU)
        table += compare("lstm", "lstm", LSTM)
        table += compare("gru", "TorchRL's GRUModule", TORCHRL)
        scanned = [Case(steps, 8).ours("mingru") for steps in LENGTHS]
        seconds = side_by_side(scanned, 9)
        grows = np.polyfit(np.log(LENGTHS), np.log(seconds), 1)[0]
        table.append(limit("mingru: exponent of growth in T, N = 8", float(grows), 1.05, "-"))
    finally:
        torch.set_num_threads(threads)
    return table
