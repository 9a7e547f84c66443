"""Checks of arguments; a message names the argument, what is expected, and what was given."""

from typing import Any

import numpy as np


def whole_number(name: str, value: Any, least: int, most: int | None = None) -> int:
    """Return a whole number as Python's, NumPy's included.

    Raises:
        ValueError: for another value, True and False among them.

    Example:
        >>> whole_number("frames", 2.0, least=2)
        Traceback (most recent call last):
        ValueError: frames: expected a whole number, at least 2, got 2.0
    """
    if not isinstance(value, (int, np.integer)) or isinstance(value, bool) or value < least:
        raise ValueError(f"{name}: expected a whole number, at least {least}, got {value!r}")
    if most is not None and value > most:
        raise ValueError(f"{name}: expected a whole number, at most {most}, got {value!r}")
    return int(value)
