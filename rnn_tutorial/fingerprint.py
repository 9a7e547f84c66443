"""A stable text for any argument, so that a result can be found again by its call.

`repr` will not do: it leaves out the middle of long arrays, the weights of a module and what a
function does, and it has a memory address for most objects.
"""

import inspect
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from functools import partial
from typing import Any

import numpy as np
from torch import Tensor, nn

SHORT = 16  # numbers of an array that are written out


def fingerprint(value: Any) -> Any:
    """What JSON can hold, equal for equal values, in every process.

    Numbers, texts, lists, mappings and dataclasses stay readable; long arrays, modules and other
    objects are hashed with all their numbers. A function is its source and what it closes over.

    Raises:
        ValueError: for what cannot be told apart from others, such as an object with a lock in it.

    Example:
        >>> fingerprint({"size": np.int64(3), "map": (1.0, None)})
        {'size': 3, 'map': [1.0, None]}
        >>> fingerprint(np.zeros(3000)) == fingerprint(np.arange(3000) == 1500)
        False
    """
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, np.generic):
        return fingerprint(value.item())
    if isinstance(value, Mapping):
        return {str(key): fingerprint(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [fingerprint(part) for part in value]
    if isinstance(value, partial):
        return [fingerprint(part) for part in (value.func, value.args, value.keywords)]
    if isinstance(value, nn.Module):
        return [str(value), _digest({k: _array(v) for k, v in value.state_dict().items()})]
    if isinstance(value, Tensor):
        value = _array(value)
    if isinstance(value, np.ndarray) and value.dtype != object and value.size <= SHORT:
        return [str(value.dtype), value.tolist()]
    if is_dataclass(value) and not isinstance(value, type):
        parts = {each.name: fingerprint(getattr(value, each.name)) for each in fields(value)}
        return {"class": type(value).__qualname__, **parts}
    if inspect.isfunction(value) or inspect.ismethod(value) or isinstance(value, type):
        return _of_code(value)
    return [type(value).__qualname__, _digest(value)]


def _of_code(value: Any) -> Any:
    """Of a function, a method or a class: its name, its source, and the values it closes over."""
    try:
        source = inspect.getsource(value)
    except (OSError, TypeError):
        source = ""
    name = f"{value.__module__}.{value.__qualname__}"
    if inspect.ismethod(value):
        return [name, source, fingerprint(value.__self__)]
    cells = [fingerprint(cell.cell_contents) for cell in getattr(value, "__closure__", None) or ()]
    defaults = fingerprint(getattr(value, "__defaults__", None))
    if not source and ("<" in name or name.startswith("__main__.")):
        raise ValueError(f"{name}: its source cannot be read; define it in a file")
    return [name, source, defaults, cells]


def _array(tensor: Tensor) -> np.ndarray:
    floats = tensor.is_floating_point()  # NumPy has no bfloat16
    return (tensor.detach().double() if floats else tensor.detach()).cpu().numpy()


def _digest(value: Any) -> str:
    from joblib import hash as joblib_hash  # takes as long to import as half of the core

    try:
        return str(joblib_hash(value))
    except Exception as error:
        raise ValueError(f"{value!r}: cannot be told apart from others ({error})") from error
