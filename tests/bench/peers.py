"""Wall-clock time until CuedPoint is learned, beside sb3-contrib's RecurrentPPO, on one thread.

Both stop at the first iteration in which the finished episodes earned -6 or better on average; an
oracle that sees the goal earns about -3.8. Same number of envs, steps, epochs and minibatches,
same learning rate, discount, lambda, clipping, loss weights and reward scale; 64 hidden units.
What differs: they have an LSTM (they offer nothing else), their env is the single env in their own
DummyVecEnv, and their minibatch is cut by steps.
"""

import time
from contextlib import suppress
from statistics import median
from typing import Any

import gymnasium as gym
import torch
from measure import Row, Skipped, times_faster

from rnn_tutorial.ppo import Training, train
from rnn_tutorial.settings import Settings

ENV_ID = "rnn_tutorial/CuedPoint-v0"
ENVS, GOAL, SEEDS = (64, 256), -6.0, range(3)
CELLS = {"gru": 8.0, "lstm": 1.0, "mingru": 1.0, "attention": 1.0}  # and how many times faster
AT_MOST = 150  # iterations; a run that has not learned by then counts with its whole time
OURS = Settings(iterations=AT_MOST, learning_rate=1e-2)


def our_seconds(seed: int, envs: int, cell: str) -> tuple[float, int]:
    """Seconds and steps until the goal is reached."""

    def stop(training: Training) -> None:
        if training.history[-1]["return"] >= GOAL:
            raise KeyboardInterrupt

    start = time.perf_counter()
    env = gym.make_vec(ENV_ID, num_envs=envs)
    policy: dict[str, Any] = {"cell": cell, "num_layers": 1, "encoder": "none"}
    result = train(env, OURS, seed=seed, on_iteration=stop, progress=False, **policy)
    return time.perf_counter() - start, int(result.history[-1]["steps"])


def their_seconds(seed: int, envs: int) -> tuple[float, int]:
    """The same of sb3-contrib."""
    try:
        from sb3_contrib import RecurrentPPO
        from stable_baselines3.common.callbacks import BaseCallback
        from stable_baselines3.common.env_util import make_vec_env
    except ImportError:
        raise Skipped("sb3-contrib is not installed: pip install '.[peers]'") from None

    class Stop(BaseCallback):
        """Says stop at the end of the rollout whose episodes reached the goal."""

        def _on_step(self) -> bool:
            return True

        def _on_rollout_end(self) -> None:
            ended = [e["r"] / OURS.reward_scale for e in list(self.model.ep_info_buffer)]
            if ended and sum(ended) / len(ended) >= GOAL:
                raise KeyboardInterrupt

    def scaled(env: gym.Env) -> gym.Env:
        return gym.wrappers.TransformReward(env, lambda reward: reward * OURS.reward_scale)

    # Monitor stands inside the wrapper and would see the rewards unscaled, so it goes around it.
    env = make_vec_env(lambda: scaled(gym.make(ENV_ID)), n_envs=envs, seed=seed)
    steps = OURS.rollout_length * envs
    start = time.perf_counter()
    model = RecurrentPPO(
        "MlpLstmPolicy",
        env,
        learning_rate=OURS.learning_rate,
        n_steps=OURS.rollout_length,
        batch_size=steps // OURS.minibatches,
        n_epochs=OURS.epochs,
        gamma=OURS.gamma,
        gae_lambda=OURS.gae_lambda,
        clip_range=OURS.clip,
        ent_coef=OURS.entropy_weight,
        vf_coef=OURS.value_weight,
        max_grad_norm=OURS.max_grad_norm,
        policy_kwargs={
            "lstm_hidden_size": 64,
            "net_arch": [],
            "shared_lstm": True,
            "enable_critic_lstm": False,
        },
        stats_window_size=envs,  # the episodes of one rollout, as in our history
        seed=seed,
        device="cpu",
    )
    with suppress(KeyboardInterrupt):
        model.learn(steps * AT_MOST, callback=Stop())
    return time.perf_counter() - start, int(model.num_timesteps)


def compare(envs: int) -> list[Row]:
    """Medians of three seeds, run in turn."""
    runs = [[our_seconds(s, envs, c) for c in CELLS] + [their_seconds(s, envs)] for s in SEEDS]
    *ours, theirs = zip(*runs, strict=True)
    peer, steps = (median(each) for each in zip(*theirs, strict=True))
    name, table = f"to -6 on CuedPoint, {envs} envs", []
    for cell, of_cell in zip(CELLS, ours, strict=True):
        mine, my_steps = (median(each) for each in zip(*of_cell, strict=True))
        what = f"{name}: our {cell}, sb3-contrib's LSTM"
        table.append(times_faster(what, mine, peer, CELLS[cell], "s"))
        table.append(Row(what, my_steps / 1e3, steps / 1e3, None, "-", True, "1000 steps"))
    quickest = min(row.ours for row in table if row.unit == "s")
    table.append(times_faster(f"{name}: our quickest cell", quickest, peer, 10.0, "s"))
    return table


def rows() -> list[Row]:
    """On one thread, with 64 envs and with 256."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return [row for envs in ENVS for row in compare(envs)]
    finally:
        torch.set_num_threads(threads)
