"""The command: examines what a factory makes, and says the verdict by its exit status.

    rnn-doctor package.module:factory [--obs-shape 5] [--json]

`factory` is called without arguments and returns the subject; a subject itself will do as well. The
examination runs in a process of its own, so a subject that hangs or ends its process is reported.
"""

import argparse
import importlib
import json
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rnn_tutorial.doctor.examine import examine
from rnn_tutorial.doctor.subject import missing_methods

HEALTHY, SICK, NOT_EXAMINED = 0, 1, 2
EXITS = "exit status: 0 healthy, 1 sick, 2 could not be examined"


class NotExamined(Exception):
    """There is nothing to examine; says why."""


def load(where: str) -> Any:
    """The subject that "package.module:factory" stands for.

    Raises:
        NotExamined: if it cannot be imported or made, or is no subject.
    """
    module, _, name = where.partition(":")
    if not module or not name:
        raise NotExamined(f"expected package.module:factory, got {where!r}")
    try:
        found = importlib.import_module(module)
        for part in name.split("."):
            found = getattr(found, part)
    except (Exception, SystemExit) as error:
        raise NotExamined(f"{where} cannot be imported: {_short(error)}") from error
    if missing_methods(found) or isinstance(found, type):
        if not callable(found):
            raise NotExamined(f"{where} is neither a subject nor a factory of one")
        try:
            found = found()
        except (Exception, SystemExit) as error:
            raise NotExamined(f"{where}() raised {_short(error)}") from error
    missing = missing_methods(found)
    if missing:
        kind = type(found).__name__
        raise NotExamined(f"{where} made a {kind}, which has no method {', '.join(missing)}")
    return found


def _short(error: BaseException) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"


def main(arguments: list[str] | None = None) -> int:
    """Prints the report; returns the exit status."""
    parser = argparse.ArgumentParser(
        "rnn-doctor", description="Examines a recurrent policy.", epilog=EXITS
    )
    parser.add_argument("subject", metavar="package.module:factory")
    parser.add_argument("--obs-shape", nargs="*", type=int, help="of one observation, e.g. 3 64 64")
    parser.add_argument("--obs-dtype", help="e.g. int64 or uint8; floats unless given")
    parser.add_argument("--obs-bounds", nargs=2, type=float, metavar=("LOW", "HIGH"))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    parser.add_argument("--time-limit", type=float, default=600.0, help="seconds in all")
    parser.add_argument("--report", type=Path, help=argparse.SUPPRESS)  # of the inner process
    given = sys.argv[1:] if arguments is None else arguments
    options = parser.parse_args(given)
    if options.report is not None:
        options.report.write_text(json.dumps(_examined(options)), encoding="utf-8")
        return HEALTHY
    found: dict[str, Any]
    with TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        command = [sys.executable, "-m", "rnn_tutorial.doctor", *given, "--report", str(report)]
        try:
            ended = subprocess.run(command, check=False, timeout=options.time_limit).returncode
            why = f"the process ended with status {ended}, without a report"
        except subprocess.TimeoutExpired:
            why = f"no report within {options.time_limit:g} s"
        found = json.loads(report.read_text("utf-8")) if report.exists() else {"refused": why}
    if "refused" in found:
        print(f"could not be examined: {found['refused']}", file=sys.stderr)
        return NOT_EXAMINED
    out = json.dumps(found["report"], indent=1) if options.json else found["text"]
    sys.stdout.buffer.write(f"{out}\n".encode(sys.stdout.encoding or "utf-8", "replace"))
    return HEALTHY if found["report"]["healthy"] else SICK


def _examined(options: argparse.Namespace) -> dict[str, Any]:
    """The report as text and as data, or why there is none."""
    sys.path.insert(0, os.getcwd())
    try:
        report = examine(
            load(options.subject),
            None if options.obs_shape is None else tuple(options.obs_shape),
            obs_dtype=options.obs_dtype,
            obs_bounds=tuple(options.obs_bounds) if options.obs_bounds else None,
            seed=options.seed,
        )
    except (NotExamined, ValueError, TypeError) as reason:
        return {"refused": str(reason)}
    return {"text": str(report), "report": report.to_dict()}


if __name__ == "__main__":
    sys.exit(main())
