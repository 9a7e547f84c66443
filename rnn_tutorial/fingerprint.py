"""A stable text for any argument, so that a result can be found again by its call.

`repr` will not do: it leaves out the middle of long arrays, the weights of a module and what a
function does, and it has a memory address for most objects.
"""

import inspect
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from functools import partial
from types import CodeType
from typing import Any

import numpy as np
from torch import Tensor, nn

SHORT = 16  # numbers of an array that are written out


def fingerprint(value: Any) -> Any:
    """What JSON can hold, equal for equal values, in every process.

    Numbers, texts, lists, mappings and dataclasses stay readable; long arrays, modules and other
    objects are hashed with all their numbers. A function is what it does and what it closes over,
    but not what the functions do that it calls.

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
    if inspect.isfunction(value) or inspect.ismethod(value):
        return _of_function(value)
    if isinstance(value, type):
        return _of_class(value)
    return [type(value).__qualname__, _digest(value)]


def _of_function(function: Any) -> Any:
    """A function's name, what it does, its defaults, and the values that it closes over."""
    if inspect.ismethod(function):
        return [_of_function(function.__func__), fingerprint(function.__self__)]
    function = inspect.unwrap(function)
    cells = [fingerprint(cell.cell_contents) for cell in function.__closure__ or ()]
    defaults = fingerprint([function.__defaults__, function.__kwdefaults__])
    return [_name(function), _of_code(function.__code__), defaults, cells]


def _of_code(code: CodeType) -> Any:
    constants = [
        _of_code(each)
        if isinstance(each, CodeType)
        else sorted(map(repr, each))
        if isinstance(each, frozenset)
        else repr(each)
        for each in code.co_consts
    ]
    return [code.co_code.hex(), code.co_names, constants]


def _of_class(kind: type) -> Any:
    try:
        return [_name(kind), inspect.getsource(kind)]
    except (OSError, TypeError):  # made by a program, or by hand
        return [_name(kind)]


def _name(value: Any) -> str:
    return f"{value.__module__}.{value.__qualname__}"


def _array(tensor: Tensor) -> np.ndarray:
    floats = tensor.is_floating_point()  # NumPy has no bfloat16
    return (tensor.detach().double() if floats else tensor.detach()).cpu().numpy()


def _digest(value: Any) -> str:
    from joblib import hash as joblib_hash  # takes as long to import as half of the core

    try:
        return str(joblib_hash(value))
    except Exception as error:
        raise ValueError(f"{value!r}: cannot be told apart from others ({error})") from error
