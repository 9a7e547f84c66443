"""What the cases share: a small recurrent policy and a small learner, both healthy, in own code."""

import torch
from torch import nn

D, H, A = 5, 8, 2


class Policy(nn.Module):
    """LSTM cell, heads for the action's mean and V. State: (hidden, cell), each (N, H)."""

    obs_shape = D

    def __init__(self, seed=0):
        super().__init__()
        torch.manual_seed(seed)
        self.enc, self.cell = nn.Linear(D, H), nn.LSTMCell(H, H)
        self.mean, self.value, self.log_std = (
            nn.Linear(H, A),
            nn.Linear(H, 1),
            nn.Parameter(torch.zeros(A)),
        )

    def initial_state(self, n):
        z = self.log_std.new_zeros(n, H)
        return z, z.clone()

    def clear(self, state, reset):
        return tuple(torch.where(reset[:, None], torch.zeros_like(s), s) for s in state)

    def core(self, obs, state):
        return self.cell(torch.tanh(self.enc(obs)), state)

    def heads(self, h):
        return {"mean": self.mean(h), "value": self.value(h)[..., 0]}

    def step(self, obs, state, reset):
        state = self.core(obs, self.clear(state, reset))
        return self.heads(state[0]), state

    def unroll(self, obs, state, reset):
        rows = []
        for o, r in zip(obs, reset):
            out, state = self.step(o, state, r)
            rows.append(out)
        return {k: torch.stack([row[k] for row in rows]) for k in rows[0]}, state


class Env:
    """N envs, reset within the step; the true last observation is returned apart."""

    def __init__(self, n, limit=9, p_end=0.06, seed=0):
        self.n, self.limit, self.p_end, self.g = (
            n,
            limit,
            p_end,
            torch.Generator().manual_seed(seed),
        )
        self.t = torch.randint(0, limit, (n,), generator=self.g)
        self.obs = torch.randn(n, D, generator=self.g)

    def step(self, action):
        self.t += 1
        last = torch.randn(self.n, D, generator=self.g)
        terminated = torch.rand(self.n, generator=self.g) < self.p_end
        truncated = (self.t >= self.limit) & ~terminated
        reward = torch.randn(self.n, generator=self.g)
        done = terminated | truncated
        self.obs = torch.where(done[:, None], torch.randn(self.n, D, generator=self.g), last)
        self.t[done] = 0
        return self.obs.clone(), reward, terminated, truncated, last


def flat(state):
    return torch.cat([s.detach() for s in state], 1).clone()


def normal(out, log_std):
    return torch.distributions.Normal(out["mean"], log_std.exp())


