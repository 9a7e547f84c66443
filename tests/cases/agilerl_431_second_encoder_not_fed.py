"""agilerl 431: with encoders not shared, the state's entries of the critic are handed through
untouched in both paths. Both paths agree and the actor has memory. Expected by a user: something
about state['critic'], which never changes.
"""

import torch
from _base import H, Policy
from torch import nn


class healthy(Policy):
    feed = True

    def __init__(self):
        super().__init__()
        self.vcell = nn.LSTMCell(H, H)

    def initial_state(self, n):
        a, b = super().initial_state(n), super().initial_state(n)
        return {"actor_h": a[0], "actor_c": a[1], "critic_h": b[0], "critic_c": b[1]}

    def step(self, obs, state, reset):
        s = dict(zip(state, self.clear(tuple(state.values()), reset)))
        x = torch.tanh(self.enc(obs))
        h, c = self.cell(x, (s["actor_h"], s["actor_c"]))
        vh, vc = self.vcell(x, (s["critic_h"], s["critic_c"]))
        out = {"mean": self.mean(h), "value": self.value(vh)[..., 0]}
        return out, {
            "actor_h": h,
            "actor_c": c,
            "critic_h": vh if self.feed else s["critic_h"],
            "critic_c": vc if self.feed else s["critic_c"],
        }


class sick(healthy):
    feed = False
