"""States put together of two: some envs, or some part, of one and the rest of the other."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rnn_tutorial.doctor.nest import clone, leaves, zip_leaves
from rnn_tutorial.doctor.probe import Probe

SMALL = 8  # an axis of the state up to this size is taken for the layers
MOST_PARTS = 16


def mix(a: Any, b: Any, choose: Callable[[str, tuple[int, ...]], np.ndarray]) -> Any:
    """State `a` with the numbers of state `b` wherever `choose(path, shape)` is true."""
    paths = iter(leaves(a))

    def pick(left: Any, right: Any) -> Any:
        path, array = next(paths)
        mask = choose(path, tuple(array.shape))
        if isinstance(left, Tensor):
            return torch.where(torch.as_tensor(mask, device=left.device), right, left)
        return np.where(mask, right, left)

    return zip_leaves(pick, clone(a), clone(b))


def mix_envs(probe: Probe, a: Any, b: Any, envs: list[int]) -> Any:
    """State `a`, for the given envs that of state `b`."""

    def choose(path: str, shape: tuple[int, ...]) -> np.ndarray:
        mask = np.zeros(shape, dtype=bool)
        axis = probe.batch_axes.get(path)
        if axis is not None:
            np.moveaxis(mask, axis, 0)[envs] = True
        return mask

    return mix(a, b, choose)


def state_parts(probe: Probe, state: Any) -> dict[str, tuple[str, tuple[Any, ...]]]:
    """Name of a part of the state -> path of its leaf and the index of the part in it.

    A leaf with an axis of layers (a small one beside batch and features) is taken apart along it,
    a plain (N, features) leaf in two halves, which finds hidden | cell side by side.
    """
    parts: dict[str, tuple[str, tuple[Any, ...]]] = {}
    for path, array in leaves(state):
        batch, shape = probe.batch_axes.get(path), tuple(array.shape)
        if batch is None or 0 in shape:
            continue
        rest = [axis for axis in range(len(shape)) if axis != batch]
        layers = [axis for axis in rest if 1 < shape[axis] <= SMALL] if len(rest) > 1 else []
        if layers:
            axis = layers[0]
            for i in range(shape[axis]):
                parts[f"state{path}, layer {i}"] = path, _index(axis, slice(i, i + 1))
        elif rest and shape[rest[-1]] > 1:
            axis, half = rest[-1], shape[rest[-1]] // 2
            parts[f"state{path}, first half"] = path, _index(axis, slice(0, half))
            parts[f"state{path}, second half"] = path, _index(axis, slice(half, None))
        else:
            parts[f"state{path}"] = path, (Ellipsis,)
    return dict(list(parts.items())[:MOST_PARTS])


def _index(axis: int, piece: slice) -> tuple[Any, ...]:
    return (*[slice(None)] * axis, piece)


def with_part(a: Any, b: Any, part: tuple[str, tuple[Any, ...]]) -> Any:
    """State `a`, one part of it from state `b`."""

    def choose(path: str, shape: tuple[int, ...]) -> np.ndarray:
        mask = np.zeros(shape, dtype=bool)
        if path == part[0]:
            mask[part[1]] = True
        return mask

    return mix(a, b, choose)
