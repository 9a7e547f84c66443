"""A full examination of our own policy on one core, and the memory it takes.

Memory grows with T x N x H: with four times as many envs, steps or units the peak may be at most
four times as high. The peak is the process's own, above what it was before the examination, in a
process of its own for each size; the doctor's usual T and N are too small to show in it.
"""

import subprocess
import sys
import time
from statistics import median

import gymnasium as gym
import torch
from measure import Row, at_most, limit

from rnn_tutorial.doctor import examine
from rnn_tutorial.policy import RNNPolicy

REPEATS = 5
OBS, ACTION = gym.spaces.Box(-1, 1, (5,)), gym.spaces.Box(-1, 1, (2,))


def seconds(cell: str, layers: int) -> float:
    """Median seconds of an examination that finds the policy healthy."""
    torch.manual_seed(0)
    policy = RNNPolicy(OBS, ACTION, cell, hidden_size=64, num_layers=layers)
    times = []
    for _ in range(REPEATS + 1):
        start = time.perf_counter()
        assert examine(policy).healthy
        times.append(time.perf_counter() - start)
    return median(times[1:])


PEAK = """
import sys
import gymnasium as gym
import torch
from rnn_tutorial.doctor import examine, memory_guard, probe
from rnn_tutorial.policy import RNNPolicy

def peak():
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM"))

torch.set_num_threads(1)
steps, n, hidden = map(int, sys.argv[1:])
space, action = gym.spaces.Box(-1, 1, (5,)), gym.spaces.Box(-1, 1, (2,))
examine(RNNPolicy(space, action, "gru", 4, 1))  # loads what is loaded once
probe.Probe._sizes = lambda self: (steps, n)
before = memory_guard.resident() / 1024
examine(RNNPolicy(space, action, "gru", hidden, 1))
print(peak() - before)
"""


def peak_megabytes(steps: int, n: int, hidden: int) -> float:
    """What an examination with these sizes adds to its process at the peak."""
    command = [sys.executable, "-c", PEAK, str(steps), str(n), str(hidden)]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(run.stdout) / 1024


def rows() -> list[Row]:
    """GRU with one layer and two, H = 64, one thread; then the memory."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        table = [
            limit(f"examine, GRU, H = 64, {n} layers, 1 thread", seconds("gru", n), 3, "s")
            for n in (1, 2)
        ]
    finally:
        torch.set_num_threads(threads)
    if not sys.platform.startswith("linux"):
        return table
    sizes = {"T": 13, "N": 160, "H": 64}
    once = peak_megabytes(*sizes.values())
    for axis, size in sizes.items():
        grown = peak_megabytes(*(sizes | {axis: 4 * size}).values())
        name = f"examine, peak memory with four times {axis}, beside (T, N, H) = (13, 160, 64)"
        table.append(at_most(name, grown, once, 4, "MB"))
    return table
