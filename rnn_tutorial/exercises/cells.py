"""Checks of the exercises on cells and layouts: parameters, time major, backward, padding.

Each check draws its modules and data from its own seed, so that its verdict never changes.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence

from rnn_tutorial.exercises.verdict import Verdict, judge
from rnn_tutorial.recurrent import CELLS

GATES = {"rnn": 1, "gru": 3, "lstm": 4}
CASES = [
    (kind, features, hidden, layers)
    for kind in GATES
    for features, hidden, layers in ((3, 5, 1), (3, 5, 2), (7, 4, 3))
]
LENGTHS = [5, 2, 3]


def check_parameter_count(answer: Callable[[str, int, int, int], Any]) -> Verdict:
    """Checks a function that counts the parameters of a recurrent module.

    Args:
        answer: takes the kind ("rnn", "gru" or "lstm"), H_in, H and the number of layers; returns
            the number of parameters.

    Returns:
        The verdict; expected values are counted in the real modules.
    """

    def counted(biases: int = 2, above: str = "hidden", gates: dict[str, int] = GATES) -> list[int]:
        counts = []
        for kind, features, hidden, layers in CASES:
            read = {"hidden": [hidden], "features": [features], "nothing": []}[above]
            inputs = [features, *read * (layers - 1)]
            counts.append(sum(gates[kind] * hidden * (n + hidden + biases) for n in inputs))
        return counts

    def answers() -> list[Any] | None:
        results = [answer(*case) for case in CASES]
        return None if all(result is None or result is ... for result in results) else results

    modules = [CELLS[kind](*sizes, device="meta") for kind, *sizes in CASES]
    real = [sum(p.numel() for p in module.parameters()) for module in modules]
    return judge(
        answers,
        real,
        axes=[[f"parameter_count{case}" for case in CASES]],
        mistakes={
            "PyTorch keeps two biases a gate, b_ih and b_hh": counted(biases=1),
            "the biases are missing, two for each gate": counted(biases=0),
            "a layer above the first reads H features, not H_in": counted(above="features"),
            "the layers above the first are missing": counted(above="nothing"),
            "a GRU has three blocks: r, z and n": counted(gates={**GATES, "gru": 2}),
            "an LSTM has four blocks: i, f, g and o": counted(gates={**GATES, "lstm": 3}),
            "a GRU has three gates' worth of weights and an LSTM four": counted(
                gates=dict.fromkeys(GATES, 1)
            ),
        },
        praise=f"agrees with the real module in all {len(CASES)} cases.",
    )


def check_time_major(answer: Callable[[Tensor, int], Any]) -> Verdict:
    """Checks a function that brings a flat recording to (T, N, D).

    Args:
        answer: takes a tensor (N * T, D), all steps of env 0 first, then those of env 1, and so
            on, and N; returns (T, N, D).

    Returns:
        The verdict; expected values are picked one by one.
    """
    envs, steps = 3, 4
    flat = torch.tensor([[100.0 * n + t, n] for n in range(envs) for t in range(steps)])
    picked = torch.stack([flat[t::steps] for t in range(steps)])
    return judge(
        lambda: answer(flat.clone(), envs),
        picked,
        axes=("time", "env", "feature"),
        mistakes={
            "a reshape straight to (T, N, D) mixes envs and time; split first, then transpose": (
                flat.reshape(steps, envs, 2)
            ),
            "this is (N, T, D): the two axes have still to be transposed": (
                flat.reshape(envs, steps, 2)
            ),
        },
        praise="every entry is at its own time and env.",
    )


def check_backward_direction(answer: Callable[[nn.GRUCell, Tensor, Tensor], Any]) -> Verdict:
    """Checks a function that runs a cell from the last time to the first.

    Args:
        answer: takes a GRUCell, `x_tnd` (T, N, D) and the state `h_nh` (N, H) to begin with at the
            last time; returns (T, N, H), where entry t is the state after x[T-1], ..., x[t].

    Returns:
        The verdict; expected values are the backward half of a bidirectional nn.GRU's output.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        gru = nn.GRU(2, 4, bidirectional=True)
        cell = nn.GRUCell(2, 4)
        x, h = torch.randn(5, 3, 2), torch.randn(3, 4)
    for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
        getattr(cell, name).data.copy_(getattr(gru, f"{name}_l0_reverse").data)
    with torch.no_grad():
        expected = gru(x, torch.stack([h, h]))[0][..., 4:]
        forward = _outputs(cell, x, h)
    return judge(
        lambda: answer(cell, x.clone(), h.clone()),
        expected,
        axes=("time", "env", "unit"),
        mistakes={
            "this ran forward, from the first time to the last": forward,
            "the outputs stand in the order of computing; flip them back to time": expected.flip(0),
            "this ran forward, and only its outputs were flipped": forward.flip(0),
            "the state of the call was not used at the last time": _outputs(
                cell, x.flip(0), torch.zeros_like(h)
            ).flip(0),
        },
        praise="equals the backward half of a bidirectional nn.GRU.",
    )


def check_padded_unroll(answer: Callable[[nn.GRUCell, Tensor, Tensor], Any]) -> Verdict:
    """Checks a loop over time that stops every sequence of a padded batch at its own end.

    Args:
        answer: takes a GRUCell, padded `x_tnd` (T, N, D) and `lengths_n` (N,); starts from zeros
            and returns each sequence's state at its own end, (N, H).

    Returns:
        The verdict; expected values are `h_n` of an nn.GRU run on the packed sequences.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        gru, cell = nn.GRU(2, 4), nn.GRUCell(2, 4)
        x = torch.randn(max(LENGTHS), len(LENGTHS), 2)
    for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
        getattr(cell, name).data.copy_(getattr(gru, f"{name}_l0").data)
    lengths = torch.tensor(LENGTHS)
    padding = torch.arange(len(x))[:, None] >= lengths
    x[padding] = 0.0
    with torch.no_grad():
        expected = gru(pack_padded_sequence(x, lengths, enforce_sorted=False))[1][0]
        plain = _outputs(cell, x, torch.zeros(len(LENGTHS), 4))
    envs = torch.arange(len(LENGTHS))
    late = plain[lengths.clamp(max=len(x) - 1), envs]
    zeroed = torch.where(padding[-1][:, None], 0.0, expected)
    return judge(
        lambda: answer(cell, x.clone(), lengths.clone()),
        expected,
        axes=("sequence", "unit"),
        mistakes={
            "the state went on changing in the padding": plain[-1],
            "the state was cleared in the padding; keep it as it was": zeroed,
            "one step too many: x[t] is real where t < length": late,
            "one step too few: x[length - 1] is real": plain[lengths - 2, envs],
        },
        praise="equals h_n of the packed sequences.",
    )


def _outputs(cell: nn.GRUCell, x: Tensor, h: Tensor) -> Tensor:
    """The states (T, N, H) of a cell run over x (T, N, D) from h (N, H), without gradients."""
    states = []
    with torch.no_grad():
        for x_t in x:
            h = cell(x_t, h)
            states.append(h)
    return torch.stack(states)
