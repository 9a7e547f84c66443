"""ml-agents 4941: the value network's own memory is never computed in acting, so V starts from
zeros at each step; training unrolls it. Expected: step_equals_unroll.
"""

import torch
from _base import H, Policy
from torch import nn


class healthy(Policy):
    carried = True

    def __init__(self):
        super().__init__()
        self.vcell = nn.LSTMCell(H, H)

    def initial_state(self, n):
        return (*super().initial_state(n), *super().initial_state(n))

    def one(self, obs, state, reset, carried):
        s = self.clear(state, reset)
        x = torch.tanh(self.enc(obs))
        actor = self.cell(x, s[:2])
        critic = self.vcell(x, s[2:] if carried else tuple(torch.zeros_like(z) for z in s[2:]))
        return {"mean": self.mean(actor[0]), "value": self.value(critic[0])[..., 0]}, (
            *actor,
            *(critic if carried else s[2:]),
        )

    def step(self, obs, state, reset):
        return self.one(obs, state, reset, self.carried)

    def unroll(self, obs, state, reset):
        rows = []
        for o, r in zip(obs, reset):
            out, state = self.one(o, state, r, True)
            rows.append(out)
        return {k: torch.stack([x[k] for x in rows]) for k in rows[0]}, state


class sick(healthy):
    carried = False
