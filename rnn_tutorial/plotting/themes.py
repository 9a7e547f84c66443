"""Pictures that read on light and dark pages: no ground, a middle ink, maps that fade out.

A stored PNG can be shown on a page of any colour. So nothing is painted white or black: pictures
have no ground, text and frames have an ink halfway between the two, and a map of numbers fades out
where the numbers are small.
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
    """Return a map of one colour from clear to full, or of two, from full through clear to full."""
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
    """Return ink for black, "none" for a white ground or edge, else the colour itself."""
    if isinstance(colour, str) and colour in ("none", "auto", "face"):
        return colour
    rgba = to_rgba(colour)
    plain = to_hex(rgba)
    if plain == BLACK and rgba[3] > 0:
        return (*to_rgba(INK)[:3], rgba[3])
    return "none" if ground and plain == WHITE else colour


def _replace(part: Any, which: str, ground: bool) -> None:
    """Set a colour only if it changes: setting it would end "auto"."""
    now = getattr(part, f"get_{which}")()
    neutral = _neutral(now, ground)
    if neutral is not now:
        getattr(part, f"set_{which}")(neutral)


def make_neutral(artist: Artist) -> None:
    """Take black and white out of an artist and its children, in place.

    White text on a colour stays white; other colours stay as they are, "auto" included.
    """
    for part in artist.findobj():
        if isinstance(part, Text):
            _replace(part, "color", ground=False)
        elif isinstance(part, Line2D):
            _replace(part, "color", ground=False)
            _replace(part, "markerfacecolor", ground=True)
            _replace(part, "markeredgecolor", ground=True)
        elif isinstance(part, Patch):
            _replace(part, "edgecolor", ground=True)
            _replace(part, "facecolor", ground=True)
        elif isinstance(part, Collection) and part.get_array() is None:
            edges, faces = np.asarray(part.get_edgecolor()), np.asarray(part.get_facecolor())
            part.set_edgecolor([_neutral(tuple(colour), ground=True) for colour in edges])
            part.set_facecolor([_neutral(tuple(colour), ground=True) for colour in faces])
