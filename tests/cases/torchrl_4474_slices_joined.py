"""torchrl 4474/3147: slices of unrelated trajectories are put one after another in a row, and
nothing marks where the second begins: the first one's memory flows into it. The adapter shows
the slices one by one, `evaluate` joins them in pairs as the library does. The healthy twin
restarts from the stored state at the joint. Expected: ratio_is_one.
"""

import torch
from _base import H, Learner


class healthy(Learner):
    L, mark = 6, True

    def replay(self, batch):
        n = batch["observation"].shape[1] // 2
        first, second = slice(0, n), slice(n, 2 * n)
        state = tuple(batch["state"].split(H, 1))
        a, after = self.policy.unroll(
            batch["observation"][:, first], tuple(s[first] for s in state), batch["reset"][:, first]
        )
        begin = tuple(s[second] for s in state) if self.mark else after
        b, _ = self.policy.unroll(batch["observation"][:, second], begin, batch["reset"][:, second])
        return {k: torch.cat([a[k], b[k]], 1) for k in a}


class sick(healthy):
    mark = False
