"""The pictures of the views: texts that are whole, apart, and large enough for a narrow column."""

import itertools

import gymnasium as gym
import numpy as np
import pytest
from matplotlib.text import Text
from test_rollout import CUED, make_policy

from rnn_tutorial.plotting.streams import OBSERVATION_NAMES
from rnn_tutorial.widgets.live_training import LiveCurves
from rnn_tutorial.widgets.play import PlayPoint
from rnn_tutorial.widgets.self_test import SelfTest
from rnn_tutorial.widgets.stepper import ENVS, RolloutStepper
from rnn_tutorial.widgets.transplant import TransplantView

pytestmark = pytest.mark.slow

NARROWEST = 444  # CSS pixels that JupyterLab leaves for outputs in a window of 560
SMALLEST = 10.5  # CSS pixels of the type


def stepper(env_id, kind="recurrent", where=1.0):
    view = RolloutStepper(env_id, kind)
    view.show_step(int(where * view.time.max))
    return view.live


def transplant():
    return TransplantView(make_policy(gym.make_vec(CUED, num_envs=2)), k=8).live


def play(env_id, reveal):
    view = PlayPoint(env_id)
    view.controls["repeat"].value = 10
    for _ in range(20 if reveal else 1):
        view.buttons["down left"].click()
    return view._live


def curves(names, ends):
    view = LiveCurves(*names, steps=100_000, oracle=-3.8, limits=(-36.0, -2.0))
    for name, end in zip(names, ends, strict=True):
        points = zip(np.linspace(1e3, 1e5, 50), np.linspace(-30.0, end, 50), strict=True)
        view.histories[name] = [{"steps": x, "return": y} for x, y in points]
    view.refresh()
    return view._live


LIVE = {
    **{f"stepper {name}": lambda name=name: stepper(name) for name in ENVS},
    "stepper, its first step": lambda: stepper(CUED, where=0.0),
    "stepper, no memory": lambda: stepper(CUED, "memoryless", 0.5),
    "transplant": transplant,
    **{f"play {name}": lambda name=name: play(name, False) for name in OBSERVATION_NAMES},
    **{f"played {name}": lambda name=name: play(name, True) for name in OBSERVATION_NAMES},
    "curves": lambda: curves(("from zeros", "cured", "4 frames"), (-5.0, -5.2, -4.1)),
    "a curve": lambda: curves(("no memory",), (-19.0,)),
    "self test": lambda: SelfTest().live,
}


def written(fig):
    """Every text of a figure but the numbers of its axes, with its box in pixels."""
    ticks = {
        label for ax in fig.axes for axis in (ax.xaxis, ax.yaxis) for label in axis.get_ticklabels()
    }
    texts = [t for t in fig.findobj(Text) if t.get_text().strip() and t not in ticks]
    return [(text.get_text(), text.get_window_extent()) for text in texts]


@pytest.mark.parametrize("name", LIVE)
def test_texts_are_inside_apart_and_large_enough(name):
    live = LIVE[name]()
    fig = live.fig
    live.frame()
    whole = fig.get_tightbbox(live.canvas.get_renderer())
    width, height = fig.get_size_inches()
    assert -0.01 <= whole.x0 <= whole.x1 <= width + 0.01
    assert -0.01 <= whole.y0 <= whole.y1 <= height + 0.01
    for (text, box), (other_text, other) in itertools.combinations(written(fig), 2):
        wide = min(box.x1, other.x1) - max(box.x0, other.x0)
        high = min(box.y1, other.y1) - max(box.y0, other.y0)
        assert wide <= 0 or high <= 2, (text, other_text)
    sizes = [t.get_fontsize() for t in fig.findobj(Text) if t.get_text().strip()]
    shown = min(sizes) * fig.dpi / 72 * NARROWEST / (width * fig.dpi)
    assert shown >= SMALLEST
