"""Answers to the exercises on the recurrent policy: right ones and typical wrong ones."""

import math

import numpy as np
import torch
from torch.distributions import Independent, Normal

from rnn_tutorial.exercises.recurrent_policy import (
    check_fold,
    check_joint_log_prob,
    check_step_loop,
)
from rnn_tutorial.recurrent import clear_state

# The loop with resets


def fill(policy, obs, state, reset):
    values = []
    for obs_nd, reset_n in zip(obs, reset, strict=True):
        state = state.masked_fill(reset_n[None, :, None], 0.0)
        output, state = policy.step(obs_nd, state)
        values.append(output.value)
    return torch.stack(values)


def multiply(policy, obs, state, reset):
    values = torch.zeros(reset.shape)
    for t in range(len(obs)):
        state = state * (1 - reset[t].float()).view(1, -1, 1)
        output, state = policy.step(obs[t], state)
        values[t] = output.value
    return values


def write_zeros(policy, obs, state, reset):
    values = []
    for t in range(obs.shape[0]):
        state[:, reset[t]] = 0
        output, state = policy(obs[t], state)
        values.append(output.value.tolist())
    return values


def choose_the_initial_state(policy, obs, state, reset):
    values = []
    for x, r in zip(obs, reset, strict=True):
        state = torch.where(r[:, None], policy.initial_state(len(x)), state)
        (_, value), state = policy.step(x, state)
        values.append(value.numpy())
    return np.stack(values)


def env_by_env(policy, obs, state, reset):
    columns = []
    for n in range(obs.shape[1]):
        h, column = state[:, n : n + 1], []
        for t in range(obs.shape[0]):
            if reset[t, n]:
                h = policy.initial_state(1)
            output, h = policy.step(obs[t, n][None], h)
            column.append(output.value)
        columns.append(torch.cat(column))
    return torch.stack(columns, dim=1)


def core_and_critic(policy, obs, state, reset):
    values = []
    for obs_nd, reset_n in zip(obs, reset, strict=True):
        hidden, state = policy.core.step(policy.encoder(obs_nd), clear_state(state, reset_n))
        values.append(policy.critic(hidden)[:, 0])
    return torch.stack(values)


def after_the_step(policy, obs, state, reset):
    values = []
    for obs_nd, reset_n in zip(obs, reset, strict=True):
        output, state = policy.step(obs_nd, state)
        state = state.masked_fill(reset_n[None, :, None], 0.0)
        values.append(output.value)
    return torch.stack(values)


def always_the_start(policy, obs, state, reset):
    values = []
    for obs_nd, reset_n in zip(obs, reset, strict=True):
        output, _ = policy.step(obs_nd, state.masked_fill(reset_n[None, :, None], 0.0))
        values.append(output.value)
    return torch.stack(values)


def back_to_the_start(policy, obs, state, reset):
    start, values = state, []
    for obs_nd, reset_n in zip(obs, reset, strict=True):
        state = torch.where(reset_n[None, :, None], start, state)
        output, state = policy.step(obs_nd, state)
        values.append(output.value)
    return torch.stack(values)


def from_one_on(policy, obs, state, reset):
    reset = reset.clone()
    reset[0] = False
    return fill(policy, obs, state, reset)


def one_early(policy, obs, state, reset):
    return fill(policy, obs, state, torch.cat((reset[1:], reset[:1] & False)))


def first_layer(policy, obs, state, reset):
    values = []
    for obs_nd, reset_n in zip(obs, reset, strict=True):
        state = state.clone()
        state[0] = state[0].masked_fill(reset_n[:, None], 0.0)
        output, state = policy.step(obs_nd, state)
        values.append(output.value)
    return torch.stack(values)


def with_its_argument(policy, obs, state, reset):
    values = []
    for obs_nd, reset_n in zip(obs, reset, strict=True):
        output, state = policy.step(obs_nd, state, reset_n)
        values.append(output.value)
    return torch.stack(values)


