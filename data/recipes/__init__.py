"""How the committed data is made: a file for each subject, each with a list RECIPES."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Recipe:
    """One way of making some files.

    Attributes:
        name: what it is called by, `python data/make.py NAME`.
        files: the names of the files that it writes.
        seeds: of the runs behind them.
        about: what the files hold, in one sentence.
        make: writes the files into the folder it is given.
    """

    name: str
    files: Sequence[str]
    seeds: Sequence[int]
    about: str
    make: Callable[[Path], None]
