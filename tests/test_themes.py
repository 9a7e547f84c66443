"""Pictures paint no ground, and what they draw reads on a light page and on a dark one."""

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.patches import Rectangle

from rnn_tutorial import colours
from rnn_tutorial.plotting.figures import figure, pixels
from rnn_tutorial.plotting.themes import POSITIVE_MAP, SIGNED_MAP, make_neutral

LIGHT, DARK = "#ffffff", "#111111"  # JupyterLab's pages


def luminance(colour):
    """Relative luminance, https://www.w3.org/TR/WCAG21/#dfn-relative-luminance."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
    return float(np.dot(linear, (0.2126, 0.7152, 0.0722)))


def contrast(a, b):
    low, high = sorted((luminance(a), luminance(b)))
    return (high + 0.05) / (low + 0.05)


def test_the_ink_reads_on_both_pages():
    assert contrast(colours.INK, LIGHT) >= 4.5
    assert contrast(colours.INK, DARK) >= 4.1


@pytest.mark.parametrize("role", [role for role in colours.ROLES if role != "padding"])
def test_each_role_is_seen_on_both_pages(role):
    for page in (LIGHT, DARK):
        assert contrast(colours.ROLES[role], page) >= 2.2  # orange on white is the least


def test_nothing_is_painted_white_or_black():
    fig, ax = figure(size=(3, 2))
    ax.plot([0, 1], [0, 1], "o-", color="black", mfc="white")
    ax.add_patch(Rectangle((0, 0), 0.5, 0.5, fc="white", ec="black"))
    ax.fill_between([0, 1], [0, 0], [0.1, 0.2], color="white")
    ax.text(0.2, 0.8, "black by default", color="black")
    on_dark = pixels(fig, ground=17.0)
    assert on_dark.max() < 0x90  # no brighter than the ink
    on_light = pixels(fig)
    assert on_light.min() > 0x60
    assert (on_light[0, 0] == 255).all()


@pytest.mark.parametrize("of", [SIGNED_MAP, POSITIVE_MAP])
def test_a_map_fades_out_where_the_numbers_are_small(of):
    small = 0.5 if of is SIGNED_MAP else 0.0
    assert of(small)[3] < 0.02
    assert of(1.0)[3] == 1.0


def test_a_marker_keeps_the_colour_of_its_line_when_that_changes():
    fig, ax = figure(size=(2, 2))
    (dot,) = ax.plot([0], [0], "o", mec="white")
    make_neutral(fig)
    dot.set_color(colours.HIDDEN)
    assert dot.get_markerfacecolor() == colours.HIDDEN
    assert dot.get_markeredgecolor() == "none"
