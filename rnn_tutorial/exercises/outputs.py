"""Checks of the exercises on `output` and `h_n`: which entry is the last state; carrying on.

Each check draws a small random GRU and data from its own seed, so that its verdict never changes.
"""

from collections.abc import Callable
from itertools import product
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from rnn_tutorial.exercises.verdict import Verdict, judge

LENGTHS = [6, 2, 4]
CHUNK = 4


def _gru_and_data(steps: int, **options: Any) -> tuple[nn.GRU, Tensor]:
    """A seeded GRU (3 -> 5 features) and observations (steps, 3 envs, 3)."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)
        gru = nn.GRU(3, 5, **options)
        return gru, torch.randn(steps, 3, 3)


def check_last_real_output(answer: Callable[[Tensor, Tensor], Any]) -> Verdict:
    """Checks a function that picks each sequence's last real output from a padded batch.

    Args:
        answer: takes `output_tnh` (T, N, H) and `lengths_n` (N,), returns (N, H).

    Returns:
        The verdict; expected values come from running every sequence alone, unpadded.
    """
    gru, obs = _gru_and_data(max(LENGTHS))
    lengths = torch.tensor(LENGTHS)
    with torch.no_grad():
        output = gru(obs)[0]
        alone = [gru(obs[:length, env])[0][-1] for env, length in enumerate(LENGTHS)]
    envs = torch.arange(len(LENGTHS))
    after = output[lengths.clamp(max=len(obs) - 1), envs]
    return judge(
        lambda: answer(output.clone(), lengths.clone()),
        torch.stack(alone),
        axes=("env", "unit"),
        mistakes={
            "output[-1] is the padding's output for every sequence but the longest": output[-1],
            "off by one: the last of `length` steps has index length - 1": after,
            "off by one: the last of `length` steps has index length - 1, not length - 2": output[
                lengths - 2, envs
            ],
            "indexing with lengths alone takes whole time steps; each env needs its own": output[
                lengths - 1
            ],
            "this is the mean over time, padding included": output.mean(0),
        },
        praise="equals every sequence run alone, with no padding in sight.",
    )


def check_chunks(answer: Callable[[nn.GRU, Tensor, int], Any]) -> Verdict:
    """Checks a function that runs a sequence in chunks and cuts the gradient between them.

    Args:
        answer: takes a GRU, `obs_tnd` (T, N, D) and the chunk's length, returns (T, N, H).

    Returns:
        The verdict on the outputs, and if these are right, on the gradient of the last one.
    """
    gru, obs = _gru_and_data(11, num_layers=2)
    with torch.no_grad():
        whole = _one_by_one(gru, obs)
        chunks = obs.split(CHUNK)
        fresh = torch.cat([gru(chunk)[0] for chunk in chunks])
        copied, h = [], None
        for chunk in chunks:
            out, h_n = gru(chunk, h)
            copied.append(out)
            h = h_n[-1:].expand_as(h_n).contiguous()
    outputs = judge(
        lambda: answer(gru, obs.clone(), CHUNK),
        whole,
        axes=("time", "env", "unit"),
        mistakes={
            "every chunk began at zero: hand h_n of one chunk to the next": fresh,
            "the top layer's state was handed to every layer: hand over all of h_n": torch.cat(
                copied
            ),
            "the last chunk is missing: 11 steps make chunks of 4, 4 and 3": whole[:8],
            "only the last chunk came back: join all of them along time": whole[8:],
        },
    )
    if not outputs.right:
        return outputs
    start = (len(obs) - 1) // CHUNK * CHUNK
    with torch.no_grad():
        state = gru(obs[:start])[1]
    return judge(
        lambda: _reach(lambda x: answer(gru, x, CHUNK), obs),
        _reach(lambda x: gru(x[start:], state)[0], obs),
        axes=("the last output's gradient by the observation of time", "env"),
        mistakes={
            "the gradient crosses the cuts: detach the state between chunks": _reach(
                lambda x: gru(x)[0], obs
            ),
            "no gradient at all: detach the state, not the outputs": torch.zeros(obs.shape[:2]),
        },
        praise="outputs equal the whole sequence, and the gradient stops at the cut.",
    )


def _one_by_one(gru: nn.GRU, obs: Tensor) -> Tensor:
    """Outputs (T, N, H) from T calls of one step each."""
    outputs, state = [], None
    for x in obs:
        out, state = gru(x[None], state)
        outputs.append(out[0])
    return torch.stack(outputs)


def _reach(run: Callable[[Tensor], Any], obs: Tensor) -> Tensor:
    """How much the last output depends on each observation: gradient norms (T, N)."""
    x = obs.clone().requires_grad_()
    last = run(x)[-1].sum()
    if not last.requires_grad:
        return torch.zeros(obs.shape[:2])
    (gradient,) = torch.autograd.grad(last, x, allow_unused=True)
    return torch.zeros(obs.shape[:2]) if gradient is None else gradient.norm(dim=-1)


def check_corner_rule(answer: Callable[[int, bool, bool, list[int]], Any]) -> Verdict:
    """Checks a rule that says when `output[-1]` equals `h_n[-1]`, against 16 modules that are run.

    Args:
        answer: takes num_layers, bidirectional, packed, lengths; returns True where they are equal.

    Returns:
        The verdict, over all settings.
    """
    settings = list(product((1, 2), (False, True), (False, True), ([6, 6, 6], LENGTHS)))
    names = "num_layers={}, bidirectional={}, packed={}, lengths={}"

    def table(rule: Callable[..., Any]) -> Any:
        cells = [rule(*setting) for setting in settings]
        if any(cell is None or cell is Ellipsis for cell in cells):
            return None
        return torch.tensor([bool(cell) for cell in cells])

    return judge(
        lambda: table(answer),
        table(_corner_is_shared),
        axes=[[names.format(*setting) for setting in settings]],
        mistakes={
            "both directions: output[-1] is then twice as wide, and ends in a first step": table(
                lambda layers, both, packed, lengths: not packed or len(set(lengths)) == 1
            ),
            "packing alone does no harm: where all lengths are equal nothing is padded": table(
                lambda layers, both, packed, lengths: not both and not packed
            ),
            "output of a packed batch is zero after a short sequence's end": table(
                lambda layers, both, packed, lengths: not both
            ),
            "not packed, output[-1] and h_n[-1] are equal (though both have seen padding)": table(
                lambda layers, both, packed, lengths: not both and len(set(lengths)) == 1
            ),
            "the number of layers is not the reason: [-1] is the last layer in both": table(
                lambda layers, both, packed, lengths: (
                    layers == 1 and not both and (not packed or len(set(lengths)) == 1)
                )
            ),
        },
        praise="agrees with all 16 modules.",
    )


def _corner_is_shared(layers: int, both: bool, packed: bool, lengths: list[int]) -> bool:
    gru, obs = _gru_and_data(max(lengths), num_layers=layers, bidirectional=both)
    with torch.no_grad():
        if packed:
            output, h_n = gru(pack_padded_sequence(obs, lengths, enforce_sorted=False))
            output = pad_packed_sequence(output)[0]
        else:
            output, h_n = gru(obs)
    return output[-1].shape == h_n[-1].shape and torch.allclose(output[-1], h_n[-1], atol=1e-6)
