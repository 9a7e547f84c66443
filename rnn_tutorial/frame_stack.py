"""Stacked frames as a core: the common substitute for a memory, with a recurrent core's interface.

Stacking the last k observations (Mnih et al. 2015, https://doi.org/10.1038/nature14236) amounts to
a recurrent policy whose state is a shift register of k - 1 inputs; it does not learn what to keep.
In this form it uses the same buffer and the same loss as a GRU.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from rnn_tutorial.checks import whole_number
from rnn_tutorial.recurrent import State, check_reset, clear_state, in_its_own_dtype


class FrameStackCore(nn.Module):
    """A feed-forward layer over the present input and those of the `frames - 1` steps before it.

    Inputs before the episode's first step are zeros.

    Args:
        input_size: features of each input.
        hidden_size: H, features of the output.
        frames: number of inputs, the present one included.

    Raises:
        ValueError: for fewer than two frames; for one frame use `MemorylessCore`.
    """

    def __init__(self, input_size: int, hidden_size: int, frames: int = 4) -> None:
        super().__init__()
        self.frames = frames = whole_number("frames", frames, 2)
        self.input_size = input_size
        self.linear = nn.Linear(frames * input_size, hidden_size)

    def initial_state(self, n: int) -> Float[Tensor, "past N features"]:
        """Zeros (frames - 1, n, features), the oldest input first."""
        return self.linear.weight.new_zeros(self.frames - 1, n, self.input_size)

    @in_its_own_dtype
    def step(
        self,
        x: Float[Tensor, "N features"],
        state: State,
        reset: Bool[Tensor, " N"] | None = None,
    ) -> tuple[Float[Tensor, "N H"], State]:
        """tanh(W [oldest .. present] + b), and the inputs shifted by one."""
        check_reset(reset, tuple(x.shape[:-1]))
        self._check_state(state, len(x))
        if reset is not None:
            state = clear_state(state, reset)
        window = torch.cat((state, x[None]))  # (frames, N, features)
        return torch.tanh(self.linear(window.transpose(0, 1).flatten(1))), window[1:]

    @in_its_own_dtype
    def unroll(
        self,
        x: Float[Tensor, "T N features"],
        state: State,
        reset: Bool[Tensor, "T N"] | None = None,
    ) -> tuple[Float[Tensor, "T N H"], State]:
        """`step` at every time, without a loop: each window is masked before the last reset in it.

        Raises:
            ValueError: for a reset or a state of the wrong shape.
        """
        check_reset(reset, tuple(x.shape[:-1]))
        self._check_state(state, x.shape[1])
        if reset is None:
            reset = torch.zeros(x.shape[:2], dtype=torch.bool, device=x.device)
        # The mask below also clears the given state, wherever the reset is.
        windows = torch.cat((state, x)).unfold(0, self.frames, 1)  # (T, N, features, frames)
        time = torch.arange(len(x), device=x.device)[:, None]
        last_reset = torch.where(reset, time, -self.frames).cummax(0).values
        lag = torch.arange(self.frames - 1, -1, -1, device=x.device)
        before = lag > (time - last_reset)[..., None]  # (T, N, frames)
        windows = windows.masked_fill(before[:, :, None], 0.0).transpose(2, 3)
        return torch.tanh(self.linear(windows.flatten(2))), windows[-1, :, 1:].transpose(0, 1)

    def _check_state(self, state: State, n: int) -> None:
        expected = (self.frames - 1, n, self.input_size)
        if not isinstance(state, Tensor) or state.shape != expected:
            got = tuple(state.shape) if isinstance(state, Tensor) else type(state).__name__
            raise ValueError(f"state: expected (frames - 1, N, features) = {expected}, got {got}")
