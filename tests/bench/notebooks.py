"""Seconds that notebooks 00 to 05 take from cold, one after the other, on copies."""

import shutil
import tempfile
import time
from pathlib import Path

import nbformat
from measure import Row, limit
from nbclient import NotebookClient

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
AT_MOST = 90  # seconds, together


def seconds_to_run(path: Path) -> float:
    """One notebook from a fresh kernel, the kernel's start included."""
    notebook = nbformat.read(path, as_version=4)
    resources = {"metadata": {"path": str(path.parent)}}
    start = time.perf_counter()
    NotebookClient(notebook, timeout=300, kernel_name="python3", resources=resources).execute()
    return time.perf_counter() - start


def rows() -> list[Row]:
    """The sum, and each notebook's part of it as a row without a target of its own."""
    table = []
    with tempfile.TemporaryDirectory() as folder:
        copies = Path(shutil.copytree(NOTEBOOKS, Path(folder) / "notebooks"))
        if (data := NOTEBOOKS.parent / "data").is_dir():
            shutil.copytree(data, Path(folder) / "data")
        for path in sorted(copies.glob("0[0-5]_*.ipynb")):
            seconds = seconds_to_run(path)
            table.append(Row(f"notebook {path.stem}", seconds, None, None, "-", True, "s"))
    total = sum(row.ours for row in table)
    return [*table, limit(f"{len(table)} notebooks together", total, AT_MOST, "s")]
