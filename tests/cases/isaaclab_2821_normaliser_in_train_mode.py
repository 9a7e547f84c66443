"""IsaacLab 2821: the exported policy's normaliser is left in train mode, so that each call in
deployment moves its statistics. The fault is a mode, and `examine` works on a copy that it has
put into evaluation mode. Expected by a user: caught.
"""

import torch
from _base import D, Policy
from torch import nn


class Norm(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("m", torch.zeros(D))
        self.register_buffer("v", torch.ones(D))

    def forward(self, x):
        if self.training:
            self.m = 0.9 * self.m + 0.1 * x.detach().flatten(0, -2).mean(0)
        return (x - self.m) / self.v.sqrt()


class healthy(Policy):
    def __init__(self):
        super().__init__()
        self.norm = Norm()
        self.eval()

    def step(self, obs, state, reset):
        return super().step(self.norm(obs), state, reset)


class sick(healthy):
    def __init__(self):
        super().__init__()
        self.norm.train()
