"""Nests: tensors or arrays, alone or in tuples, lists and dicts, as states and observations are."""

from collections.abc import Callable, Mapping
from typing import Any

import torch

Nest = Any  # a leaf, or a tuple, list or dict of nests


def map_nest(function: Callable[..., Any], nest: Nest, *others: Nest) -> Nest:
    """Apply a function to each leaf of a nest, or to the leaves of several nests of one form.

    Raises:
        ValueError: for nests of different forms.

    Example:
        >>> map_nest(lambda a, b: a + b, {"x": 1, "y": (2, 3)}, {"x": 10, "y": (20, 30)})
        {'x': 11, 'y': (22, 33)}
    """
    if isinstance(nest, Mapping):
        if any(not isinstance(other, Mapping) or other.keys() != nest.keys() for other in others):
            raise ValueError(f"expected the entries {sorted(nest)}, got {others}")
        return {
            key: map_nest(function, part, *(other[key] for other in others))
            for key, part in nest.items()
        }
    if isinstance(nest, (tuple, list)):
        rows = zip(nest, *others, strict=True)
        parts = [map_nest(function, *row) for row in rows]
        return type(nest)(*parts) if hasattr(nest, "_fields") else type(nest)(parts)
    return function(nest, *others)


def leaves(nest: Nest, name: str = "") -> list[tuple[str, Any]]:
    """The leaves of a nest, each with its name: the keys and numbers on the way, with dots.

    Example:
        >>> leaves({"image": 1, "pose": (2, 3)})
        [('image', 1), ('pose.0', 2), ('pose.1', 3)]
        >>> leaves(1)
        [('', 1)]
    """
    if isinstance(nest, Mapping):
        parts = [(str(key), part) for key, part in nest.items()]
    elif isinstance(nest, (tuple, list)):
        parts = [(str(number), part) for number, part in enumerate(nest)]
    else:
        return [(name, nest)]
    prefix = f"{name}." if name else ""
    return [leaf for key, part in parts for leaf in leaves(part, prefix + key)]


def first_leaf(nest: Nest) -> Any:
    """The first leaf of a nest."""
    while isinstance(nest, (Mapping, tuple, list)):
        nest = next(iter(nest.values())) if isinstance(nest, Mapping) else nest[0]
    return nest


def same_numbers(nest: Nest, other: Nest) -> bool:
    """Whether two nests of tensors hold the same numbers."""
    pairs = zip(leaves(nest), leaves(other), strict=True)
    return all(torch.equal(a, b) for (_, a), (_, b) in pairs)
