"""Nests: what a policy's state or output is made of, and the arrays at its leaves.

A nest is an array (tensor, NumPy array, number), None, or a tuple, list, named tuple, dict,
dataclass or torch distribution of nests. An object of another kind counts as its attributes.
"""

import copy
import dataclasses
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.distributions import Distribution

Leaves = list[tuple[str, Any]]
# Of several views of one parameter, the one that is compared, and the others.
VIEWS = {"logits": {"probs"}, "scale_tril": {"covariance_matrix", "precision_matrix"}}
EMPTY = (str, bytes, type, nn.Module, torch.dtype, torch.device, torch.Generator)
NUMBERS = (int, float, bool, complex, np.generic)


def leaves(nest: Any, path: str = "") -> Leaves:
    """The arrays of a nest with their paths, e.g. ("[0].mean", tensor); None has none."""
    if nest is None or isinstance(nest, EMPTY):
        return []
    if isinstance(nest, (Tensor, np.ndarray)):
        return [(path, nest)]
    if isinstance(nest, NUMBERS):
        return [(path, np.asarray(nest))]
    return [leaf for key, part in children(nest) for leaf in leaves(part, path + key)]


def children(nest: Any) -> list[tuple[str, Any]]:
    """The parts of a nest that is no array, each with its piece of the path."""
    if isinstance(nest, Distribution):
        # The kind is a part of its own, so that another kind is another structure.
        kind = f"{type(nest).__name__}{getattr(nest, 'reinterpreted_batch_ndims', '')}"
        parts = distribution_parts(nest)
        return [(f".{kind}", 0), *((f".{name}", value) for name, value in parts.items())]
    if isinstance(nest, Mapping):
        return [(f"[{key!r}]", nest[key]) for key in _keys(nest)]
    if isinstance(nest, tuple) and hasattr(nest, "_fields"):
        return [(f".{key}", value) for key, value in zip(nest._fields, nest, strict=True)]
    if isinstance(nest, (tuple, list)):
        return [(f"[{i}]", value) for i, value in enumerate(nest)]
    if dataclasses.is_dataclass(nest):
        return [(f".{field.name}", getattr(nest, field.name)) for field in _fields(nest)]
    named = vars(nest) if hasattr(nest, "__dict__") else {}
    return [(f".{key}", named[key]) for key in sorted(named) if not callable(named[key])]


def _keys(nest: Mapping[Any, Any]) -> list[Any]:
    """The keys in an order that does not depend on who was put in first."""
    return sorted(nest.keys(), key=repr)


def _fields(nest: Any) -> tuple[dataclasses.Field, ...]:
    return dataclasses.fields(nest)


def distribution_parts(distribution: Distribution) -> dict[str, Any]:
    """What determines a torch distribution: its parameters, or the distributions inside it."""
    inner = {
        name: part for name, part in vars(distribution).items() if isinstance(part, Distribution)
    }
    if inner:
        for i, transform in enumerate(getattr(distribution, "transforms", ())):
            inner |= _transform_parts(transform, f"transforms[{i}]")
        return inner
    names = set(distribution.arg_constraints)
    for one, views in VIEWS.items():
        if one in names:
            names -= views
    if not names:
        return {name: part for name, part in vars(distribution).items() if isinstance(part, Tensor)}
    return {name: getattr(distribution, name, None) for name in sorted(names)}


def _transform_parts(transform: Any, name: str) -> dict[str, Any]:
    """The tensors and numbers that a transform is made of; one without any counts as its kind."""
    found = {
        f"{name}.{type(transform).__name__}.{key}": part
        for key, part in sorted(vars(transform).items())
        if isinstance(part, (Tensor, float, int)) and not key.startswith("_")
    }
    for i, part in enumerate(getattr(transform, "parts", ())):
        found |= _transform_parts(part, f"{name}.parts[{i}]")
    return found or {f"{name}.{type(transform).__name__}": 0}


def map_leaves(function: Callable[[Any], Any], nest: Any) -> Any:
    """A nest of the same form, the function applied to each array (and number) in it."""
    values = iter([function(array) for _, array in leaves(nest)])
    return _rebuild(nest, lambda: next(values))


def zip_leaves(function: Callable[[Any, Any], Any], a: Any, b: Any) -> Any:
    """A nest of the form of `a`, from the leaves of `a` and `b` in pairs."""
    pairs = zip(leaves(a), leaves(b), strict=True)
    values = iter([function(left, right) for (_, left), (_, right) in pairs])
    return _rebuild(a, lambda: next(values))


def _rebuild(nest: Any, take: Callable[[], Any]) -> Any:
    if nest is None or isinstance(nest, EMPTY):
        return nest
    if isinstance(nest, (Tensor, np.ndarray)):
        return take()
    if isinstance(nest, NUMBERS):
        value = np.asarray(take()).item()
        return nest if value == nest else type(nest)(value)
    if isinstance(nest, tuple) and hasattr(nest, "_fields"):
        return type(nest)(*[_rebuild(part, take) for part in nest])
    if isinstance(nest, (tuple, list)):
        return type(nest)([_rebuild(part, take) for part in nest])
    if isinstance(nest, MutableMapping):
        made = copy.copy(nest)
        for key in _keys(nest):
            made[key] = _rebuild(nest[key], take)
        return made
    if isinstance(nest, Distribution):
        raise TypeError("a distribution cannot be rebuilt; a state is made of arrays")
    made = copy.copy(nest)
    for key, part in children(nest):
        object.__setattr__(made, key[1:], _rebuild(part, take))
    return made


def clone(nest: Any) -> Any:
    """A nest of fresh arrays without a graph, so that nothing done to it reaches the original."""
    return map_leaves(
        lambda array: array.detach().clone() if isinstance(array, Tensor) else np.array(array),
        nest,
    )


def form(nest: Any) -> tuple[tuple[str, tuple[int, ...], str, str], ...]:
    """Path, shape, dtype and device of each leaf, to be compared between calls."""
    return tuple(
        (path, tuple(array.shape), str(array.dtype), str(getattr(array, "device", "cpu")))
        for path, array in leaves(nest)
    )


def numbers(array: Any) -> Tensor:
    """An array as float64 on the CPU, without a graph; complex numbers as pairs."""
    if isinstance(array, Tensor):
        array = array.detach()
        array = torch.view_as_real(array) if array.is_complex() else array
        return array.to("cpu", torch.float64)
    array = np.asarray(array)
    if np.iscomplexobj(array):
        array = np.stack([array.real, array.imag], axis=-1)
    return torch.as_tensor(np.array(array, dtype=np.float64))


def is_float(array: Any) -> bool:
    """Whether the array's numbers are floating-point, real or complex."""
    if isinstance(array, Tensor):
        return array.is_floating_point() or array.is_complex()
    return np.issubdtype(np.asarray(array).dtype, np.inexact)


def size_in_bytes(nest: Any) -> int:
    """Bytes that the arrays of a nest stand for, touched or not."""
    total = 0
    for _, array in leaves(nest):
        total += array.nbytes
    return total
