"""Checkpoints without pickle: tensors and a JSON note in one safetensors file.

A checkpoint holds the policy, the optimiser, the generator and what the caller adds (settings,
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
    """A checkpoint that cannot be read, or that is of another policy; the message says why."""


def save_checkpoint(
    path: str | Path,
    policy: RNNPolicy,
    optimiser: torch.optim.Optimizer,
    generator: torch.Generator,
    note: dict[str, Any],
) -> None:
    """Writes a checkpoint; a file of that name is replaced only when the new one is whole.

    Args:
        path: the file.
        policy: its weights are kept.
        optimiser: its moments are kept; its settings are the caller's to keep, in the note.
        generator: its state is kept.
        note: anything that JSON can hold.

    Raises:
        TypeError: for a note that it cannot hold, such as a module of the reader's own.
    """
    path, text = Path(path), json.dumps(note)
    tensors = {f"policy.{name}": tensor for name, tensor in policy.state_dict().items()}
    for index, moments in optimiser.state_dict()["state"].items():
        tensors |= {f"optimiser.{index}.{name}": value for name, value in moments.items()}
    tensors["generator"] = generator.get_state()
    whole = {name: tensor.detach().contiguous() for name, tensor in tensors.items()}
    draft = path.with_name(path.name + ".part")
    save_file(whole, draft, metadata={"note": text})
    os.replace(draft, path)


def read_checkpoint(path: str | Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors of a checkpoint by name, and its note.

    Raises:
        CheckpointError: if the file is missing or damaged.
    """
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            return tensors, json.loads((file.metadata() or {})["note"])
    except FileNotFoundError:
        raise CheckpointError(f"{path}: there is no such checkpoint") from None
    except (SafetensorError, OSError, KeyError, json.JSONDecodeError) as error:
        raise CheckpointError(
            f"{path}: damaged, or no checkpoint of this package ({error})"
        ) from error


def load_checkpoint(
    path: str | Path,
    policy: RNNPolicy,
    optimiser: torch.optim.Optimizer | None = None,
    generator: torch.Generator | None = None,
) -> dict[str, Any]:
    """Puts a checkpoint into a policy and, where they are given, an optimiser and a generator.

    Returns:
        The note.

    Raises:
        CheckpointError: if the file is missing, damaged, or of another architecture; nothing is
            changed then.
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
    """A trained policy, built from the settings in the checkpoint's note.

    Raises:
        CheckpointError: as `load_checkpoint`.
    """
    _, note = read_checkpoint(path)
    policy = RNNPolicy(observation_space, action_space, **note["policy_settings"])
    load_checkpoint(path, policy)
    return policy


def _below(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}


def _compare(path: str | Path, expected: dict[str, torch.Size], got: dict[str, Tensor]) -> None:
    """Raises a CheckpointError that names every weight that differs."""
    faults = [f"{name} is missing" for name in expected.keys() - got.keys()]
    faults += [f"{name} is not in this policy" for name in got.keys() - expected.keys()]
    faults += [
        f"{name}: expected shape {tuple(shape)}, got {tuple(got[name].shape)}"
        for name, shape in expected.items()
        if name in got and got[name].shape != shape
    ]
    if faults:
        raise CheckpointError(f"{path}: of another architecture; " + "; ".join(sorted(faults)))
