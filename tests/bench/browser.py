"""From key press to painted frame in JupyterLab: the stepper, beside `interact` drawing anew.

Two notebooks are made in a temporary folder and opened in one headless Chromium, each in its own
page with its own kernel. In short turns a slider is moved by the right arrow key. The page itself
takes the time, from the key event to the frame in which another picture has been painted.
"""

import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import nbformat
from measure import Row, Skipped, times_faster

TURNS, PRESSES = 6, 6
TARGET = 2.5

STEPPER = """\
from rnn_tutorial.widgets.stepper import RolloutStepper
view = RolloutStepper()
view.time.value = 1
view
"""
INTERACT = """\
from ipywidgets import IntSlider, interact
from rnn_tutorial.plotting import show
from rnn_tutorial.plotting.rollout import RolloutPicture
from rnn_tutorial.widgets.stepper import RolloutStepper

rollout = RolloutStepper().rollout

def draw(t):
    picture = RolloutPicture(rollout, goal_radius=0.5, branch="step")
    picture.set_time(t)
    show(picture.fig, alt="a rollout")

interact(draw, t=IntSlider(value=1, min=0, max=len(rollout) - 1));
"""

READY = """() => {
  const panel = window.jupyterapp?.shell?.currentWidget, context = panel?.sessionContext;
  const kernel = context?.session?.kernel;
  return Boolean(panel?.context?.isReady && context?.isReady && kernel?.status === 'idle'
    && kernel?.connectionStatus === 'connected');
}"""
RAN = """() => {
  const cells = window.jupyterapp.shell.currentWidget.content.widgets;
  return cells.every(cell => cell.model.executionCount && cell.model.executionState === 'idle');
}"""
ERRORS = """() => window.jupyterapp.shell.currentWidget.content.widgets
  .flatMap(cell => cell.model.outputs.toJSON())
  .filter(output => output.output_type === 'error').map(output => output.evalue)"""
# Resolves with the milliseconds from the next key press to the frame after the one in which
# another picture, decoded, stands in the output.
WATCH = """() => { window.moved = new Promise(resolve => {
  const picture = () => document.querySelector('.jp-Cell-outputArea img');
  const before = picture().src;
  addEventListener('keydown', event => {
    const look = async () => {
      const now = picture();
      if (!now || now.src === before || !now.complete || !now.naturalWidth)
        return requestAnimationFrame(look);
      await now.decode();
      requestAnimationFrame(() => setTimeout(() => resolve(performance.now() - event.timeStamp)));
    };
    requestAnimationFrame(look);
  }, { once: true, capture: true });
}) }"""


def find_chromium() -> str:
    """The path of an installed Chromium or Chrome.

    Raises:
        Skipped: if there is none, or no Playwright.
    """
    try:
        import playwright.sync_api  # noqa: F401
    except ImportError:
        raise Skipped("no Playwright (pip install playwright)") from None
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if path := shutil.which(name):
            return path
    raise Skipped("no Chromium (apt-get install chromium)")


@contextmanager
def jupyterlab(root: Path) -> Iterator[str]:
    """A JupyterLab over a folder, its settings its own; gives its address, `{}` for the path."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    token, home = secrets.token_hex(8), root / ".jupyter"
    folders = {
        "JUPYTER_RUNTIME_DIR": "runtime",
        "JUPYTER_CONFIG_DIR": "config",
        "JUPYTER_DATA_DIR": "data",
        "JUPYTERLAB_SETTINGS_DIR": "settings",
        "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
    }
    quiet = home / "settings" / "@jupyterlab" / "apputils-extension"
    quiet.mkdir(parents=True)
    (quiet / "notification.jupyterlab-settings").write_text(
        '{"fetchNews": "false", "checkForUpdates": false}'
    )
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"]
    command += ["--ip=127.0.0.1", f"--port={port}", "--ServerApp.port_retries=0"]
    command += [f"--IdentityProvider.token={token}", f"--ServerApp.root_dir={root}"]
    command += ["--LabApp.expose_app_in_browser=True"]
    server = subprocess.Popen(
        command,
        env={**os.environ, **{name: str(home / folder) for name, folder in folders.items()}},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for(f"http://127.0.0.1:{port}/api/status?token={token}", server)
        yield f"http://127.0.0.1:{port}/lab/tree/{{}}?reset&token={token}"
    finally:
        server.terminate()
        server.wait(20)


def wait_for(address: str, server: subprocess.Popen, seconds: float = 60) -> None:
    """Waits until the server answers.

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


def open_and_run(browser: Any, address: str) -> Any:
    """A page of its own with the notebook run and its slider in focus."""
    page = browser.new_context(viewport={"width": 1300, "height": 900}).new_page()
    page.set_default_timeout(60_000)
    page.goto(address)
    page.wait_for_selector(".jp-NotebookPanel .jp-Cell")
    page.wait_for_function(READY)
    page.evaluate("() => { window.jupyterapp.commands.execute('notebook:run-all-cells') }")
    page.wait_for_function(RAN)
    if errors := page.evaluate(ERRORS):
        raise RuntimeError(f"the notebook failed: {errors}")
    page.wait_for_selector(".jp-Cell-outputArea img")
    page.locator(".jp-Cell-outputArea .noUi-handle").first.focus()
    page.wait_for_timeout(1000)
    return page


def press(page: Any) -> float:
    """Milliseconds from one key press to the painted frame."""
    page.evaluate(WATCH)
    page.keyboard.press("ArrowRight")
    taken = float(page.evaluate("() => window.moved"))
    page.wait_for_timeout(50)
    return taken


def rows() -> list[Row]:
    """Medians over all presses, the two pages taking turns."""
    chromium = find_chromium()
    from playwright.sync_api import sync_playwright

    taken: dict[str, list[float]] = {"stepper.ipynb": [], "interact.ipynb": []}
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        kernel = {"kernelspec": {"display_name": "Python 3", "name": "python3"}}
        for name, source in zip(taken, (STEPPER, INTERACT), strict=True):
            cells = [nbformat.v4.new_code_cell(source)]
            nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), root / name)
        with jupyterlab(root) as address, sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=chromium, args=["--no-sandbox", "--disable-gpu"]
            )
            pages = {name: open_and_run(browser, address.format(name)) for name in taken}
            for turn in range(TURNS + 1):
                for name, page in pages.items():
                    page.bring_to_front()
                    times = [press(page) for _ in range(PRESSES)]
                    if turn:  # the first one warms up
                        taken[name] += times
            browser.close()
    ours, other = (median(times) for times in taken.values())
    return [
        times_faster("stepper, key press to painted frame: interact", ours, other, TARGET, "ms")
    ]
