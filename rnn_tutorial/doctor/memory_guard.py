"""A limit on the memory that a subject may take, so that the doctor survives it."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import torch

try:
    import resource
except ImportError:  # not on Windows
    resource = None  # type: ignore[assignment]

STATM = "/proc/self/statm"
PAGE = resource.getpagesize() if resource else 4096


def address_space() -> int | None:
    """Bytes of this process's address space, where the system tells (Linux)."""
    pages = _pages()
    return pages[0] * PAGE if pages else None


def _pages() -> list[int]:
    """Pages of this process: addresses, then in memory; empty where the system doesn't tell."""
    try:
        with open(STATM, "rb") as file:
            return [int(count) for count in file.read().split()]
    except OSError:
        return []


def resident() -> int:
    """Bytes of this process in memory now; where the system doesn't tell, the most so far."""
    pages = _pages()
    if pages:
        return pages[1] * PAGE
    if resource is None:
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


@contextmanager
def at_most(extra: int) -> Iterator[None]:
    """Makes an allocation that goes beyond `extra` bytes more than now fail, on Linux without CUDA.

    CUDA maps far more addresses than it uses, so there the limit would hit the innocent.
    """
    now = address_space()
    if resource is None or now is None or torch.cuda.is_initialized():
        yield
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    wanted = now + extra
    for limit in (soft, hard):
        wanted = wanted if limit == resource.RLIM_INFINITY else min(wanted, limit)
    resource.setrlimit(resource.RLIMIT_AS, (wanted, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
