"""A time limit for a subject's calls, so that one that hangs still gets its report."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class TooLongError(BaseException):
    """The limit has passed. No Exception, so that no `except Exception` of a subject stops it."""


@contextmanager
def limited(seconds: float) -> Iterator[None]:
    """Raise a TooLongError inside the block once it has taken this long.

    It interrupts Python code and waiting, not a single operation inside a library. Only the main
    thread of a system with signals can be interrupted; elsewhere nothing is limited.
    """
    possible = hasattr(signal, "SIGALRM") and threading.current_thread() is threading.main_thread()
    if not possible or seconds <= 0:
        yield
        return

    def stop(number: int, frame: FrameType | None) -> None:
        raise TooLongError

    handler = signal.signal(signal.SIGALRM, stop)
    before, _ = signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, before)
        signal.signal(signal.SIGALRM, handler)
