"""akolishchak/doom-net 4, openai/baselines 859's question: recurrent behaviour cloning whose steps
are shuffled one by one. No acting, no log-probabilities, no values, no resets: a data set and a
loss. The protocol wants log_prob and value; with stand-ins it runs. Expected: every_step_once
(steps shuffled).
"""

import torch
from _base import Learner


class healthy(Learner):
    L = 6


class sick(healthy):
    def minibatches(self):
        places = [(t, n) for t in range(self.T) for n in range(self.N)]
        order = torch.randperm(len(places), generator=self.g).tolist()
        cols = [[places[i] for i in order[k : k + self.L]] for k in range(0, len(order), self.L)]
        names = ("observation", "action", "log_prob", "value", "advantage", "reset")
        b = {
            k: torch.stack([torch.stack([self.data[k][t, n] for t, n in c]) for c in cols], 1)
            for k in names
        }
        b["valid"] = torch.ones(self.L, len(cols), dtype=torch.bool)
        b["state"] = torch.stack([self.data["kept"][c[0]] for c in cols])
        yield b
