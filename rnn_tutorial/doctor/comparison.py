"""When two outputs count as equal: a tolerance from dtype, length and measured error growth."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

EPS = {"torch.float64": 2.0**-52, "torch.float32": 2.0**-23, "torch.float16": 2.0**-10}
EPS |= {"torch.bfloat16": 2.0**-7}
ROUNDINGS = 16  # how many times eps one step may be off; over time they add up like a random walk
NEVER = 1e300


@dataclass(frozen=True)
class Difference:
    """How two outputs (T, N, K) differ.

    Attributes:
        excess: the largest difference in tolerances; at most 1 counts as equal.
        text: where it is and how large, in words.
        places: (T, N), where it is more than one tolerance.
    """

    excess: float
    text: str
    places: Tensor

    @property
    def differs(self) -> bool:
        return self.excess > 1

    def as_key(self) -> tuple[float, str]:
        return self.excess, self.text


@dataclass(frozen=True)
class Ruler:
    """What differences are measured by.

    Attributes:
        eps: the dtype's distance from 1 to the next number.
        steps: T, over which roundings add up.
        response: (K,), how much each number of the output changes per relative change of every
            observation and state; None where it was not measured.
    """

    eps: float
    steps: int
    response: Tensor | None = None

    def tolerance(self, a: Tensor, b: Tensor, bare: bool = False) -> Tensor:
        """What rounding may make of equal outputs (T, N, K): eps * 16 sqrt(T) * size.

        The size is that of the numbers, and of their response to a small change of the input: a
        policy that magnifies differences magnifies roundings too.

        Args:
            a: outputs.
            b: the same outputs, computed in another way.
            bare: for the same operations on the same numbers, bitwise equal unless a device is
                free in its order of summing.
        """
        size = torch.maximum(a.abs(), b.abs())
        size = torch.where(size.isfinite(), size, 0.0)
        if bare:
            return 4 * self.eps * size + 1e-300
        typical = size.flatten(0, -2).median(dim=0).values if size.numel() else size.new_zeros(())
        response = 0.0 if self.response is None else self.response
        growth = ROUNDINGS * max(self.steps, a.shape[0]) ** 0.5
        return self.eps * growth * (size + typical + response) + 1e-300

    def compare(
        self,
        a: Tensor,
        b: Tensor,
        names: list[str],
        start: int = 0,
        envs: Any = None,
        bare: bool = False,
        slack: float = 1.0,
    ) -> Difference:
        """The largest difference of two outputs (T, N, K), in tolerances.

        Args:
            a: outputs.
            b: outputs.
            names: of the K columns, for the evidence.
            start: time of the first row, for the evidence.
            envs: indices of the columns, for the evidence; None counts from 0.
            bare: see `tolerance`.
            slack: how many times larger the numbers were that may have left roundings behind.
        """
        places = torch.zeros(a.shape[:2], dtype=torch.bool)
        if not a.numel():
            return Difference(0.0, "nothing to compare", places)
        same = (a == b) | (a.isnan() & b.isnan())
        gap = torch.where(same, 0.0, (a - b).abs())
        gap = torch.where(gap.isfinite(), gap, NEVER)
        excess = gap / (slack * self.tolerance(a, b, bare))
        excess = torch.where(same, 0.0, excess)
        places = (excess > 1).any(dim=-1)
        largest = float(excess.max())
        t, n, k = np.unravel_index(int(excess.argmax()), excess.shape)
        name = names[int(k)]
        env = int(n) if envs is None else int(envs[int(n)])
        if largest <= 1:
            size = float(gap.max())
            text = f"largest difference {size:.1e}" if size else "no difference"
            return Difference(largest, text, places)
        first_t, first_n = (int(i) for i in places.nonzero()[0])
        first_env = first_n if envs is None else int(envs[first_n])
        text = (
            f"largest difference {float(gap[t, n, k]):.2g} in {name} at t = {int(t) + start}, "
            f"env {env} ({largest:.1e} tolerances), first at t = {first_t + start}, env {first_env}"
        )
        return Difference(largest, text, places)
