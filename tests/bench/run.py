"""`make bench`: measures side by side, prints one table and writes bench.json.

    python tests/bench/run.py [--only core imports ...] [--json bench.json]

The exit status is 1 where a target is missed. A subject that cannot be measured here (no browser,
say) is named below the table, with what is missing.
"""

import argparse
import importlib
import json
import sys
from dataclasses import asdict
from pathlib import Path

import measure

SUBJECTS = [
    "vector_env",
    "core",
    "doctor",
    "imports",
    "stepper",
    "transplant",
    "browser",
    "notebooks",
    "iteration",
    "peers",
]


def number(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}" if value < 100 else f"{value:.0f}"


def print_table(rows: list[measure.Row]) -> None:
    header = ("name", "ours", "other", "ratio", "target", "holds", "unit")
    lines = [
        (
            row.name,
            number(row.ours),
            number(row.other),
            number(row.ratio),
            row.target,
            "yes" if row.holds else "NO",
            row.unit,
        )
        for row in rows
    ]
    widths = [max(len(line[i]) for line in [header, *lines]) for i in range(len(header))]
    for line in [header, *lines]:
        cells = [
            cell.rjust(width) if 1 <= i <= 3 else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        print("  ".join(cells).rstrip())


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=SUBJECTS, default=SUBJECTS)
    parser.add_argument("--json", type=Path, default=Path("bench.json"))
    options = parser.parse_args(arguments)
    rows: list[measure.Row] = []
    skipped: dict[str, str] = {}
    for subject in options.only:
        print(f"measuring {subject} ...", file=sys.stderr, flush=True)
        try:
            rows += importlib.import_module(subject).rows()
        except measure.Skipped as reason:
            skipped[subject] = str(reason)
    print_table(rows)
    for subject, reason in skipped.items():
        print(f"not measured: {subject}: {reason}")
    record = {"rows": [asdict(row) for row in rows], "skipped": skipped}
    options.json.write_text(json.dumps(record, indent=1) + "\n")
    return 0 if all(row.holds for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
