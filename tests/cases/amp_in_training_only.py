"""Mixed precision (an option of rsl_rl, skrl, rl_games): training under autocast in bfloat16,
acting in float32. Expected: step_equals_unroll, 'in a lower precision'.
"""

import torch
from _base import Policy

healthy = Policy


class sick(Policy):
    def unroll(self, obs, state, reset):
        rows = []
        with torch.autocast("cpu", dtype=torch.bfloat16):
            for o, r in zip(obs, reset):
                out, state = Policy.step(self, o, state, r)
                rows.append(out)
        return {k: torch.stack([x[k].float() for x in rows]) for k in rows[0]}, tuple(
            s.float() for s in state
        )
