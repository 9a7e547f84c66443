"""Recipes for the data files: one module for each subject, each with a list RECIPES."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rnn_tutorial.parallel import run_all

STORE = ".store"  # a folder beside the files: what a recipe that was stopped had finished


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


def run_stored(
    function: Callable[..., Any], calls: Sequence[tuple[Any, ...]], store: Path
) -> list[Any]:
    """The results of all calls, in parallel; those in the store are not made again.

    Raises:
        RuntimeError: if one of them fails; the others are kept.
    """
    results, errors = run_all(function, calls, store=store)
    if errors:
        raise RuntimeError(f"{len(errors)} of {len(calls)} failed: {errors}")
    return results
