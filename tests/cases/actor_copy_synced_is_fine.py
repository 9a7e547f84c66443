"""No bug: acting runs a copy of the network (LeanRL's and many actor-learner designs'),
synchronised by load_state_dict after each update. Expected: healthy. (The copy still asks for
gradients, which nothing forbids.)
"""

import copy

import torch
from _base import Policy


class healthy(Policy):
    def __init__(self):
        super().__init__()
        own = copy.deepcopy(Policy())
        own.load_state_dict(self.state_dict())
        self.actor = own

    def step(self, obs, state, reset):
        return self.actor.step(obs, state, reset)

    def unroll(self, obs, state, reset):
        rows = []
        for o, r in zip(obs, reset):
            out, state = Policy.step(self, o, state, r)
            rows.append(out)
        return {k: torch.stack([x[k] for x in rows]) for k in rows[0]}, state
