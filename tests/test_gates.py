"""The picture of one cell: its gates by PyTorch's names, texts apart, one picture per cell."""

import pytest

from rnn_tutorial.plotting.figures import png_bytes
from rnn_tutorial.plotting.gates import CELLS, draw_gates


def words(fig):
    return [text.get_text() for text in fig.axes[0].texts]


def test_each_cell_has_its_own_gates():
    names = {"r", "z", "1 − z", "i", "f", "o"}
    gates = {cell: names & set(words(draw_gates(cell))) for cell in CELLS}
    assert gates == {"rnn": set(), "gru": {"r", "z", "1 − z"}, "lstm": {"i", "f", "o"}}


def test_only_the_lstm_carries_a_cell_state():
    assert [cell for cell in CELLS if "$c_t$" in words(draw_gates(cell))] == ["lstm"]


def test_the_reset_gate_works_after_the_matrix_product():
    fig = draw_gates("gru")
    x = {text.get_text(): text.get_position()[0] for text in fig.axes[0].texts}
    assert x["$h_{t-1}$"] < x["$W_{hn}$"] < x["r"] < x["tanh"] < x["1 − z"] < x["$h_t$"]


def test_three_cells_are_three_pictures():
    assert len({png_bytes(draw_gates(cell)) for cell in CELLS}) == 3


def test_an_unknown_cell_is_named():
    with pytest.raises(ValueError, match="rnn, gru, lstm, got 'mingru'"):
        draw_gates("mingru")


@pytest.mark.parametrize("cell", CELLS)
def test_texts_neither_overlap_nor_leave_the_figure(cell, texts_fit):
    texts_fit(draw_gates(cell))


@pytest.mark.parametrize("cell", CELLS)
def test_type_is_at_least_nine_pixels_high_in_a_narrow_column(cell):
    fig = draw_gates(cell)
    shrunk = 444 / (fig.get_figwidth() * 100)  # the column in a window of 560 pixels
    assert min(text.get_fontsize() for text in fig.axes[0].texts) * 100 / 72 * shrunk >= 9
