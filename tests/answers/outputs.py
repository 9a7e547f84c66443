"""Answers to the exercises on `output` and `h_n`: right ones of different style, and wrong ones."""

import numpy as np
import torch

from rnn_tutorial.exercises.outputs import (
    check_chunks,
    check_corner_rule,
    check_last_real_output,
)

# The last real output


def envs(lengths):
    return torch.arange(len(lengths))


def last_real(output, lengths):
    return output[lengths - 1, envs(lengths)]


def last_one_by_one(output, lengths):
    return [output[length - 1, n] for n, length in enumerate(lengths)]


def last_by_gather(output, lengths):
    index = (lengths - 1)[None, :, None].expand(1, *output.shape[1:])
    return output.gather(0, index).squeeze(0)


def last_by_mask(output, lengths):
    is_last = torch.arange(len(output))[:, None] == lengths - 1
    return (output * is_last[..., None]).sum(0)


def last_by_einsum(output, lengths):
    one_hot = torch.nn.functional.one_hot(lengths - 1, len(output)).float()
    return torch.einsum("tnh,nt->nh", output, one_hot)


def last_in_numpy(output, lengths):
    return output.numpy()[lengths.numpy() - 1, np.arange(len(lengths))]


def last_by_running_choice(output, lengths):
    chosen = output[0]
    for t, output_nh in enumerate(output):
        chosen = torch.where((t < lengths)[:, None], output_nh, chosen)
    return chosen


def last_by_diagonal(output, lengths):
    return output[lengths - 1].diagonal().T


def last_by_boolean_mask(output, lengths):
    return output[torch.arange(len(output))[:, None] == lengths - 1]


def mean_of_real(output, lengths):
    return torch.stack([output[:length, n].mean(0) for n, length in enumerate(lengths)])


def masked(output, lengths):
    return output * (torch.arange(len(output))[:, None] < lengths)[..., None]


# Run in chunks


def in_chunks(rnn, obs, chunk, carry=torch.Tensor.detach):
    outputs, state = [], None
    for piece in obs.split(chunk):
        output, h_n = rnn(piece, state)
        outputs.append(output)
        state = carry(h_n)
    return torch.cat(outputs)


def chunks_by_index(rnn, obs, chunk):
    out = torch.empty(*obs.shape[:2], rnn.hidden_size)
    h = torch.zeros(rnn.num_layers, obs.shape[1], rnn.hidden_size)
    for start in range(0, len(obs), chunk):
        out[start : start + chunk], h = rnn(obs[start : start + chunk], h.detach())
    return out


def chunks_step_by_step(rnn, obs, chunk):
    outputs, h = [], None
    for t, x in enumerate(obs):
        if t and t % chunk == 0:
            h = h.detach()
        output, h = rnn(x[None], h)
        outputs.append(output[0])
    return torch.stack(outputs)


def chunks_detached_in_place(rnn, obs, chunk):
    outputs, h = [], None
    while len(obs):
        output, h = rnn(obs[:chunk], h)
        h.detach_()
        outputs.append(output)
        obs = obs[chunk:]
    return torch.vstack(outputs)


def chunks_with_the_state_apart(rnn, obs, chunk):
    outputs, h = [], None
    for piece in obs.split(chunk):
        outputs.append(rnn(piece, h)[0])
        with torch.no_grad():
            h = rnn(piece, h)[1]
    return torch.cat(outputs, dim=0)


def chunks_by_recursion(rnn, obs, chunk, h=None):
    output, h = rnn(obs[:chunk], h)
    if len(obs) <= chunk:
        return output
    return torch.cat([output, chunks_by_recursion(rnn, obs[chunk:], chunk, h.data)])


def chunks_with_a_cut(which):
    """Detaches before one border only."""

    def answer(rnn, obs, chunk):
        pieces, outputs, h = obs.split(chunk), [], None
        for k, piece in enumerate(pieces):
            if k == which % len(pieces):
                h = h.detach()
            output, h = rnn(piece, h)
            outputs.append(output)
        return torch.cat(outputs)

    return answer


def chunks_from_the_first(rnn, obs, chunk):
    first, h = rnn(obs[:chunk])
    return torch.cat([first, *(rnn(piece, h)[0] for piece in obs[chunk:].split(chunk))])


def chunks_with_a_shift(shift):
    """Detaches before the steps t with t % chunk == shift % chunk."""

    def answer(rnn, obs, chunk):
        outputs, h = [], None
        for t, x in enumerate(obs):
            if t and t % chunk == shift % chunk:
                h = h.detach()
            output, h = rnn(x[None], h)
            outputs.append(output[0])
        return torch.stack(outputs)

    return answer


def chunks_by_number(rnn, obs, chunk):
    outputs, h = [], None
    for piece in obs.chunk(chunk):
        output, h = rnn(piece, h)
        outputs.append(output)
        h = h.detach()
    return torch.cat(outputs)


