"""cleanrl 499 and gymnasium 1.0's release: with NEXT_STEP autoreset the step after an end ignores
its action, pays 0 and returns the reset's observation; a learner that does not know takes it for
a step, and clears at the final observation instead of the new episode's first. Such a learner
hands in no `valid`. Expected by a user: a warning at least. The healthy twin masks the idle step
and clears after it.
"""

import torch
from _base import D, Env, Learner


class NextStep(Env):
    def __init__(self, n, limit=9, p_end=0.06, seed=0):
        super().__init__(n, limit, p_end, seed)
        self.pending = torch.zeros(n, dtype=torch.bool)

    def step(self, action):
        self.idle = idle = self.pending.clone()
        self.t += 1
        self.obs = torch.randn(
            self.n, D, generator=self.g
        )  # after an end: the final observation; after the idle step: the reset's
        term = (torch.rand(self.n, generator=self.g) < self.p_end) & ~idle
        trunc = (self.t >= self.limit) & ~term & ~idle
        reward = torch.where(idle, torch.zeros(self.n), torch.randn(self.n, generator=self.g))
        self.t[idle] = 0
        self.pending = term | trunc
        return self.obs.clone(), reward, term, trunc, self.obs.clone()


class sick(Learner):
    def make_env(self, seed):
        return NextStep(self.N, seed=seed)


class healthy(sick):
    def __init__(self, seed=0):
        super().__init__(seed)
        self.first = torch.ones(self.N, dtype=torch.bool)
        self.dead = torch.zeros(self.N, dtype=torch.bool)

    def act(self, obs, state, begins):
        return self.policy.step(obs, state, self.first)

    def before_rollout(self):
        self.live = []

    def stored_reset(self, begins, done):  # called after the env's step
        flag = self.first
        self.live.append(~self.env.idle)
        self.first = self.env.idle.clone()
        return flag

    def after_rollout(self):
        return self.policy.step(self.obs, self.state, self.first)[0]["value"]

    def collect(self):
        c = super().collect()
        self.data["live"] = torch.stack(self.live)
        return {**c, "valid": self.data["live"]}

    def minibatches(self):
        for b in super().minibatches():
            yield b

    def cuts(self):  # sequences of live steps only: cut at the idle ones
        out = []
        for n in range(self.N):
            s = 0
            while s < self.T:
                if not self.data["live"][s, n]:
                    s += 1
                    continue
                e = s
                while e < self.T and e - s < self.L and self.data["live"][e, n]:
                    e += 1
                out.append((s, n, e - s))
                s = e
        return out
