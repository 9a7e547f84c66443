"""Live curves: they grow while a policy trains, and the last picture is the stored one."""

import base64
from io import BytesIO

import gymnasium as gym
import numpy as np
import pytest
from PIL import Image

import rnn_tutorial  # noqa: F401  (registers the envs)
from rnn_tutorial.policy import RNNPolicy
from rnn_tutorial.ppo import Training, train
from rnn_tutorial.settings import Settings
from rnn_tutorial.widgets.live_training import LiveCurves


def training(*returns):
    box = gym.spaces.Box(-1.0, 1.0, (2,))
    history = [{"steps": 1000.0 * i, "return": r, "kl": 0.0} for i, r in enumerate(returns, 1)]
    return Training(RNNPolicy(box, box, "none", 2, encoder="none"), history)


def test_the_picture_grows_with_every_iteration_of_a_training():
    view = LiveCurves("GRU", steps=480, oracle=-3.8)
    env = gym.make_vec("rnn_tutorial/CuedPoint-v0", num_envs=4)
    pictures, points, draw = [view.image.value], [], view.follow("GRU")

    def watch(run):
        draw(run)
        pictures.append(view.image.value)
        points.append(len(view.curves["GRU"][0]))

    settings = Settings(iterations=4, epochs=1)
    history = train(env, settings, progress=False, on_iteration=watch).history
    assert points == [1, 2, 3, 4]
    assert len(set(pictures)) == 5
    assert view.curves["GRU"][0] == [row["steps"] / 1000 for row in history]
    assert view.curves["GRU"][1] == [row["return"] for row in history]
    assert view.failure.value == ""


def test_each_run_has_a_line_of_its_own():
    view = LiveCurves("GRU", "no memory", steps=3000, oracle=-3.8)
    view.follow("no memory")(training(-20.0, -19.0))
    view.follow("GRU")(training(-20.0, -10.0, -5.0))
    assert view.curves["no memory"] == ([1.0, 2.0], [-20.0, -19.0])
    _, metadata = view._repr_mimebundle_()
    assert "GRU -5.0; no memory -19.0" in metadata["image/png"]["alt"]
    assert view._labels["GRU"].get_text() == "GRU: -5.0"
    assert view._labels["GRU"].xy == (3.0, -5.0)
    assert "oracle: -3.8" in {text.get_text() for text in view._live.fig.axes[0].texts}
    assert "oracle's return, -3.8" in metadata["image/png"]["alt"]


def test_a_title_stands_above_the_picture_and_in_its_words():
    view = LiveCurves("GRU", steps=3000, oracle=-3.8, title="seed 3")
    assert view._live.fig.axes[0].get_title(loc="left") == "seed 3"
    assert "Learning curves (seed 3), with" in view._repr_mimebundle_()[1]["image/png"]["alt"]


def test_as_a_context_it_stores_the_last_picture_and_not_the_empty_one(monkeypatch):
    shown = []

    class Handle:
        def update(self, view):
            shown.append(view._repr_mimebundle_()[0]["image/png"])

    monkeypatch.setattr(
        "rnn_tutorial.widgets.live_training.display",
        lambda view, display_id: shown.append("first") or Handle(),
    )
    with LiveCurves("GRU", steps=3000, oracle=-3.8) as view:
        empty = view.image.value
        view.follow("GRU")(training(-20.0))
    assert len(shown) == 2
    stored = np.asarray(Image.open(BytesIO(base64.b64decode(shown[1]))))
    assert not np.array_equal(stored, np.asarray(Image.open(BytesIO(empty))))


def test_the_last_picture_is_stored_also_when_the_training_fails(monkeypatch):
    updates = []
    handle = type("Handle", (), {"update": lambda self, view: updates.append(view)})
    monkeypatch.setattr(
        "rnn_tutorial.widgets.live_training.display", lambda view, display_id: handle()
    )
    view = LiveCurves("GRU", steps=3000, oracle=-3.8)
    with pytest.raises(KeyError), view:
        view.follow("LSTM")
    assert len(updates) == 1


def test_misuse_is_told():
    with pytest.raises(ValueError, match="names: expected 1 to 3, got 0"):
        LiveCurves(steps=3000, oracle=-3.8)
    with pytest.raises(KeyError):
        LiveCurves("GRU", steps=3000, oracle=-3.8).follow("LSTM")
