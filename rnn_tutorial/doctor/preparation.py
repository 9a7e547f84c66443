"""Before the examination: a copy to work on, in evaluation mode, in float64 where it can be.

The reader's object is left as it was. Where it cannot be copied, the examination works on it and
puts modes, parameters and buffers back. Random generators are restored in either case.
"""

import copy
import functools
import random
from collections.abc import Iterator
from contextlib import contextmanager
from types import FunctionType, MethodType, ModuleType
from typing import Any
from zlib import crc32

import numpy as np
import torch
from torch import Tensor, nn

DEPTH = 12  # how deep members of members are looked at
LEAVES = (str, bytes, int, float, Tensor, np.ndarray, type, FunctionType, ModuleType)


def members(subject: Any) -> Iterator[tuple[Any, str, Any]]:
    """Owner, key and value of every attribute and item reachable from a subject's members."""
    seen: set[int] = set()

    def walk(owner: Any, depth: int) -> Iterator[tuple[Any, str, Any]]:
        if id(owner) in seen or depth > DEPTH:
            return
        seen.add(id(owner))
        if isinstance(owner, (list, tuple)):
            items = [(str(i), value) for i, value in enumerate(owner)]
        elif isinstance(owner, dict):
            items = list(owner.items())
        elif isinstance(owner, MethodType):
            items = [("__self__", owner.__self__)]
        elif isinstance(owner, functools.partial):
            items = [("func", owner.func), ("args", owner.args), ("keywords", owner.keywords)]
        elif hasattr(owner, "__dict__") and not isinstance(owner, (type, Tensor)):
            items = list(vars(owner).items())
        elif hasattr(type(owner), "__slots__"):
            names = [n for kind in type(owner).__mro__ for n in getattr(kind, "__slots__", ())]
            items = [(n, getattr(owner, n)) for n in names if hasattr(owner, n)]
        else:
            return
        for key, value in items:
            yield owner, key, value
            if not isinstance(value, LEAVES):
                yield from walk(value, depth + 1)

    return walk(subject, 0)


def modules(subject: Any) -> list[nn.Module]:
    """The outermost torch modules of a subject: itself, or those among its members."""
    if isinstance(subject, nn.Module):
        return [subject]
    found: list[nn.Module] = []
    inner: set[int] = set()
    for _, _, value in members(subject):
        if isinstance(value, nn.Module) and id(value) not in inner:
            found.append(value)
            inner |= {id(module) for module in value.modules()}
    return found


def bytes_held(subject: Any) -> int:
    """Bytes of all arrays among the members of a subject, each array once."""
    arrays: dict[int, int] = {}
    for _, _, value in members(subject):
        if isinstance(value, (Tensor, np.ndarray)):
            arrays[id(value)] = int(value.nbytes)
    return sum(arrays.values())


def copy_of(subject: Any) -> Any | None:
    """A deep copy in evaluation mode, or None where the subject cannot be copied."""
    try:
        made = copy.deepcopy(subject)
        for module in modules(made):
            module.eval()
    except (Exception, SystemExit):
        return None
    return made


def copy_of_mixed(subject: Any) -> Any | None:
    """A deep copy as it is of a subject that is in evaluation mode, but for some modules in it."""
    inside = [m for root in modules(subject) if not root.training for m in root.modules()]
    try:
        return copy.deepcopy(subject) if any(m.training for m in inside) else None
    except (Exception, SystemExit):
        return None


def wake_zeros(subject: Any, seed: int) -> None:
    """Gives parameters that are all zero small random values, in place.

    A layer that begins at zero (a head, a learned initial state) would hide what lies behind it
    until the first update. Only ever done to a copy.
    """
    with torch.no_grad():
        for module in modules(subject):
            for name, parameter in module.named_parameters():
                if parameter.is_floating_point() and parameter.numel() and not parameter.any():
                    # A copy for acting is still one: one name and shape, the same numbers.
                    key = f"{seed} {'.'.join(name.split('.')[-2:])} {tuple(parameter.shape)}"
                    generator = torch.Generator().manual_seed(crc32(key.encode()))
                    parameter.copy_(0.1 * torch.randn(parameter.shape, generator=generator))


def to_double(subject: Any) -> Any | None:
    """A copy of a subject with every floating-point number in float64, or None."""
    made = copy_of(subject)
    if made is None:
        return None
    try:
        for module in modules(made):
            module.double()
        for owner, key, value in list(members(made)):
            _double_member(owner, key, value)
    except Exception:
        return None
    return made


def _double_member(owner: Any, key: Any, value: Any) -> None:
    if isinstance(owner, nn.Module) and key in ("_parameters", "_buffers", "_modules"):
        return
    new = value
    if isinstance(value, Tensor) and value.is_floating_point() and not value.requires_grad:
        new = value.double()
    elif isinstance(value, np.ndarray) and value.dtype.kind == "f":
        new = value.astype(np.float64)
    elif isinstance(value, torch.dtype) and value.is_floating_point:
        new = torch.float64
    if new is value or isinstance(owner, (tuple, MethodType, functools.partial)):
        return
    if isinstance(owner, list):
        owner[int(key)] = new
    elif isinstance(owner, dict):
        owner[key] = new
    else:
        object.__setattr__(owner, key, new)


@contextmanager
def generators_kept() -> Iterator[None]:
    """Puts the global generators and torch's default dtype back when it ends."""
    generators = torch.get_rng_state(), np.random.get_state(), random.getstate()  # noqa: NPY002
    dtype = torch.get_default_dtype()
    try:
        yield
    finally:
        torch.set_default_dtype(dtype)
        torch.set_rng_state(generators[0])
        np.random.set_state(generators[1])  # noqa: NPY002
        random.setstate(generators[2])


@contextmanager
def one_thread() -> Iterator[None]:
    """One thread for torch: on small tensors, waiting for a second one takes most of the time.

    On two busy cores the examination of a GRU took sixty times as long with two threads.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def subject_kept(subject: Any) -> Iterator[None]:
    """Evaluation mode for a subject that cannot be copied; what it was is put back at the end."""
    roots = modules(subject)
    modes = [(module, module.training) for root in roots for module in root.modules()]
    tensors = [tensor for root in roots for tensor in [*root.parameters(), *root.buffers()]]
    values = [tensor.detach().clone() for tensor in tensors]
    for root in roots:
        root.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training
        with torch.no_grad():
            for tensor, value in zip(tensors, values, strict=True):
                if not torch.equal(tensor, value):
                    tensor.copy_(value)


def seed_all(seed: int) -> None:
    """Seeds the global generators that a subject might draw from."""
    torch.manual_seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002
    random.seed(seed)
