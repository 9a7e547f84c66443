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
    objects are hashed with all their numbers. A function is what it does, what it closes over and
    the plain constants that it reads, but not what the functions do that it calls.

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
        plain = value.item()  # of a long double, itself
        return repr(value) if isinstance(plain, np.generic) else fingerprint(plain)
    if isinstance(value, Mapping):
        return {str(key): fingerprint(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [fingerprint(part) for part in value]
    if isinstance(value, partial):
        return [fingerprint(part) for part in (value.func, value.args, value.keywords)]
    if isinstance(value, nn.Module):
        return [str(value), _of_module(value)]
    if isinstance(value, (complex, inspect.Signature)):
        return str(value)
    if isinstance(value, Tensor):
        value = _array(value)
    if isinstance(value, np.ndarray) and value.dtype.kind in "biufU" and value.size <= SHORT:
        return [str(value.dtype), value.tolist()]
    if is_dataclass(value) and not isinstance(value, type):
        parts = {each.name: fingerprint(getattr(value, each.name)) for each in fields(value)}
        return {"class": type(value).__qualname__, **parts}
    if inspect.isfunction(value) or inspect.ismethod(value):
        return _of_function(value)
    if isinstance(value, type):
        return _of_class(value)
    return [_of_class(type(value)), _digest(value)]


def _of_module(module: nn.Module) -> Any:
    """All numbers of a module, the plain members of its parts, and the code of their classes."""
    numbers = {name: _array(tensor) for name, tensor in module.state_dict().items()}
    parts = []
    for name, part in module.named_modules():
        own = {k: v for k, v in vars(part).items() if not k.startswith("_") and k != "training"}
        plain = {k: fingerprint(v) for k, v in own.items() if not isinstance(v, Tensor)}
        code = _name(type(part)) if type(part).__module__.startswith("torch.") else type(part)
        parts.append([name, fingerprint(code), plain, part.training])
    return [_digest(numbers), parts]


def _of_function(function: Any) -> Any:
    """A function's name, what it does, its defaults, and the values that it closes over."""
    if inspect.ismethod(function):
        return [_of_function(function.__func__), fingerprint(function.__self__)]
    try:
        cells = [fingerprint(cell.cell_contents) for cell in function.__closure__ or ()]
    except ValueError:  # a decorator with something in it that cannot be told apart
        if not hasattr(function, "__wrapped__"):
            raise
        return _of_function(function.__wrapped__)
    defaults = fingerprint([function.__defaults__, function.__kwdefaults__])
    used = {name: function.__globals__.get(name) for name in function.__code__.co_names}
    constants = {k: v for k, v in used.items() if isinstance(v, (bool, int, float, str, tuple))}
    return [_name(function), _of_code(function.__code__), defaults, cells, fingerprint(constants)]


def _of_code(code: CodeType) -> Any:
    constants = [
        _of_code(each)
        if isinstance(each, CodeType)
        else sorted(map(repr, each))
        if isinstance(each, frozenset)
        else repr(each)
        for each in code.co_consts
    ]
    return [code.co_code.hex(), list(code.co_names), constants]


def _of_class(kind: type) -> Any:
    """A class's name and the code of its functions; of one without any, its name."""
    members = {k: getattr(v, "__func__", getattr(v, "fget", v)) for k, v in vars(kind).items()}
    return [
        _name(kind),
        {k: _of_code(f.__code__) for k, f in members.items() if hasattr(f, "__code__")},
    ]


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
