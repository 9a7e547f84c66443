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
from rnn_tutorial.widgets.live_training import COLUMNS, LiveCurves

BOX = gym.spaces.Box(-1.0, 1.0, (2,))


def training(*returns):
    history = [{"steps": 1000.0 * i, "return": r, "kl": 0.01 * i} for i, r in enumerate(returns, 1)]
    return Training(RNNPolicy(BOX, BOX, "none", 2, encoder="none"), history)


def test_the_picture_grows_with_every_iteration_of_a_training():
    view = LiveCurves("GRU", steps=480, oracle=-3.8)
    env = gym.make_vec("rnn_tutorial/CuedPoint-v0", num_envs=4)
    pictures, points, draw = [view.image.value], [], view.follow("GRU")

    def watch(run):
        draw(run)
        pictures.append(view.image.value)
        points.append(len(view.curve("GRU")[0]))

    settings = Settings(iterations=4, epochs=1)
    history = train(env, settings, progress=False, on_iteration=watch).history
    assert points == [1, 2, 3, 4]
    assert len(set(pictures)) == 5
    assert view.curve("GRU")[0] == [row["steps"] / 1000 for row in history]
    assert view.curve("GRU")[1] == [row["return"] for row in history]
    assert view.failure.value == ""


def test_each_run_has_a_line_of_its_own():
    view = LiveCurves("GRU", "no memory", steps=3000, oracle=-3.8)
    view.follow("no memory")(training(-20.0, -19.0))
    view.follow("GRU")(training(-20.0, -10.0, -5.0))
    assert view.curve("no memory") == ([1.0, 2.0], [-20.0, -19.0])
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


def test_each_column_of_a_real_history_can_be_shown():
    env = gym.make_vec("CartPole-v1", num_envs=2)
    run = train(env, Settings(iterations=3, epochs=1), progress=False)
    history = run.history
    assert set(COLUMNS) == set(history[0]) - {"steps"}
    view = LiveCurves("GRU", steps=180)
    view.follow("GRU")(run)
    seen = {view.image.value}
    for column in list(COLUMNS)[1:]:
        view.menu.value = column
        seen.add(view.image.value)
        ax = view._live.fig.axes[0]
        assert ax.get_ylabel() == COLUMNS[column]
        assert view.curve("GRU")[1] == [row[column] for row in history]
        low, high = ax.get_ylim()
        assert all(low < row[column] < high for row in history if np.isfinite(row[column]))
        assert column.replace("_", " ") in view.caption.value
        assert view.failure.value == ""
    assert len(seen) == len(COLUMNS)


def test_the_oracle_stands_beside_returns_only_and_the_axis_comes_back():
    view = LiveCurves("GRU", steps=3000, oracle=-3.8, limits=(-36.0, -2.0))
    view.follow("GRU")(training(-20.0, -10.0))
    before, ax = view.image.value, view._live.fig.axes[0]
    view.menu.value = "kl"
    assert not ax.texts[0].get_visible()
    assert "oracle" not in view.caption.value
    view.menu.value = "return"
    assert ax.get_ylim() == (-36.0, pytest.approx(-0.4))
    assert ax.texts[0].get_visible()
    assert "oracle" in view.caption.value
    first, back = (np.asarray(Image.open(BytesIO(png))) for png in (before, view.image.value))
    assert first.shape == back.shape


def test_an_axis_without_limits_follows_the_numbers_and_rests_while_they_fit():
    view = LiveCurves("GRU", steps=3000)
    ax, seen = view._live.fig.axes[0], []
    for returns in [(20.0,), (20.0, 400.0), (20.0, 400.0, 300.0), (float("nan"), 500.0)]:
        view.follow("GRU")(training(*returns))
        seen.append(ax.get_ylim())
        assert all(seen[-1][0] < r < seen[-1][1] for r in returns if np.isfinite(r))
    assert seen[1] == seen[2] != seen[3]
    view.follow("GRU")(training(20.0, float("nan")))
    assert view._labels["GRU"].get_text() == ""
    view.menu.value = "entropy"  # of a history that does not hold it
    assert view._labels["GRU"].get_text() == ""
    assert view.failure.value == ""


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
    with pytest.raises(ValueError, match=r"column: expected one of .*'kl'.*, got 'loss'"):
        LiveCurves("GRU", steps=3000, column="loss")
    with pytest.raises(KeyError):
        LiveCurves("GRU", steps=3000, oracle=-3.8).follow("LSTM")
