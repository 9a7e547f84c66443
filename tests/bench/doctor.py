"""A full examination of our own policy on one core, and how its memory grows with the policy.

The memory is that of the tensors and arrays alive at the peak, which tracemalloc does not see:
the process's own peak, in a process of its own for each size.
"""

import subprocess
import sys
import time
from statistics import median

import gymnasium as gym
import torch
from measure import Row, limit

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


def rows() -> list[Row]:
    """GRU with one layer and two, H = 64, one thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return [
            limit(f"examine, GRU, H = 64, {layers} layers, 1 thread", seconds("gru", layers), 3, "s")
            for layers in (1, 2)
        ]
    finally:
        torch.set_num_threads(threads)
