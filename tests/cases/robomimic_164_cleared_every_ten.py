"""robomimic 164: at rollout the state is cleared every `horizon` steps by a counter in a member (as
chosen), training never clears. Expected: no_hidden_member (the counter), and behind it
step_equals_unroll.
"""

import torch
from _base import Policy

healthy = Policy


class sick(Policy):
    horizon, count = 10, 0

    def step(self, obs, state, reset):
        if self.count % self.horizon == 0:
            state = self.initial_state(len(obs))
        self.count += 1
        return super().step(obs, state, reset)

    def unroll(self, obs, state, reset):
        rows = []
        for o, r in zip(obs, reset):
            out, state = Policy.step(self, o, state, r)
            rows.append(out)
        return {k: torch.stack([x[k] for x in rows]) for k in rows[0]}, state
