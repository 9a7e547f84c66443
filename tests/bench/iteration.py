"""Collecting and one training iteration beside bare floors; how the cost grows with T, N and H.

The floors are what no recurrent PPO can do without. Of collecting: T steps of nn.GRU and nn.Linear,
without an env. Of an iteration: these, and for each minibatch a forward and a backward of nn.GRU
over sequences of that size, without heads, loss or optimiser.
"""

import resource
import subprocess
import sys
import time
from pathlib import Path

import gymnasium as gym
import numpy as np
import torch
from measure import Row, at_most, limit, side_by_side

from rnn_tutorial.acting import begin
from rnn_tutorial.buffer import RolloutBuffer
from rnn_tutorial.collect import collect
from rnn_tutorial.plotting.figures import figure, png_bytes
from rnn_tutorial.policy import RNNPolicy
from rnn_tutorial.ppo import update
from rnn_tutorial.settings import Settings

SIZES = {
    "N": [64, 256, 1024, 4096],
    "T": [32, 128, 512],
    "H": [64, 128, 256],
}
BASE = {"N": 64, "T": 32, "H": 64}
PICTURE = Path("bench_scaling.png")
CORNER = {"N": 4096, "T": 512, "H": 64}


class Learner:
    """A policy on CuedPoint, ready to collect and to learn; one GRU layer alone, or the default."""

    def __init__(self, N: int, T: int, H: int, settings: Settings, default: bool = False) -> None:
        self.settings = settings
        self.env = gym.make_vec("rnn_tutorial/CuedPoint-v0", num_envs=N)
        spaces = self.env.single_observation_space, self.env.single_action_space
        torch.manual_seed(0)
        size = {} if default else {"num_layers": 1, "encoder": "none", "hidden_size": H}
        self.policy = RNNPolicy(*spaces, **size)
        self.optimiser = torch.optim.Adam(self.policy.parameters(), lr=1e-4, foreach=True)
        self.generator = torch.Generator().manual_seed(0)
        self.carry = begin(self.policy, self.env, 0)

    def collect(self) -> RolloutBuffer:
        """A rollout."""
        buffer, self.carry, _ = collect(
            self.policy, self.env, self.carry, self.settings, self.generator
        )
        return buffer

    def iterate(self) -> None:
        """Collects a rollout and learns from it."""
        buffer = self.collect()
        update(self.policy, self.optimiser, buffer, self.settings, self.generator)

    @torch.no_grad()
    def bare_steps(self) -> None:
        """T steps of nn.GRU and of one nn.Linear."""
        gru, actor, n = self.policy.core.rnn, self.policy.actor, self.env.num_envs
        x, state = torch.randn(1, n, gru.input_size), self.policy.initial_state(n)
        for _ in range(self.settings.rollout_length):
            output, state = gru(x, state)
            actor(output)

    def floor(self) -> None:
        """The bare steps, and the forwards and backwards of nn.GRU."""
        self.bare_steps()
        settings, gru = self.settings, self.policy.core.rnn
        size = self.env.num_envs // settings.minibatches
        x = torch.randn(settings.rollout_length, size, gru.input_size)
        for _ in range(settings.epochs * settings.minibatches):
            gru(x, self.policy.initial_state(size))[0].sum().backward()


def cost(N: int, T: int, H: int) -> tuple[float, float]:
    """Seconds of one iteration with one epoch, and the process's peak memory in MiB."""
    settings = Settings(rollout_length=T, epochs=1, minibatches=4)
    learner = Learner(N, T, H, settings)
    repeats = 3 if N * T < 100_000 else 1
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        learner.iterate()
        seconds.append(time.perf_counter() - start)
    return min(seconds), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def cost_apart(**size: int) -> tuple[float, float]:
    """`cost` in a process of its own, so that the peak memory is of this size alone."""
    arguments = [str(size[axis]) for axis in ("N", "T", "H")]
    command = [sys.executable, __file__, *arguments]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    seconds, memory = map(float, run.stdout.split())
    return seconds, memory


def slope(sizes: list[int], seconds: list[float]) -> float:
    """The exponent with which the cost grows between the two largest sizes."""
    return float(np.log(seconds[-1] / seconds[-2]) / np.log(sizes[-1] / sizes[-2]))


def draw(measured: dict[str, list[float]]) -> None:
    """Writes bench_scaling.png: seconds against each size, beside a line of slope one."""
    fig, axes = figure(1, len(measured), size=(9, 3), sharey=True)
    for ax, (axis, seconds) in zip(axes, measured.items(), strict=True):
        sizes = np.array(SIZES[axis])
        ax.loglog(sizes, seconds, "o-", color="black")
        ax.loglog(sizes, seconds[-1] * sizes / sizes[-1], "--", color="grey")
        others = ", ".join(f"{name} = {size}" for name, size in BASE.items() if name != axis)
        ax.set(xlabel=axis, title=others)
        ax.set_xticks(sizes, [str(size) for size in sizes])
        ax.minorticks_off()
    axes[0].set_ylabel("seconds of one iteration\n(dashed: linear)")
    PICTURE.write_bytes(png_bytes(fig))


def rows() -> list[Row]:
    """The ratios to the floors, the growth along each axis, and the largest size of all."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    table = []
    for default, name in ((True, "default policy"), (False, "one GRU layer alone")):
        learner = Learner(64, 30, 64, Settings(rollout_length=30), default)
        ours, floor = side_by_side((learner.collect, learner.bare_steps), 40)
        table.append(at_most(f"collect, {name}: bare steps", 1e3 * ours, 1e3 * floor, 3.0, "ms"))
        ours, floor = side_by_side((learner.iterate, learner.floor), 10)
        row = f"training iteration, {name}: bare floor"
        table.append(at_most(row, 1e3 * ours, 1e3 * floor, 1.25, "ms"))
    torch.set_num_threads(threads)
    measured: dict[str, list[float]] = {}
    for axis, sizes in SIZES.items():
        costs = [cost_apart(**{**BASE, axis: size}) for size in sizes]
        for size, (seconds, memory) in zip(sizes, costs, strict=True):
            name = f"iteration, {axis} = {size} (else N 64, T 32, H 64)"
            table.append(Row(name, seconds, memory, None, "(other: peak MiB)", True, "s"))
        most = 2.0 if axis == "H" else 1.1
        measured[axis] = [seconds for seconds, _ in costs]
        grows = slope(sizes, measured[axis])
        table.append(limit(f"iteration: exponent of growth in {axis}", grows, most, "-"))
    draw(measured)
    seconds, memory = cost_apart(**CORNER)
    table.append(
        Row("iteration, N = 4096, T = 512", seconds, memory, None, "(other: peak MiB)", True, "s")
    )
    return table


if __name__ == "__main__":
    torch.set_num_threads(1)
    print(*cost(*map(int, sys.argv[1:])))
