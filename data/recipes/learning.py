"""Learning curves of ten seeds, with memory and without, on two tasks, and a policy of each agent.

The outcome of a training is the mean return of its policy in 512 new episodes, acting with the mean
of its distribution.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from recipes import STORE, Recipe
from rnn_tutorial.policy import RNNPolicy
from rnn_tutorial.ppo import train
from rnn_tutorial.rollout import record
from rnn_tutorial.runs import Run, train_runs
from rnn_tutorial.settings import Settings

SEEDS = range(10)
AGENTS = {
    "no memory": "none",
    "four stacked frames": "stack",
    "vanilla RNN": "rnn",
    "GRU": "gru",
    "LSTM": "lstm",
}
CUED: dict[str, Any] = {
    "env_id": "rnn_tutorial/CuedPoint-v0",
    "num_envs": 64,
    "settings": Settings(iterations=100),
}
TRIAL: dict[str, Any] = {
    "env_id": "rnn_tutorial/PointTrial-v0",
    "num_envs": 64,
    "env": {"goal_sampler": "circle"},
    "settings": Settings(iterations=120, rollout_length=60, gamma=0.97, entropy_weight=0.002),
}
TASKS = {"cued": CUED, "trial": TRIAL}


def make_run(task: str, agent: str) -> Run:
    """The run of one agent on one task."""
    policy = {"cell": AGENTS[agent], "num_layers": 1, "encoder": "none"}
    return Run(**TASKS[task], policy=policy, labels={"task": task, "agent": agent})


def outcome(run: Run, policy: RNNPolicy, seed: int) -> Mapping[str, float]:
    """The mean return of 512 episodes; for a trial also that of its first and second half."""
    env = run.make_env(512)
    steps = 30 if run.labels["task"] == "cued" else 60
    reward = record(policy, env, steps, seed=10_000 + seed, deterministic=True).reward
    first, second = (part.sum(0).mean() for part in (reward[:30], reward[30:]))
    if steps == 30:
        return {"score": round(float(first), 3)}
    parts = {"first": round(float(first), 3), "second": round(float(second), 3)}
    return {"score": round(float(first + second), 3), **parts}


def learn(task: str, folder: Path) -> None:
    """Write the curves and outcomes of every agent on one task."""
    runs = [make_run(task, agent) for agent in AGENTS]
    table = train_runs(runs, SEEDS, outcome=outcome, store=folder / STORE / task)
    if table.attrs["failed"]:
        raise RuntimeError(f"failed: {table.attrs['failed']}")
    curves = ["task", "agent", "seed", "iteration", "steps", "return"]
    table[curves].round(3).to_csv(folder / f"{task}_curves.csv", index=False)
    scores = [c for c in ("task", "agent", "seed", "score", "first", "second") if c in table]
    last = table[table.iteration == run_length(task)]
    last[scores].to_csv(folder / f"{task}_scores.csv", index=False)


def run_length(task: str) -> int:
    return int(TASKS[task]["settings"].iterations)


def policies(task: str, agents: list[str], folder: Path) -> None:
    """Save one trained policy of each agent, seed 0, as a checkpoint."""
    for agent in agents:
        name = f"{task}_{AGENTS[agent]}.safetensors"
        path = folder / STORE / "policies" / name  # from here a run that was stopped goes on
        path.parent.mkdir(parents=True, exist_ok=True)
        run, how = make_run(task, agent), {"checkpoint": path, "progress": False}
        train(run.make_env(), run.settings, seed=0, **how, **run.policy).finished()
        os.replace(path, folder / name)


def checkpoints(folder: Path) -> None:
    policies("cued", list(AGENTS), folder)
    policies("trial", ["no memory", "vanilla RNN", "GRU", "LSTM"], folder)


RECIPES = [
    Recipe(
        "policies",
        [f"cued_{cell}.safetensors" for cell in AGENTS.values()]
        + [f"trial_{cell}.safetensors" for cell in ("none", "rnn", "gru", "lstm")],
        [0],
        "a trained policy, seed 0 of the run in data/recipes/learning.py",
        checkpoints,
    ),
    *(
        Recipe(
            task,
            [f"{task}_curves.csv", f"{task}_scores.csv"],
            list(SEEDS),
            f"returns over training and scores after it, five agents on the {task} task",
            lambda folder, task=task: learn(task, folder),
        )
        for task in TASKS
    ),
]
