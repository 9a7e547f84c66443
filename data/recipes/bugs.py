"""Learning curves with each bug of the zoo, and without, ten seeds each.

A bug is trained on a course (a task and settings of the policy) on which it matters; each course
has its own healthy curves. A row is one training, with the return of every second iteration. For a
bug that ends its training with an error, the error is stored instead.
"""

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

import torch

from recipes import STORE, Recipe, run_stored
from rnn_tutorial.doctor.zoo import BUGS
from rnn_tutorial.doctor.zoo.bug import CURVES, ERRORS, Bug

SEEDS = range(10)
EVERY = 2

Row = tuple[str, str, int, list[float] | str]


def train(name: str, seed: int) -> Row:
    """Train with one bug: its name, course, seed, and the returns or the error that ended it."""
    torch.set_num_threads(1)
    torch.manual_seed(seed)  # dropout and one bug's shuffle use the global generator
    bug: Bug = BUGS[name.removeprefix("healthy ")]
    shown = name if name in BUGS else "healthy"
    chosen = bug if name in BUGS else bug.healthy
    try:
        history = chosen.train(seed).history
    except Exception as error:
        return shown, bug.course, seed, f"{type(error).__name__}: {str(error).splitlines()[0]}"
    return shown, bug.course, seed, [row["return"] for row in history[EVERY - 1 :: EVERY]]


def write(rows: Iterable[Row], folder: Path) -> None:
    """Write the two tables: curves, and errors (those of the first seed)."""
    curves: list[Sequence[object]] = []
    errors: dict[str, tuple[str, str, str]] = {}
    for bug, course, seed, outcome in sorted(rows, key=lambda row: (row[1], row[0], row[2])):
        if isinstance(outcome, str):
            errors.setdefault(bug, (bug, course, outcome))
        else:
            curves.append((bug, course, seed, *(f"{value:.2f}" for value in outcome)))
    iterations = range(EVERY, EVERY * (len(curves[0]) - 3) + 1, EVERY)
    for name, head, body in (
        (CURVES, ("bug", "course", "seed", *iterations), curves),
        (ERRORS, ("bug", "course", "error"), errors.values()),
    ):
        with (folder / name).open("w", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(head)
            writer.writerows(body)


def healthy(rows: Iterable[Row]) -> list[str]:
    """The healthy run of each course on which a bug was trained, named after such a bug."""
    trained = {course: bug for bug, course, _, outcome in rows if not isinstance(outcome, str)}
    return [f"healthy {bug}" for bug in trained.values()]


def make(folder: Path) -> None:
    store = folder / STORE / "bugs"
    rows = run_stored(train, [(name, seed) for seed in SEEDS for name in BUGS], store)
    again = [(name, seed) for seed in SEEDS for name in healthy(rows)]
    rows += run_stored(train, again, store)
    write(rows, folder)


RECIPES = [
    Recipe(
        "bugs",
        [CURVES, ERRORS],
        list(SEEDS),
        "returns over training with each bug of the zoo, and without; errors that end a training",
        make,
    )
]
