"""The grid of cells: its shapes are PyTorch's, its settings checked, its picture complete."""

import itertools

import pytest
import torch

from rnn_tutorial.plotting.cell_grid import HIGHLIGHTS, RNNCall, draw_cell_grid
from rnn_tutorial.plotting.figures import png_bytes

pytestmark = pytest.mark.slow

EVERY = [
    RNNCall(cell, layers, both, first, batched, 4, 3, 5, 6, proj)
    for cell, layers, both, first, batched, proj in itertools.product(
        ("rnn", "gru", "lstm"), (1, 3), (False, True), (False, True), (False, True), (0, 2)
    )
    if cell == "lstm" or not proj
]


def words(fig):
    return [text.get_text() for text in fig.axes[0].texts]


@pytest.mark.parametrize("call", EVERY, ids=str)
def test_shapes_follow_the_documented_formula(call):
    d, h = call.directions, call.proj_size or 6
    n = (3,) if call.batched else ()
    time = (3, 4) if call.batched and call.batch_first else (4, *n)
    shapes = call.run()
    assert shapes.input == (*time, 5)
    assert shapes.output == (*time, d * h)
    assert shapes.h_0 == shapes.h_n == (d * call.num_layers, *n, h)
    cell_state = (d * call.num_layers, *n, 6) if call.cell == "lstm" else None
    assert shapes.c_0 == shapes.c_n == cell_state


@pytest.mark.parametrize("call", EVERY, ids=str)
def test_axis_names_have_the_sizes_that_were_measured(call):
    size = {"T": 4, "N": 3, "D": 5, "H": 6, "proj_size": call.proj_size}
    size |= {"num_layers": call.num_layers}
    size |= {f"2*{axis}": 2 * size[axis] for axis in ("num_layers", "H", "proj_size")}
    names = call.axes()
    for tensor, shape in call.run()._asdict().items():
        if shape is not None:
            assert tuple(size[axis] for axis in names[tensor].strip("()").split(", ")) == shape


@pytest.mark.parametrize("call", EVERY, ids=str)
def test_the_corner_is_shared_where_the_picture_says_so(call):
    with torch.no_grad():
        output, state = call.module()(call.data())
    h_n = state[0] if isinstance(state, tuple) else state
    for statement in call.corners():
        assert eval(statement, {"output": output, "h_n": h_n}).all()


def test_running_leaves_the_global_random_state_alone():
    before = torch.random.get_rng_state()
    RNNCall().run()
    assert torch.equal(before, torch.random.get_rng_state())


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"cell": "gru", "proj_size": 2}, "LSTM only"),
        ({"cell": "lstm", "hidden_size": 4, "proj_size": 4}, r"smaller than hidden_size \(4\)"),
        ({"cell": "lstm", "proj_size": -1}, "got -1"),
        ({"cell": "transformer"}, "rnn, gru, lstm"),
        ({"length": 0}, "length must be at least 1"),
    ],
)
def test_invalid_settings_are_named(settings, message):
    with pytest.raises(ValueError, match=message):
        RNNCall(**settings)


def test_unknown_highlight_is_named():
    with pytest.raises(ValueError, match="got \\['row'\\]"):
        draw_cell_grid(RNNCall(), {"row"})


@pytest.mark.parametrize("call", EVERY, ids=str)
def test_the_picture_states_every_measured_shape(call):
    text = words(draw_cell_grid(call))
    for tensor, shape in call.run()._asdict().items():
        if shape is not None:
            assert f"{tensor} {call.axes()[tensor]}" in text
            assert f"= {shape}" in text


def test_a_note_stands_below_what_the_corner_says_and_only_with_it():
    assert "a note" not in words(draw_cell_grid(RNNCall(), note="a note"))
    noted, plain = (draw_cell_grid(RNNCall(), {"corner"}, note=note) for note in ("a note", ""))
    assert "a note" in words(noted)
    assert png_bytes(plain) == png_bytes(draw_cell_grid(RNNCall(), {"corner"}))
    y = {text.get_text(): text.get_position()[1] for text in noted.axes[0].texts}
    assert y["output\n[0]"] < y["a note"] < y["output[-1] == h_n[-1]"]


@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_backward_states_leave_at_time_0(cell):
    fig = draw_cell_grid(RNNCall(cell, 2, bidirectional=True))
    x = {text.get_text(): text.get_position()[0] for text in fig.axes[0].texts}
    assert x["h_n[1]"] < x["x[0]"] < x["x[4]"] < x["h_n[0]"]
    assert x["h_0[0]"] < x["x[0]"] < x["x[4]"] < x["h_0[1]"]


def test_long_sequences_are_elided():
    text = words(draw_cell_grid(RNNCall(length=12)))
    assert "x[11]" in text
    assert "x[5]" not in text
    assert "···" in text


@pytest.mark.parametrize("name", sorted(HIGHLIGHTS))
def test_each_highlight_changes_the_picture(name):
    call = RNNCall("lstm")
    assert png_bytes(draw_cell_grid(call)) != png_bytes(draw_cell_grid(call, {name}))


EXTREMES = [
    RNNCall(length=1, num_layers=1),
    RNNCall(length=12, num_layers=4),
    RNNCall("lstm", 4, True, True, length=12, proj_size=3),
    RNNCall("lstm", 4, True, True, True, 12, 8, 16, 16, 15),
    RNNCall("lstm", 1, True, True, length=1, proj_size=3),
    RNNCall("rnn", 3, batched=False),
]


@pytest.mark.parametrize("call", EXTREMES, ids=str)
@pytest.mark.parametrize("highlight", [(), tuple(HIGHLIGHTS)])
def test_type_is_at_least_nine_pixels_high_in_a_narrow_column(call, highlight):
    fig = draw_cell_grid(call, highlight)
    shrunk = 444 / (fig.get_figwidth() * 100)  # the column in a window of 560 pixels
    for text in fig.axes[0].texts:
        assert not text.get_text() or text.get_fontsize() * 100 / 72 * shrunk >= 9, text


@pytest.mark.parametrize("call", EXTREMES, ids=str)
@pytest.mark.parametrize("highlight", [(), tuple(HIGHLIGHTS)])
def test_texts_neither_overlap_nor_leave_the_figure(call, highlight, texts_fit):
    texts_fit(draw_cell_grid(call, highlight, note="(with equal lengths, not packed)"), touching=1)
