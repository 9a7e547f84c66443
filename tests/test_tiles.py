"""Tiles: they land where PyTorch and NumPy put them, and their texts stay apart."""

import pytest
import torch
from matplotlib.colors import to_hex
from torch.nn.utils.rnn import pack_sequence

from rnn_tutorial.plotting.figures import png_bytes
from rnn_tutorial.plotting.tiles import (
    DARK,
    SEQUENCE_COLOURS,
    draw_packed,
    draw_reshape_and_transpose,
)


def tiles(fig):
    """(x, y) of each coloured tile -> (sequence, time)."""
    ax = fig.axes[0]
    numbers = {
        (round(t.get_position()[0] - 0.47, 2), round(t.get_position()[1] - 0.45, 2)): t.get_text()
        for t in ax.texts
        if t.get_color() == DARK
    }
    return {
        (x, y): (colour, int(numbers[x, y]))
        for patch in ax.patches
        for x, y in [(round(patch.get_x(), 2), round(patch.get_y(), 2))]
        if (x, y) in numbers
        for colour in [[to_hex(c) for c in SEQUENCE_COLOURS].index(to_hex(patch.get_facecolor()))]
    }


def blocks(fig, num_envs, num_steps):
    """The columns of the transposed and of the reshaped block, from env 0 on."""
    placed = tiles(fig)
    return [
        [[placed[left + n, num_steps - 1 - t] for t in range(num_steps)] for n in range(num_envs)]
        for left in (2, num_envs + 6.5)
    ]


@pytest.mark.parametrize(("num_envs", "num_steps"), [(3, 5), (2, 4), (3, 3)])
def test_tiles_land_where_torch_puts_them(num_envs, num_steps):
    drawn = blocks(draw_reshape_and_transpose(num_envs, num_steps), num_envs, num_steps)
    buffer = torch.arange(num_envs * num_steps).reshape(num_envs, num_steps)
    moved = buffer.transpose(0, 1), buffer.reshape(num_steps, num_envs)
    for block, number_tn in zip(drawn, moved, strict=True):
        expected = [[divmod(int(i), num_steps) for i in column] for column in number_tn.T]
        assert block == expected


def test_a_transpose_keeps_each_env_in_its_column_and_a_reshape_does_not():
    transposed, reshaped = blocks(draw_reshape_and_transpose(), 3, 5)
    assert [{env for env, _ in column} for column in transposed] == [{0}, {1}, {2}]
    assert all(len({env for env, _ in column}) > 1 for column in reshaped)


@pytest.mark.parametrize("lengths", [[8, 5, 3], [4, 4], [6, 1, 1]])
def test_packed_tiles_and_batch_sizes_are_those_of_torch(lengths):
    fig = draw_packed(lengths)
    data = [tile for (_, y), tile in sorted(tiles(fig).items()) if y == 0]
    packed = pack_sequence([torch.arange(n) for n in lengths])
    assert [time for _, time in data] == packed.data.tolist()
    words = [text for text in fig.axes[0].texts if text.get_color() != DARK]
    row = next(text.get_position()[1] for text in words if text.get_text() == "batch_sizes")
    sizes = [t.get_text() for t in words if t.get_position()[1] == row and t.get_text().isdigit()]
    assert [int(size) for size in sizes] == packed.batch_sizes.tolist()


@pytest.mark.parametrize(
    "fig",
    [draw_reshape_and_transpose(), draw_reshape_and_transpose(2, 4), draw_packed([8, 5, 3])],
    ids=["3 envs", "2 envs", "packed"],
)
def test_texts_neither_overlap_nor_leave_the_figure(fig, texts_fit):
    texts_fit(fig)


def test_two_settings_are_two_pictures():
    first, second = draw_reshape_and_transpose(), draw_reshape_and_transpose(3, 4)
    assert png_bytes(first) != png_bytes(second)
    assert png_bytes(draw_packed([8, 5, 3])) != png_bytes(draw_packed([8, 5, 4]))


@pytest.mark.parametrize("fig", [draw_reshape_and_transpose(), draw_packed([8, 5, 3])])
def test_type_is_at_least_nine_pixels_high_in_a_narrow_column(fig):
    shrunk = 444 / (fig.get_figwidth() * 100)  # the column in a window of 560 pixels
    assert min(text.get_fontsize() for text in fig.axes[0].texts) * 100 / 72 * shrunk >= 9
