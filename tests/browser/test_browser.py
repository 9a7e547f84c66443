"""Every notebook in a real JupyterLab, run up to its view; the view moved, its picture watched.

`make test` runs the cells below a view elsewhere. With SCREENSHOTS=folder each view is photographed
after it was moved.
"""

import os
import time
from pathlib import Path

import pytest
from lab import CELLS

VIEW = ".jp-OutputArea-output:has(.rnn-widget-failure)"
PICTURE = "img.widget-image"

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("browser")]


class View:
    """The first live view of a page."""

    def __init__(self, page):
        self.page = page
        # The notebook renders only what is near the screen, so the cell is looked for by its code.
        self.output = page.locator(VIEW).first
        scroll_to_view(page)
        self.picture = self.output.locator(PICTURE).first
        self.picture.wait_for()

    def source(self):
        return self.picture.get_attribute("src")

    def moves(self, action, seconds=60):
        """Does something and waits until the picture is another one."""
        before = self.source()
        action()
        end = time.monotonic() + seconds
        while self.source() == before:
            assert time.monotonic() < end, "the picture did not change"
            self.page.wait_for_timeout(50)
        self.no_failure()

    def no_failure(self):
        for text in self.page.locator(".rnn-widget-failure").all_inner_texts():
            assert not text.strip(), text

    def slide(self, label, presses=1):
        """Moves the slider with this label by the right arrow key."""
        handle = self.output.locator(f".widget-slider:has-text('{label}') .noUi-handle").first
        handle.focus()
        for _ in range(presses):
            self.page.keyboard.press("ArrowRight")

    def choose(self, label, option):
        dropdown = self.output.locator(f".widget-dropdown:has-text('{label}') select").first
        dropdown.select_option(label=option, timeout=60_000)

    def click(self, selector):
        self.output.locator(selector).first.click()

    def photograph(self, name):
        if folder := os.environ.get("SCREENSHOTS"):
            self.page.wait_for_timeout(500)
            Path(folder).mkdir(parents=True, exist_ok=True)
            self.output.scroll_into_view_if_needed()
            self.page.screenshot(path=str(Path(folder) / f"{name}.png"))


def scroll_to_view(page):
    """Scrolls to the cell that was run last, which holds the view."""
    page.evaluate(
        """() => {
          const notebook = window.jupyterapp.shell.currentWidget.content;
          notebook.activeCellIndex = window.lastCell;
          notebook.scrollToItem(window.lastCell, 'center');
        }"""
    )
    page.wait_for_selector(VIEW)


def test_00_the_self_test_follows_its_slider(lab):
    view = View(lab("00", "SelfTest()"))
    view.moves(lambda: view.slide("move me", 3))
    view.photograph("00_self_test")


def test_01_the_explorer_follows_every_kind_of_control(lab):
    view = View(lab("01", "ShapeExplorer("))
    view.moves(lambda: view.choose("cell", "GRU"))
    view.moves(lambda: view.slide("layers"))
    view.moves(lambda: view.click("input[type=checkbox]"))
    view.photograph("01_explorer")


def test_02_the_explorer_highlights(lab):
    view = View(lab("02", "ShapeExplorer("))
    view.moves(lambda: view.click("button:has-text('h_n')"))
    view.moves(lambda: view.slide("layers"))
    view.photograph("02_explorer")


def test_03_a_reset_is_placed_with_the_keyboard_and_taken_late(lab):
    view = View(lab("03", "ResetView("))
    view.output.locator("button[title='an episode begins at step 6']").focus()
    view.moves(lambda: view.page.keyboard.press("Space"))
    view.moves(lambda: view.choose("step clears", "one step late"))
    view.photograph("03_resets")


def test_04_the_point_is_played_to_its_end(lab):
    view = View(lab("04", "PlayPoint("))
    view.moves(lambda: view.click("button[title=up]"))
    view.moves(lambda: view.click("button:has-text('reveal')"))
    view.photograph("04_play")


def test_05_the_stepper_moves_through_time_and_policies(lab):
    view = View(lab("05", "RolloutStepper("))
    view.moves(lambda: view.click("button:has(.fa-step-forward)"))
    view.moves(lambda: view.slide("t", 5))
    view.moves(lambda: view.choose("policy", "amnesiac"))
    view.photograph("05_stepper_amnesiac")
    view.moves(lambda: view.choose("env", "PointTrial-v0"))
    view.moves(lambda: view.choose("policy", "recurrent"))
    view.photograph("05_stepper_trial")
    view.click(".widget-play button")  # Play
    view.moves(lambda: None)


def test_06_the_buffer_is_cut_anew(lab):
    view = View(lab("06", "BufferView("))
    view.moves(lambda: view.slide("T (steps)"))
    view.moves(lambda: view.slide("L (BPTT)"))
    view.photograph("06_buffer")


def test_07_the_curves_grow_while_the_cell_runs(lab):
    view = View(lab("07", 'LiveCurves("GRU"'))
    pictures, done = {view.source()}, f"() => ({CELLS})().done"
    view.page.evaluate("() => { window.jupyterapp.commands.execute('notebook:run-cell') }")
    view.page.wait_for_function(f"() => !({CELLS})().done")
    while not view.page.evaluate(done):
        view.page.wait_for_timeout(100)
        if view.picture.count():  # not between the old output and the new one
            pictures.add(view.source())
    assert len(pictures) > 3  # how many are seen depends on how busy the machine is
    view.no_failure()
    view.photograph("07_curves")
    view.moves(lambda: view.choose("show", "entropy"))
    view.photograph("07_entropy")


def test_08_a_swap_at_another_time_and_another_pair(lab):
    view = View(lab("08", "TransplantView("))
    view.moves(lambda: view.slide("swap at k", 3))
    view.photograph("08_transplant")
    pair = view.output.locator("input[type=number]").first
    pair.fill("7")
    view.moves(lambda: pair.press("Enter"))
    view.photograph("08_transplant_pair")


def test_09_another_bug_is_drawn_and_examined(lab):
    view = View(lab("09", "FieldGuide("))
    view.moves(lambda: view.choose("bug", "resets · never_reset"))
    report = view.output.locator("code:has-text('reset_clears')")
    report.first.wait_for()
    view.photograph("09_never_reset")
    view.moves(lambda: view.choose("bug", "carrying · missing_state"))
    view.output.locator("code:has-text('runs')").first.wait_for()
    view.photograph("09_missing_state")
