"""Recurrent PPO: collect a rollout, cut it into sequences, improve the clipped objective.

After Schulman et al. 2017, https://arxiv.org/abs/1707.06347. Recurrence adds four things: the state
is carried from rollout to rollout, resets inside a sequence clear it, sequences stay whole, and
each starts from the state that belongs to it.
"""

import warnings
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from gymnasium.vector import VectorEnv
from torch import Tensor, nn
from tqdm import tqdm

from rnn_tutorial.acting import Carry, as_vector, autoreset_mode, begin, check_seed, check_spaces
from rnn_tutorial.buffer import (
    NotFiniteError,
    RolloutBuffer,
    Sequences,
    masked_mean,
    minibatches,
    normalise,
    require_finite,
)
from rnn_tutorial.checkpoint import read_checkpoint, restore, save_tensors, snapshot
from rnn_tutorial.collect import collect
from rnn_tutorial.encoders import own_copy
from rnn_tutorial.nest import map_nest
from rnn_tutorial.policy import RNNPolicy
from rnn_tutorial.recurrent import State
from rnn_tutorial.same_run import describe, refuse_running_statistics, require_same_run
from rnn_tutorial.settings import Settings

# Layers that depend on chance, or on the other observations of a batch.
CHANGING = (nn.modules.batchnorm._BatchNorm, nn.modules.dropout._DropoutNd)
HISTORY = ["steps", "return", "episodes", "kl", "entropy", "clipped", "gradient_norm"]
HISTORY += ["explained_variance"]
ENVS = 16  # made for an env that is given by its id


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
        seen = map_nest(lambda part, window=window: part[window], buffer["observation"])
        states.append(policy.unroll(seen, state, buffer["reset"][window])[1])
    return states


def evaluate(policy: RNNPolicy, batch: Sequences) -> tuple[Tensor, Tensor, Tensor]:
    """Run the present policy over stored sequences.

    Returns:
        Log of the probability ratio, value and entropy, each (L, B).
    """
    output, _ = policy.unroll(batch.observation, batch.state, batch.reset)
    log_ratio = output.distribution.log_prob(batch.action) - batch.log_prob
    return log_ratio, output.value, output.distribution.entropy()


