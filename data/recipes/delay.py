"""The duration of a memory: success against the delay between cue and movement.

For each of three cells, three BPTT lengths and ten seeds one policy learns CuedPoint with delays by
a curriculum. It starts without a delay; when a rollout at the longest open delay has a mean return
above -8, the next delay opens. Half of the rollouts use the longest open delay, the others a random
one of the open delays. Training ends after 150 rollouts of 64 envs, or when the longest delay is
passed. During a delay the actions have no effect, so the loss leaves these steps out, as it does
with a step that an env spends on resetting.

Each policy then acts in 256 new episodes at each delay, with the mean of its distribution. Two
policies are kept: GRU and vanilla RNN, trained over whole episodes, seed 0.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import torch

import rnn_tutorial  # noqa: F401  (registers the envs)
from recipes import STORE, Recipe, run_stored
from rnn_tutorial.acting import begin
from rnn_tutorial.checkpoint import save_checkpoint
from rnn_tutorial.collect import collect
from rnn_tutorial.gradients import action_gradients
from rnn_tutorial.policy import RNNPolicy
from rnn_tutorial.ppo import update
from rnn_tutorial.rollout import record
from rnn_tutorial.settings import Settings

DELAYS = (0, 10, 25, 50, 100, 200)
CELLS = ("rnn", "gru", "lstm")
BPTT_LENGTHS = (10, 50, None)  # None: the whole episode
SEEDS = range(10)
ITERATIONS, ENVS, HORIZON = 150, 64, 30
SETTINGS = Settings(minibatches=2, learning_rate=5e-3)
POLICY: dict[str, Any] = {"hidden_size": 32, "num_layers": 1, "encoder": "none"}
GOOD = -8.0  # the mean return that opens the next delay
NEAR = 0.3  # the final distance to the goal that counts as success


def make_env(delay: int, num_envs: int) -> Any:
    return gym.make_vec("rnn_tutorial/CuedPoint-v0", num_envs=num_envs, delay=delay)


def learn(cell: str, bptt: int | None, seed: int) -> tuple[RNNPolicy, dict[str, int]]:
    """Train one policy by the curriculum; also return the delay it passed and its rollouts."""
    rng, generator = np.random.default_rng(seed), torch.Generator().manual_seed(seed)
    envs = [make_env(delay, ENVS) for delay in DELAYS]
    spaces = envs[0].single_observation_space, envs[0].single_action_space
    torch.manual_seed(seed)
    policy = RNNPolicy(*spaces, cell, **POLICY)
    optimiser = torch.optim.Adam(policy.parameters(), lr=SETTINGS.learning_rate, eps=1e-5)
    longest, passed, rollouts = 0, -1, 0
    while passed < DELAYS[-1] and rollouts < ITERATIONS:
        level = longest if rng.random() < 0.5 else int(rng.integers(longest + 1))
        delay = DELAYS[level]
        steps = delay + HORIZON
        cut = replace(SETTINGS, rollout_length=steps, bptt_length=min(bptt or steps, steps))
        start = begin(policy, envs[level], seed=1_000_000 * (seed + 1) + ENVS * rollouts)
        buffer, _, returns = collect(policy, envs[level], start, cut, generator)
        buffer["valid"][:delay] = False
        update(policy, optimiser, buffer, cut, generator)
        rollouts += 1
        if level == longest and np.mean(returns) > GOOD:
            passed = delay
            longest = min(longest + 1, len(DELAYS) - 1)
    return policy, {"passed": passed, "rollouts": rollouts}


def measure(policy: RNNPolicy, delay: int) -> dict[str, float]:
    """Success, final distance, return, and how strongly the first move depends on the cue."""
    steps = delay + HORIZON
    rollout = record(policy, make_env(delay, 256), steps, seed=5, deterministic=True)
    distance = np.linalg.norm(rollout.next_observation[-1, :, :2] - rollout.info["goal"][0], axis=1)
    obs = torch.as_tensor(rollout.observation[: delay + 1, :64])
    gradient = action_gradients(policy, obs, times=[delay])[0, 0].mean()
    return {
        "success": float((distance < NEAR).mean()),
        "distance": float(distance.mean()),
        "return": float(rollout.reward.sum(0).mean()),
        "gradient": float(gradient),
    }


def train_and_measure(cell: str, bptt: int | None, seed: int) -> list[dict[str, Any]]:
    torch.set_num_threads(1)
    policy, course = learn(cell, bptt, seed)
    labels = {"cell": cell, "bptt": bptt or "whole", "seed": seed}
    return [{**labels, **course, "delay": d, **measure(policy, d)} for d in DELAYS]


def make(folder: Path) -> None:
    import pandas as pd

    # The longest runs first, so that none runs alone at the end.
    tasks = [
        (cell, bptt, seed) for bptt in reversed(BPTT_LENGTHS) for cell in CELLS for seed in SEEDS
    ]
    results = run_stored(train_and_measure, tasks, folder / STORE / "delay")
    rows = [row for rows in results for row in rows]
    table = pd.DataFrame(rows).sort_values(["cell", "bptt", "seed", "delay"], key=in_order)
    table.to_csv(folder / "delay.csv", index=False, float_format="%.5g")

    for cell in ("gru", "rnn"):
        keep(cell, folder / f"delay_{cell}.safetensors")


def keep(cell: str, path: Path) -> None:
    """Save the policy of seed 0, trained over whole episodes."""
    policy, course = learn(cell, None, 0)
    note = {"policy_settings": {"cell": cell, **POLICY}, **course}
    optimiser = torch.optim.Adam(policy.parameters())
    save_checkpoint(path, policy, optimiser, torch.Generator(), note)


def in_order(column: Any) -> Any:
    return column.map(str).str.zfill(5)


RECIPES = [
    Recipe(
        "delay",
        ["delay.csv", "delay_gru.safetensors", "delay_rnn.safetensors"],
        list(SEEDS),
        "success against the delay between cue and movement, for three cells and BPTT lengths",
        make,
    )
]
