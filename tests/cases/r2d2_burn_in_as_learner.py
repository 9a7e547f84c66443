"""R2D2 (DI-engine 52, seed_rl 13, ray 26833): sequences overlap, a burn-in recomputes the state, Q
takes the place of log_prob and V. Expected: the healthy one passes, the sick one is found.
"""

import torch
from _base import H, Learner


class healthy(Learner):
    burn, L = 4, 6

    @property
    def span(self):
        return self.burn + self.L

    def cuts(self):
        return [
            (s, n, self.span)
            for n in range(self.N)
            for s in range(0, self.T - self.span + 1, self.L)
        ]

    def minibatches(self):
        for part in (self.cuts()[::2], self.cuts()[1::2]):
            names = ("observation", "action", "log_prob", "value", "advantage", "reset")
            b = {
                k: torch.stack([self.data[k][s : s + self.span, n] for s, n, _ in part], 1)
                for k in names
            }
            b["valid"] = (torch.arange(self.span) >= self.burn)[:, None].expand(-1, len(part))
            b["state"] = torch.stack([self.first_state(c) for c in part])
            yield b


class sick(healthy):
    """The hidden state reset bug: the burn-in's result is thrown away and the stored state is used for the first learned step."""

    def replay(self, b):
        st = tuple(b["state"].split(H, 1))
        k = self.burn
        a, _ = self.policy.unroll(b["observation"][:k], st, b["reset"][:k])
        c, _ = self.policy.unroll(b["observation"][k:], st, b["reset"][k:])
        return {x: torch.cat([a[x], c[x]]) for x in a}