# Fold, encode, unfold


def flatten_unflatten(encoder, images):
    return encoder(images.flatten(0, 1)).unflatten(0, images.shape[:2])


def view(encoder, images):
    t, n, *image = images.shape
    return encoder(images.view(-1, *image)).view(t, n, -1)


def reshape(encoder, images):
    t, n, c, h, w = images.shape
    features = encoder(images.reshape(t * n, c, h, w))
    return features.reshape(t, n, features.shape[-1])


def time_by_time(encoder, images):
    return torch.stack([encoder(image_nchw) for image_nchw in images])


def env_by_env_transposed(encoder, images):
    return torch.stack([encoder(images[:, n]) for n in range(images.shape[1])]).transpose(0, 1)


def lists(encoder, images):
    return [[encoder(image[None])[0].numpy() for image in row] for row in images]


def split_back(encoder, images):
    return torch.stack(encoder(torch.cat(list(images))).split(images.shape[1]))


def swapped(encoder, images):
    return encoder(images.transpose(0, 1).flatten(0, 1))


# The joint log-probability


def by_the_formula(mean, std, action):
    z = (action - mean) / std
    return (-(z**2) / 2 - std.log() - np.log(2 * np.pi) / 2).sum(-1)


def constants_once(mean, std, action):
    z, size = (action - mean) / std, mean.shape[-1]
    square = torch.einsum("tna,tna->tn", z, z)
    return -0.5 * (square + size * math.log(2 * math.pi)) - std.log().sum(dim=2)


def product_of_densities(mean, std, action):
    density = torch.exp(-(((action - mean) / std) ** 2) / 2) / (std * math.sqrt(2 * math.pi))
    return density.prod(-1).log()


def in_numpy(mean, std, action):
    mean, std, action = (x.double().numpy() for x in (mean, std, action))
    return np.sum(-((action - mean) ** 2) / (2 * std**2) - np.log(std * np.sqrt(2 * np.pi)), -1)


def dimension_by_dimension(mean, std, action):
    total = 0.0
    for i in range(mean.shape[-1]):
        variance = std[..., i] ** 2
        total = total - (action[..., i] - mean[..., i]) ** 2 / (2 * variance)
        total = total - 0.5 * torch.log(2 * torch.pi * variance)
    return total


def by_the_library(mean, std, action):
    return Independent(Normal(mean, std), 1).log_prob(action)


def each(mean, std, action):
    return Normal(mean, std).log_prob(action)


RIGHT = {
    check_step_loop: [
        fill,
        multiply,
        write_zeros,
        choose_the_initial_state,
        env_by_env,
        core_and_critic,
    ],
    check_fold: [
        flatten_unflatten,
        view,
        reshape,
        time_by_time,
        env_by_env_transposed,
        lists,
        split_back,
    ],
    check_joint_log_prob: [
        by_the_formula,
        constants_once,
        product_of_densities,
        in_numpy,
        dimension_by_dimension,
        by_the_library,
    ],
}

