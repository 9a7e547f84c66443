"""ray 19976 / ml-agents 5206: short sequences are padded in front, so the stored first state meets
the padding and not the first step. Expected: ratio_is_one with a cause about padding or the
state; states_aligned.
"""

import torch
from _base import Learner


class healthy(Learner):
    front = False

    def sequence(self, name, cut):
        s, n, length = cut
        x = self.data[name][s : s + length, n]
        pad = x.new_zeros(self.L - length, *x.shape[1:])
        return torch.cat([pad, x] if self.front else [x, pad])

    def minibatches(self):
        for b in super().minibatches():
            if self.front:
                b["valid"] = torch.flip(b["valid"], (0,))
            yield b


class sick(healthy):
    front = True
