"""Observation spaces: what a policy can see, as tensors, checked, and prepared for its encoder.

An observation is an array, or for a Dict or Tuple space a nest of arrays. `to_tensors` copies what
an env returns; `check_observation` refuses what does not fit the space; `prepare` turns it into
floats: integers become one-hot vectors or plain numbers, and pixels are scaled to [0, 1].

    >>> space = gym.spaces.Dict(door=gym.spaces.Discrete(2), view=gym.spaces.Box(-1.0, 1.0, (2,)))
    >>> obs = to_tensors(space, {"door": [1], "view": [[0.5, 0.0]]}, torch.float32)
    >>> prepare(space, obs, lead=1, dtype=torch.float32)
    {'door': tensor([[0., 1.]]), 'view': tensor([[0.5000, 0.0000]])}
"""

from collections.abc import Iterator, Mapping
from math import isfinite
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from gymnasium import spaces
from torch import Tensor
from torch.nn.functional import one_hot

from rnn_tutorial.nest import Nest

IMAGES = ("auto", "channels_first", "channels_last", "codes")
Images = str | Mapping[str, str]


def entries(space: gym.Space, name: str = "") -> Iterator[tuple[str, gym.Space]]:
    """The spaces of single arrays in a space, each with its name: "" alone, "a.0" in a nest."""
    prefix = f"{name}." if name else ""
    if isinstance(space, spaces.Dict):
        for key, part in space.items():
            yield from entries(part, f"{prefix}{key}")
    elif isinstance(space, spaces.Tuple):
        for number, part in enumerate(space):
            yield from entries(part, f"{prefix}{number}")
    else:
        yield name, space