class Learner:
    """Collects T steps of N envs, cuts them into padded sequences of L, replays them. Methods are the places for bugs."""

    T, N, L, gamma, lam = 24, 4, 7, 0.95, 0.9

    def __init__(self, seed=0):
        self.policy, self.env = Policy(seed), self.make_env(seed)
        self.obs, self.state = self.env.obs.clone(), self.policy.initial_state(self.N)
        self.begins = torch.ones(self.N, dtype=torch.bool)
        self.g = torch.Generator().manual_seed(seed)

    def make_env(self, seed):
        return Env(self.N, seed=seed)

    # acting -------------------------------------------------------------------------------------
    def act(self, obs, state, begins):
        return self.policy.step(obs, state, begins)

    def before_rollout(self):
        pass

    def after_rollout(self):
        """V of the observation after the rollout; the state it returns is thrown away."""
        return self.policy.step(self.obs, self.state, self.begins)[0]["value"]

    def stored_state(self, before, after):
        return before

    def stored_reset(self, begins, done):
        return begins

    @torch.no_grad()
    def collect(self):
        self.before_rollout()
        rows = []
        for _ in range(self.T):
            obs, before, begins = self.obs, self.state, self.begins
            out, after = self.act(obs, before, begins)
            dist = normal(out, self.policy.log_std)
            action = dist.mean + dist.stddev * torch.randn(self.N, A, generator=self.g)
            self.obs, reward, term, trunc, last = self.env.step(action)
            final = self.policy.step(last, after, torch.zeros(self.N, dtype=torch.bool))[0]["value"]
            rows.append(
                dict(
                    observation=obs,
                    action=action,
                    log_prob=dist.log_prob(action).sum(-1),
                    value=out["value"],
                    reward=reward,
                    reset=self.stored_reset(begins, term | trunc),
                    terminated=term,
                    truncated=trunc,
                    next_value=final,
                    state=flat(before),
                    next_state=flat(after),
                    kept=flat(self.stored_state(before, after)),
                    mean=dist.mean,
                    std=dist.stddev.expand(self.N, A),
                )
            )
            self.state, self.begins = after, term | trunc
        self.data = {k: torch.stack([row[k] for row in rows]) for k in rows[0]}
        self.data["advantage"] = self.advantages(self.data, self.after_rollout())
        return {
            **{k: v for k, v in self.data.items() if k != "kept"},
            "gamma": self.gamma,
            "gae_lambda": self.lam,
        }

    def follows(self, d, last_value):
        """What comes after each step, in value."""
        nxt = torch.cat([d["value"][1:], last_value[None]])
        nxt = torch.where(d["truncated"], d["next_value"], nxt)
        return torch.where(d["terminated"], torch.zeros_like(nxt), nxt)

    def learned_reward(self, d):
        return d["reward"]

    def advantages(self, d, last_value):
        delta = self.learned_reward(d) + self.gamma * self.follows(d, last_value) - d["value"]
        on, total, rows = (~(d["terminated"] | d["truncated"])).float(), torch.zeros(self.N), []
        for t in reversed(range(self.T)):
            total = delta[t] + self.gamma * self.lam * on[t] * total
            rows.append(total)
        return torch.stack(rows[::-1])

    # replay -------------------------------------------------------------------------------------
    def cuts(self):
        """(start, env, length) of each sequence."""
        return [
            (s, n, min(self.L, self.T - s)) for n in range(self.N) for s in range(0, self.T, self.L)
        ]

    def sequence(self, name, cut):
        s, n, length = cut
        x = self.data[name][s : s + length, n]
        return torch.cat([x, x.new_zeros(self.L - length, *x.shape[1:])])

    def first_state(self, cut):
        return self.data["kept"][cut[0], cut[1]]

    def minibatches(self):
        cuts = self.cuts()
        order = torch.randperm(len(cuts), generator=self.g).tolist()
        for part in (order[::2], order[1::2]):
            chosen = [cuts[i] for i in part]
            names = ("observation", "action", "log_prob", "value", "advantage", "reset")
            batch = {k: torch.stack([self.sequence(k, c) for c in chosen], 1) for k in names}
            batch["valid"] = torch.stack([torch.arange(self.L) < c[2] for c in chosen], 1)
            batch["state"] = torch.stack([self.first_state(c) for c in chosen])
            yield batch

    def replay(self, batch):
        state = tuple(batch["state"].split(H, 1))
        return self.policy.unroll(batch["observation"], state, batch["reset"])[0]

    def log_prob(self, out, action):
        return normal(out, self.policy.log_std).log_prob(action).sum(-1)

    @torch.no_grad()
    def evaluate(self, batch):
        out = self.replay(batch)
        return self.log_prob(out, batch["action"]), out["value"]

    def mean(self, x, valid):
        return x[valid].mean()

    def loss(self, batch):
        out, valid = self.replay(batch), torch.as_tensor(batch["valid"])
        adv = torch.as_tensor(batch["advantage"])
        adv = (adv - adv[valid].mean()) / (adv[valid].std() + 1e-8)
        ratio = (
            self.log_prob(out, torch.as_tensor(batch["action"]))
            - torch.as_tensor(batch["log_prob"])
        ).exp()
        target = torch.as_tensor(batch["value"]) + torch.as_tensor(batch["advantage"])
        loss = self.mean(
            -torch.minimum(ratio * adv, ratio.clamp(0.8, 1.2) * adv), valid
        ) + self.mean((out["value"] - target) ** 2, valid)
        parameters = list(self.policy.parameters())
        grads = torch.autograd.grad(loss, parameters, allow_unused=True)
        return loss.item(), torch.cat(
            [(torch.zeros_like(p) if g is None else g).flatten() for p, g in zip(parameters, grads)]
        )
