"""How a subject magnifies small errors, measured, and whether it computes in its dtype at all."""

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rnn_tutorial.doctor.nest import is_float, map_leaves, numbers
from rnn_tutorial.doctor.probe import Probe


def calibrate(probe: Probe, draws: int = 2) -> bool:
    """Measures how outputs respond to small changes of every observation and every state.

    Roundings are such changes; what the policy makes of them bounds how far two computations
    of one thing may come apart.

    Args:
        probe: gets its ruler's response.
        draws: of observations and states, the largest response of which counts.

    Returns:
        Whether it responds smoothly, i.e. whether the subject really computes in this dtype:
        a change twice as large has twice the effect unless something inside rounds it away.
    """
    probe.ruler = replace(probe.ruler, response=None)
    delta = probe.ruler.eps**0.5
    responses, smooth = [], True
    for _ in range(draws):
        obs, state = probe.draw(probe.T, probe.N), probe.warm(probe.N)
        seed = int(probe.rng.integers(2**31))
        base, once, twice = (
            _nudged(probe, obs, state, size * delta, seed) for size in (0.0, 1.0, 2.0)
        )
        change = (once - base).abs().nan_to_num(0.0, 0.0, 0.0)
        responses.append(change.flatten(0, 1).max(dim=0).values / delta)
        bend = (twice - 2 * once + base).abs().nan_to_num(0.0, 0.0, 0.0)
        rounding = 1e3 * probe.ruler.eps * base.abs().nan_to_num(0.0, 0.0, 0.0).max()
        smooth &= bool(bend.mean() <= 0.05 * change.mean() + rounding)
    response = torch.stack(responses).max(dim=0).values
    probe.ruler = replace(probe.ruler, response=response)
    return smooth


def _nudged(probe: Probe, obs: np.ndarray, state: Any, size: float, seed: int) -> Tensor:
    """Outputs by `step`, observations and state changed by a relative `size` at each step."""
    rng = np.random.default_rng(seed)

    def nudge(array: Any) -> Any:
        if not is_float(array) or not array.nbytes:
            return array
        values = numbers(array)
        typical = float((values.nan_to_num(0.0, 0.0, 0.0) ** 2).mean()) ** 0.5
        signs = torch.as_tensor(rng.choice([-1.0, 1.0], values.shape))
        moved = values + size * signs * (values.abs() + typical)
        if moved.ndim > array.ndim:  # complex numbers, as pairs
            moved = torch.view_as_complex(moved)
        if isinstance(array, Tensor):
            return moved.to(array.device, array.dtype)
        return moved.numpy().astype(array.dtype)

    rows = []
    for row in obs:
        row = row if probe.spec.whole_numbers else probe.spec.within(nudge(row))
        run = probe.run("step", row[None], map_leaves(nudge, state))
        rows.append(run.outputs)
        state = run.state
    return torch.cat(rows)
