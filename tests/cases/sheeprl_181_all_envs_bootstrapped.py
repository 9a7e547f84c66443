"""sheeprl 181: where one env is truncated, gamma * V is added to the rewards of all envs. Expected:
bootstrap_goes_on and no_bootstrap_through_termination fail; cause: added where no env was
truncated.
"""

import torch
from _base import Learner


class healthy(Learner):
    everywhere = False

    def learned_reward(self, d):
        extra = self.gamma * d["next_value"]
        where = (
            d["truncated"].any(1, keepdim=True).expand_as(d["truncated"])
            if self.everywhere
            else d["truncated"]
        )
        return d["reward"] + torch.where(where, extra, torch.zeros_like(extra))

    def follows(self, d, last_value):
        nxt = torch.cat([d["value"][1:], last_value[None]])
        return torch.where(d["terminated"] | d["truncated"], torch.zeros_like(nxt), nxt)


class sick(healthy):
    everywhere = True
