"""PufferLib 459/461: acting uses an LSTMCell, training an LSTM, meant to share weights; initialised
after tying, one of them is another. Expected: step_equals_unroll; the healthy twin shares
parameters between two modules.
"""

import torch
from _base import H, Policy
from torch import nn


class healthy(Policy):
    tie = True

    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(H, H)
        for a, b in (
            ("weight_ih", "weight_ih_l0"),
            ("weight_hh", "weight_hh_l0"),
            ("bias_ih", "bias_ih_l0"),
            ("bias_hh", "bias_hh_l0"),
        ):
            setattr(self.cell, a, getattr(self.lstm, b))
        if not self.tie:
            self.cell.weight_hh = nn.Parameter(nn.init.orthogonal_(torch.empty(4 * H, H)))

    def unroll(self, obs, state, reset):
        rows = []
        for o, r in zip(obs, reset):
            s = self.clear(state, r)
            _, (h, c) = self.lstm(torch.tanh(self.enc(o))[None], (s[0][None], s[1][None]))
            state = h[0], c[0]
            rows.append(self.heads(h[0]))
        return {k: torch.stack([x[k] for x in rows]) for k in rows[0]}, state


class sick(healthy):
    tie = False