def ppo_loss(
    policy: RNNPolicy, batch: Sequences, settings: Settings
) -> tuple[Tensor, dict[str, Tensor]]:
    """The loss of one minibatch; every mean leaves padding out.

    Returns:
        The loss, and what to watch: "kl", an estimate of the KL divergence from the policy that
        acted; "entropy"; "clipped", the share of steps whose ratio is beyond the clip.
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
    watched = {
        # Always positive and of low variance: http://joschu.net/blog/kl-approx.html
        "kl": ratio - 1.0 - log_ratio,
        "entropy": entropy,
        "clipped": (ratio != clipped).to(ratio.dtype),
    }
    return loss, {name: masked_mean(x.detach(), batch.valid) for name, x in watched.items()}


def update(
    policy: RNNPolicy,
    optimiser: torch.optim.Optimizer,
    buffer: RolloutBuffer,
    settings: Settings,
    generator: torch.Generator,
) -> dict[str, float]:
    """Make several passes over a rollout, each in minibatches; one without valid steps is skipped.

    Returns:
        What `ppo_loss` watches, and "gradient_norm" before clipping: means over the minibatches,
        but for "kl", which is that of the last one.

    Raises:
        NotFiniteError: for a gradient that is NaN or infinite.
    """
    seen: list[dict[str, Tensor]] = []
    for _ in range(settings.epochs):
        sequences = buffer.sequences(starting_states(policy, buffer, settings))
        number = min(settings.minibatches, sequences.reset.shape[1])
        for batch in minibatches(sequences, number, generator):
            if not batch.valid.any():
                continue
            loss, watched = ppo_loss(policy, batch, settings)
            seen.append(watched)
            if settings.target_kl is not None and watched["kl"] > settings.target_kl:
                return _means(seen)
            optimiser.zero_grad()
            loss.backward()
            norm = torch.nn.utils.clip_grad_norm_(policy.parameters(), settings.max_grad_norm)
            require_finite("gradient norm", norm, ())
            watched["gradient_norm"] = norm
            optimiser.step()
    return _means(seen)


def _means(seen: list[dict[str, Tensor]]) -> dict[str, float]:
    """The mean of each watched number, NaN where there is none; of "kl" the last."""
    names = ("kl", "entropy", "clipped", "gradient_norm")
    rows = {name: [float(row[name]) for row in seen if name in row] for name in names}
    rows["kl"] = rows["kl"][-1:]
    return {name: float(np.mean(row)) if row else float("nan") for name, row in rows.items()}


@dataclass
class Training:
    """The result of a training run.

    Attributes:
        policy: the trained policy; it can be used after an interrupt as well.
        history: one record for each iteration: "steps" so far; "return", the mean of the last
            finished "episodes" (those of this rollout, or the last N if fewer finished; NaN before
            the first one); "kl", "entropy", "clipped" and "gradient_norm" from `update`;
            "explained_variance" of the values.
        interrupted: whether the run was stopped before its last iteration.
    """

    policy: RNNPolicy
    history: list[dict[str, float]] = field(default_factory=list)
    interrupted: bool = False

    def finished(self) -> "Training":
        """Return itself, for a claim about a whole run.

        Raises:
            InterruptedError: for a run that was interrupted; the message says after how many
                iterations.
        """
        if self.interrupted:
            raise InterruptedError(
                f"the training stopped after {len(self.history)} iterations; start it again"
            )
        return self


def train(
    env: str | gym.Env | VectorEnv,
    settings: Settings | None = None,
    *,
    seed: int = 0,
    policy: RNNPolicy | None = None,
    device: torch.device | str | None = None,
    checkpoint: str | Path | None = None,
    on_iteration: Callable[[Training], None] | None = None,
    progress: bool = True,
    **policy_settings: Any,
) -> Training:
    """Train a policy by recurrent PPO; a KeyboardInterrupt ends the run and keeps the policy.

    If the checkpoint file exists, the run goes on from it; a finished run goes on if `iterations`
    has grown. The file is written every `checkpoint_every` iterations, at the end, and with the
    last whole iteration at an interrupt or an error of the env. A run that goes on from one of the
    regular checkpoints ends with exactly the weights of an uninterrupted run; from another one it
    resets its envs there.

    Args:
        env: a gymnasium id (16 envs are made), an env, or a vector env; the spaces are those of
            `RNNPolicy`.
        settings: see `Settings`; None means its defaults.
        seed: of the weights, the envs, the actions and the shuffles. An encoder of your own begins
            with the weights that it has.
        policy: trained further; None makes a new one.
        device: of the policy, the rollouts and the updates; None leaves the policy where it is.
        checkpoint: a file to write, and to resume from if it exists.
        on_iteration: called after each iteration, for example to draw a curve.
        progress: shows a bar with the return if standard error is a terminal.
        **policy_settings: of the new `RNNPolicy`; `cell="none"` is the baseline without memory.
            A module in them is copied; one with dropout or batch normalisation gets a warning.

    Raises:
        ValueError: for settings that do not fit, a vector env without autoreset, a policy with
            other actions than the env's, or a checkpoint around running statistics of an env.
        NotFiniteError: for a reward, advantage, gradient or weight that is NaN or infinite; the
            message says where, and the checkpoint stays as it was.
        CheckpointError: if the checkpoint is damaged or of another run; the message says what
            differs.

    Example:
        >>> envs = gym.make_vec("rnn_tutorial/CuedPoint-v0", num_envs=2)
        >>> short = Settings(iterations=2, epochs=1)
        >>> training = train(envs, short, cell="gru", hidden_size=8, progress=False)
        >>> [row["steps"] for row in training.history]
        [60, 120]
    """
    settings, seed = Settings() if settings is None else settings, check_seed(seed)
    if not isinstance(settings, Settings):
        raise TypeError(f"settings: expected Settings(...), got {settings!r}")
    vector = _as_vector(env)
    policy = _make_policy(vector, policy, seed, policy_settings)
    if device is not None:
        policy.to(device)
    rate = settings.learning_rate  # foreach: one call for all weights
    optimiser = torch.optim.Adam(policy.parameters(), lr=rate, eps=1e-5, foreach=True)
    generator = torch.Generator(policy.device).manual_seed(seed)
    result = Training(policy)
    recent: deque[float] = deque(maxlen=vector.num_envs)
    note = describe(vector, settings, seed, policy)
    first = 0
    if checkpoint is not None:
        refuse_running_statistics(vector)
        if Path(checkpoint).exists():
            tensors, found = read_checkpoint(checkpoint)
            require_same_run(checkpoint, note, found)
            restore(checkpoint, tensors, policy, optimiser, generator)
            result.history = found["history"]
            recent.extend(found.get("recent_returns", ()))
            first = len(result.history)

    def whole() -> tuple[dict[str, Tensor], dict[str, Any]]:
        """What a checkpoint holds, as it is now."""
        more = {"history": list(result.history), "recent_returns": list(recent)}
        return snapshot(policy, optimiser, generator), {**note, **more}

    def save(kept: tuple[dict[str, Tensor], dict[str, Any]]) -> None:
        if checkpoint is not None:
            save_tensors(checkpoint, *kept)

    kept = whole()
    save(kept)  # if the file cannot be written, fail before the training
    bar = tqdm(total=settings.iterations, initial=first, disable=None if progress else True)
    carry = None
    try:
        for iteration in range(first, settings.iterations):
            if carry is None or iteration % settings.checkpoint_every == 0:
                carry = begin(policy, vector, (seed, iteration))
            carry, row = _iterate(policy, vector, carry, settings, optimiser, generator, recent)
            row["steps"] = (iteration + 1) * settings.rollout_length * vector.num_envs
            result.history.append(row)
            kept = whole()
            bar.set_postfix({"return": f"{row['return']:.2f}"}, refresh=False)
            bar.update()
            if len(result.history) % settings.checkpoint_every == 0:
                save(kept)
            if on_iteration is not None:
                on_iteration(result)
        save(kept)
    except NotFiniteError as error:
        raise NotFiniteError(f"iteration {len(result.history)}: {error}") from error
    except KeyboardInterrupt:
        result.interrupted = True
        save(kept)
    except Exception:
        save(kept)
        raise
    finally:
        bar.close()
    return result


def _iterate(
    policy: RNNPolicy,
    env: VectorEnv,
    carry: Carry,
    settings: Settings,
    optimiser: torch.optim.Optimizer,
    generator: torch.Generator,
    recent: "deque[float]",
) -> tuple[Carry, dict[str, Any]]:
    """One iteration: the next rollout's carry, and this one's record without its steps."""
    buffer, carry, returns = collect(policy, env, carry, settings, generator)
    watched = update(policy, optimiser, buffer, settings, generator)
    for name, weight in policy.named_parameters():
        require_finite(f"weight {name}", weight, ())
    policy.update_statistics(buffer["observation"], buffer["valid"])
    recent.extend(returns)
    counted = returns if len(returns) > len(recent) else recent
    mean = float(np.mean(counted)) if counted else float("nan")
    explained = buffer.explained_variance()
    row = {"steps": 0, "return": mean, "episodes": len(counted), **watched}
    return carry, {**row, "explained_variance": explained}


def _as_vector(env: str | gym.Env | VectorEnv) -> VectorEnv:
    if isinstance(env, str):
        env = gym.make_vec(env, num_envs=ENVS)
    vector = env if isinstance(env, VectorEnv) else as_vector(env)
    autoreset_mode(vector)
    return vector


def _make_policy(
    env: VectorEnv, policy: RNNPolicy | None, seed: int, policy_settings: dict[str, Any]
) -> RNNPolicy:
    """The given policy, if it fits the env, or a new one; a warning if its ratio cannot be 1."""
    made = _make_or_check(env, policy, seed, policy_settings)
    changing = (m for m in made.modules() if m.training and isinstance(m, CHANGING))
    if odd := [m for m in changing if getattr(m, "p", 1.0) > 0.0]:
        warnings.warn(
            f"policy: it has {odd[0]}, whose outputs in learning differ from those in acting, so "
            "that the probability ratio is not 1 before the first update; use nn.LayerNorm for a "
            "norm, or train(policy=policy.eval())",
            stacklevel=3,
        )
    return made


def _copy_of_module(value: Any) -> Any:
    return own_copy(value) if isinstance(value, nn.Module) else value


def _make_or_check(
    env: VectorEnv, policy: RNNPolicy | None, seed: int, policy_settings: dict[str, Any]
) -> RNNPolicy:
    if policy is None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            spaces = env.single_observation_space, env.single_action_space
            # A module of the caller's is not trained itself.
            return RNNPolicy(*spaces, **map_nest(_copy_of_module, policy_settings))
    if not all(hasattr(policy, name) for name in ("action_space", "step", "unroll")):
        raise TypeError(f"policy: expected an RNNPolicy, got {policy!r}")
    if policy_settings:
        raise ValueError(f"policy: expected no settings beside it, got {sorted(policy_settings)}")
    check_spaces(policy, env, exactly=True)
    return policy
