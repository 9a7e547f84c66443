"""Found here in skrl 2.1.1 (PPO_RNN): two dicts, 'initial' and 'final' states, are made one by an
assignment; from the second step on what is stored as the state before the step is the one after
it. The kind is ml-agents 4941's. Their replay takes the stored state at a sequence's first step
as it is. Expected: states_aligned (state after), ratio_is_one.
"""

import torch
from _base import Learner


class healthy(Learner):
    copy = True

    def __init__(self, seed=0):
        super().__init__(seed)
        self.initial, self.final = {"policy": self.state}, {"policy": None}

    def act(self, obs, state, begins):
        self.initial["policy"] = self.policy.clear(
            self.initial["policy"], begins
        )  # after an end the collector clears
        out, after = self.policy.step(obs, self.initial["policy"], torch.zeros_like(begins))
        self.final["policy"] = after
        self.seen = self.initial["policy"]  # what is stored
        self.initial = dict(self.final) if self.copy else self.final
        return out, after

    def stored_state(self, before, after):
        return self.seen

    def sequence(self, name, cut):
        x = super().sequence(name, cut)
        if name == "reset":
            x = x.clone()
            x[0] = False
        return x


class sick(healthy):
    copy = False