WRONG = {
    check_step_loop: [
        (lambda p, x, s, r: fill(p, x, s, r & False), "the state is never cleared"),
        (after_the_step, "before step t, not after it"),
        (one_early, "one step too early"),
        (from_one_on, "the reset at t = 0 is missing"),
        (lambda p, x, s, r: fill(p, x, s, r.any(1)[:, None].expand_as(r)), "states of all envs"),
        (lambda p, x, s, r: fill(p, x, s, ~r), "the flags are inverted"),
        (lambda p, x, s, r: fill(p, x, s, r | True), "not carried"),
        (always_the_start, "start state is used at every step"),
        (back_to_the_start, "at a reset the state must become zero, not"),
        (lambda p, x, s, r: fill(p, x, 0 * s, r), "start from the given state, not from zero"),
        (first_layer, "clear every layer's state"),
        (lambda p, x, s, r: fill(p, x, s, r).T, "this is (N, T)"),
        (lambda p, x, s, r: fill(p, x, s, r)[-1], "collect the value of every step"),
        (with_its_argument, "clear the state yourself"),
        (lambda p, x, s, r: p.unroll(x, s, r)[0].value, "write the loop yourself instead of"),
        (lambda p, x, s, r: p(x, s, r)[0].value, "write the loop yourself instead of unroll"),
        (
            lambda p, x, s, r: p.critic(p.core.unroll(p.encoder(x.flatten(0, 1)), s, r)[0]),
            "write the loop yourself instead of unroll",
        ),
        (lambda p, x, s, r: (fill(p, x, s, r), s), "got a tuple"),
    ],
    check_fold: [
        (lambda e, x: e(x.flatten(0, 1)), "still a flat batch"),
        (lambda e, x: e(x.flatten(0, 1)).reshape(x.shape[0], -1), "the envs are not"),
        (
            lambda e, x: e(x.flatten(0, 1)).reshape(x.shape[1], x.shape[0], -1),
            "in the order of folding",
        ),
        (
            lambda e, x: e(x.flatten(0, 1)).reshape(x.shape[1], x.shape[0], -1).transpose(0, 1),
            "unfolded as (N, T) and transposed",
        ),
        (lambda e, x: swapped(e, x).reshape(*x.shape[:2], -1), "transposed before folding"),
        (lambda e, x: swapped(e, x).unflatten(0, (x.shape[1], -1)), "this is (N, T, features)"),
        (lambda e, x: e(x[0]), "these are the features of the first time"),
        (lambda e, x: flatten_unflatten(e, x).mean(1), "averaged over the envs"),
        (lambda e, x: e(x), "RuntimeError: Expected 3D (unbatched) or 4D (batched)"),
        (lambda e, x: e(x.flatten(0, 1)).reshape(4, 3, 5), "got (4, 3, 5)"),
    ],
    check_joint_log_prob: [
        (each, "sum over the action's dimensions"),
        (lambda m, s, a: each(m, s, a).mean(-1), "sum, not mean"),
        (lambda m, s, a: each(m, s, a).sum(1), "over the envs"),
        (lambda m, s, a: each(m, s, a).sum(0), "over time"),
        (lambda m, s, a: each(m, s, a).sum(), "every axis"),
        (lambda m, s, a: each(m, s, a)[..., :2].sum(-1), "more dimensions than two"),
        (lambda m, s, a: each(m, s, a).sum(-1, keepdim=True), "keepdim"),
        (lambda m, s, a: each(m, s, a).exp().sum(-1).log(), "sum of densities"),
        (lambda m, s, a: by_the_formula(m, s, a).exp(), "the density itself"),
        (lambda m, s, a: -by_the_formula(m, s, a), "negative log-likelihood"),
        (lambda m, s, a: by_the_formula(m, s**2, a), "the variance"),
        (lambda m, s, a: by_the_formula(m, s.sqrt(), a), "the root of std was taken"),
        (
            lambda m, s, a: (-(((a - m) / s) ** 2) / 2 - s.log()).sum(-1) - np.log(2 * np.pi) / 2,
            "the constant was subtracted once",
        ),
        (lambda m, s, a: (-(((a - m) / s) ** 2) / 2 - s.log()).sum(-1), "2 pi is missing"),
        (
            lambda m, s, a: (-(((a - m) / s) ** 2) / 2 - np.log(2 * np.pi) / 2).sum(-1),
            "logarithm of std is missing",
        ),
        (lambda m, s, a: by_the_formula(m, s, a) + 2 * s.log().sum(-1), "the logarithm of std was"),
        (
            lambda m, s, a: (-(((a - m) / s) ** 2) - s.log() - np.log(2 * np.pi) / 2).sum(-1),
            "the square must be halved",
        ),
        (
            lambda m, s, a: (-((a - m) ** 2) / s / 2 - s.log() - np.log(2 * np.pi) / 2).sum(-1),
            "divide by std before squaring",
        ),
    ],
}
