"""skrl 449 / PR 364: only terminations stop the sum; at a truncation it runs on into the next
episode, and the next episode's first value follows. Expected: bootstrap_through_truncation.
"""

import torch
from _base import Learner

healthy = Learner


class sick(Learner):
    def advantages(self, d, last_value):
        nxt = torch.cat([d["value"][1:], last_value[None]])
        on, total, rows = (~d["terminated"]).float(), torch.zeros(self.N), []
        delta = d["reward"] + self.gamma * on * nxt - d["value"]
        for t in reversed(range(self.T)):
            total = delta[t] + self.gamma * self.lam * on[t] * total
            rows.append(total)
        return torch.stack(rows[::-1])
