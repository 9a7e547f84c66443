"""Recurrent PPO: collect a rollout, cut it into sequences, improve the clipped objective.

After Schulman et al. 2017, https://arxiv.org/abs/1707.06347. Recurrence adds four things: the state
is carried from rollout to rollout, resets inside a sequence clear it, sequences stay whole, and
each starts from the state that belongs to it.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from gymnasium.vector import AutoresetMode, VectorEnv
from torch import Tensor
from tqdm import tqdm

from rnn_tutorial.buffer import RolloutBuffer, Sequences, masked_mean, minibatches, normalise
from rnn_tutorial.checkpoint import CheckpointError, load_checkpoint, save_checkpoint
from rnn_tutorial.collect import begin, collect
from rnn_tutorial.policy import RNNPolicy
from rnn_tutorial.recurrent import State
from rnn_tutorial.rollout import as_vector
from rnn_tutorial.settings import Settings


@torch.no_grad()
def starting_states(
    policy: RNNPolicy, buffer: RolloutBuffer, settings: Settings
) -> list[State] | None:
    """The states before each stretch of the rollout; None means the stored ones.

    "zero" forgets everything before a sequence. "recompute" replays the rollout with the present
    weights. "burn_in" replays only a few steps before each sequence, from zeros (after Kapturowski
    et al. 2019, R2D2, https://openreview.net/forum?id=r1lyTjAqYX). Before the first sequence of a
    rollout there is nothing to replay: unless "zero" is chosen, it starts from the stored state.
    """
    if settings.initial_state == "stored":
        return None
    zero = policy.initial_state(buffer.num_envs)
    if settings.initial_state == "zero":
        return [zero for _ in buffer.states]
    states = [buffer.states[0]]
    for piece in range(1, len(buffer.states)):
        end = piece * buffer.bptt_length
        if settings.initial_state == "recompute":
            begin_at, state = end - buffer.bptt_length, states[-1]
        else:
            begin_at, state = max(0, end - settings.burn_in), zero
        window = slice(begin_at, end)
        states.append(
            policy.unroll(buffer["observation"][window], state, buffer["reset"][window])[1]
        )
    return states


def evaluate(policy: RNNPolicy, batch: Sequences) -> tuple[Tensor, Tensor, Tensor]:
    """Run the present policy over stored sequences.

    Returns:
        Log of the probability ratio, value and entropy, each (L, B).
    """
    output, _ = policy.unroll(batch.observation, batch.state, batch.reset)
    log_ratio = output.distribution.log_prob(batch.action) - batch.log_prob
    return log_ratio, output.value, output.distribution.entropy()


def ppo_loss(policy: RNNPolicy, batch: Sequences, settings: Settings) -> tuple[Tensor, Tensor]:
    """The loss of one minibatch; every mean leaves padding out.

    Returns:
        The loss, and an estimate of the KL divergence from the policy that acted.
    """
    log_ratio, value, entropy = evaluate(policy, batch)
    ratio = log_ratio.exp()
    advantage = normalise(batch.advantage, batch.valid)
    clipped = ratio.clamp(1.0 - settings.clip, 1.0 + settings.clip)
    gain = torch.minimum(ratio * advantage, clipped * advantage)
    error = (value - batch.target).square()
    loss = masked_mean(
        settings.value_weight * error - gain - settings.entropy_weight * entropy, batch.valid
    )
    # Always positive and of low variance: http://joschu.net/blog/kl-approx.html
    kl = masked_mean((ratio - 1.0 - log_ratio).detach(), batch.valid)
    return loss, kl


def update(
    policy: RNNPolicy,
    optimiser: torch.optim.Optimizer,
    buffer: RolloutBuffer,
    settings: Settings,
    generator: torch.Generator,
) -> float:
    """Make several passes over a rollout, each in minibatches.

    Returns:
        The KL divergence at the last minibatch.
    """
    kl = torch.zeros(())
    for _ in range(settings.epochs):
        sequences = buffer.sequences(starting_states(policy, buffer, settings))
        for batch in minibatches(sequences, settings.minibatches, generator):
            loss, kl = ppo_loss(policy, batch, settings)
            if settings.target_kl is not None and kl > settings.target_kl:
                return float(kl)
            optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(policy.parameters(), settings.max_grad_norm)
            optimiser.step()
    return float(kl)


@dataclass
class Training:
    """The result of a training run.

    Attributes:
        policy: the trained policy; it can be used after an interrupt as well.
        history: one record for each iteration: steps, mean return of its finished episodes, KL.
        interrupted: whether the run was stopped before its last iteration.
    """

    policy: RNNPolicy
    history: list[dict[str, float]] = field(default_factory=list)
    interrupted: bool = False


def train(
    env: gym.Env | VectorEnv,
    settings: Settings | None = None,
    *,
    seed: int = 0,
    policy: RNNPolicy | None = None,
    checkpoint: str | Path | None = None,
    on_iteration: Callable[[Training], None] | None = None,
    progress: bool = True,
    **policy_settings: Any,
) -> Training:
    """Train a policy by recurrent PPO; a KeyboardInterrupt ends the run and keeps the policy.

    If the checkpoint file exists, the run resumes from it and ends with exactly the weights of an
    uninterrupted run. The file is written every `checkpoint_every` iterations and at the end.

    Args:
        env: a gymnasium env or vector env with Box observations and Box or Discrete actions.
        settings: see `Settings`; None means its defaults.
        seed: of the weights, the envs, the actions and the shuffles.
        policy: trained further; None makes a new one.
        checkpoint: a file to write, and to resume from if it exists.
        on_iteration: called after each iteration, for example to draw a curve.
        progress: shows a bar with the return if standard error is a terminal.
        **policy_settings: of the new `RNNPolicy`; `cell="none"` is the baseline without memory.

    Raises:
        ValueError: for settings that do not fit, or a vector env without autoreset.
        CheckpointError: if the checkpoint is damaged or of another run; the message says what
            differs.

    Example:
        >>> envs = gym.make_vec("rnn_tutorial/CuedPoint-v0", num_envs=2)
        >>> short = Settings(iterations=2, epochs=1)
        >>> training = train(envs, short, cell="gru", hidden_size=8, progress=False)
        >>> [row["steps"] for row in training.history]
        [60, 120]
    """
    settings = settings or Settings()
    vector = env if isinstance(env, VectorEnv) else as_vector(env)
    if vector.metadata.get("autoreset_mode") not in (
        AutoresetMode.SAME_STEP,
        AutoresetMode.NEXT_STEP,
    ):
        raise ValueError("env: expected autoreset mode SAME_STEP or NEXT_STEP")
    if policy is None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            spaces = vector.single_observation_space, vector.single_action_space
            policy = RNNPolicy(*spaces, **policy_settings)
    optimiser = torch.optim.Adam(policy.parameters(), lr=settings.learning_rate, eps=1e-5)
    generator = torch.Generator().manual_seed(seed)
    result = Training(policy)
    note = {"seed": seed, "settings": asdict(settings), "policy_settings": policy_settings}

    def save() -> None:
        if checkpoint is not None:
            written = {**note, "history": result.history}
            save_checkpoint(checkpoint, policy, optimiser, generator, written)

    if checkpoint is not None and Path(checkpoint).exists():
        found = load_checkpoint(checkpoint, policy, optimiser, generator)
        _same_run(checkpoint, note, found)
        result.history = found["history"]
    save()  # if the file cannot be written, fail before the training
    first = len(result.history)
    bar = tqdm(total=settings.iterations, initial=first, disable=None if progress else True)
    carry = None
    try:
        for iteration in range(first, settings.iterations):
            if carry is None or iteration % settings.checkpoint_every == 0:
                carry = begin(policy, vector, seed + 1_000_003 * iteration)
            buffer, carry, returns = collect(policy, vector, carry, settings, generator)
            kl = update(policy, optimiser, buffer, settings, generator)
            steps = (iteration + 1) * settings.rollout_length * vector.num_envs
            mean = float(np.mean(returns)) if returns else float("nan")
            result.history.append({"steps": steps, "return": mean, "kl": kl})
            bar.set_postfix({"return": f"{mean:.2f}"}, refresh=False)
            bar.update()
            if len(result.history) % settings.checkpoint_every == 0:
                save()
            if on_iteration is not None:
                on_iteration(result)
        save()
    except KeyboardInterrupt:
        result.interrupted = True
    finally:
        bar.close()
    return result


def _same_run(path: str | Path, note: dict[str, Any], found: dict[str, Any]) -> None:
    """Raise a CheckpointError unless a checkpoint is of this run; `iterations` may differ."""
    got = {**found["settings"], **found["policy_settings"], "seed": found["seed"]}
    expected = {**note["settings"], **note["policy_settings"], "seed": note["seed"]}
    faults = [
        f"{name}: expected {expected.get(name)!r}, got {got.get(name)!r}"
        for name in sorted(expected.keys() | got.keys())
        if name != "iterations" and expected.get(name) != got.get(name)
    ]
    done, every = len(found["history"]), note["settings"]["checkpoint_every"]
    if done % every and done < note["settings"]["iterations"]:
        faults.append(f"iterations: it stopped at {done}, not at a multiple of {every}")
    if faults:
        raise CheckpointError(f"{path}: belongs to another run; " + "; ".join(faults))
