"""The effect of the settings: T, N, L, minibatches, and what makes an LSTM better or worse.

Each run differs in one thing from a GRU (or LSTM) on CuedPoint with the default settings, and gets
the same experience: 76,800 steps (89,600 with a delay, whose episodes are longer). The score is the
mean return of 512 new episodes, acting with the mean of the distribution.
"""

from pathlib import Path
from typing import Any

import gymnasium as gym
import torch

import rnn_tutorial  # noqa: F401  (registers the envs)
from recipes import STORE, Recipe, run_stored
from rnn_tutorial.policy import RNNPolicy
from rnn_tutorial.ppo import train
from rnn_tutorial.rollout import record
from rnn_tutorial.settings import Settings

SEEDS = range(5)
ENV_ID = "rnn_tutorial/CuedPoint-v0"
EPISODES_LONG = 40  # a run gets 64 envs times 40 episodes of experience
LATE: dict[str, Any] = {"delay": 5, "rollout_length": 35}
LSTM: dict[str, Any] = {"cell": "lstm"}
# study -> choice -> changed settings
STUDIES: dict[str, dict[str, dict[str, Any]]] = {
    "T": {"10": {"rollout_length": 10}, "30": {}, "60": {"rollout_length": 60}},
    "N": {"16": {"num_envs": 16}, "64": {}, "256": {"num_envs": 256}},
    "L": {"30": {}, "5": {"bptt_length": 5}, "1": {"bptt_length": 1}},
    "L, delay 5": {"35": LATE, "5": {**LATE, "bptt_length": 5}},
    "minibatches": {"1": {"minibatches": 1}, "2": {}, "8": {"minibatches": 8}},
    "LSTM": {
        "default": LSTM,
        "forget bias 1": {**LSTM, "forget_bias": 1.0},
        "rate 0.001": {**LSTM, "learning_rate": 1e-3},
        "rate 0.01": {**LSTM, "learning_rate": 1e-2},
        "L = 5": {**LSTM, "bptt_length": 5},
        "L = 5, from zeros": {**LSTM, "bptt_length": 5, "initial_state": "zero"},
        "four stacked frames": {"cell": "stack"},
        "no memory": {"cell": "none"},
    },
}


def learn(change: dict[str, Any], seed: int) -> dict[str, Any]:
    """Train one policy; return its number of updates and its score."""
    torch.set_num_threads(1)
    changed = dict(change)
    cell, num_envs = changed.pop("cell", "gru"), changed.pop("num_envs", 64)
    delay, bias = changed.pop("delay", 0), changed.pop("forget_bias", None)
    episode = 30 + delay
    length = changed.setdefault("rollout_length", 30)
    iterations = EPISODES_LONG * 64 * episode // (num_envs * length)
    settings = Settings(iterations=iterations, **changed)
    env = gym.make_vec(ENV_ID, num_envs=num_envs, delay=delay)
    torch.manual_seed(seed)  # as `train` does, so that only the change differs
    spaces = env.single_observation_space, env.single_action_space
    policy = RNNPolicy(*spaces, cell, num_layers=1, encoder="none")
    if bias is not None:
        with torch.no_grad():  # PyTorch's order of gates: input, forget, cell, output
            policy.core.rnn.bias_ih_l0[64:128] = bias
    train(env, settings, seed=seed, policy=policy, progress=False)
    fresh = gym.make_vec(ENV_ID, num_envs=512, delay=delay)
    reward = record(policy, fresh, episode, seed=10_000 + seed, deterministic=True).reward
    updates = iterations * settings.epochs * settings.minibatches
    return {"updates": updates, "seed": seed, "score": round(float(reward.sum(0).mean()), 3)}


def make(folder: Path) -> None:
    import pandas as pd

    changes = [change for choices in STUDIES.values() for change in choices.values()]
    once = [change for i, change in enumerate(changes) if change not in changes[:i]]
    tasks = [(change, seed) for change in once for seed in SEEDS]
    results = run_stored(learn, tasks, folder / STORE / "settings_study")
    rows = []
    for study, choices in STUDIES.items():
        for choice, change in choices.items():
            first = once.index(change) * len(SEEDS)
            found = results[first : first + len(SEEDS)]
            rows += [{"study": study, "choice": choice, **result} for result in found]
    pd.DataFrame(rows).to_csv(folder / "settings_study.csv", index=False)


RECIPES = [
    Recipe(
        "settings_study",
        ["settings_study.csv"],
        list(SEEDS),
        "scores on CuedPoint with one setting changed at a time, GRU and LSTM",
        make,
    )
]
