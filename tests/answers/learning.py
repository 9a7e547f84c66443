"""Answers to the exercises on the PPO loss, right and wrong."""

import math

import numpy as np
import torch
from torch.distributions import Independent, MultivariateNormal, Normal

from rnn_tutorial.buffer import masked_mean
from rnn_tutorial.exercises.learning import check_bootstrap, check_clipped_loss, check_log_ratio
from rnn_tutorial.recurrent import clear_state, map_state

# --- the joint log-ratio -----------------------------------------------------------------------


def log_ratio(mean, std, action, old, valid):
    new = Normal(mean, std).log_prob(action).sum(-1)
    return (new - old).masked_fill(~valid, 0.0)


def joint_distribution(mean, std, action, old, valid):
    return (Independent(Normal(mean, std), 1).log_prob(action) - old) * valid


def with_a_matrix(mean, std, action, old, valid):
    new = MultivariateNormal(mean, scale_tril=torch.diag_embed(std)).log_prob(action)
    return torch.where(valid, new - old, torch.zeros(()))


def by_formula(mean, std, action, old, valid):
    mean, std, action, old, valid = (x.numpy() for x in (mean, std, action, old, valid))
    square = (((action - mean) / std) ** 2).sum(-1)
    new = -0.5 * (square + mean.shape[-1] * np.log(2 * np.pi)) - np.log(std).sum(-1)
    result = np.zeros_like(old)
    result[valid] = new[valid] - old[valid]
    return result


def step_by_step(mean, std, action, old, valid):
    rows = []
    for t in range(len(mean)):
        row = []
        for b in range(mean.shape[1]):
            total = -float(old[t, b])
            for m, s, a in zip(mean[t, b], std[t, b], action[t, b], strict=True):
                total += float(-((a - m) ** 2) / (2 * s * s)) - math.log(s * math.sqrt(2 * math.pi))
            row.append(total if valid[t, b] else 0)
        rows.append(row)
    return rows


def each(mean, std, action, old, valid):
    return Normal(mean, std).log_prob(action) - old[..., None]


def without_normalisation(mean, std, action, old, valid):
    return (-0.5 * ((action - mean) / std).square().sum(-1) - old) * valid


def of_probabilities(mean, std, action, old, valid):
    return (Normal(mean, std).log_prob(action).sum(-1).exp() - old.exp()) * valid


# --- the clipped loss --------------------------------------------------------------------------


def gains(log_r, advantage, clip):
    ratio = log_r.exp()
    return ratio * advantage, ratio.clamp(1 - clip, 1 + clip) * advantage


def clipped_loss(log_r, advantage, valid, clip):
    return -masked_mean(torch.minimum(*gains(log_r, advantage, clip)), valid)


def largest_of_losses(log_r, advantage, valid, clip):
    """As CleanRL has it: the larger of two losses."""
    free, inside = gains(log_r[valid], -advantage[valid], clip)
    return torch.max(free, inside).mean().item()


def by_cases(log_r, advantage, valid, clip):
    ratio = np.exp(log_r.numpy())
    bound = np.where(advantage > 0, 1 + clip, 1 - clip)
    stopped = np.where(advantage > 0, ratio > bound, ratio < bound)
    gain = np.where(stopped, bound, ratio) * advantage.numpy()
    return -np.average(gain, weights=valid)


def one_after_another(log_r, advantage, valid, clip):
    total = count = 0
    for t, b in valid.nonzero().tolist():
        ratio, gain = log_r[t, b].exp(), advantage[t, b]
        total -= min(ratio * gain, max(min(ratio, 1 + clip), 1 - clip) * gain)
        count += 1
    return total / count


def clipped_in_logs(log_r, advantage, valid, clip):
    inside = log_r.clamp(math.log(1 - clip), math.log(1 + clip)).exp()
    gain = torch.where(log_r.exp() * advantage < inside * advantage, log_r.exp(), inside)
    return torch.nanmean((-gain * advantage).masked_fill(~valid, torch.nan))


def a_mean_of_means(log_r, advantage, valid, clip):
    gain = torch.minimum(*gains(log_r, advantage, clip)) * valid
    return -(gain.sum(0) / valid.sum(0)).mean()


def the_smaller_ratio(log_r, advantage, valid, clip):
    ratio = log_r.exp()
    return -masked_mean(torch.minimum(ratio, ratio.clamp(1 - clip, 1 + clip)) * advantage, valid)


