"""EmbodiChain 610/612, rsl_rl's and skrl's time-outs: at a truncation gamma * V of the step's own
observation is added, not V of what follows. Expected: bootstrap_through_truncation; cause: V of
the observation before the step.
"""

import torch
from sheeprl_181_all_envs_bootstrapped import healthy


class sick(healthy):
    def learned_reward(self, d):
        return d["reward"] + torch.where(
            d["truncated"], self.gamma * d["value"], torch.zeros_like(d["value"])
        )
