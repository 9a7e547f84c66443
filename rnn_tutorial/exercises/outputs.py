"""Checks of the exercises on `output` and `h_n`: the last real output, chunks, the corner rule.

Each check has its own seeds, so its verdict is always the same.
"""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import product
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from rnn_tutorial.exercises.verdict import Instance, Verdict, WrongForm, judge


def _gru_and_data(seed: int, steps: int, envs: int, **options: Any) -> tuple[nn.GRU, Tensor]:
    """A seeded GRU (3 -> 5 features) and observations (steps, envs, 3)."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return nn.GRU(3, 5, **options), torch.randn(steps, envs, 3)


def check_last_real_output(answer: Callable[[Tensor, Tensor], Any]) -> Verdict:
    """Check a function that picks each sequence's last real output from a padded batch.

    Args:
        answer: takes `output_tnh` (T, N, H) and `lengths_n` (N,), returns (N, H).

    Returns:
        The verdict; the expected values come from running every sequence alone, unpadded.
    """

    def question(seed: int, steps: int, lengths: list[int]) -> Instance:
        gru, obs = _gru_and_data(seed, steps, len(lengths))
        lengths_n, envs = torch.tensor(lengths), torch.arange(len(lengths))
        with torch.no_grad():
            output = gru(obs)[0]
            alone = [gru(obs[:length, n])[0][-1] for n, length in enumerate(lengths)]
        real = (torch.arange(steps)[:, None] < lengths_n)[..., None]
        mistakes = {
            "output[-1] is the output of padding for every shorter sequence": output[-1],
            "every sequence was read at the end of the longest one": output[max(lengths) - 1],
            "off by one: the last of `length` steps has index length - 1": (
                output[lengths_n.clamp(max=steps - 1), envs]
            ),
            "off by one: the last of `length` steps has index length - 1, not length - 2": (
                output[lengths_n - 2, envs]
            ),
            "indexing with lengths alone takes whole time steps; each env needs its own": (
                output[lengths_n - 1]
            ),
            "the indices are swapped: time is the first axis, env the second": (
                output[envs, (lengths_n - 1).clamp(max=len(lengths) - 1)]
            ),
            "a mask over (T, N) picks entries in the order of time; index by time and env": (
                torch.stack(alone)[lengths_n.argsort(stable=True)]
            ),
            "this is the mean over time, padding included": output.mean(0),
            "this is the mean over the real steps; return the last one": (
                (output * real).sum(0) / lengths_n[:, None]
            ),
            "the padding was set to zero; now pick each sequence's last real step": output * real,
        }
        return Instance((output, lengths_n), torch.stack(alone), mistakes)

    return judge(
        answer,
        [question(7, 6, [3, 4, 2, 3]), question(8, 7, [7, 1, 5])],
        axes=("env", "unit"),
        praise="equals every sequence run alone, without padding.",
    )


def check_chunks(answer: Callable[[nn.GRU, Tensor, int], Any]) -> Verdict:
    """Check a function that runs a sequence in chunks and cuts the gradient between them.

    Args:
        answer: takes a GRU, `obs_tnd` (T, N, D) and the chunk's length; returns (T, N, H).

    Returns:
        The verdict on the outputs, and if they are right, on the gradient of each output with
        respect to each observation.
    """
    given = [(*_gru_and_data(7, 11, 3, num_layers=2), 4), (*_gru_and_data(8, 8, 2), 3)]
    outputs = judge(
        answer,
        [_question_of_outputs(*arguments) for arguments in given],
        axes=("time", "env", "unit"),
        call=_one_tensor,
    )
    if not outputs.right:
        return outputs
    return judge(
        answer,
        [_question_of_gradients(*arguments) for arguments in given],
        axes=("the gradient of the output at time", "by the observation at time", "env"),
        call=lambda answer, gru, obs, chunk: _reach(
            lambda x: _one_tensor(answer, gru, x, chunk), obs
        ),
        praise="the outputs equal those of the whole sequence, and the gradient stops at each cut.",
    )


def _one_tensor(answer: Callable[..., Any], *arguments: Any) -> Any:
    outputs = answer(*arguments)
    if isinstance(outputs, (list, tuple)):
        raise WrongForm(
            f"expected one tensor (T, N, H), got a {type(outputs).__name__} of {len(outputs)}: "
            "join the chunks along time, and return nothing else"
        )
    return outputs


def _question_of_outputs(gru: nn.GRU, obs: Tensor, chunk: int) -> Instance:
    def run(carry: Callable[[Tensor | None, Tensor], Tensor | None]) -> Tensor:
        outputs, h = [], None
        for piece in obs.split(chunk):
            output, h_n = gru(piece, h)
            outputs.append(output)
            h = carry(h, h_n)
        return torch.cat(outputs)

    steps, whole = len(obs), chunk * (len(obs) // chunk)
    state, one_by_one = None, []
    for x in obs:
        output, state = gru(x[None], state)
        one_by_one.append(output[0])
    expected = torch.stack(one_by_one)
    mistakes = {
        "every chunk started from zero: pass h_n of one chunk to the next": run(
            lambda h, h_n: None
        ),
        "every chunk started from the end of the first: pass on h_n of the previous chunk": run(
            lambda h, h_n: h_n if h is None else h
        ),
        "the top layer's state was given to every layer: pass on all of h_n": run(
            lambda h, h_n: h_n[-1:].expand_as(h_n).contiguous()
        ),
        f"the last chunk, of {steps - whole} steps, is missing": expected[:whole],
        "only the last chunk was returned: join all of them along time": expected[whole:],
        "these are the chunks' last outputs; return the output of each step": (
            expected[[*range(chunk - 1, steps, chunk), steps - 1]]
        ),
    }
    return Instance((gru, obs, chunk), expected, mistakes)


def _question_of_gradients(gru: nn.GRU, obs: Tensor, chunk: int) -> Instance:
    def cut_at(*starts: int) -> Tensor:
        """The gradients if the state is detached before each of these times."""

        def run(x: Tensor) -> Tensor:
            outputs, h = [], None
            for piece in x.tensor_split(starts):
                output, h_n = gru(piece, h)
                outputs.append(output)
                h = h_n.detach()
            return torch.cat(outputs)

        return _reach(run, obs)

    cuts = list(range(chunk, len(obs), chunk))
    expected = torch.zeros(len(obs), len(obs), obs.shape[1])
    for start in [0, *cuts]:  # each chunk alone, from a given state
        state, part = gru(obs[:start])[1].detach() if start else None, slice(start, start + chunk)
        alone = partial(_outputs, gru, state)
        expected[part, part] = _reach(alone, obs[part])
    by_number = torch.tensor([len(piece) for piece in obs.chunk(chunk)]).cumsum(0)[:-1].tolist()
    last_only = expected.clone()
    last_only[: cuts[-1]] = 0.0
    mistakes = {
        "the gradient crosses the cuts: detach the state between chunks": cut_at(),
        "the state is detached before the last chunk only; detach it at every border": cut_at(
            cuts[-1]
        ),
        "the state is detached after the first chunk only; detach it at every border": cut_at(
            cuts[0]
        ),
        "the state is detached at every step, not only between chunks": cut_at(*range(1, len(obs))),
        "the state is detached one step too early": cut_at(*(t - 1 for t in cuts)),
        "the state is detached one step too late": cut_at(*range(1, len(obs), chunk)),
        "obs.chunk(k) makes k chunks; obs.split(k) makes chunks of k steps": cut_at(*by_number),
        "your function is fixed to chunks of 4 steps": cut_at(*range(4, len(obs), 4)),
        "no gradient at all: detach only the state, not the outputs or observations": (
            torch.zeros_like(expected)
        ),
        "only the last chunk has a gradient; the others need one, too": last_only,
    }
    return Instance((gru, obs, chunk), expected, mistakes)


def _outputs(gru: nn.GRU, state: Tensor | None, obs: Tensor) -> Any:
    return gru(obs, state)[0]


def _reach(run: Callable[[Tensor], Any], obs: Tensor) -> Tensor:
    """Norms (T, T, N) of the gradient of each output with respect to each observation."""
    x = obs.clone().requires_grad_()
    outputs = run(x)
    rows = []
    for output in outputs:
        gradient = None
        if getattr(output, "requires_grad", False):
            (gradient,) = torch.autograd.grad(output.sum(), x, retain_graph=True, allow_unused=True)
        rows.append(torch.zeros(obs.shape[:2]) if gradient is None else gradient.norm(dim=-1))
    return torch.stack(rows)


def check_corner_rule(answer: Callable[[int, bool, bool, list[int]], Any]) -> Verdict:
    """Check a rule for when `output[-1]` equals `h_n[-1]` against real modules.

    Args:
        answer: takes num_layers, bidirectional, packed, lengths; returns True where they are equal.

    Returns:
        The verdict over all settings.
    """
    lengths = ([6, 6, 6], [6, 2, 4], [3, 5, 3], [5, 5, 2], [2, 3, 4], [4], [1, 1])
    settings = list(product((1, 2), (False, True), (False, True), lengths))
    names = "num_layers={}, bidirectional={}, packed={}, lengths={}"

    def table(rule: Callable[..., Any], settings: Sequence[Any] = settings) -> list[Any]:
        cells = [rule(*setting) for setting in settings]
        for cell in cells:
            if isinstance(cell, str) or np.ndim(cell):
                raise WrongForm(f"expected True or False, got a {type(cell).__name__}")
        return [None if cell is None or cell is ... else bool(cell) for cell in cells]

    def packed_if(fits: Callable[[list[int]], bool]) -> list[Any]:
        """The rule with another condition on the lengths of a packed batch."""
        return table(lambda _, both, packed, n: not both and (not packed or fits(n)))

    truth = table(_corner_is_shared)
    mistakes = {
        "this is True where they differ, and False where they are equal": [not t for t in truth],
        "both directions: output[-1] is twice as wide, and its second half is a first step": table(
            lambda _, both, packed, n: not packed or len(set(n)) == 1
        ),
        "packing alone makes no difference: with equal lengths nothing is padded": packed_if(
            lambda n: False
        ),
        "the output of a packed batch is zero after a short sequence's end": packed_if(
            lambda n: True
        ),
        "without packing, output[-1] and h_n[-1] are equal (though both have seen padding)": table(
            lambda _, both, packed, n: not both and len(set(n)) == 1
        ),
        "the number of layers does not matter: [-1] is the last layer in both": [
            t and layers == 1 for t, (layers, *_) in zip(truth, settings, strict=True)
        ],
        "all the lengths count, not only the first and the last": packed_if(
            lambda n: n[0] == n[-1]
        ),
        "equal lengths are enough; the batch may hold several sequences": packed_if(
            lambda n: len(n) == 1
        ),
        "sorted or not, a packed batch is padded where lengths differ": packed_if(
            lambda n: n == sorted(n, reverse=True)
        ),
        "every sequence must reach the end, not only the last one": packed_if(
            lambda n: n[-1] == max(n)
        ),
    }
    return judge(
        answer,
        [Instance((settings,), truth, mistakes)],
        axes=[[names.format(*setting) for setting in settings]],
        call=table,
        praise=f"agrees with all {len(settings)} modules.",
    )


def _corner_is_shared(layers: int, both: bool, packed: bool, lengths: list[int]) -> bool:
    gru, obs = _gru_and_data(9, max(lengths), len(lengths), num_layers=layers, bidirectional=both)
    with torch.no_grad():
        if packed:
            output, h_n = gru(pack_padded_sequence(obs, lengths, enforce_sorted=False))
            output = pad_packed_sequence(output)[0]
        else:
            output, h_n = gru(obs)
    return output[-1].shape == h_n[-1].shape and torch.allclose(output[-1], h_n[-1], atol=1e-6)
