"""One JupyterLab and one Chromium for all browser tests.

The tests are skipped where there is no Chromium, unless REQUIRE_BROWSER is set, as CI does.
"""

import os
import shutil
from pathlib import Path

import nbformat
import pytest
from lab import NoBrowser, open_and_run, open_browser, serve

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
KERNEL = {"kernelspec": {"display_name": "Python 3", "name": "python3"}}


class Lab:
    """Opens notebooks of the series, and notebooks made for a test."""

    def __init__(self, browser, address, root):
        self.browser, self.address, self.root = browser, address, root

    def __call__(self, start, code=""):
        """Open a notebook by the start of its name, and run it up to some code."""
        (path,) = NOTEBOOKS.glob(f"{start}*.ipynb")
        return open_and_run(self.browser, self.address.format(f"notebooks/{path.name}"), code)

    def made_of(self, *sources):
        """Write a notebook of these code cells, open and run it."""
        cells = [nbformat.v4.new_code_cell(source) for source in sources]
        made = nbformat.v4.new_notebook(cells=cells, metadata=KERNEL)
        nbformat.write(made, self.root / "made.ipynb")
        return open_and_run(self.browser, self.address.format("made.ipynb"))


@pytest.fixture(scope="session")
def lab(tmp_path_factory):
    root, home = tmp_path_factory.mktemp("series"), tmp_path_factory.mktemp("jupyter")
    shutil.copytree(NOTEBOOKS, root / "notebooks")
    try:
        with open_browser() as browser, serve(root, home) as address:
            yield Lab(browser, address, root)
    except NoBrowser as missing:
        if os.environ.get("REQUIRE_BROWSER"):
            raise
        pytest.skip(str(missing))
