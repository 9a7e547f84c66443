"""Recipes for the data files: one module for each subject, each with a list RECIPES."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Recipe:
    """A recipe for one file, or several that belong together.

    Attributes:
        name: as in `python data/make.py NAME`.
        files: the names of the files that it writes.
        seeds: of its runs.
        about: the content of the files, in one sentence.
        make: writes the files into a given folder.
    """

    name: str
    files: Sequence[str]
    seeds: Sequence[int]
    about: str
    make: Callable[[Path], None]
