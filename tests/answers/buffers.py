"""Answers to the buffer's exercises, right and wrong."""

import numpy as np
import torch

from rnn_tutorial.buffer import gae
from rnn_tutorial.exercises.buffers import check_gae, check_minibatches, check_reset_mask

# --- GAE ---------------------------------------------------------------------------------------


def usual_form(reward, value, after, last, terminated, truncated, gamma, lam):
    """With values[t + 1], as most code has it; after the last step next_value."""
    advantage, running = torch.zeros_like(reward), 0
    for t in range(len(reward) - 1, -1, -1):
        follows = value[t + 1] if t + 1 < len(value) else after[-1]
        follows = torch.where(truncated[t], last[t], follows)
        alive, goes_on = 1 - terminated[t].float(), 1 - (terminated | truncated)[t].float()
        delta = reward[t] + gamma * follows * alive - value[t]
        running = delta + gamma * lam * goes_on * running
        advantage[t] = running
    return advantage


def lambda_returns(reward, value, after, last, terminated, truncated, gamma, lam):
    """The lambda-return of each step, minus its value."""
    follows = torch.where(truncated, last, after) * ~terminated
    ends = terminated | truncated
    result, target = [], follows[-1]
    for t in reversed(range(len(reward))):
        mixed = torch.where(ends[t], follows[t], (1 - lam) * follows[t] + lam * target)
        target = reward[t] + gamma * mixed
        result.insert(0, target - value[t])
    return torch.stack(result)


def env_by_env(reward, value, after, last, terminated, truncated, gamma, lam):
    """Nested lists of numbers, one env after another."""
    columns = []
    for n in range(reward.shape[1]):
        running, column = 0.0, []
        for t in range(len(reward))[::-1]:
            if terminated[t, n]:
                running = reward[t, n] - value[t, n]
            elif truncated[t, n]:
                running = reward[t, n] + gamma * last[t, n] - value[t, n]
            else:
                delta = reward[t, n] + gamma * after[t, n] - value[t, n]
                running = delta + gamma * lam * running
            column.append(float(running))
        columns.append(column[::-1])
    return list(zip(*columns, strict=True))


def matrix_form(reward, value, after, last, terminated, truncated, gamma, lam):
    """One product with the (T, T) weights of each env; two steps share an episode or do not."""
    follows = np.where(terminated, 0, np.where(truncated, last, after))
    delta = reward.numpy() + gamma * follows - value.numpy()
    ends = (terminated | truncated).numpy()
    episode = np.concatenate((0 * ends[:1], np.cumsum(ends, 0)[:-1]))
    lag = np.arange(len(delta)) - np.arange(len(delta))[:, None]
    same = episode[:, None] == episode[None]
    weight = np.where(lag >= 0, (gamma * lam) ** np.maximum(lag, 0), 0)[..., None] * same
    return np.einsum("tkn,kn->tn", weight, delta)


def in_place(reward, value, after, last, terminated, truncated, gamma, lam):
    after[truncated] = last[truncated]
    after[terminated] = 0
    delta = reward.add_(after * gamma).sub_(value)
    for t in range(len(delta) - 2, -1, -1):
        delta[t] += gamma * lam * delta[t + 1] * (terminated[t] | truncated[t]).logical_not()
    return delta


def carried(ends):
    """GAE whose sum stops at the ends that this function of both flags gives."""

    def answer(reward, value, after, last, terminated, truncated, gamma, lam):
        worth = torch.where(truncated, last, after) * ~terminated
        running, advantage = torch.zeros(reward.shape[1]), torch.zeros_like(reward)
        for t in reversed(range(len(reward))):
            error = reward[t] + gamma * worth[t] - value[t]
            running = error + gamma * lam * running * ~ends(terminated[t], truncated[t])
            advantage[t] = running
        return advantage

    return answer


def truncation_wins(reward, value, after, last, terminated, truncated, gamma, lam):
    after = torch.where(truncated, last, after.masked_fill(terminated, 0.0))
    nothing = torch.zeros_like(truncated)
    ends = terminated | truncated
    return gae(reward, value, after, after, nothing, ends, gamma, lam)


def no_bootstrap_at_the_end(reward, value, after, last, terminated, truncated, gamma, lam):
    after = torch.cat((value[1:], torch.zeros(1, value.shape[1])))
    return gae(reward, value, after, last, terminated, truncated, gamma, lam)


