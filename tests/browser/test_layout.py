"""Every view in a narrow column, with light and dark theme: it fits, it reads, it has no ground.

One notebook holds all views; it is opened once, then resized and given another theme in place.
"""

import io
import itertools

import numpy as np
import pytest
from PIL import Image

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("browser")]

TRAINED = """\
import gymnasium as gym
from rnn_tutorial.checkpoint import load_policy
from rnn_tutorial.data import data_path
env = gym.make_vec("rnn_tutorial/CuedPoint-v0", num_envs=2)
spaces = env.single_observation_space, env.single_action_space
policy = load_policy(data_path("cued_gru.safetensors"), *spaces)
"""
# name -> (module in rnn_tutorial.widgets, code that ends in the view)
VIEWS = {
    "SelfTest": ("self_test", "SelfTest()"),
    "ShapeExplorer": ("explorer", "ShapeExplorer(('h_n',), cell='lstm', bidirectional=True)"),
    "ResetView": ("reset_view", TRAINED + "ResetView(policy)"),
    "PlayPoint": ("play", "view = PlayPoint()\nview.buttons['reveal'].click()\nview"),
    "RolloutStepper": ("stepper", "RolloutStepper()"),
    "BufferView": ("buffer_view", "BufferView()"),
    "LiveCurves": ("live_training", "LiveCurves('GRU', 'no memory', steps=100_000, oracle=-3.8)"),
    "TransplantView": ("transplant", TRAINED + "TransplantView(policy, k=8)"),
    "FieldGuide": ("field_guide", "FieldGuide()"),
}
SIZES = {"1000 px with the side bar": (1000, True), "560 px": (560, False)}
THEMES = ("Light", "Dark")
HIGH = 8000  # so high a window that all views are rendered at once
NARROWEST = 444  # CSS pixels that JupyterLab leaves for outputs in a window of 560

ARRANGE = """async ([open, theme]) => {
  const app = window.jupyterapp;
  open ? app.shell.expandLeft() : app.shell.collapseLeft();
  await app.commands.execute('apputils:change-theme', { theme: 'JupyterLab ' + theme });
  const done = () => document.body.dataset.jpThemeName === 'JupyterLab ' + theme;
  while (!done()) await new Promise(resolve => setTimeout(resolve, 20));
  await new Promise(resolve => setTimeout(resolve, 300));
}"""
# What scrolls by itself (a diff, a report) may be wider inside.
MEASURE = """() => window.jupyterapp.shell.currentWidget.content.widgets.map(cell => {
  const area = cell.node.querySelector('.jp-OutputArea-output');
  const frame = area.getBoundingClientRect();
  const scrolls = node => node !== area && (/auto|scroll/.test(getComputedStyle(node).overflowX)
    || scrolls(node.parentElement));
  const seen = [...area.querySelectorAll('*')].filter(node => node.offsetWidth
    && !scrolls(node.parentElement));
  const outside = seen.filter(node => {
    const box = node.getBoundingClientRect();
    return box.left < frame.left - 0.5 || box.right > frame.right + 0.5;
  });
  const cut = seen.filter(node => node.matches('.widget-label, button')
    && node.scrollWidth > node.clientWidth);
  const image = area.querySelector('img.widget-image'), box = image.getBoundingClientRect();
  return {
    width: frame.width,
    outside: outside.map(node => node.className),
    cut: cut.map(node => node.textContent),
    box: [box.left, box.top, box.right, box.bottom],
    scale: box.width / image.naturalWidth,
    ground: getComputedStyle(cell.node.closest('.jp-Notebook')).backgroundColor,
  };
})"""


@pytest.fixture(scope="module")
def page(lab):
    sources = [
        f"from rnn_tutorial.widgets.{m} import {v}\n{code}" for v, (m, code) in VIEWS.items()
    ]
    return lab.made_of(*sources)


@pytest.fixture(scope="module")
def looks(page):
    """(size, theme) -> view -> what it measures there, and its picture as an RGB array."""
    found = {}
    for (size, (width, side_bar)), theme in itertools.product(SIZES.items(), THEMES):
        page.set_viewport_size({"width": width, "height": HIGH})
        page.evaluate(ARRANGE, [side_bar, theme])
        views = dict(zip(VIEWS, page.evaluate(MEASURE), strict=True))
        screen = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
        for view in views.values():
            view["picture"] = np.asarray(screen.crop([round(x) for x in view["box"]]))
        found[size, theme] = views
    return found


@pytest.fixture(params=itertools.product(SIZES, THEMES), ids=" ".join)
def views(request, looks):
    return looks[request.param]


def test_nothing_leaves_the_column_and_no_label_is_cut_short(views):
    assert {name: view["outside"] for name, view in views.items() if view["outside"]} == {}
    assert {name: view["cut"] for name, view in views.items() if view["cut"]} == {}


def test_a_picture_has_the_ground_of_its_page(views):
    for name, view in views.items():
        page = [int(number) for number in view["ground"][4:-1].split(",")]
        everywhere = view["picture"].reshape(-1, 3)
        colours, counts = np.unique(everywhere, axis=0, return_counts=True)
        assert colours[counts.argmax()].tolist() == page, name
        if max(page) < 128:
            assert (everywhere.min(1) > 200).mean() < 0.001, f"{name} has white in it"


def test_pictures_shrink_no_more_than_their_type_allows(looks):
    """The sizes of the type itself are tested where the pictures are drawn."""
    for theme in THEMES:
        views = looks["560 px", theme]
        for name in ("SelfTest", "PlayPoint", "RolloutStepper", "LiveCurves", "TransplantView"):
            assert views[name]["scale"] >= NARROWEST / 620 - 0.01, name


def test_words_stay_folded_out_when_the_picture_moves(page, looks):
    cell = page.locator(".jp-CodeCell").nth(list(VIEWS).index("SelfTest"))
    words = cell.locator(".rnn-words")
    assert not words.is_visible()
    cell.locator(".rnn-fold summary").click()
    assert "at 5" in words.inner_text()
    cell.locator(".noUi-handle").first.focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function("() => document.querySelector('.rnn-words').innerText.includes('at 6')")
    assert words.is_visible()


def test_the_browser_complains_of_nothing(page, looks):
    assert page.complaints == []
