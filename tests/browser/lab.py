"""A real JupyterLab in a real browser, for the browser tests and for the measurements."""

import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

# --no-sandbox: as root, Chromium does not start with it.
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
FLAGS += ["--disable-component-update", "--disable-sync", "--disable-quic"]
FOLDERS = {
    "JUPYTER_RUNTIME_DIR": "runtime",
    "JUPYTER_CONFIG_DIR": "config",
    "JUPYTER_DATA_DIR": "data",
    "JUPYTERLAB_SETTINGS_DIR": "settings",
    "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
}

# The toolbar says idle before the kernel is connected, so the app itself is asked.
READY = """() => {
  const panel = window.jupyterapp?.shell?.currentWidget, context = panel?.sessionContext;
  const kernel = context?.session?.kernel;
  return Boolean(panel?.context?.isReady && context?.isReady && kernel?.status === 'idle'
    && kernel?.connectionStatus === 'connected');
}"""
# Runs the notebook up to the first cell with this code; the whole of it for an empty text.
RUN = """code => {
  const notebook = window.jupyterapp.shell.currentWidget.content;
  const found = notebook.widgets.findIndex(cell => cell.model.type === 'code'
    && cell.model.sharedModel.getSource().includes(code));
  if (code && found < 0) throw new Error('no cell holds ' + code);
  window.lastCell = code ? found : notebook.widgets.length - 1;
  notebook.activeCellIndex = 0;
  notebook.extendContiguousSelectionTo(window.lastCell);
  window.jupyterapp.commands.execute('notebook:run-cell');
}"""
# Cell models, not the page: outputs off the screen may not be rendered.
CELLS = """() => {
  const cells = window.jupyterapp.shell.currentWidget.content.widgets
    .filter((cell, index) => cell.model.type === 'code' && index <= window.lastCell);
  const errors = cells.flatMap(cell => cell.model.outputs.toJSON())
    .filter(output => output.output_type === 'error')
    .map(output => output.ename + ': ' + output.evalue);
  const done = cells.every(cell => cell.model.executionCount
    && cell.model.executionState === 'idle');
  return { errors, done };
}"""


class NoBrowser(Exception):
    """There is no browser to test with; the message says how to get one."""


def find_chromium() -> str:
    """Return the path of an installed Chromium or Chrome.

    Raises:
        NoBrowser: if there is none, or no Playwright.
    """
    try:
        import playwright.sync_api  # noqa: F401
    except ImportError:
        raise NoBrowser("no Playwright; get it with: pip install playwright") from None
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if path := shutil.which(name):
            return path
    mac = Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome")
    if mac.exists():
        return str(mac)
    raise NoBrowser("no Chromium; get it with: apt-get install chromium (or install Chrome)")


@contextmanager
def open_browser() -> Iterator[Any]:
    """Yield a headless Chromium, driven by Playwright.

    Raises:
        NoBrowser: as `find_chromium`.
    """
    chromium = find_chromium()
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield browser
        browser.close()


@contextmanager
def serve(root: Path, home: Path) -> Iterator[str]:
    """Run a JupyterLab over `root`, with settings in `home`; yield its address, `{}` for a path."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    token = secrets.token_hex(8)
    settings = home / "settings" / "@jupyterlab" / "apputils-extension"
    settings.mkdir(parents=True)
    (settings / "notification.jupyterlab-settings").write_text('{"fetchNews": "false"}')
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"]
    command += ["--ip=127.0.0.1", f"--port={port}", "--ServerApp.port_retries=0"]
    command += [f"--IdentityProvider.token={token}", f"--ServerApp.root_dir={root}"]
    command += ["--LabApp.expose_app_in_browser=True"]
    server = subprocess.Popen(
        command,
        env={**os.environ, **{name: str(home / folder) for name, folder in FOLDERS.items()}},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for(f"http://127.0.0.1:{port}/api/status?token={token}", server)
        yield f"http://127.0.0.1:{port}/lab/tree/{{}}?reset&token={token}"
    finally:
        server.terminate()
        try:
            server.wait(10)  # it takes seconds for each kernel, one after the other
        except subprocess.TimeoutExpired:
            server.kill()  # the kernels end when their parent has gone


def wait_for(address: str, server: subprocess.Popen, seconds: float = 60) -> None:
    """Wait until the server answers.

    Raises:
        RuntimeError: if it does not, or has ended.
    """
    end = time.monotonic() + seconds
    while time.monotonic() < end and server.poll() is None:
        try:
            urllib.request.urlopen(address, timeout=2)
        except OSError:
            time.sleep(0.2)
        else:
            return
    raise RuntimeError("JupyterLab did not start")


def open_and_run(browser: Any, address: str, code: str = "") -> Any:
    """Return a page with the notebook at this address, run up to the cell with a piece of code.

    Its `complaints` are what the browser has written to the console as an error, so far.

    Args:
        browser: from `open_browser`.
        address: of the notebook, from `serve`.
        code: part of the last cell to run; with none, every cell is run.

    Raises:
        RuntimeError: if a cell failed.
        playwright.sync_api.Error: if no cell holds the code.
    """
    page = browser.new_context(viewport={"width": 1400, "height": 1000}).new_page()
    page.complaints = []
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    page.on("console", lambda line: line.type == "error" and page.complaints.append(line.text))
    page.set_default_timeout(120_000)
    page.goto(address)
    page.wait_for_selector(".jp-NotebookPanel .jp-Cell")
    page.wait_for_function(READY)
    # Started, not awaited: `evaluate` has no timeout.
    page.evaluate(RUN, code)
    over = f"() => {{ const s = ({CELLS})(); return s.done || s.errors.length }}"
    page.wait_for_function(over, timeout=400_000)  # notebook 07 trains for a minute, or more
    if errors := page.evaluate(CELLS)["errors"]:
        raise RuntimeError(f"{address.split('?')[0]}: {errors}")
    return page
