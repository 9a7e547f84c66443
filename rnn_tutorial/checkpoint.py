"""Checkpoints without pickle: tensors and a JSON note in one safetensors file.

A checkpoint holds the policy, the optimiser, the generator and the caller's note (settings,
history). The format: https://huggingface.co/docs/safetensors. Its metadata hold a sha256 of all
tensors and of the note, so that a single flipped bit is found. The files of `data/`, which are
older, have their checksums in its manifest.
"""

import hashlib
import json
import os
import time
from glob import escape
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
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
    path = Path(path)
    # The word inside the note says that there is a checksum: one flip cannot remove both.
    text = json.dumps({**note, "sealed": True})
    whole = save(tensors, metadata={"note": text, "sha256": _digest(tensors, text)})
    _remove_drafts(path)
    draft = path.with_name(f"{path.name}.{os.getpid()}-{time.monotonic_ns()}.part")
    try:
        draft.write_bytes(whole)
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def _remove_drafts(path: Path) -> None:
    """Remove what writers that were killed have left beside a checkpoint."""
    for draft in path.parent.glob(f"{escape(path.name)}.*.part"):
        writer = draft.name.removeprefix(path.name + ".").split("-")[0]
        if not _is_alive(writer, draft):
            draft.unlink(missing_ok=True)


def _is_alive(writer: str, draft: Path) -> bool:
    """Whether a draft's writer is still at it: by its process, on Windows by the draft's age."""
    try:
        if os.name == "nt":  # where signal 0 would end the process
            return time.time() - draft.stat().st_mtime < 60
        os.kill(int(writer), 0)
    except (ProcessLookupError, FileNotFoundError, ValueError):
        return False
    except PermissionError:
        return True
    return True


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
        content = Path(path).read_bytes()
        tensors = load(content)
        size = int.from_bytes(content[:8], "little")
        metadata = json.loads(content[8 : 8 + size])["__metadata__"]
        note = json.loads(metadata["note"])
        if not isinstance(note, dict):
            raise ValueError(f"its note is {note!r}")
    except FileNotFoundError:
        raise CheckpointError(f"{path}: there is no such checkpoint") from None
    except (SafetensorError, OSError, KeyError, ValueError, TypeError) as error:
        raise CheckpointError(
            f"{path}: damaged, or not a checkpoint of this package ({error})"
        ) from error
    sealed = note.pop("sealed", False) or "sha256" in metadata
    if sealed and metadata.get("sha256") != _digest(tensors, metadata["note"]):
        raise CheckpointError(f"{path}: damaged, its numbers are not those that were saved")
    return tensors, note


def _digest(tensors: dict[str, Tensor], note: str) -> str:
    """The sha256 of all tensors, their names and forms, and of the note."""
    digest = hashlib.sha256(note.encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


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
    restore(path, tensors, policy, optimiser, generator)
    return note


def restore(
    path: str | Path,
    tensors: dict[str, Tensor],
    policy: RNNPolicy,
    optimiser: torch.optim.Optimizer | None = None,
    generator: torch.Generator | None = None,
) -> None:
    """Put the tensors of a checkpoint that was read where they belong, as `load_checkpoint` does.

    Args:
        path: the file, for the messages.
        tensors: from `read_checkpoint`.
        policy, optimiser, generator: as in `load_checkpoint`, with the same errors.
    """
    weights = _below("policy.", tensors)
    _compare(path, {k: v.shape for k, v in policy.state_dict().items()}, weights)
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in _below("optimiser.", tensors).items():
        index, moment = name.split(".", 1)
        state.setdefault(int(index), {})[moment] = value
    try:
        if generator is not None:
            generator.set_state(tensors["generator"])
        if optimiser is not None:
            groups = optimiser.state_dict()["param_groups"]
            optimiser.load_state_dict({"state": state, "param_groups": groups})
    except (KeyError, RuntimeError, ValueError, TypeError) as error:
        raise CheckpointError(
            f"{path}: its optimiser or generator does not fit ({error})"
        ) from None
    policy.load_state_dict(weights)


def load_policy(
    path: str | Path, observation_space: gym.Space, action_space: gym.Space
) -> RNNPolicy:
    """Build a policy from the settings in a checkpoint's note and load its weights.

    Raises:
        CheckpointError: as `load_checkpoint`; for a policy of your own class, or with a module of
            your own in it; and for other spaces than those of the env that it was trained in, if
            the note names them (a file of `data/` doesn't).

    Example:
        >>> from rnn_tutorial.data import data_path
        >>> env = gym.make("rnn_tutorial/CuedPoint-v0")
        >>> path = data_path("cued_lstm.safetensors")
        >>> load_policy(path, env.observation_space, env.action_space).core
        RecurrentCore(
          (rnn): LSTM(5, 64)
        )
    """
    tensors, note = read_checkpoint(path)
    for name, space in (("observation", observation_space), ("action", action_space)):
        trained = note.get("env", {}).get(f"{name}_space", space_text(space))
        if trained != space_text(space):
            raise CheckpointError(f"{path}: {name}_space: expected {trained}, got {space}")
    try:
        if note.get("policy", "RNNPolicy") != "RNNPolicy":
            raise ValueError(f"it is a {note['policy']}")
        policy = RNNPolicy(observation_space, action_space, **note["policy_settings"])
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(
            f"{path}: its note does not tell how to build its policy ({error}); build the policy, "
            "then use load_checkpoint"
        ) from error
    restore(path, tensors, policy)
    return policy


def space_text(space: gym.Space) -> str:
    """A space as a note has it, whatever NumPy's print options are."""
    with np.printoptions(precision=8, threshold=1000, edgeitems=3, linewidth=75, suppress=False):
        return str(space)


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
