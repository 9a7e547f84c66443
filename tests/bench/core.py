"""Reset-aware `unroll`, forward and backward: beside plain nn.GRU, and beside a loop over time.

In about one step of thirty an env begins an episode, each env at its own times. The plain module
knows no resets, so it computes something else: it is the price of a sequence without them.
"""

import torch
from measure import Row, at_most, side_by_side

from rnn_tutorial.recurrent import RecurrentCore

SHAPES = [(128, 32), (60, 256)]  # (T, N)
INPUT, HIDDEN = 128, 64  # the sizes of the series' demo
RESET_EVERY = 30
REPEATS = 30


def compare(cell: str, layers: int, steps: int, n: int) -> tuple[float, float, float]:
    """Median seconds of ours, of the plain module, and of the loop over time."""
    torch.manual_seed(0)
    core = RecurrentCore(INPUT, HIDDEN, layers, cell)
    x = torch.randn(steps, n, INPUT, requires_grad=True)
    reset = torch.rand(steps, n) < 1 / RESET_EVERY
    start = core.initial_state(n)

    def backward(output: torch.Tensor) -> None:
        core.zero_grad()
        x.grad = None
        output.sum().backward()

    def ours() -> None:
        backward(core.unroll(x, start, reset)[0])

    def plain() -> None:
        backward(core.rnn(x, start)[0])

    def loop() -> None:
        state, outputs = start, []
        for t in range(steps):
            output, state = core.step(x[t], state, reset[t])
            outputs.append(output)
        backward(torch.stack(outputs))

    a, b, c = side_by_side((ours, plain, loop), REPEATS)
    return a, b, c


def rows() -> list[Row]:
    """GRU with one and two layers, on all threads and on one."""
    table = []
    threads = torch.get_num_threads()
    try:
        for count in sorted({1, threads}, reverse=True):
            torch.set_num_threads(count)
            for layers in (2, 1):
                for steps, n in SHAPES:
                    ours, plain, loop = compare("gru", layers, steps, n)
                    case = f"unroll, {layers} layers, ({steps}, {n}), {count} threads"
                    table.append(at_most(f"{case}: plain GRU", 1e3 * ours, 1e3 * plain, 1.2, "ms"))
                    table.append(at_most(f"{case}: loop", 1e3 * ours, 1e3 * loop, 1.0, "ms"))
    finally:
        torch.set_num_threads(threads)
    return table
