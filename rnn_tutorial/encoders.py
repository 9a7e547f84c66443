"""Encoders in front of the recurrent core: none, an MLP, a small Conv net, or your own module.

An encoder maps a flat batch (B, *obs) to (B, features). It knows nothing of time: the policy folds
(T, N) into B before the encoder and unfolds it afterwards.
"""

import math

import torch
from torch import nn


def make_encoder(
    encoder: str | nn.Module, obs_shape: tuple[int, ...], size: int
) -> tuple[nn.Module, int]:
    """Return an encoder and the number of its features.

    Args:
        encoder: "none" (the observation, flattened), "mlp" (one leaky-ReLU layer), "conv" (two
            strided convolutions and one layer, for (C, H, W) images), or your own module
            (B, *obs_shape) -> (B, features).
        obs_shape: shape of one observation.
        size: features of "mlp" and "conv".

    Raises:
        ValueError: for an unknown name, "conv" without images, or a module whose output is not
            (B, features).
    """
    if isinstance(encoder, nn.Module):
        return encoder, _count_features(encoder, obs_shape)
    flat = math.prod(obs_shape)
    flatten = nn.Flatten() if obs_shape else nn.Unflatten(0, (-1, 1))  # a scalar has no axis
    if encoder == "none":
        return flatten, flat
    if encoder == "mlp":
        return nn.Sequential(flatten, nn.Linear(flat, size), nn.LeakyReLU()), size
    if encoder == "conv":
        return _conv(obs_shape, size), size
    raise ValueError(f"encoder: expected 'none', 'mlp', 'conv' or a torch module, got {encoder!r}")


def _conv(obs_shape: tuple[int, ...], size: int) -> nn.Module:
    if len(obs_shape) != 3:
        raise ValueError(f"encoder 'conv': expected images (C, H, W), got shape {obs_shape}")
    layers = nn.Sequential(
        nn.Conv2d(obs_shape[0], 16, 3, stride=2, padding=1),
        nn.LeakyReLU(),
        nn.Conv2d(16, 32, 3, stride=2, padding=1),
        nn.LeakyReLU(),
        nn.Flatten(),
    )
    return nn.Sequential(
        layers, nn.Linear(_count_features(layers, obs_shape), size), nn.LeakyReLU()
    )


def _count_features(encoder: nn.Module, obs_shape: tuple[int, ...]) -> int:
    with torch.no_grad():
        features = encoder(torch.zeros(2, *obs_shape))
    if features.ndim != 2 or features.shape[0] != 2:
        raise ValueError(
            f"encoder: expected (B, features) for observations (B, *{obs_shape}), got "
            f"{tuple(features.shape)} for B = 2"
        )
    return int(features.shape[1])
