"""Encoders in front of the recurrent core: none, an MLP, a small Conv net, or your own module.

An encoder maps a flat batch (B, *obs) to (B, features). It knows nothing of time: the policy folds
(T, N) into B before the encoder and unfolds it afterwards. A Dict or Tuple observation has an
encoder for each entry; their features stand side by side.
"""

import math
from collections.abc import Mapping
from copy import deepcopy
from typing import Any

import gymnasium as gym
import torch
from torch import Tensor, nn

from rnn_tutorial.nest import Nest, leaves, map_nest
from rnn_tutorial.observations import (
    Images,
    are_pixels,
    entries,
    images_of,
    map_entries,
    prepared_shape,
    sample_batch,
)

Encoder = str | nn.Module | Mapping[str, Any]


def make_encoder(
    encoder: Encoder, space: gym.Space, size: int, images: Images = "auto"
) -> tuple[nn.Module, int]:
    """Return an encoder of prepared observations, and the number of its features.

    Args:
        encoder: "none" (the observation, flattened), "mlp" (one leaky-ReLU layer), "conv" (two
            strided convolutions and one layer, for images; other entries get "mlp"), or your own
            module (B, *obs) -> (B, features). For a Dict or Tuple also one of these for each entry,
            by its name ("image", or "0.image" in a nest); a module that stands alone gets the whole
            nest.
        space: of one observation.
        size: features of "mlp" and "conv", for each entry.
        images: where an image has its channels, if its shape doesn't tell: "channels_first" or
            "channels_last", for all entries or by name.

    Raises:
        ValueError: for an unknown name, "conv" without images, an image whose channel axis can't be
            told, or a module whose output is not (B, features).

    Example:
        >>> image = gym.spaces.Box(0, 255, (84, 84, 3), "uint8")
        >>> space = gym.spaces.Dict(image=image, mission=gym.spaces.Discrete(4))
        >>> encoder, features = make_encoder({"image": "conv", "mission": "none"}, space, 128)
        >>> features
        132
    """
    if isinstance(encoder, nn.Module):
        return encoder, _count_features(encoder, space)
    parts = dict(entries(space))
    if list(parts) == [""]:
        return _of_one(encoder, space, size, images_of(images, ""), "")
    wanted = encoder if isinstance(encoder, Mapping) else dict.fromkeys(parts, encoder)
    if wanted.keys() != parts.keys():
        raise ValueError(f"encoder: expected the entries {sorted(parts)}, got {sorted(wanted)}")
    made = []
    for name, part in parts.items():
        how = wanted[name]
        if encoder == "conv" and not _is_image(part, images_of(images, name)):
            how = "mlp"
        made.append(_of_one(how, part, size, images_of(images, name), name))
    return SideBySide([module for module, _ in made]), sum(number for _, number in made)


class SideBySide(nn.Module):
    """Encoders of the entries of a nest, in the space's order; their features side by side."""

    def __init__(self, encoders: list[nn.Module]) -> None:
        super().__init__()
        self.encoders = nn.ModuleList(encoders)

    def forward(self, nest: Nest) -> Tensor:
        """(B, features) from a nest of (B, ...)."""
        pairs = zip(self.encoders, leaves(nest), strict=True)
        return torch.cat([encoder(part) for encoder, (_, part) in pairs], dim=1)


class ChannelsFirst(nn.Module):
    """Bring the channels of a batch of images in front of height and width."""

    def __init__(self, channels: str) -> None:
        super().__init__()
        self.channels = channels

    def forward(self, images: Tensor) -> Tensor:
        """(B, C, H, W) from (B, H, W, C), or from grey (B, H, W); (B, 1) from numbers (B,)."""
        return images[:, None] if self.channels == "none" else images.permute(0, 3, 1, 2)


