"""Checks of the exercises on cells and layouts: parameters, time major, backward, padding.

Each check has its own seeds, so its verdict is always the same.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence

from rnn_tutorial.exercises.verdict import Instance, Verdict, WrongForm, judge
from rnn_tutorial.recurrent import CELLS

BLOCKS = {
    "rnn": (1, "nn.RNN has one block"),
    "gru": (3, "a GRU has three blocks: r, z and n"),
    "lstm": (4, "an LSTM has four blocks: i, f, g and o"),
}
# H_in, H, layers: with these, no two typical mistakes give the same number.
SIZES = [(3, 8, 1), (7, 4, 1), (3, 8, 2), (7, 5, 3)]


def check_parameter_count(answer: Callable[[str, int, int, int], Any]) -> Verdict:
    """Check a function that counts the parameters of a recurrent module.

    Args:
        answer: takes the kind ("rnn", "gru" or "lstm"), H_in, H and the number of layers; returns
            the number of parameters.

    Returns:
        The verdict; the expected values are counted in the real modules.
    """

    def number(answer: Callable[..., Any], *case: Any) -> list[Any]:
        count = answer(*case)
        if isinstance(count, str) or np.ndim(count):
            raise WrongForm(f"expected one number, got a {type(count).__name__}")
        return [count]

    cases = [(kind, *sizes) for sizes in SIZES for kind in BLOCKS]
    for case in cases:
        module = CELLS[case[0]](*case[1:], device="meta")
        real = sum(p.numel() for p in module.parameters())
        question = Instance(case, [real], {name: [n] for name, n in _miscounts(*case).items()})
        praise = f"agrees with the real module in all {len(cases)} cases."
        axes = [[f"parameter_count{case}"]]
        verdict = judge(answer, [question], axes=axes, call=number, praise=praise)
        if not verdict.right:
            break
    return verdict


def _miscounts(kind: str, features: int, hidden: int, layers: int) -> dict[str, int]:
    blocks, named = BLOCKS[kind]
    above = layers - 1

    def count(*inputs: int, blocks: int = blocks, beside: int = hidden + 2) -> int:
        """Parameters of layers with these input sizes; each unit has `beside` further ones."""
        return sum(blocks * hidden * (read + beside) for read in inputs)

    true = (features, *[hidden] * above)
    no_biases = count(*true, beside=hidden)
    return {
        "PyTorch has two biases for each block, b_ih and b_hh": count(*true, beside=hidden + 1),
        "the biases are missing, two for each block": no_biases,
        "each block has two biases of its own": no_biases + layers * 2 * hidden,
        "the matrix on the state is missing": count(*true, beside=2),
        "each block has a matrix on the state of its own": (
            count(*true, beside=2) + layers * hidden**2
        ),
        "a layer above the first reads H features, not H_in": count(*[features] * layers),
        "a layer above the first reads the layer below it, not x as well": (
            count(features, *[features + hidden] * above)
        ),
        "the layers above the first are missing": count(features),
        "one layer too many: layers - 1 are above the first": count(*true, hidden),
        "the state at the start is an argument, not a parameter": count(*true) + layers * hidden,
        **{f"{named}, not {n}": count(*true, blocks=n) for n in range(1, 6) if n != blocks},
    }


def check_time_major(answer: Callable[[Tensor, int], Any]) -> Verdict:
    """Check a function that reshapes a flat recording to (T, N, D).

    Args:
        answer: takes a tensor (N * T, D), all steps of env 0 first, then those of env 1, and so
            on, and N; returns (T, N, D).

    Returns:
        The verdict; the expected values are picked one by one.
    """

    def question(envs: int, steps: int, features: int) -> Instance:
        units = 10.0 ** torch.arange(features)
        flat = torch.stack([(10 * n + t) * units for n in range(envs) for t in range(steps)])
        by_env, straight = (
            flat.reshape(*shape, features) for shape in ((envs, steps), (steps, envs))
        )
        mistakes = {
            "a reshape straight to (T, N, D) mixes envs and time; split first, then transpose": (
                straight
            ),
            "this is (N, T, D): the first two axes still have to be transposed": by_env,
            "the data is ordered env by env: split the first axis into (N, T), not (T, N)": (
                straight.transpose(0, 1)
            ),
            "this mixes the features with the rest: split the first axis only": (
                flat.reshape(envs, features, steps).permute(2, 0, 1)
            ),
            "the features must stay last": by_env.permute(2, 1, 0),
            "your function is fixed to 3 envs or 4 steps: use num_envs": (
                flat.reshape(3, 4, features).transpose(0, 1)
            ),
            "your function is fixed to 2 features": (flat.reshape(envs, -1, 2).transpose(0, 1)),
        }
        picked = torch.stack([flat[t::steps] for t in range(steps)])
        return Instance((flat, envs), picked, mistakes)

    return judge(
        answer,
        [question(3, 4, 2), question(2, 6, 4)],
        axes=("time", "env", "feature"),
        praise="every entry is at its own time and env.",
    )


def check_backward_direction(answer: Callable[[nn.GRUCell, Tensor, Tensor], Any]) -> Verdict:
    """Check a function that runs a cell from the last time to the first.

    Args:
        answer: takes a GRUCell, `x_tnd` (T, N, D) and `h_nh` (N, H), the first state, for the
            last time; returns (T, N, H), where entry t is the state after x[T-1], ..., x[t].

    Returns:
        The verdict; the expected values are the backward half of a bidirectional nn.GRU's output.
    """

    def question(seed: int, steps: int, envs: int, features: int, hidden: int) -> Instance:
        gru, cell, x = _gru_cell_and_data(seed, steps, envs, features, hidden, "_reverse")
        h = torch.randn(envs, hidden, generator=torch.Generator().manual_seed(seed))
        with torch.no_grad():
            expected = gru(x, torch.stack([h, h]))[0][..., hidden:]
        forward, missed = _states(cell, x, h), expected.clone()
        missed[0] = 0.0
        mistakes = {
            "this ran forward, from the first time to the last": forward,
            "the outputs are in the order of computation; flip them back in time": expected.flip(0),
            "this ran forward, and only its outputs were flipped": forward.flip(0),
            "the given state was not used at the last time": (
                _states(cell, x.flip(0), torch.zeros_like(h)).flip(0)
            ),
            "each step started from the given state: pass on what the cell returned": (
                torch.cat([_states(cell, x_t[None], h) for x_t in x])
            ),
            "each step started from zeros: pass on what the cell returned": (
                torch.cat([_states(cell, x_t[None], torch.zeros_like(h)) for x_t in x])
            ),
            "flip(1) reverses the envs; time is axis 0": _states(cell, x.flip(1), h).flip(1),
            "the given state is not part of the result: T times, T entries": (
                torch.cat([expected, h[None]])
            ),
            "entry t is the state before x[t] is read; it should be the one after": (
                torch.cat([expected[1:], h[None]])
            ),
            "time 0 is missing: range(T - 1, -1, -1) reaches it": expected[1:],
            "time 0 was left at zero: range(T - 1, -1, -1) reaches it": missed,
            "the last time is missing": _states(cell, x[:-1].flip(0), h).flip(0),
            "this is the last state only; return the state at each time": expected[0],
            "this is (N, T, H): time comes first": expected.transpose(0, 1),
        }
        return Instance((cell, x, h), expected, mistakes)

    return judge(
        answer,
        [question(3, 5, 3, 2, 4), question(4, 4, 2, 3, 5)],
        axes=("time", "env", "unit"),
        praise="equals the backward half of a bidirectional nn.GRU.",
    )


def check_padded_unroll(answer: Callable[[nn.GRUCell, Tensor, Tensor], Any]) -> Verdict:
    """Check a loop over time that stops every sequence of a padded batch at its own end.

    Args:
        answer: takes a GRUCell, padded `x_tnd` (T, N, D) and `lengths_n` (N,); starts from zeros
            and returns each sequence's state at its own end, (N, H).

    Returns:
        The verdict; the expected values are `h_n` of an nn.GRU on the packed sequences. Some real
        observations are zero, like the padding, and T may exceed the longest length.
    """

    def question(seed: int, steps: int, lengths: list[int], hidden: int) -> Instance:
        gru, cell, x = _gru_cell_and_data(seed, steps, len(lengths), 2, hidden)
        lengths_n = torch.tensor(lengths)
        times, envs = torch.arange(steps)[:, None], torch.arange(len(lengths))
        x[(times >= lengths_n) | (times == 1) | (times == lengths_n - 1) & (envs == 0)] = 0.0
        with torch.no_grad():
            expected = gru(pack_padded_sequence(x, lengths_n, enforce_sorted=False))[1][0]
        start, nonzero = torch.zeros(len(lengths), hidden), (x != 0).any(-1)
        plain = _states(cell, x, start)
        padded = torch.tensor([length < steps for length in lengths])
        last_nonzero = nonzero * (times + 1)
        mistakes = {
            "the state went on changing in the padding": plain[-1],
            "the state was cleared in the padding; keep it as it was": (
                torch.where(padded[:, None], 0.0, expected)
            ),
            "one step too many: x[t] is real where t < length": (
                _states(cell, x, start, times <= lengths_n)[-1]
            ),
            "one step too few: x[length - 1] is real": (
                _states(cell, x, start, times < lengths_n - 1)[-1]
            ),
            "the mask is inverted: the state changes where t < length": (
                _states(cell, x, start, times >= lengths_n)[-1]
            ),
            "a real observation may be zero, so x != 0 does not find the padding; lengths_n does": (
                _states(cell, x, start, nonzero)[-1]
            ),
            "a sequence may end in a real zero; its end is given by lengths_n": (
                plain[last_nonzero.max(0).values - 1, envs]
            ),
            "all sequences stopped together; each has its own end": plain[min(lengths) - 1],
            "all sequences ran as long as the longest": plain[max(lengths) - 1],
            "each step started from zeros: pass the state on": (
                torch.stack([_states(cell, x[t : t + 1], start)[0] for t in range(steps)])[
                    lengths_n - 1, envs
                ]
            ),
            "all states were returned; return the last one of each sequence": (
                _states(cell, x, start, times < lengths_n)
            ),
            "the sequences were returned in another order, sorted by length": (
                expected[lengths_n.argsort(descending=True)]
            ),
        }
        return Instance((cell, x, lengths_n), expected, mistakes)

    return judge(
        answer,
        [question(5, 6, [5, 3, 4], 4), question(6, 7, [2, 7, 1, 4], 3)],
        axes=("sequence", "unit"),
        praise="equals h_n of the packed sequences.",
    )


def _gru_cell_and_data(
    seed: int, steps: int, envs: int, features: int, hidden: int, direction: str = ""
) -> tuple[nn.GRU, nn.GRUCell, Tensor]:
    """An nn.GRU, a cell with the weights of one of its directions, and x (T, N, D)."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        gru = nn.GRU(features, hidden, bidirectional=bool(direction))
        cell = nn.GRUCell(features, hidden)
        x = torch.randn(steps, envs, features)
    for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
        getattr(cell, name).data.copy_(getattr(gru, f"{name}_l0{direction}").data)
    return gru, cell, x


def _states(cell: nn.GRUCell, x: Tensor, h: Tensor, real: Tensor | None = None) -> Tensor:
    """The states (T, N, H) over x (T, N, D) from h (N, H), kept where `real` (T, N) is false."""
    states = []
    with torch.no_grad():
        for t, x_t in enumerate(x):
            new = cell(x_t, h)
            h = new if real is None else torch.where(real[t][:, None], new, h)
            states.append(h)
    return torch.stack(states)
