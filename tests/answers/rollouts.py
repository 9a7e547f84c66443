"""Answers to the exercises on rollouts: right ones and typical wrong ones."""

from itertools import pairwise

import numpy as np
import torch

from rnn_tutorial.exercises.rollouts import check_episode_returns, check_memory_effect
from rnn_tutorial.recurrent import map_state

# Returns from a stream


def reduceat(reward, reset):
    return np.add.reduceat(reward, np.flatnonzero(reset))


def bincount(reward, reset):
    return np.bincount(np.cumsum(reset) - 1, weights=reward)


def loop(reward, reset):
    returns = []
    for r, begins in zip(reward, reset, strict=True):
        if begins:
            returns.append(0.0)
        returns[-1] += r
    return returns


def split(reward, reset):
    return [part.sum() for part in np.split(reward, np.flatnonzero(reset)[1:])]


def slices(reward, reset):
    starts = [*np.flatnonzero(reset), len(reward)]
    return np.array([reward[a:b].sum() for a, b in pairwise(starts)])


def one_mask_an_episode(reward, reset):
    number = torch.as_tensor(reset).cumsum(0)
    return torch.stack([torch.as_tensor(reward)[number == k].sum() for k in number.unique()])


def flush_at_the_end(reward, reset):
    returns, total = [], 0.0
    for t in range(len(reward)):
        if reset[t] and t > 0:
            returns.append(total)
            total = 0.0
        total += reward[t]
    return [*returns, total]


def after_the_step(reward, reset):
    returns, total = [], 0.0
    for t in range(len(reward)):
        total += reward[t]
        if reset[t] and t > 0:
            returns.append(total)
            total = 0.0
    return [*returns, total]


def flush_at_each_reset(reward, reset):
    returns, total = [], 0.0
    for r, begins in zip(reward, reset, strict=True):
        if begins:
            returns.append(total)
            total = 0.0
        total += r
    return [*returns, total]


# Does it remember?


def largest(change):
    return change.abs().amax(-1)


def fold_time_into_the_batch(policy, obs, mean):
    flat = obs.flatten(0, 1)
    output, _ = policy.step(flat, policy.initial_state(len(flat)))
    return largest(output.distribution.mean.view_as(mean) - mean)


def step_by_step(policy, obs, mean):
    zeros = policy.initial_state(obs.shape[1])
    blank = [policy.step(obs_nd, zeros)[0].distribution.mean for obs_nd in obs]
    return largest(torch.stack(blank) - mean)


def unroll_with_a_reset_at_every_step(policy, obs, mean):
    always = torch.ones(obs.shape[:2], dtype=torch.bool)
    output, _ = policy.unroll(obs, policy.initial_state(obs.shape[1]), always)
    return (mean - output.distribution.mean).abs().max(dim=-1).values


def call_without_a_state(policy, obs, mean):
    return [largest(policy(obs[t])[0].distribution.mean - mean[t]) for t in range(len(obs))]


def one_observation_at_a_time(policy, obs, mean):
    effect = np.zeros(obs.shape[:2])
    for t, n in np.ndindex(effect.shape):
        action, _, _ = policy.choose_action(obs[t, n], deterministic=True)
        effect[t, n] = np.max(np.abs(action - mean[t, n].numpy()))
    return effect


def one_call_for_each_env(policy, obs, mean):
    columns = []
    for n in range(obs.shape[1]):
        output, _ = policy.step(obs[:, n], policy.initial_state(len(obs)), None)
        columns.append((output.distribution.mode - mean[:, n]).abs().max(1)[0])
    return torch.stack(columns, 1)


def blank(policy, obs):
    zeros = policy.initial_state(obs.shape[1])
    return torch.stack([policy.step(x, zeros)[0].distribution.mean for x in obs])


def carried(policy, obs, mean):
    state, means = policy.initial_state(obs.shape[1]), []
    for obs_nd in obs:
        output, state = policy.step(obs_nd, state)
        means.append(output.distribution.mean)
    return torch.stack(means)


def from_ones(policy, obs, mean):
    ones = map_state(torch.ones_like, policy.initial_state(obs.shape[1]))
    return torch.stack([policy.step(x, ones)[0].distribution.mean for x in obs])


def from_step_to_step(policy, obs, mean):
    return largest(torch.diff(mean, dim=0, prepend=mean[:1]))


RIGHT = {
    check_episode_returns: [
        reduceat,
        bincount,
        loop,
        split,
        slices,
        one_mask_an_episode,
        flush_at_the_end,
    ],
    check_memory_effect: [
        fold_time_into_the_batch,
        step_by_step,
        unroll_with_a_reset_at_every_step,
        call_without_a_state,
        one_observation_at_a_time,
        one_call_for_each_env,
    ],
}

WRONG = {
    check_episode_returns: [
        (after_the_step, "the reward of an episode's first step went"),
        (
            lambda r, f: reduceat(r, np.append(f[1:], False) | (np.arange(len(f)) == 0)),
            "went to the next one",
        ),
        (lambda r, f: reduceat(r, f)[:-1], "the last episode is missing"),
        (lambda r, f: reduceat(r, f)[1:], "the first episode is missing"),
        (flush_at_each_reset, "there is none before it"),
        (lambda r, f: np.cumsum(reduceat(r, f)), "the sum runs on across the boundaries"),
        (lambda r, f: reduceat(r, f) / reduceat(1 + 0 * r, f), "the mean reward"),
        (lambda r, f: r.sum(), "the sum of the whole stream"),
        (lambda r, f: [p.sum() for p in np.split(r, np.flatnonzero(f))], "there is none before it"),
        (lambda r, f: reduceat(1 + 0 * r, f), "the lengths of the episodes"),
        (lambda r, f: r[f], "this is the first reward of each episode,"),
    ],
    check_memory_effect: [
        (lambda p, o, m: (m - blank(p, o)).amax(-1), "signed"),
        (lambda p, o, m: (blank(p, o) - m).amax(-1), "signed"),
        (lambda p, o, m: (m - blank(p, o)).abs().mean(-1), "averaged over the action's"),
        (lambda p, o, m: (m - blank(p, o)).abs().sum(-1), "summed over the action's"),
        (lambda p, o, m: (m - blank(p, o)).norm(dim=-1), "Euclidean"),
        (lambda p, o, m: (m - blank(p, o)).abs()[..., 0], "this is the first dimension of the"),
        (lambda p, o, m: (m - blank(p, o)).abs(), "one number for each dimension"),
        (lambda p, o, m: (m - blank(p, o)).abs().amax(1), "largest over the envs"),
        (lambda p, o, m: (m - blank(p, o)).abs().max(), "one number for all"),
        (lambda p, o, m: largest(m - carried(p, o, m)), "the memory is zero before step 0 only"),
        (lambda p, o, m: largest(carried(p, o, m) - blank(p, o)), "without the resets"),
        (lambda p, o, m: largest(m), "this is the size of the mean"),
        (lambda p, o, m: largest(blank(p, o)), "this is the mean from a zero state"),
        (from_step_to_step, "from one step to the next"),
        (lambda p, o, m: largest(m - blank(p, 0 * o)), "observation and memory were both set to"),
        (lambda p, o, m: largest(m - from_ones(p, o, m)), "the state was set to ones"),
        (lambda p, o, m: ((m - blank(p, o)) ** 2).amax(-1), "this is the square"),
        (lambda p, o, m: largest(m - blank(p, o)) > 1e-6, "this says whether it changes"),
        (lambda p, o, m: bool(largest(m - blank(p, o)).max() > 1e-6), "got ()"),
        (lambda p, o, m: p, "got a RNNPolicy"),
    ],
}
