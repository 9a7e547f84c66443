"""The buffer view: the steps of a rollout, and the sequences that the buffer makes of them."""

from typing import Any

import ipywidgets as w
import numpy as np

from rnn_tutorial.plotting.buffer import Layout, draw_layout, lay_out
from rnn_tutorial.plotting.figures import png_bytes
from rnn_tutorial.widgets.live import LiveView, row, share

# control -> (label, smallest, largest)
SLIDERS = {
    "length": ("T (steps)", 2, 18),
    "num_envs": ("N (envs)", 1, 4),
    "episode_length": ("episode", 2, 20),
    "spread": ("± spread", 0, 8),
    "bptt_length": ("L (BPTT)", 1, 18),
}


class BufferView(LiveView):
    """Sliders for the settings of a rollout buffer; the picture shows a real one, filled and cut.

    The rollout begins in the middle of episodes, as all but the first do in training. The length
    of an episode is drawn from episode_length - spread to episode_length + spread, with the same
    seed for all settings.

    Args:
        **settings: the first length (T), num_envs (N), episode_length, spread and bptt_length (L).

    Attributes:
        controls: the sliders, by the name of their setting.
        layout_now: the layout that is shown.

    Raises:
        ValueError: for an unknown setting, or a value outside its slider's range.
    """

    def __init__(self, **settings: int) -> None:
        chosen = {"length": 14, "num_envs": 3, "episode_length": 6, "spread": 2, "bptt_length": 5}
        if unknown := set(settings) - set(chosen):
            raise ValueError(f"settings: expected some of {sorted(chosen)}, got {sorted(unknown)}")
        chosen |= settings
        self.controls: dict[str, Any] = {}
        for name, (label, low, high) in SLIDERS.items():
            high = chosen["length"] if name == "bptt_length" else high
            if not low <= chosen[name] <= high:
                raise ValueError(f"{name}: expected {low} to {high}, got {chosen[name]}")
            self.controls[name] = w.IntSlider(
                chosen[name],
                low,
                high,
                description=label,
                layout=share(),
                style={"description_width": "76px"},
            )
        sliders = row(*self.controls.values())
        super().__init__([sliders], self._picture, self._describe_layout)
        self.controls["length"].observe(self._shorten, "value")
        for control in self.controls.values():
            control.observe(self.refresh, "value")

    def _shorten(self, change: Any) -> None:
        """Keep L at most T."""
        self.controls["bptt_length"].max = change["new"]

    def _picture(self) -> bytes:
        now = {name: control.value for name, control in self.controls.items()}
        self.layout_now = example_layout(**now)
        return png_bytes(draw_layout(self.layout_now))

    def _describe_layout(self) -> str:
        layout = self.layout_now
        (length, n), (bptt, count) = layout.reset.shape, layout.valid.shape
        return (
            f"A grid of {n} envs and {length} steps, cut into {count} sequences of up to {bptt} "
            f"steps; {layout.stored.sum()} of them start from their stored state, in "
            f"{(~layout.stored).sum()} a reset clears it before the first step, and "
            f"{(~layout.valid).sum()} entries are padding."
        )


def example_layout(
    length: int, num_envs: int, episode_length: int, spread: int, bptt_length: int
) -> Layout:
    """Cut a made-up rollout from the middle of a longer run with the real buffer.

    Episodes end by truncation and by termination in turn.

    Args:
        length: T.
        num_envs: N.
        episode_length: mean length of the episodes.
        spread: lengths lie within episode_length ± spread, and are at least 1.
        bptt_length: L.
    """
    rng = np.random.default_rng(0)
    before = rng.integers(0, 20, 4)  # steps of each env that lie before the rollout
    draws = rng.random((4, 64))
    reset, terminated, truncated = np.zeros((3, length, num_envs), bool)
    for env in range(num_envs):
        begin = -int(before[env])
        for number, draw in enumerate(draws[env]):
            span = max(1, episode_length - spread + int(draw * (2 * spread + 1)))
            end = begin + span - 1
            if 0 <= begin < length:
                reset[begin, env] = True
            if 0 <= end < length:
                (truncated, terminated)[number % 2][end, env] = True
            begin = end + 1
    return lay_out(reset, terminated, truncated, bptt_length)