def _of_one(
    encoder: Any, space: gym.Space, size: int, images: str, name: str
) -> tuple[nn.Module, int]:
    """The encoder of a single array."""
    if isinstance(encoder, nn.Module):
        return encoder, _count_features(encoder, space)
    shape = prepared_shape(space)
    flat = math.prod(shape)
    flatten = nn.Flatten() if shape else ChannelsFirst("none")  # a number gets an axis
    if encoder == "none":
        return flatten, flat
    if encoder == "mlp":
        return nn.Sequential(flatten, nn.Linear(flat, size), nn.LeakyReLU()), size
    if encoder == "conv":
        return _conv(shape, size, images, name), size
    raise ValueError(f"encoder: expected 'none', 'mlp', 'conv' or a torch module, got {encoder!r}")


def _is_image(space: gym.Space, images: str) -> bool:
    shape = prepared_shape(space)
    return len(shape) == 3 or (len(shape) == 2 and are_pixels(space, images))


def _conv(shape: tuple[int, ...], size: int, images: str, name: str) -> nn.Module:
    if len(shape) not in (2, 3):
        raise ValueError(f"encoder 'conv': expected images (C, H, W), got shape {shape}")
    channels = "none" if len(shape) == 2 else _channels(shape, images, name)
    first = {"none": 1, "first": shape[0], "last": shape[-1]}[channels]
    move = [] if channels == "first" else [ChannelsFirst(channels)]
    layers = nn.Sequential(
        nn.Conv2d(first, 16, 3, stride=2, padding=1),
        nn.LeakyReLU(),
        nn.Conv2d(16, 32, 3, stride=2, padding=1),
        nn.LeakyReLU(),
        nn.Flatten(),
    )
    whole = nn.Sequential(*move, layers)
    features = _features_of(whole, torch.zeros(2, *shape), f"shape {shape}")
    return nn.Sequential(*move, layers, nn.Linear(features, size), nn.LeakyReLU())


def _channels(shape: tuple[int, ...], images: str, name: str) -> str:
    """Whether an image's channels come "first" or "last".

    The channel axis is the shortest of the three; an image with none shorter than the others must
    say it.
    """
    if images in ("channels_first", "channels_last"):
        return images.removeprefix("channels_")
    a, b, c = shape
    first, last = a < min(b, c), c < min(a, b)
    if first == last:
        say = '"channels_first"' if not name else f'{{"{name}": "channels_first"}}'
        raise ValueError(
            f"images: the shape {shape} does not tell which axis holds the channels; say it with "
            f"images={say} or {say.replace('first', 'last')}"
        )
    return "first" if first else "last"


def _count_features(encoder: nn.Module, space: gym.Space) -> int:
    zeros = map_entries(
        lambda _, part, __: torch.zeros(2, *prepared_shape(part)), space, sample_batch(space)
    )
    shapes = map_nest(lambda part: tuple(part.shape[1:]), zeros)
    said = f"(B, *{shapes})" if isinstance(zeros, Tensor) else f"of shapes {shapes}"
    return _features_of(encoder, zeros, f"observations {said}")


def own_copy(module: nn.Module) -> nn.Module:
    """A deep copy of a module; the module itself where it has none, or is not complete yet."""
    if any(isinstance(p, nn.parameter.UninitializedParameter) for p in module.parameters()):
        return module
    try:
        made = deepcopy(module)
    except Exception:  # a tensor with a graph among its members, say
        return module
    return made if all(p.is_leaf for p in made.parameters()) else module


def _features_of(encoder: nn.Module, zeros: Nest, said: str) -> int:
    try:
        with torch.no_grad():
            features = own_copy(encoder).eval()(zeros)  # running statistics stay as they are
    except Exception as error:
        raise ValueError(f"encoder: it does not take {said} for B = 2: {error}") from error
    if not isinstance(features, Tensor):
        raise ValueError(f"encoder: expected a tensor (B, features), got {type(features).__name__}")
    if features.ndim != 2 or features.shape[0] != 2:
        raise ValueError(
            f"encoder: expected (B, features) for {said}, got {tuple(features.shape)} for B = 2"
        )
    return int(features.shape[1])
