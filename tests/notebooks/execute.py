"""`make notebooks`: runs every notebook from a fresh kernel and saves it with its outputs.

    python tests/notebooks/execute.py [notebooks/01_x.ipynb ...]

Linear algebra gets one thread, so that the last digits (and a few pixels) do not depend on the
number of cores; how this processor rounds is noted, for `compare.py`. What would differ from run
to run is left out: cell timings, widget state, widget views whose picture stands beside them, and
the outputs of cells tagged "live-output" (timings).
A notebook that fails is not saved, and the exit status says so.
"""

import os
import sys
import time
from pathlib import Path

import nbformat
from compare import arithmetic
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}


def clean(notebook: nbformat.NotebookNode) -> None:
    """Drops from an executed notebook, in place, all that another run would not repeat."""
    kept = {name: notebook.metadata[name] for name in ("arithmetic",) if name in notebook.metadata}
    notebook.metadata = nbformat.from_dict(
        {**kept, "kernelspec": KERNEL, "language_info": {"name": "python"}}
    )
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number:03d}"
        cell.metadata.pop("execution", None)
        if cell.cell_type != "code":
            continue
        if "live-output" in cell.metadata.get("tags", []):
            cell.outputs = []
        for output in cell.outputs:
            data = output.get("data", {})
            if "image/png" in data:
                data.pop(WIDGET_VIEW, None)
            if WIDGET_VIEW in data:
                raise ValueError(f"cell {number}: a widget without a still picture beside it")


def execute(path: Path) -> None:
    """Runs one notebook in its own folder and saves it, executed and cleaned."""
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook,
        timeout=300,
        kernel_name="python3",
        resources={"metadata": {"path": str(path.parent)}},
        coalesce_streams=True,
        record_timing=False,
    )
    client.execute()
    notebook.metadata["arithmetic"] = arithmetic()
    clean(notebook)
    nbformat.validate(notebook)
    nbformat.write(notebook, path)


def main(arguments: list[str]) -> int:
    os.environ["OMP_NUM_THREADS"] = "1"
    paths = [Path(a).resolve() for a in arguments] or sorted(NOTEBOOKS.glob("*.ipynb"))
    failed = 0
    for path in paths:
        start = time.perf_counter()
        try:
            execute(path)
        except (CellExecutionError, ValueError) as error:
            failed += 1
            print(f"{path.name}: FAILED, not saved\n{error}", flush=True)
        else:
            print(f"{path.name}: {time.perf_counter() - start:.1f} s", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
