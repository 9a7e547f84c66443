"""Pictures that read on light and dark pages: no ground, a middle ink, maps that fade out.

A stored PNG does not know the page that it will be shown on. So nothing is painted white or black:
grounds are left out, text and frames take an ink halfway between the two, and a map of numbers
fades out where they are small instead of turning white.
"""

from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.collections import Collection
from matplotlib.colors import LinearSegmentedColormap, to_hex, to_rgba
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.text import Text

from rnn_tutorial.colours import ACTION, HIDDEN, INK, NEGATIVE, OBSERVATION, REWARD

BLACK, WHITE = "#000000", "#ffffff"


def fading(*colours: str) -> LinearSegmentedColormap:
    """A map of one colour from nothing to full, or of two, from full through nothing to full."""
    ends = [(*to_rgba(colour)[:3], 1.0) for colour in colours]
    clear = [(*to_rgba(colour)[:3], 0.0) for colour in colours]
    stops: list[Any] = [clear[0], ends[0]]
    if len(colours) == 2:
        stops = [(0.0, ends[0]), (0.5, clear[0]), (0.5, clear[1]), (1.0, ends[1])]
    return LinearSegmentedColormap.from_list("fading " + " ".join(colours), stops)


SIGNED_MAP = fading(NEGATIVE, HIDDEN)  # positive is orange, like the hidden state
POSITIVE_MAP = fading(INK)
OBSERVATION_MAP, HIDDEN_MAP = fading(OBSERVATION), fading(HIDDEN)
ACTION_MAP, REWARD_MAP = fading(ACTION), fading(REWARD)


def _neutral(colour: Any, ground: bool) -> Any:
    """Ink for black; nothing for white, where it is a ground or an edge; else the colour itself."""
    if isinstance(colour, str) and colour in ("none", "auto", "face"):
        return colour
    rgba = to_rgba(colour)
    plain = to_hex(rgba)
    if plain == BLACK and rgba[3] > 0:
        return (*to_rgba(INK)[:3], rgba[3])
    return "none" if ground and plain == WHITE else colour


def make_neutral(artist: Artist) -> None:
    """Takes black and white out of an artist and of all within it, in place.

    Text that is white on a colour stays so; what has another colour is left alone.
    """
    for part in artist.findobj():
        if isinstance(part, Text):
            part.set_color(_neutral(part.get_color(), ground=False))
        elif isinstance(part, Line2D):
            part.set_color(_neutral(part.get_color(), ground=False))
            part.set_markerfacecolor(_neutral(part.get_markerfacecolor(), ground=True))
            part.set_markeredgecolor(_neutral(part.get_markeredgecolor(), ground=True))
        elif isinstance(part, Patch):
            part.set_edgecolor(_neutral(part.get_edgecolor(), ground=True))
            part.set_facecolor(_neutral(part.get_facecolor(), ground=True))
        elif isinstance(part, Collection) and part.get_array() is None:
            edges, faces = np.asarray(part.get_edgecolor()), np.asarray(part.get_facecolor())
            part.set_edgecolor([_neutral(tuple(colour), ground=True) for colour in edges])
            part.set_facecolor([_neutral(tuple(colour), ground=True) for colour in faces])
