"""Checkpoints without pickle: tensors and a JSON note in one safetensors file.

A checkpoint holds the policy, the optimiser, the generator and the caller's note (settings,
history). The format: https://huggingface.co/docs/safetensors.
"""

import json
import os
from pathlib import Path
from typing import Any

import gymnasium as gym
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from rnn_tutorial.policy import RNNPolicy


class CheckpointError(ValueError):
    """A checkpoint is unreadable, or belongs to another policy; the message says why."""


def save_checkpoint(
    path: str | Path,
    policy: RNNPolicy,
    optimiser: torch.optim.Optimizer,
    generator: torch.Generator,
    note: dict[str, Any],
) -> None:
    """Write a checkpoint; an existing file is replaced only once the new one is complete.

    Args:
        path: the file.
        policy: its weights are saved.
        optimiser: its moments are saved; its settings belong in the note.
        generator: its state is saved.
        note: anything that JSON can hold.

    Raises:
        TypeError: for a note that JSON cannot hold, for example with a module in it.
    """
    save_tensors(path, snapshot(policy, optimiser, generator), note)


def snapshot(
    policy: RNNPolicy, optimiser: torch.optim.Optimizer, generator: torch.Generator
) -> dict[str, Tensor]:
    """Copies of all tensors that a checkpoint holds, by name."""
    tensors = {f"policy.{name}": tensor for name, tensor in policy.state_dict().items()}
    for index, moments in optimiser.state_dict()["state"].items():
        tensors |= {f"optimiser.{index}.{name}": value for name, value in moments.items()}
    tensors["generator"] = generator.get_state()
    return {name: tensor.detach().cpu().clone().contiguous() for name, tensor in tensors.items()}


def save_tensors(path: str | Path, tensors: dict[str, Tensor], note: dict[str, Any]) -> None:
    """Write a checkpoint from a `snapshot`; the errors are those of `save_checkpoint`."""
    path, text = Path(path), json.dumps(note)
    draft = path.with_name(path.name + ".part")
    save_file(tensors, draft, metadata={"note": text})
    os.replace(draft, path)


def read_checkpoint(path: str | Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read the tensors of a checkpoint, by name, and its note.

    Raises:
        CheckpointError: if the file is missing or damaged.

    Example:
        >>> from rnn_tutorial.data import data_path
        >>> tensors, note = read_checkpoint(data_path("cued_gru.safetensors"))
        >>> tensors["policy.critic.weight"].shape, note["policy_settings"]["cell"]
        (torch.Size([1, 64]), 'gru')
    """
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            return tensors, json.loads((file.metadata() or {})["note"])
    except FileNotFoundError:
        raise CheckpointError(f"{path}: there is no such checkpoint") from None
    except (SafetensorError, OSError, KeyError, json.JSONDecodeError) as error:
        raise CheckpointError(
            f"{path}: damaged, or not a checkpoint of this package ({error})"
        ) from error


def load_checkpoint(
    path: str | Path,
    policy: RNNPolicy,
    optimiser: torch.optim.Optimizer | None = None,
    generator: torch.Generator | None = None,
) -> dict[str, Any]:
    """Load a checkpoint into a policy and, if given, an optimiser and a generator.

    Returns:
        The note.

    Raises:
        CheckpointError: if the file is missing, damaged, or of another architecture; nothing is
            loaded then.
    """
    tensors, note = read_checkpoint(path)
    weights = _below("policy.", tensors)
    _compare(path, {k: v.shape for k, v in policy.state_dict().items()}, weights)
    policy.load_state_dict(weights)
    if optimiser is not None:
        state: dict[int, dict[str, Tensor]] = {}
        for name, value in _below("optimiser.", tensors).items():
            index, moment = name.split(".", 1)
            state.setdefault(int(index), {})[moment] = value
        groups = optimiser.state_dict()["param_groups"]
        optimiser.load_state_dict({"state": state, "param_groups": groups})
    if generator is not None:
        generator.set_state(tensors["generator"])
    return note


def load_policy(
    path: str | Path, observation_space: gym.Space, action_space: gym.Space
) -> RNNPolicy:
    """Build a policy from the settings in a checkpoint's note and load its weights.

    Raises:
        CheckpointError: as `load_checkpoint`.

    Example:
        >>> from rnn_tutorial.data import data_path
        >>> env = gym.make("rnn_tutorial/CuedPoint-v0")
        >>> path = data_path("cued_lstm.safetensors")
        >>> load_policy(path, env.observation_space, env.action_space).core
        RecurrentCore(
          (rnn): LSTM(5, 64)
        )
    """
    _, note = read_checkpoint(path)
    policy = RNNPolicy(observation_space, action_space, **note["policy_settings"])
    load_checkpoint(path, policy)
    return policy


def _below(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}


def _compare(path: str | Path, expected: dict[str, torch.Size], got: dict[str, Tensor]) -> None:
    """Raise a CheckpointError that names every weight that differs."""
    faults = [f"{name} is missing" for name in expected.keys() - got.keys()]
    faults += [f"{name} is not in this policy" for name in got.keys() - expected.keys()]
    faults += [
        f"{name}: expected shape {tuple(shape)}, got {tuple(got[name].shape)}"
        for name, shape in expected.items()
        if name in got and got[name].shape != shape
    ]
    if faults:
        raise CheckpointError(f"{path}: does not fit this policy; " + "; ".join(sorted(faults)))