def terminated_bootstrapped(reward, value, after, last, terminated, truncated, gamma, lam):
    last = torch.where(truncated, last, after)
    return gae(reward, value, last, last, terminated & False, terminated | truncated, gamma, lam)


def one_step(r, v, after, last, terminated, truncated, gamma, lam):
    return gae(r, v, after, last, terminated, truncated, gamma, 0.0)


def undiscounted(r, v, after, last, terminated, truncated, gamma, lam):
    return gae(r, v, after / gamma, last / gamma, terminated, truncated, gamma, lam)


def forwards(r, v, after, last, terminated, truncated, gamma, lam):
    delta = one_step(r, v, after, last, terminated, truncated, gamma, lam)
    running, result = 0, []
    for t in range(len(delta)):
        running = delta[t] + gamma * lam * running * ~(terminated | truncated)[t]
        result.append(running)
    return torch.stack(result)


def flags_of_the_next_step(r, v, after, last, terminated, truncated, gamma, lam):
    flags = [torch.cat((flag[1:], flag[-1:])) for flag in (terminated, truncated)]
    return gae(r, v, after, last, *flags, gamma, lam)


# --- the reset mask ----------------------------------------------------------------------------


def moved(ended, begins):
    return torch.cat((begins[None], ended[:-1]))


def rolled(ended, begins):
    reset = torch.roll(ended, 1, 0)
    reset[0] = begins
    return reset


def walked(ended, begins):
    rows = [begins.tolist()]
    for row in ended.tolist():
        rows.append(row)
    return rows[:-1]


def zeros_first(ended, begins):
    reset = np.zeros(ended.shape, dtype=np.float32)
    reset[1:] = ended[:-1]
    reset[0] = begins
    return reset


def overwritten(ended, begins):
    ended[0] = begins
    for t in range(1, len(ended)):
        ended[t] = ended[t - 1]
    return ended


# --- minibatches -------------------------------------------------------------------------------


def whole(count, number, generator):
    return torch.randperm(count, generator=generator).tensor_split(number)


def dealt(count, number, generator):
    order = torch.rand(count, generator=generator).argsort().tolist()
    return [order[i::number] for i in range(number)]


def one_by_one(count, number, generator):
    left = list(range(count))
    for part in range(number):
        size = count // number + (part < count % number)
        places = [
            left.pop(int(torch.randint(len(left), (), generator=generator))) for _ in range(size)
        ]
        yield set(places)


def with_numpy(count, number, generator):
    seed = int(torch.randint(2**31, (1,), generator=generator))
    return np.array_split(np.random.default_rng(seed).permutation(count), number)


