"""Answers to the exercises on cells and layouts: right ones of different style, and wrong ones."""

import numpy as np
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence

from rnn_tutorial.exercises.cells import (
    check_backward_direction,
    check_padded_unroll,
    check_parameter_count,
    check_time_major,
)

BLOCKS = {"rnn": 1, "gru": 3, "lstm": 4}


# How many parameters?


def count(kind, features, hidden, layers, *, biases=2, blocks=BLOCKS):
    first = blocks[kind] * hidden * (features + hidden + biases)
    return first + (layers - 1) * blocks[kind] * hidden * (2 * hidden + biases)


def count_with_a_loop(kind, features, hidden, layers):
    total, read = 0, features
    for _ in range(layers):
        for _ in range(BLOCKS[kind]):
            total += read * hidden + hidden**2 + hidden + hidden
        read = hidden
    return total


def count_the_module(kind, features, hidden, layers):
    module = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}[kind](features, hidden, layers)
    return sum(weight.numel() for weight in module.parameters())


def count_in_numpy(kind, features, hidden, layers):
    inputs = np.full(layers, hidden)
    inputs[0] = features
    return (BLOCKS[kind] * hidden * (inputs + hidden + 2)).sum()


def count_as_a_tensor(*sizes):
    return torch.tensor(float(count(*sizes)))


def count_shared_biases(kind, features, hidden, layers):
    weights = count(kind, features, hidden, layers, biases=0)
    return weights + 2 * hidden * layers


def count_one_state_matrix(kind, features, hidden, layers):
    first = BLOCKS[kind] * hidden * (features + 2) + hidden**2
    return first + (layers - 1) * (BLOCKS[kind] * hidden * (hidden + 2) + hidden**2)


def count_features_twice(kind, features, hidden, layers):
    above = BLOCKS[kind] * hidden * (features + hidden + hidden + 2)
    return count(kind, features, hidden, 1) + (layers - 1) * above


# From a flat recording to time major


def split_and_transpose(flat, envs):
    return flat.unflatten(0, (envs, -1)).transpose(0, 1)


