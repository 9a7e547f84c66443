"""ray 23202: the number of sequences is taken from len() of the observation, which for a dict is
its number of entries. A dict observation isn't an array, so `examine` cannot be given it; here the
two entries are packed into one vector and unpacked inside. Expected: runs fails (state of 2
against a batch of 7), or nothing if the shape happens to fit.
"""

import torch
from _base import Policy


class healthy(Policy):
    wrong = False

    def step(self, obs, state, reset):
        d = {"near": obs[:, :2], "far": obs[:, 2:]}
        n = len(d) if self.wrong else len(next(iter(d.values())))
        lens = torch.ones(n, dtype=torch.int64)
        state = tuple(s[: len(lens)] for s in state)
        return super().step(torch.cat(list(d.values()), 1), state, reset)


class sick(healthy):
    wrong = True