def log_clipped(log_r, advantage, valid, clip):
    free, inside = log_r.exp() * advantage, log_r.clamp(-clip, clip).exp() * advantage
    return -masked_mean(torch.minimum(free, inside), valid)


def around_zero(log_r, advantage, valid, clip):
    free, inside = log_r.exp() * advantage, log_r.exp().clamp(-clip, clip) * advantage
    return -masked_mean(torch.minimum(free, inside), valid)


def without_exp(log_r, advantage, valid, clip):
    free, inside = log_r * advantage, log_r.clamp(1 - clip, 1 + clip) * advantage
    return -masked_mean(torch.minimum(free, inside), valid)


def gain_clipped(log_r, advantage, valid, clip):
    free = log_r.exp() * advantage
    return -masked_mean(torch.minimum(free, free.clamp(1 - clip, 1 + clip)), valid)


def from_above_only(log_r, advantage, valid, clip):
    free, inside = log_r.exp() * advantage, log_r.exp().clamp(max=1 + clip) * advantage
    return -masked_mean(torch.minimum(free, inside), valid)


def normalised_again(log_r, advantage, valid, clip):
    real = advantage[valid]
    normal = (advantage - real.mean()) / real.std(correction=0)
    return clipped_loss(log_r, normal, valid, clip)


# --- V of what follows -------------------------------------------------------------------------


def bootstrap(policy, next_obs, final_obs, before, after, truncated):
    obs = torch.where(truncated[:, None], final_obs, next_obs)
    return policy.step(obs, after)[0].value


def both_and_choose(policy, next_obs, final_obs, before, after, truncated):
    goes_on, cut_off = (policy.step(obs, after)[0].value for obs in (next_obs, final_obs))
    return np.where(truncated, cut_off, goes_on)


def in_place(policy, next_obs, final_obs, before, after, truncated):
    next_obs[truncated] = final_obs[truncated]
    output, _ = policy.unroll(next_obs[None], after, torch.zeros(1, len(next_obs)).bool())
    return output.value[0]


def one_env_at_a_time(policy, next_obs, final_obs, before, after, truncated):
    values = []
    for n, cut_off in enumerate(truncated):
        obs = final_obs[n] if cut_off else next_obs[n]
        state = map_state(lambda part, n=n: part[:, n : n + 1], after)
        values.append(policy.step(obs[None], state)[0].value.item())
    return values


def one_step_too_far(policy, next_obs, final_obs, before, after, truncated):
    output, state = policy.step(next_obs, after)
    return torch.where(truncated, policy.step(final_obs, state)[0].value, output.value)


def two_groups(policy, next_obs, final_obs, before, after, truncated):
    goes_on, cut_off = (policy.step(obs, after)[0].value for obs in (next_obs, final_obs))
    return torch.cat((goes_on[~truncated], cut_off[truncated]))


def before_for_the_last(policy, next_obs, final_obs, before, after, truncated):
    goes_on, cut_off = policy.step(next_obs, after)[0], policy.step(final_obs, before)[0]
    return torch.where(truncated, cut_off.value, goes_on.value)


