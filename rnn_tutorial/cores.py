"""The list of cores that a policy can have; a new one is a file of its own and a line here."""

import inspect
from collections.abc import Callable
from functools import partial
from typing import Any

from torch import nn

from rnn_tutorial.attention import AttentionCore
from rnn_tutorial.frame_stack import FrameStackCore
from rnn_tutorial.mingru import MinGRUCore
from rnn_tutorial.recurrent import MemorylessCore, RecurrentCore

# Each is called with the number of features, H, the number of layers, and settings of its own.
CORES: dict[str, Callable[..., nn.Module]] = {
    "rnn": partial(RecurrentCore, cell="rnn"),
    "gru": partial(RecurrentCore, cell="gru"),
    "lstm": partial(RecurrentCore, cell="lstm"),
    "mingru": MinGRUCore,
    "attention": AttentionCore,
    "stack": FrameStackCore,
    "none": MemorylessCore,
}


def make_core(
    cell: str, input_size: int, hidden_size: int, num_layers: int, settings: dict[str, Any]
) -> Any:
    """Return a core, which has `initial_state`, `step` and `unroll`; see `RecurrentCore`.

    Args:
        cell: a name in `CORES`.
        input_size: features of each input.
        hidden_size: H, features of the output.
        num_layers: of layers; "stack" and "none" have one.
        settings: of this core alone, such as {"window": 16} for "attention".

    Raises:
        ValueError: for an unknown cell, or a setting that it doesn't have.

    Example:
        >>> core = make_core("stack", input_size=3, hidden_size=8, num_layers=1, settings={})
        >>> [part.shape for part in (core.initial_state(2), core.linear.weight)]  # four frames
        [torch.Size([3, 2, 3]), torch.Size([8, 12])]
    """
    if not isinstance(cell, str) or cell not in CORES:
        known = ", ".join(map(repr, CORES))
        raise ValueError(f"cell: expected one of {known}, got {cell!r}")
    sizes = {"input_size": input_size, "hidden_size": hidden_size, "num_layers": num_layers}
    accepted = inspect.signature(CORES[cell]).parameters
    unknown = sorted(settings.keys() - (accepted.keys() - sizes.keys()))
    if unknown:
        raise ValueError(f"{unknown[0]}: not a setting of the cell {cell!r}")
    fitting = {name: size for name, size in sizes.items() if name in accepted}
    return CORES[cell](**fitting, **settings)