def each_entry(space: gym.Space, nest: Nest, name: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Name, space and array of every entry of an observation, in the space's order.

    Raises:
        ValueError: for an observation with other entries than the space.
    """
    said = f"obs.{name}" if name else "obs"
    prefix = f"{name}." if name else ""
    if isinstance(space, spaces.Dict):
        if not isinstance(nest, Mapping) or nest.keys() != space.spaces.keys():
            got: Any = sorted(nest) if isinstance(nest, Mapping) else type(nest).__name__
            raise ValueError(f"{said}: expected the entries {sorted(space.spaces)}, got {got}")
        for key, part in space.items():
            yield from each_entry(part, nest[key], f"{prefix}{key}")
    elif isinstance(space, spaces.Tuple):
        if not isinstance(nest, (tuple, list)) or len(nest) != len(space):
            got = len(nest) if isinstance(nest, (tuple, list)) else type(nest).__name__
            raise ValueError(f"{said}: expected a tuple of {len(space)}, got {got}")
        for number, part in enumerate(space):
            yield from each_entry(part, nest[number], f"{prefix}{number}")
    else:
        yield name, space, nest


def map_entries(function: Any, space: gym.Space, nest: Nest, name: str = "") -> Nest:
    """Apply `function(name, space, array)` to every entry of an observation."""
    prefix = f"{name}." if name else ""
    if isinstance(space, spaces.Dict):
        return {k: map_entries(function, p, nest[k], f"{prefix}{k}") for k, p in space.items()}
    if isinstance(space, spaces.Tuple):
        parts = zip(range(len(space)), space, nest, strict=True)
        return tuple(map_entries(function, p, each, f"{prefix}{i}") for i, p, each in parts)
    return function(name, space, nest)


def first_array(space: gym.Space, nest: Nest) -> tuple[Any, tuple[int, ...]]:
    """An observation's array of the space's first entry, and the shape of this entry."""
    _, part, array = next(each_entry(space, nest))
    return array, tuple(part.shape or ())


def check_space(space: gym.Space, images: Images = "auto") -> None:
    """Raise an error for an observation space, or an `images` setting, that is not supported.

    Raises:
        TypeError: for a space that is, or holds, another than Box, Discrete, MultiDiscrete,
            MultiBinary, Dict and Tuple.
        ValueError: for `images` of another kind, or with the name of no entry.
    """
    known = (spaces.Box, spaces.Discrete, spaces.MultiDiscrete, spaces.MultiBinary)
    names = [name for name, _ in entries(space)]
    if not names:
        raise TypeError(f"observation_space: expected at least one entry, got {space}")
    for name, part in entries(space):
        if not isinstance(part, known):
            where = f" in its entry {name!r}" if name else ""
            raise TypeError(
                "observation_space: expected Box, Discrete, MultiDiscrete, MultiBinary, or a Dict "
                f"or Tuple of these, got {part}{where}; "
                "gymnasium.wrappers.TransformObservation turns one into another"
            )
    said = images if isinstance(images, Mapping) else dict.fromkeys(names, images)
    for name, how in said.items():
        if how not in IMAGES:
            raise ValueError(f"images: expected one of {IMAGES}, got {how!r}")
        if name not in names:
            raise ValueError(f"images: expected the names of entries {names}, got {name!r}")


def same_observations(space: gym.Space, other: gym.Space, images: Images = "auto") -> bool:
    """Whether two spaces have observations of one kind and shape, whatever the bounds of floats.

    Args:
        images: how pixels are read; where they are codes, bounds do not matter either.
    """

    def form(name: str, part: gym.Space) -> tuple[Any, ...]:
        one_hot = isinstance(part, (spaces.Discrete, spaces.MultiDiscrete))
        values = (_sizes(part), _starts(part).tolist()) if one_hot else None
        return part.shape, is_float_box(part), are_pixels(part, images_of(images, name)), values

    ours, theirs = ({n: form(n, part) for n, part in entries(of)} for of in (space, other))
    return ours == theirs


def images_of(images: Images, name: str) -> str:
    """How the pixels of one entry are read."""
    return images.get(name, "auto") if isinstance(images, Mapping) else images


def to_tensors(
    space: gym.Space,
    observation: Nest,
    dtype: torch.dtype,
    device: torch.device | str = "cpu",
) -> Nest:
    """Copy observations, with any leading axes, into tensors.

    Floats get the given dtype; uint8 and bool stay as they are, other integers become int64.

    Raises:
        ValueError: for an observation with other entries than the space.
    """
    if isinstance(space, (spaces.Dict, spaces.Tuple)):
        list(each_entry(space, observation))  # raises for other entries
        return map_entries(
            lambda name, part, array: to_tensors(part, array, dtype, device), space, observation
        )
    if is_float_box(space):
        return copy_floats(observation, dtype, device)
    given = observation if isinstance(observation, Tensor) else np.asarray(observation)
    if isinstance(given, np.ndarray) and given.dtype.kind in "iu" and given.dtype != np.uint8:
        given = given.astype(np.int64)
    tensor = torch.as_tensor(given)
    kept = dtype if tensor.is_floating_point() else tensor.dtype
    return tensor.detach().to(device, kept, copy=True)


def copy_floats(array: Any, dtype: torch.dtype, device: torch.device | str) -> Tensor:
    """An array or a tensor copied into a tensor of floats, without a graph."""
    return torch.as_tensor(array, dtype=dtype, device=device).detach().clone()


def check_observation(
    space: gym.Space, obs: Nest, axes: tuple[str, ...], dtype: torch.dtype
) -> None:
    """Raise a ValueError with expected and got unless observations fit their space.

    Args:
        space: of one observation.
        obs: tensors, or a nest of them.
        axes: the names of the axes before the observation's own, such as ("T", "N").
        dtype: of floats.
    """
    if isinstance(space, (spaces.Dict, spaces.Tuple)):
        lead = None
        for name, part, array in each_entry(space, obs):
            _check_entry(f"obs.{name}", part, array, axes, dtype)
            if lead is not None and array.shape[: len(axes)] != lead:
                got = tuple(array.shape[: len(axes)])
                raise ValueError(
                    f"obs.{name}: expected {axes} = {tuple(lead)} as before, got {got}"
                )
            lead = array.shape[: len(axes)]
    else:
        _check_entry("obs", space, obs, axes, dtype)


def _check_entry(
    said: str, space: gym.Space, array: Any, axes: tuple[str, ...], dtype: torch.dtype
) -> None:
    floats = is_float_box(space) or (isinstance(array, Tensor) and array.is_floating_point())
    check_array(said, tuple(space.shape or ()), array, axes, dtype if floats else None)
    if isinstance(space, (spaces.Discrete, spaces.MultiDiscrete)):
        codes = _codes(space, array)
        sizes = torch.as_tensor(_sizes(space), device=array.device)
        if not ((codes >= 0) & (codes < sizes)).all():
            low, high = int(array.min()), int(array.max())
            raise ValueError(f"{said}: expected values of {space}, got {low} to {high}")


def check_array(
    said: str, shape: tuple[int, ...], array: Any, axes: tuple[str, ...], dtype: torch.dtype | None
) -> None:
    """Raise a ValueError unless a tensor has this shape behind its axes, and finite numbers.

    Args:
        said: its name in the message.
        dtype: of the numbers; None accepts integers of any kind.
    """
    if not isinstance(array, Tensor) or dtype not in (None, array.dtype):
        got = array.dtype if isinstance(array, Tensor) else type(array).__name__
        raise ValueError(f"{said}: expected a tensor of {dtype or 'integers'}, got {got}")
    lead, size = len(axes), array.shape
    if size[lead:] != shape or len(size) != lead + len(shape):
        expected = ", ".join([*axes, *map(str, shape)])
        raise ValueError(f"{said}: expected shape ({expected}), got {tuple(size)}")
    if 0 in size[:lead]:
        expected = " and ".join(axes)
        raise ValueError(f"{said}: expected {expected} of at least 1, got {tuple(size)}")
    # A sum is finite only if its terms are, and costs less than looking at each of them.
    if dtype is not None and not isfinite(array.detach().sum()):
        finite = array.isfinite()
        if not finite.all():
            first = zip(axes, (~finite).nonzero()[0, :lead].tolist(), strict=True)
            where = ", ".join(f"{axis} {index}" for axis, index in first)
            raise ValueError(f"{said}: expected finite numbers, got NaN or inf, first at {where}")


def prepare(
    space: gym.Space,
    obs: Nest,
    lead: int,
    dtype: torch.dtype,
    images: Images = "auto",
    name: str = "",
) -> Nest:
    """Observations as floats for an encoder; a Box of floats stays what it is.

    Pixels, which are uint8 between 0 and 255, are divided by 255, unless `images` says that they
    are codes. Discrete and MultiDiscrete become one-hot vectors, side by side.

    Args:
        space: of one observation.
        obs: as `check_observation` takes them.
        lead: number of axes before the observation's own.
        dtype: of the result.
        images: how pixels are read, for all entries or by name; see `IMAGES`.
    """
    if isinstance(space, (spaces.Dict, spaces.Tuple)):
        return map_entries(
            lambda path, part, array: prepare(part, array, lead, dtype, images, path), space, obs
        )
    if isinstance(space, (spaces.Discrete, spaces.MultiDiscrete)):
        codes, sizes = _codes(space, obs), _sizes(space)
        parts = [one_hot(codes[..., i].long(), n) for i, n in enumerate(sizes)]
        return torch.cat(parts, -1).to(dtype)
    if is_float_box(space):
        return obs
    floats = obs.to(dtype)
    return floats / 255 if are_pixels(space, images_of(images, name)) else floats


def prepared_shape(space: gym.Space) -> tuple[int, ...]:
    """The shape of one prepared array of a space that is no Dict or Tuple."""
    if isinstance(space, (spaces.Discrete, spaces.MultiDiscrete)):
        return (sum(_sizes(space)),)
    return tuple(space.shape or ())


def are_pixels(space: gym.Space, images: str) -> bool:
    """Whether a space's numbers are pixels, from 0 to 255."""
    if images == "codes" or not isinstance(space, spaces.Box) or space.dtype != np.uint8:
        return False
    return bool((space.low == 0).all() and (space.high == 255).all())


def is_float_box(space: gym.Space) -> bool:
    """Whether a space is a Box of floats."""
    return isinstance(space, spaces.Box) and space.dtype is not None and space.dtype.kind == "f"


def sample_batch(space: gym.Space, n: int = 1) -> Nest:
    """The space's lowest values, or zeros, as a batch (n, *obs) of arrays."""
    if isinstance(space, spaces.Dict):
        return {key: sample_batch(part, n) for key, part in space.items()}
    if isinstance(space, spaces.Tuple):
        return tuple(sample_batch(part, n) for part in space)
    low = getattr(space, "start", 0)
    return np.broadcast_to(low, (n, *(space.shape or ()))).astype(space.dtype)


def _sizes(space: gym.Space) -> list[int]:
    """The number of values of each number of a Discrete or MultiDiscrete."""
    if isinstance(space, spaces.Discrete):
        return [int(space.n)]
    return [int(n) for n in np.ravel(space.nvec)]  # type: ignore[attr-defined]


def _starts(space: gym.Space) -> np.ndarray:
    """The least value of each number of a Discrete or MultiDiscrete."""
    return np.ravel(space.start)  # type: ignore[attr-defined]


def _codes(space: gym.Space, array: Tensor) -> Tensor:
    """The values (*lead, numbers), counted from 0."""
    rank = len(space.shape or ())
    flat = array.flatten(array.ndim - rank) if rank else array[..., None]
    return flat - torch.as_tensor(_starts(space), device=array.device)