RIGHT = {
    check_log_ratio: [log_ratio, joint_distribution, with_a_matrix, by_formula, step_by_step],
    check_clipped_loss: [
        clipped_loss,
        largest_of_losses,
        by_cases,
        one_after_another,
        clipped_in_logs,
    ],
    check_bootstrap: [bootstrap, both_and_choose, in_place, one_env_at_a_time],
}
WRONG = {
    check_log_ratio: [
        (lambda *a: log_ratio(*a[:4], a[4] | True), "padding was left in"),
        (lambda m, s, a, o, v: log_ratio(m, s, a, o * 0, v) - o, "only the new log-probability"),
        (lambda *a: log_ratio(*a[:4], ~a[4]), "the mask is inverted"),
        (lambda *a: log_ratio(*a)[a[4]], "padding was cut out"),
        (lambda *a: -log_ratio(*a), "old minus new"),
        (lambda *a: log_ratio(*a).exp() * a[4], "the ratio itself"),
        (lambda *a: log_ratio(*a[:4], a[4] | True).exp(), "this is the ratio, with padding left"),
        (lambda m, s, a, o, v: log_ratio(m, s, a, o * 0, v) / o, "a quotient is a difference"),
        (lambda m, s, a, o, v: log_ratio(m, s, a, o * 0, v), "this is only the new"),
        (of_probabilities, "the difference of the probabilities"),
        (lambda *a: each(*a) * a[4][..., None], "their sum"),
        (each, "this is one for each dimension"),
        (lambda *a: each(*a).sum(-1) * a[4], "once for each dimension"),
        (lambda *a: each(*a).mean(-1) * a[4], "averaged"),
        (lambda *a: each(*a)[..., 0] * a[4], "only the first dimension"),
        (lambda m, s, *a: log_ratio(m, s.sqrt(), *a), "std was used as a variance"),
        (lambda m, s, *a: log_ratio(m, s**2, *a), "the variance was used in place of"),
        (lambda m, s, *a: log_ratio(m, s.exp(), *a), "std was used as its own logarithm"),
        (lambda m, s, a, *b: log_ratio(m, s, a.clamp(-1, 1), *b), "the action was clipped"),
        (without_normalisation, "log std and the constant"),
        (lambda *a: (log_ratio(*a) + a[1].log().sum(-1)) * a[4], "the logarithm of std is missing"),
        (
            lambda *a: (log_ratio(*a) + 0.5 * a[0].shape[-1] * math.log(2 * math.pi)) * a[4],
            "the constant",
        ),
        (lambda *a: log_ratio(*a).sum(), "expected shape (4, 3)"),
        (lambda m, s, a, o, v: Normal(m, s), "expected numbers of shape (4, 3), got a Normal"),
    ],
    check_clipped_loss: [
        (lambda r, a, v, c: clipped_loss(r, a, v | True, c), "the mean includes the padding"),
        (lambda r, a, v, c: clipped_loss(r, a, v, c) * v.sum() / v.numel(), "padding was set to"),
        (lambda r, a, v, c: clipped_loss(r, a, v, c) * v.sum(), "this is the sum: divide it"),
        (a_mean_of_means, "this is a mean of the sequences' means, in"),
        (lambda *a: -clipped_loss(*a), "minus its mean"),
        (
            lambda r, a, v, c: -masked_mean(torch.maximum(*gains(r, a, c)), v),
            "the larger of the two",
        ),
        (the_smaller_ratio, "the smaller ratio was taken"),
        (lambda r, a, v, c: -masked_mean(gains(r, a, c)[1], v), "only the clipped gain"),
        (lambda r, a, v, c: -masked_mean(gains(r, a, c)[0], v), "nothing was clipped"),
        (without_exp, "the log-ratio was used as the ratio"),
        (log_clipped, "the log-ratio was clipped"),
        (around_zero, "clip it around 1"),
        (gain_clipped, "the gain was clipped"),
        (from_above_only, "from above only"),
        (normalised_again, "they already are"),
        (lambda r, a, v, c: -torch.minimum(*gains(r, a, c)), "the loss of each step"),
        (lambda r, a, v, c: -torch.minimum(*gains(r, a, c))[v], "the loss of each real step"),
        (lambda r, a, v, c: clipped_loss(r, a, v, 0.2), "first differs at the result"),
        (lambda r, a, v, c: r[0], "expected shape () (a single number), got (3,)"),
    ],
    check_bootstrap: [
        (lambda p, n, f, b, a, t: bootstrap(p, n, f, a, b, t), "does not include the last step"),
        (lambda p, n, f, b, a, t: bootstrap(p, n, f, b, a * 0, t), "a state of zeros was used"),
        (lambda p, n, f, b, a, t: bootstrap(p, n, n, b, a, t), "next_obs of a truncated env"),
        (
            lambda p, n, f, b, a, t: bootstrap(p, n, n, b, clear_state(a, t), t),
            "the next episode's first observation",
        ),
        (
            lambda p, n, f, b, a, t: bootstrap(p, n, f, b, clear_state(a, t), t),
            "the state was cleared before final_obs,",
        ),
        (before_for_the_last, "state_before was used for final_obs"),
        (one_step_too_far, "the state is one step too late"),
        (lambda p, n, f, b, a, t: bootstrap(p, n, f, b, a, t) * ~t, "not 0"),
        (lambda p, n, f, b, a, t: bootstrap(p, f, f, b, a, t), "that go on as well"),
        (lambda p, n, f, b, a, t: bootstrap(p, f, n, b, a, t), "exchanged"),
        (two_groups, "the envs are in another order here, the"),
        (lambda p, n, f, b, a, t: a, "this is the state"),
        (lambda p, n, f, b, a, t: p.step(n, a)[0], "got a "),
        (lambda p, n, f, b, a, t: p.step(n, a), "expected numbers of shape (4,)"),
        (lambda p, n, f, b, a, t: bootstrap(p, n, f, b, a, t)[:, None], "got (4, 1)"),
    ],
}
