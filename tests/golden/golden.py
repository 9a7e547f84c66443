"""What the core computes with given weights and env seeds, as arrays by name.

    python tests/golden/golden.py    records tests/golden/golden.npz

The committed file was recorded once, and `test_golden.py` compares with it. Where a number changes
on purpose, record it in a commit of its own that says why.

Nothing here is drawn by the package: weights, actions and env seeds come from NumPy generators of
this file, so that another order of drawing in the package changes nothing.
"""

from pathlib import Path

import gymnasium as gym
import numpy as np
import torch
from gymnasium.vector import AutoresetMode, SyncVectorEnv

import rnn_tutorial  # noqa: F401  (registers the envs)
from rnn_tutorial.buffer import RolloutBuffer
from rnn_tutorial.checkpoint import load_policy
from rnn_tutorial.data import data_path
from rnn_tutorial.policy import RNNPolicy
from rnn_tutorial.ppo import ppo_loss, starting_states
from rnn_tutorial.settings import INITIAL_STATES, Settings

FILE = Path(__file__).with_name("golden.npz")
T, N = 40, 3
CUED, TRIAL = "rnn_tutorial/CuedPoint-v0", "rnn_tutorial/PointTrial-v0"
# 40 steps hold an end of an episode; the trial's is at 30.
COMMITTED = {
    "cued": (CUED, {}, ("rnn", "gru", "lstm", "stack", "none")),
    "trial": (TRIAL, {"horizon": 15, "goal_sampler": "circle"}, ("rnn", "gru", "lstm", "none")),
    "delay": (CUED, {"horizon": 15, "delay": 8}, ("rnn", "gru")),
}
CELLS = ("rnn", "gru", "lstm", "stack", "none")
LEARNING = {"gamma": 0.9, "gae_lambda": 0.95, "bptt_length": 15, "entropy_weight": 0.01}


def cart_poles():
    """Poles that fall at different times, one of them cut off after 11 steps."""
    makers = [lambda h=h: gym.make("CartPole-v1", max_episode_steps=h) for h in (500, 11, 500)]
    return SyncVectorEnv(makers, autoreset_mode=AutoresetMode.SAME_STEP)


def players():
    """Name, policy and vector env of all that is recorded."""
    for task, (env_id, options, cells) in COMMITTED.items():
        env = gym.make_vec(env_id, num_envs=N, **options)
        spaces = env.single_observation_space, env.single_action_space
        for cell in cells:
            name = f"{task}_{cell}"
            yield name, load_policy(data_path(f"{name}.safetensors"), *spaces), env
    for action, env in (("box", gym.make_vec(CUED, num_envs=N)), ("discrete", cart_poles())):
        spaces = env.single_observation_space, env.single_action_space
        for cell in CELLS:
            policy = RNNPolicy(*spaces, cell=cell, hidden_size=8, num_layers=2, encoder_size=12)
            rng = np.random.default_rng(3)
            for parameter in policy.parameters():
                drawn = torch.as_tensor(rng.normal(0.0, 0.5, tuple(parameter.shape)))
                parameter.data = drawn.to(parameter.dtype)
            yield f"fresh_{action}_{cell}", policy, env


def numbers_of(distribution):
    """A distribution's parameters side by side, (N, ...)."""
    if hasattr(distribution, "logits"):
        return distribution.probs
    return torch.cat((distribution.mean, distribution.stddev), -1)


def draw(distribution, rng):
    """An action for each env: by the inverse of a Categorical, or mean + spread x noise."""
    if hasattr(distribution, "logits"):
        chance = torch.as_tensor(rng.random((N, 1)))
        return (distribution.probs.double().cumsum(-1) < chance).sum(-1)
    noise = torch.as_tensor(rng.normal(size=tuple(distribution.mean.shape)))
    return distribution.mean + distribution.stddev * noise.to(distribution.mean.dtype)


def flat(state):
    """All numbers of a state, a row for each env."""
    parts = state if isinstance(state, tuple) else (state,)
    return torch.cat([part.transpose(0, 1).flatten(1) for part in parts], 1)


@torch.no_grad()
def play(policy, env):
    """T steps by `policy.step`; the columns of a rollout, and the full buffer."""
    rng = np.random.default_rng(5)
    buffer = RolloutBuffer(T, N, LEARNING["bptt_length"])
    obs, _ = env.reset(seed=[11, 12, 13])
    state, reset = policy.initial_state(N), np.ones(N, bool)
    columns, true_next_value = [], torch.zeros(T, N)
    for t in range(T):
        seen = torch.as_tensor(obs.copy(), dtype=torch.float32)
        output, after = policy.step(seen, state, torch.as_tensor(reset))
        action = draw(output.distribution, rng)
        given = action.numpy()
        if isinstance(env.action_space, gym.spaces.Box):
            given = given.clip(env.action_space.low, env.action_space.high)
        obs, reward, terminated, truncated, info = env.step(given)
        step = {
            "observation": seen,
            "action": action,
            "log_prob": output.distribution.log_prob(action),
            "value": output.value,
            "reward": reward.astype(np.float32),
            "reset": reset,
            "terminated": terminated,
            "truncated": truncated,
        }
        buffer.add(state, **step, valid=np.ones(N, bool))
        for i in np.flatnonzero(truncated):
            last = torch.as_tensor(info["final_obs"][i], dtype=torch.float32)[None]
            own = policy.step(last.expand(N, -1), after)[0].value
            true_next_value[t, i] = own[i]
        columns.append({**step, "distribution": numbers_of(output.distribution), "state": after})
        state, reset = after, terminated | truncated
    last = torch.as_tensor(obs.copy(), dtype=torch.float32)
    last_value = policy.step(last, state, torch.as_tensor(reset))[0].value
    buffer.finish(last_value, true_next_value, LEARNING["gamma"], LEARNING["gae_lambda"])
    return columns, buffer


def learn(policy, buffer):
    """The loss and the norm of its gradient, for each start of a sequence."""
    results = []
    for initial_state in INITIAL_STATES:
        settings = Settings(initial_state=initial_state, burn_in=7, **LEARNING)
        loss, _ = ppo_loss(
            policy, buffer.sequences(starting_states(policy, buffer, settings)), settings
        )
        gradients = torch.autograd.grad(loss, list(policy.parameters()))
        norm = torch.stack([gradient.norm() for gradient in gradients]).norm()
        results.append([loss.item(), norm.item()])
    return np.array(results)


def compute():
    """All arrays by name: "player/column"."""
    arrays = {}
    for name, policy, env in players():
        columns, buffer = play(policy, env)
        for column in columns[0]:
            rows = [step[column] for step in columns]
            if column == "state":
                rows = [flat(row) for row in rows]
            stacked = np.stack([np.asarray(row) for row in rows])
            if stacked.size:  # the memoryless core's state is empty
                arrays[f"{name}/{column}"] = stacked
        arrays[f"{name}/advantage"] = buffer["advantage"].numpy()
        arrays[f"{name}/loss_and_gradient"] = learn(policy, buffer)
    return arrays


if __name__ == "__main__":
    torch.set_num_threads(1)
    np.savez_compressed(FILE, **compute())
    print(f"{FILE.name}: {FILE.stat().st_size / 1024:.0f} KiB")