def floored(count, number, generator):
    order = torch.randperm(count, generator=generator)
    return order[: count // number * number].chunk(number)


def remainder(count, number, generator):
    return torch.randperm(count, generator=generator).split(count // number)


def lopsided(count, number, generator):
    order, size = torch.randperm(count, generator=generator), count // number
    return [*order[: (number - 1) * size].split(size), order[(number - 1) * size :]]


def chunked(count, number, generator):
    return torch.randperm(count, generator=generator).chunk(number)


def own_seed(count, number, generator):
    return whole(count, number, torch.Generator().manual_seed(0))


def reseeded(count, number, generator):
    return whole(count, number, generator.manual_seed(0))


def fixed_in_another_order(count, number, generator):
    parts = torch.arange(count).tensor_split(number)
    return [parts[i] for i in torch.randperm(number, generator=generator)]


def shuffled_within(count, number, generator):
    parts = torch.arange(count).tensor_split(number)
    return [part[torch.randperm(len(part), generator=generator)] for part in parts]


def rotated(count, number, generator):
    shift = int(torch.randint(1, count, (), generator=generator))
    return torch.arange(count).roll(shift).tensor_split(number)


def seed_read(count, number, generator):
    rng = np.random.default_rng(generator.initial_seed())
    return np.array_split(rng.permutation(count), number)


def unseeded(count, number, generator):
    return np.array_split(np.random.default_rng().permutation(count), number)


def drawn_with_replacement(count, number, generator):
    return torch.randint(count, (count,), generator=generator).tensor_split(number)


RIGHT = {
    check_gae: [gae, usual_form, lambda_returns, env_by_env, matrix_form, in_place],
    check_reset_mask: [moved, rolled, walked, zeros_first],
    check_minibatches: [whole, dealt, one_by_one, with_numpy],
}
WRONG = {
    check_gae: [
        (
            lambda r, v, a, z, d, c, g, m: gae(r, v, a, z, d | c, c & False, g, m),
            "truncation was treated as termination",
        ),
        (lambda r, v, a, z, d, c, g, m: gae(r, v, a, a, d, c, g, m), "a truncated step was"),
        (truncation_wins, "both terminated and truncated, the termination counts"),
        (terminated_bootstrapped, "a terminated step was bootstrapped"),
        (
            lambda r, v, a, z, d, c, g, m: gae(r, v, a, a, d & False, d | c, g, m),
            "next_value was used at every end",
        ),
        (carried(lambda dead, cut: dead), "runs on across truncations"),
        (carried(lambda dead, cut: cut), "runs on across terminations"),
        (carried(lambda dead, cut: cut & False), "runs on across every end"),
        (no_bootstrap_at_the_end, "the rollout's last step was treated"),
        (lambda *a: gae(*a[:-1], 1.0), "without lambda"),
        (undiscounted, "not discounted by gamma"),
        (one_step, "errors of single steps"),
        (lambda r, v, *a: gae(r, v, *a) + v, "this is advantage plus value, the critic's"),
        (forwards, "the sum runs forward in time"),
        (lambda *a: gae(*a).flip(0), "from the last step to the first"),
        (flags_of_the_next_step, "the flags of step t + 1"),
        (lambda r, *_: r[:, 0], "expected shape (9, 4) (time, env), got (9,)"),
        (lambda r, v, *a: (gae(r, v, *a), v), "expected shape (9, 4) (time, env), got (2, 9, 4)"),
        (
            lambda r, v, a, z, d, c, g, m: gae(r, v, a, z, d, c, 0.9, 0.8),
            "first differs at time 0, env 0",
        ),
    ],
    check_reset_mask: [
        (lambda e, b: e, "off by one: this is the flag"),
        (lambda e, b: torch.cat((b[None], e[1:])), "only row 0 is right"),
        (lambda e, b: torch.cat((e[1:], b[None])), "off by one the other way"),
        (lambda e, b: moved(e, b | True), "row 0 is begins_n"),
        (lambda e, b: moved(e, b & False), "no env begins an episode at step 0 here"),
        (lambda e, b: e.roll(1, 0), "rolled"),
        (lambda e, b: moved(e, b | e[-1]), "joined with begins_n"),
        (lambda e, b: moved(e, b) | b, "into every row"),
        (lambda e, b: torch.cat((b[None], e)), "one row too many"),
        (lambda e, b: e[:-1], "a row is missing"),
        (lambda e, b: ~moved(e, b), "the mask is inverted"),
        (overwritten, "overwritten while they were read"),
        (lambda e, b: np.roll(e, 1), "the flags were rolled across the envs"),
        (lambda e, b: np.concatenate((b[None], np.roll(e, 1)[1:])), "row 0 is right, the others"),
    ],
    check_minibatches: [
        (floored, "never used"),
        (remainder, "the sequences left over make one minibatch"),
        (lopsided, "into the last minibatch"),
        (chunked, "this is `chunk`"),
        (lambda c, n, g: torch.randperm(c, generator=g).split(n), "`number` was used as the size"),
        (lambda c, n, g: [part + 1 for part in whole(c, n, g)], "the indices start at 1"),
        (lambda c, n, g: torch.arange(c).tensor_split(n), "nothing was shuffled"),
        (own_seed, "the generator decides nothing"),
        (reseeded, "the generator decides nothing"),
        (lambda c, n, g: [range(i, c, n) for i in range(n)], "the generator decides nothing"),
        (fixed_in_another_order, "only in another order"),
        (shuffled_within, "only shuffled inside"),
        (rotated, "only rotated"),
        (unseeded, "ignores the generator"),
        (seed_read, "the generator's seed was used, but nothing"),
        (drawn_with_replacement, "sequences in no minibatch: expected 0"),
        (lambda c, n, g: torch.randperm(c, generator=g), "each a collection of sequence indices"),
        (lambda c, n, g: 1 / 0, "ZeroDivisionError"),
    ],
}
