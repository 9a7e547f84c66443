"""The shape explorer: every control moves the picture, and no setting fails in silence."""

import pytest

from rnn_tutorial.plotting.cell_grid import RNNCall
from rnn_tutorial.widgets.explorer import ShapeExplorer

pytestmark = pytest.mark.slow


def move(explorer, name, value):
    before = explorer.image.value
    explorer.controls[name].value = value
    assert explorer.failure.value == ""
    return before != explorer.image.value


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("cell", "rnn"),
        ("num_layers", 4),
        ("bidirectional", True),
        ("batch_first", True),
        ("batched", False),
        ("length", 12),
        ("batch", 7),
        ("input_size", 9),
        ("hidden_size", 5),
        ("proj_size", 2),
    ],
)
def test_every_control_moves_the_picture(name, value):
    explorer = ShapeExplorer(cell="lstm")
    assert move(explorer, name, value)
    assert getattr(explorer.call, name) == value


@pytest.mark.parametrize("name", ["output", "h_n", "corner", "c_n"])
def test_every_toggle_moves_the_picture(name):
    explorer = ShapeExplorer(highlight=(), cell="lstm")
    before = explorer.image.value
    explorer.toggles[name].value = True
    assert explorer.image.value != before
    assert explorer.highlight == {name}


def test_highlights_are_on_from_the_start_and_named_when_unknown():
    assert ShapeExplorer(highlight={"output", "h_n"}).highlight == {"output", "h_n"}
    with pytest.raises(ValueError, match="row"):
        ShapeExplorer(highlight={"row"})


def test_buttons_are_shown_only_when_asked_for():
    def shown(explorer):
        return len(explorer.children)

    assert shown(ShapeExplorer(highlight=())) == shown(ShapeExplorer()) + 1


def test_proj_size_can_never_reach_hidden_size():
    explorer = ShapeExplorer(cell="lstm", hidden_size=8, proj_size=7)
    assert move(explorer, "hidden_size", 4)
    assert explorer.call == RNNCall("lstm", hidden_size=4, proj_size=3)
    assert move(explorer, "hidden_size", 1)
    assert explorer.call.proj_size == 0
    explorer.controls["proj_size"].value = 9
    assert explorer.call.proj_size == 0


def test_controls_that_mean_nothing_are_off():
    explorer = ShapeExplorer(cell="lstm", proj_size=3)
    assert not explorer.controls["proj_size"].disabled
    assert move(explorer, "cell", "gru")
    assert explorer.controls["proj_size"].disabled
    assert explorer.call.proj_size == 0
    assert explorer.toggles["c_n"].disabled
    move(explorer, "batched", False)
    assert explorer.controls["batch"].disabled
    assert explorer.controls["batch_first"].disabled


def test_a_failure_while_drawing_is_shown(monkeypatch):
    explorer = ShapeExplorer()
    monkeypatch.setattr(RNNCall, "run", lambda self: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        explorer.controls["length"].value = 3
    assert "ZeroDivisionError" in explorer.failure.value


def test_without_a_kernel_it_is_a_picture_with_the_shapes_in_words():
    data, metadata = ShapeExplorer(cell="gru", length=5)._repr_mimebundle_()
    assert data["image/png"]
    assert "output (5, 3, 8)" in metadata["image/png"]["alt"]
