"""From key press to painted frame in JupyterLab: the stepper, beside `interact` drawing anew.

Two notebooks are made in a temporary folder and opened in one headless Chromium, each in its own
page with its own kernel. In short turns a slider is moved by the right arrow key. The page itself
takes the time, from the key event to the frame in which another picture has been painted.
"""

import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

import nbformat
from measure import Row, Skipped, times_faster

sys.path.append(str(Path(__file__).resolve().parents[1] / "browser"))
import lab

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


def press(page: Any) -> float:
    """Milliseconds from one key press to the painted frame."""
    page.evaluate(WATCH)
    page.keyboard.press("ArrowRight")
    taken = float(page.evaluate("() => window.moved"))
    page.wait_for_timeout(50)
    return taken


def focus_slider(page: Any) -> None:
    page.wait_for_selector(".jp-Cell-outputArea img")
    page.locator(".jp-Cell-outputArea .noUi-handle").first.focus()
    page.wait_for_timeout(1000)


def rows() -> list[Row]:
    """Medians over all presses, the two pages taking turns."""
    try:
        lab.find_chromium()
    except lab.NoBrowser as reason:
        raise Skipped(str(reason)) from None
    taken: dict[str, list[float]] = {"stepper.ipynb": [], "interact.ipynb": []}
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "notebooks"
        root.mkdir()
        kernel = {"kernelspec": {"display_name": "Python 3", "name": "python3"}}
        for name, source in zip(taken, (STEPPER, INTERACT), strict=True):
            cells = [nbformat.v4.new_code_cell(source)]
            nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), root / name)
        with lab.serve(root, Path(folder) / "home") as address, lab.open_browser() as browser:
            pages = {name: lab.open_and_run(browser, address.format(name)) for name in taken}
            for page in pages.values():
                focus_slider(page)
            for turn in range(TURNS + 1):
                for name, page in pages.items():
                    page.bring_to_front()
                    times = [press(page) for _ in range(PRESSES)]
                    if turn:  # the first one warms up
                        taken[name] += times
    ours, other = (median(times) for times in taken.values())
    return [
        times_faster("stepper, key press to painted frame: interact", ours, other, TARGET, "ms")
    ]
