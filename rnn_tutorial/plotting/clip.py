"""A picture of PPO's clip: the gain of an action against the ratio of its probabilities."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rnn_tutorial.colours import INK, REWARD
from rnn_tutorial.plotting.figures import figure


def draw_clip(clip: float = 0.2) -> Figure:
    """Draw the gain against the ratio, for an advantage of 1 and of -1.

    Where the smaller of free and clipped gain is flat, no gradient moves the ratio.

    Args:
        clip: the distance of the ratio from 1 at which its gain is cut off; 0 to 0.5.
    """
    fig, axes = figure(1, 2, size=(6.2, 2.9), sharex=True)
    for ax, advantage in zip(axes, (1.0, -1.0), strict=True):
        _draw_side(ax, advantage, clip)
        ax.set(xlim=(0.3, 1.7), xlabel="ratio: new / old probability")
        ax.set_xticks([1 - clip, 1.0, 1 + clip])
    axes[0].set(title="good action (advantage +1)", ylabel="gain", ylim=(0.2, 1.8))
    axes[1].set(title="bad action (advantage −1)", ylim=(-1.8, -0.2))
    return fig


def _draw_side(ax: Axes, advantage: float, clip: float) -> None:
    """The free gain dotted; the smaller of both bold, and thin where it is flat."""
    edge = 1 + clip if advantage > 0 else 1 - clip
    ratio = np.sort(np.append(np.linspace(0.3, 1.7, 141), edge))
    free = ratio * advantage
    gain = np.minimum(free, np.clip(ratio, 1 - clip, 1 + clip) * advantage)
    moving = np.isclose(gain, free)
    flat = ~moving | (ratio == edge)
    ax.plot(ratio[flat], free[flat], ":", color=INK, lw=1.5)
    ax.plot(ratio[moving], gain[moving], color=REWARD, lw=3.5)
    ax.plot(ratio[flat], gain[flat], color=REWARD, lw=1.2)
    ax.axvline(1.0, color=INK, lw=0.8, alpha=0.5)
    if advantage > 0:
        ax.text(0.95, 1.02, "pushed up", ha="right")
        ax.text(1.69, edge - 0.06, "no gradient", ha="right", va="top")
        ax.text(1.48, 1.54, "unclipped gain", ha="right")
    else:
        ax.text(1.05, -0.99, "pushed down", ha="left")
        ax.text(0.31, -edge - 0.06, "no gradient", ha="left", va="top")
        ax.text(0.52, -0.44, "unclipped gain", ha="left")
