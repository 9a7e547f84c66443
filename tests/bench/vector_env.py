"""Steps per second of the native vector env: beside SyncVectorEnv, and beside a bare NumPy loop."""

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode, SyncVectorEnv, VectorEnv
from measure import Row, side_by_side, times_more

import rnn_tutorial  # noqa: F401  (registers the envs)

NAME = "rnn_tutorial/Point-v0"
N, HORIZON, STEP_SIZE = 256, 100, 0.1
STEPS, SYNC_STEPS = 400, 20  # whole episodes for the quick ones; the slow one is a constant pace
REPEATS = 25

ACTIONS = np.random.default_rng(0).uniform(-1.5, 1.5, (N, 2))


def run(env: VectorEnv, steps: int) -> None:
    for _ in range(steps):
        env.step(ACTIONS)


def bare_loop(rng: np.random.Generator) -> None:
    """The same arithmetic and nothing else: no checks, no info, one generator for all goals."""

    def draw_goals() -> np.ndarray:
        angle = rng.uniform(0.0, np.pi, N)
        return np.stack((np.cos(angle), np.sin(angle)), axis=1)

    position, goal, elapsed = np.zeros((N, 2)), draw_goals(), np.zeros(N, dtype=np.int64)
    for _ in range(STEPS):
        position = position + STEP_SIZE * np.clip(ACTIONS, -1.0, 1.0)
        elapsed += 1
        reward = -np.sqrt(((position - goal) ** 2).sum(axis=1))
        truncated = elapsed >= HORIZON
        if truncated.any():
            position = np.where(truncated[:, None], 0.0, position)
            goal = np.where(truncated[:, None], draw_goals(), goal)
            elapsed[truncated] = 0
        terminated = np.zeros(N, dtype=bool)
        _ = (position.astype(np.float32), reward, terminated, truncated)


def rows() -> list[Row]:
    """Steps per second, all envs counted, in thousands."""
    native = gym.make_vec(NAME, num_envs=N)
    sync = SyncVectorEnv([lambda: gym.make(NAME)] * N, autoreset_mode=AutoresetMode.SAME_STEP)
    rng = np.random.default_rng(0)
    for env in (native, sync):
        env.reset(seed=0)
    ours, bare, slow = side_by_side(
        (lambda: run(native, STEPS), lambda: bare_loop(rng), lambda: run(sync, SYNC_STEPS)),
        REPEATS,
    )
    rate, bare_rate = N * STEPS / ours / 1e3, N * STEPS / bare / 1e3
    sync_rate = N * SYNC_STEPS / slow / 1e3
    unit = "1000 steps/s"
    return [
        times_more(f"make_vec, {N} envs: SyncVectorEnv", rate, sync_rate, 30, unit),
        times_more(f"make_vec, {N} envs: bare NumPy loop", rate, bare_rate, 0.5, unit),
    ]