def reshape_and_permute(flat, envs):
    return flat.reshape(envs, len(flat) // envs, flat.shape[1]).permute(1, 0, 2).contiguous()


def strided(flat, envs):
    steps = len(flat) // envs
    return torch.stack([flat[t::steps] for t in range(steps)])


def stack_the_envs(flat, envs):
    return torch.stack(flat.chunk(envs), dim=1)


def place_by_place(flat, envs):
    steps = len(flat) // envs
    out = torch.zeros(steps, envs, flat.shape[-1])
    for i, row in enumerate(flat):
        out[i % steps, i // steps] = row
    return out


def by_index(flat, envs):
    steps = len(flat) // envs
    return flat[torch.arange(steps)[:, None] + steps * torch.arange(envs)]


def numpy_swap(flat, envs):
    return np.swapaxes(flat.numpy().reshape(envs, -1, flat.shape[-1]), 0, 1)


def nested_lists(flat, envs):
    steps = len(flat) // envs
    return [[flat[n * steps + t].tolist() for n in range(envs)] for t in range(steps)]


# From the last time to the first


def run(cell, x, h):
    states = []
    for x_t in x:
        h = cell(x_t, h)
        states.append(h)
    return torch.stack(states)


def backward(cell, x, h):
    return run(cell, x.flip(0), h).flip(0)


def backward_in_place(cell, x, h):
    out = torch.empty(len(x), *h.shape)
    for t in range(len(x) - 1, -1, -1):
        h = out[t] = cell(x[t], h)
    return out


def backward_by_insert(cell, x, h):
    states = []
    for x_t in reversed(x):
        h = cell(x_t, h)
        states.insert(0, h)
    return states


def backward_by_recursion(cell, x, h):
    if len(x) == 1:
        return cell(x[0], h)[None]
    later = backward_by_recursion(cell, x[1:], h)
    return torch.cat([cell(x[0], later[0])[None], later])


def lend(cell):
    """An nn.GRU with the weights of a cell."""
    gru = nn.GRU(cell.input_size, cell.hidden_size)
    for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
        setattr(gru, f"{name}_l0", getattr(cell, name))
    return gru


def backward_by_module(cell, x, h):
    return lend(cell)(x.flip(0), h[None])[0].flip(0)


def backward_in_numpy(cell, x, h):
    w_ih, w_hh, b_ih, b_hh = (weight.detach().double().numpy() for weight in cell.parameters())
    x, h, out = x.double().numpy(), h.double().numpy(), []
    for x_t in x[::-1]:
        from_x, from_h = np.split(x_t @ w_ih.T + b_ih, 3, 1), np.split(h @ w_hh.T + b_hh, 3, 1)
        r, z = (1 / (1 + np.exp(-from_x[i] - from_h[i])) for i in (0, 1))
        h = (1 - z) * np.tanh(from_x[2] + r * from_h[2]) + z * h
        out.append(h)
    return np.stack(out[::-1])


def backward_before(cell, x, h):
    states = []
    for x_t in x.flip(0):
        states.append(h)
        h = cell(x_t, h)
    return torch.stack(states).flip(0)


def backward_short(cell, x, h):
    states = []
    for t in range(len(x) - 1, 0, -1):
        h = cell(x[t], h)
        states.append(h)
    return torch.stack(states[::-1])


def backward_in_place_short(cell, x, h):
    out = torch.zeros(len(x), *h.shape)
    for t in range(len(x) - 1, 0, -1):
        h = out[t] = cell(x[t], h)
    return out


def backward_late(cell, x, h):
    return backward(cell, x[:-1], h)


# Stop the state where the sequence stops


def zeros(cell, x):
    return torch.zeros(x.shape[1], cell.hidden_size)


def padded(cell, x, lengths, *, shift=0, clear=False):
    h = zeros(cell, x)
    for t, x_t in enumerate(x):
        real = (t < lengths + shift)[:, None]
        h = torch.where(real, cell(x_t, h), torch.zeros(()) if clear else h)
    return h


def padded_by_product(cell, x, lengths):
    h = zeros(cell, x)
    for t in range(int(lengths.max())):
        real = (t < lengths).float().unsqueeze(1)
        h = real * cell(x[t], h) + (1 - real) * h
    return h


def padded_by_rows(cell, x, lengths):
    h = zeros(cell, x)
    for t in range(len(x)):
        real = lengths > t
        if real.any():
            h[real] = cell(x[t, real], h[real])
    return h


def padded_one_by_one(cell, x, lengths):
    ends = []
    for n, length in enumerate(lengths.tolist()):
        h = None
        for t in range(length):
            h = cell(x[t, n], h)
        ends.append(h)
    return ends


def padded_then_picked(cell, x, lengths):
    return run(cell, x, zeros(cell, x))[lengths - 1, torch.arange(len(lengths))]


def packed(cell, x, lengths):
    return lend(cell)(pack_padded_sequence(x, lengths, enforce_sorted=False))[1][-1]


def padded_turned_round(cell, x, lengths):
    h = zeros(cell, x)
    for t, x_t in enumerate(x):
        h = torch.where((t < lengths)[:, None], h, cell(x_t, h))
    return h


def padded_by_zeros(cell, x, lengths):
    h = zeros(cell, x)
    for x_t in x:
        h = torch.where((x_t != 0).any(-1, keepdim=True), cell(x_t, h), h)
    return h


def padded_to_the_last_nonzero(cell, x, lengths):
    found = [int((x[:, n] != 0).any(-1).nonzero().max()) + 1 for n in range(x.shape[1])]
    return padded(cell, x, torch.tensor(found))


def padded_masks_the_input(cell, x, lengths):
    real = torch.arange(len(x))[:, None] < lengths
    return run(cell, x * real[..., None], zeros(cell, x))[-1]


def padded_without_memory(cell, x, lengths):
    h = zeros(cell, x)
    for t, x_t in enumerate(x):
        h = torch.where((t < lengths)[:, None], cell(x_t), h)
    return h


def padded_all_states(cell, x, lengths):
    return torch.stack([padded(cell, x[: t + 1], lengths) for t in range(len(x))])


def padded_sorted(cell, x, lengths):
    order = lengths.argsort(descending=True)
    return padded(cell, x[:, order], lengths[order])


RIGHT = {
    check_parameter_count: [
        count,
        count_with_a_loop,
        count_the_module,
        count_in_numpy,
        count_as_a_tensor,
    ],
    check_time_major: [
        split_and_transpose,
        reshape_and_permute,
        strided,
        stack_the_envs,
        place_by_place,
        by_index,
        numpy_swap,
        nested_lists,
        lambda flat, envs: flat.view(envs, -1, flat.shape[-1]).swapaxes(0, 1).double(),
    ],
    check_backward_direction: [
        backward,
        backward_in_place,
        backward_by_insert,
        backward_by_recursion,
        backward_by_module,
        backward_in_numpy,
    ],
    check_padded_unroll: [
        padded,
        padded_by_product,
        padded_by_rows,
        padded_one_by_one,
        padded_then_picked,
        packed,
    ],
}

WRONG = {
    check_parameter_count: [
        (lambda *case: count(*case, biases=1), "PyTorch has two biases for each block, b_ih"),
        (lambda *case: count(*case, biases=0), "biases are missing"),
        (count_shared_biases, "each block has two biases of its own"),
        (count_one_state_matrix, "a matrix on the state of its own"),
        (lambda kind, d, h, n: count(kind, d, h, n, biases=2 - h), "on the state is missing"),
        (lambda kind, d, h, n: n * count(kind, d, h, 1), "reads H features, not H_in"),
        (count_features_twice, "not x as well"),
        (lambda kind, d, h, n: count(kind, d, h, 1), "layers above the first are missing"),
        (lambda kind, d, h, n: count(kind, d, h, n + 1), "one layer too many"),
        (lambda kind, d, h, n: count(kind, d, h, n) + n * h, "an argument, not a parameter"),
        (lambda *case: count(*case, blocks={**BLOCKS, "gru": 2}), "three blocks: r, z and n, not"),
        (lambda *case: count(*case, blocks={**BLOCKS, "lstm": 3}), "blocks: i, f, g and o, not 3"),
        (lambda *case: count(*case, blocks=dict.fromkeys(BLOCKS, 1)), "r, z and n, not 1"),
        (lambda *case: [count(*case)], "expected one number, got a list"),
        (lambda *case: "many", "expected one number, got a str"),
        (lambda kind, d, h, n: {"rnn": h * (d + h + 2)}[kind], "your code raised KeyError: 'gru'"),
    ],
    check_time_major: [
        (lambda flat, n: flat.reshape(-1, n, flat.shape[1]), "mixes envs and time"),
        (lambda flat, n: flat.reshape(n, -1, flat.shape[1]), "this is (N, T, D)"),
        (lambda flat, n: flat.unflatten(0, (-1, n)).transpose(0, 1), "env by env"),
        (lambda flat, n: flat.reshape(n, flat.shape[1], -1).permute(2, 0, 1), "mixes the features"),
        (lambda flat, n: flat.unflatten(0, (n, -1)).permute(2, 1, 0), "the features must stay"),
        (lambda flat, n: split_and_transpose(flat, 3), "your function is fixed to 3 envs or 4"),
        (lambda flat, n: flat.reshape(-1, 4, flat.shape[1]).transpose(0, 1), "3 envs or 4 steps"),
        (lambda flat, n: flat.reshape(n, -1, 2).transpose(0, 1), "your function is fixed to 2"),
        (lambda flat, n: flat.reshape(3, 4, 2).transpose(0, 1), "your code raised RuntimeError"),
        (lambda flat, n: "flat", "expected numbers of shape (4, 3, 2), got a str"),
    ],
    check_backward_direction: [
        (run, "ran forward, from"),
        (lambda cell, x, h: run(cell, x.flip(0), h), "flip them back"),
        (lambda cell, x, h: run(cell, x, h).flip(0), "only its outputs"),
        (lambda cell, x, h: backward(cell, x, 0 * h), "was not used"),
        (lambda cell, x, h: torch.stack([cell(x_t, h) for x_t in x]), "each step started from the"),
        (lambda cell, x, h: torch.stack([cell(x_t) for x_t in x]), "each step started from zeros"),
        (lambda cell, x, h: run(cell, x.flip(1), h).flip(1), "flip(1) reverses the envs"),
        (lambda cell, x, h: torch.cat([backward(cell, x, h), h[None]]), "T times, T entries"),
        (backward_before, "the one after"),
        (backward_short, "time 0 is missing"),
        (backward_in_place_short, "time 0 was left at zero"),
        (backward_late, "the last time is missing"),
        (lambda cell, x, h: backward(cell, x, h)[0], "this is the last state only"),
        (lambda cell, x, h: backward(cell, x, h).transpose(0, 1), "this is (N, T, H)"),
        (lambda cell, x, h: (backward(cell, x, h), h), "(5, 3, 4), got a tuple"),
    ],
    check_padded_unroll: [
        (lambda cell, x, n: padded(cell, x, n + 9), "went on changing"),
        (padded_masks_the_input, "went on changing"),
        (lambda cell, x, n: padded(cell, x, n, clear=True), "was cleared"),
        (lambda cell, x, n: padded(cell, x, n, shift=1), "one step too many"),
        (lambda cell, x, n: padded(cell, x, n, shift=-1), "one step too few"),
        (padded_turned_round, "the mask is inverted"),
        (padded_by_zeros, "a real observation may be zero, so x != 0"),
        (padded_to_the_last_nonzero, "may end in a real zero"),
        (lambda cell, x, n: padded(cell, x, 0 * n + n.min()), "stopped together"),
        (lambda cell, x, n: padded(cell, x, 0 * n + n.max()), "as long as the longest"),
        (padded_without_memory, "each step started from zeros"),
        (padded_all_states, "all states were returned"),
        (padded_sorted, "another order"),
        (lambda cell, x, n: (padded(cell, x, n), n), "(3, 4), got a tuple"),
    ],
}