def chunks_without_the_rest(rnn, obs, chunk):
    return in_chunks(rnn, obs, chunk)[: len(obs) // chunk * chunk]


def chunks_with_the_last_alone_learning(rnn, obs, chunk):
    outputs, border = in_chunks(rnn, obs, chunk), (len(obs) - 1) // chunk * chunk
    return torch.cat([outputs[:border].detach(), outputs[border:]])


# The rule


def corner(num_layers, bidirectional, packed, lengths):
    return not bidirectional and (not packed or len(set(lengths)) == 1)


def corner_in_steps(num_layers, bidirectional, packed, lengths):
    if bidirectional:
        return False
    if not packed:
        return True
    return all(length == max(lengths) for length in lengths)


def corner_in_numpy(num_layers, bidirectional, packed, lengths):
    return np.logical_not(bidirectional) & (not packed or np.ptp(lengths) == 0)


def corner_in_numbers(num_layers, bidirectional, packed, lengths):
    return int(not bidirectional) * int(not packed or min(lengths) == max(lengths))


def corner_in_torch(num_layers, bidirectional, packed, lengths):
    same = (torch.tensor(lengths) == lengths[0]).all()
    return (same | (not packed)) & (not bidirectional)


RIGHT = {
    check_last_real_output: [
        last_real,
        last_one_by_one,
        last_by_gather,
        last_by_mask,
        last_by_einsum,
        last_in_numpy,
        last_by_running_choice,
        last_by_diagonal,
    ],
    check_chunks: [
        in_chunks,
        chunks_by_index,
        chunks_step_by_step,
        chunks_detached_in_place,
        chunks_with_the_state_apart,
        chunks_by_recursion,
    ],
    check_corner_rule: [
        corner,
        corner_in_steps,
        corner_in_numpy,
        corner_in_numbers,
        corner_in_torch,
    ],
}

WRONG = {
    check_last_real_output: [
        (lambda out, n: out[-1], "output[-1] is the output of padding for"),
        (lambda out, n: out[n.max() - 1], "every sequence was read at the end of the"),
        (lambda out, n: out[n, envs(n)], "has index length - 1"),
        (lambda out, n: out[n - 2, envs(n)], "not length - 2"),
        (lambda out, n: out[n - 1], "each env needs its own"),
        (lambda out, n: out[envs(n), n - 1], "indices are swapped"),
        (last_by_boolean_mask, "a mask over (T, N) picks entries in the"),
        (lambda out, n: out.mean(0), "mean over time"),
        (mean_of_real, "mean over the real steps"),
        (masked, "now pick each sequence's last"),
        (lambda out, n: last_real(out, n)[:, :2], "expected shape (4, 5) (env, unit), got (4, 2)"),
        (lambda out, n: (last_real(out, n), n), "(4, 5), got a tuple"),
    ],
    check_chunks: [
        (lambda rnn, x, k: in_chunks(rnn, x, k, lambda h: None), "every chunk started from zero"),
        (chunks_from_the_first, "every chunk started from the end of the"),
        (lambda rnn, x, k: in_chunks(rnn, x, k, lambda h: h[-1:].repeat(2, 1, 1)), "all of h_n"),
        (chunks_without_the_rest, "the last chunk, of 3 steps, is missing"),
        (lambda rnn, x, k: in_chunks(rnn, x, k)[len(x) // k * k :], "join all of them"),
        (lambda rnn, x, k: torch.stack([c[-1] for c in in_chunks(rnn, x, k).split(k)]), "each st"),
        (lambda rnn, x, k: rnn(x)[0], "detach the state between chunks"),
        (chunks_with_a_cut(-1), "before the last chunk only"),
        (chunks_with_a_cut(1), "after the first chunk only"),
        (lambda rnn, x, k: in_chunks(rnn, x, 1), "at every step, not only"),
        (chunks_with_a_shift(-1), "one step too early"),
        (chunks_with_a_shift(1), "one step too late"),
        (chunks_by_number, "obs.chunk(k) makes k chunks"),
        (lambda rnn, x, k: in_chunks(rnn, x, 4), "your function is fixed to chunks of 4 steps"),
        (lambda rnn, x, k: in_chunks(rnn, x, k).detach(), "no gradient at all"),
        (lambda rnn, x, k: in_chunks(rnn, x, k).detach().numpy(), "no gradient at all"),
        (chunks_with_the_last_alone_learning, "only the last chunk has a gradient"),
        (lambda rnn, x, k: list(in_chunks(rnn, x, k).split(k)), "got a list of 3: join the"),
        (lambda rnn, x, k: rnn(x), "expected one tensor (T, N, H), got a tuple of 2"),
    ],
    check_corner_rule: [
        (lambda *setting: not corner(*setting), "True where they differ"),
        (lambda *setting: True, "expected 0, got 1"),
        (lambda layers, both, packed, n: not both, "zero after a short"),
        (lambda layers, both, packed, n: not both and not packed, "packing alone"),
        (lambda layers, both, packed, n: not packed or len(set(n)) == 1, "both directions"),
        (lambda layers, both, packed, n: not both and len(set(n)) == 1, "have seen padding"),
        (lambda layers, *rest: layers == 1 and corner(layers, *rest), "number of layers"),
        (lambda layers, both, packed, n: not both and (not packed or n[0] == n[-1]), "all the len"),
        (
            lambda layers, both, packed, n: not both and (not packed or len(n) == 1),
            "equal lengths are enough",
        ),
        (
            lambda layers, both, packed, n: not both and (not packed or sorted(n)[::-1] == n),
            "sorted or",
        ),
        (
            lambda layers, both, packed, n: not both and (not packed or n[-1] == max(n)),
            "every sequence must reach the end, not only",
        ),
        (lambda *setting: str(corner(*setting)), "expected True or False, got a str"),
        (lambda *setting: [corner(*setting)], "expected True or False, got a list"),
    ],
}
