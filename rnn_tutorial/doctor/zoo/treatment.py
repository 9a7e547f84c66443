"""The first patient's treatment: one cure at a time, and what the doctor finds after each."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch

from rnn_tutorial.doctor import Report, examine
from rnn_tutorial.doctor.zoo.changed import Change, ChangedPackage

MODULE = "doctor.zoo.source_policy"


@dataclass(frozen=True)
class Cure:
    """One change of the patient for the better.

    Attributes:
        name: what is done.
        lesson: of the source's lessons, the one that it cures.
        changes: (old text, new text) of `source_policy`.
    """

    name: str
    lesson: int
    changes: tuple[tuple[str, str], ...]


CURES = (
    Cure(
        "a batch of observations stays a batch",
        5,
        (
            ("state = state.reshape(1, 1, -1)", "state = state[None]"),
            ("self.hidden = self.init_hidden(1)", "self.hidden = self.init_hidden(state.shape[1])"),
        ),
    ),
    Cure(
        "the state is created before it is read",
        3,
        (
            (
                "        self.linear = ",
                "        self.hidden = self.init_hidden(1)\n        self.linear = ",
            ),
            (
                "        output, self.hidden",
                "        if self.hidden.shape[1] != state.shape[1]:\n"
                "            self.hidden = self.init_hidden(state.shape[1])\n"
                "        output, self.hidden",
            ),
        ),
    ),
    Cure(
        "the state is an argument and a result",
        4,
        (
            ("        self.hidden = self.init_hidden(1)\n", ""),
            (
                "        if self.hidden.shape[1] != state.shape[1]:\n"
                "            self.hidden = self.init_hidden(state.shape[1])\n",
                "",
            ),
            (
                "def forward(self, state: Tensor) -> Normal:",
                "def forward(self, state: Tensor, hidden: Tensor) -> tuple[Normal, Tensor]:",
            ),
            (
                "self.hidden = self.init_hidden(state.shape[1])",
                "hidden = self.init_hidden(state.shape[1])",
            ),
            (
                "output, self.hidden = self.gru(self.linear(state), self.hidden)",
                "output, hidden = self.gru(self.linear(state), hidden)",
            ),
            ("self.hidden = torch.tanh(self.hidden)", "hidden = torch.tanh(hidden)"),
            ("return Normal(mean, std + 1e-3)", "return Normal(mean, std + 1e-3), hidden"),
            ("actions = self.policy(obs)", "actions, state = self.policy(obs, state)"),
            ("actions.stddev[0]), self.policy.hidden", "actions.stddev[0]), state"),
            ("return self.policy(obs), self.policy.hidden", "return self.policy(obs, state)"),
        ),
    ),
    Cure(
        "acting starts from the state that it is given, not from zeros",
        1,
        (("            hidden = self.init_hidden(state.shape[1])\n", ""),),
    ),
    Cure(
        "no tanh on the state",
        2,
        (("        hidden = torch.tanh(hidden)\n", ""),),
    ),
    Cure(
        "the state is cleared where an episode begins, before the step",
        9,
        (
            (
                "        actions, state = self.policy(obs, state)\n",
                "        state = state.masked_fill(reset[None, :, None], 0.0)\n"
                "        actions, state = self.policy(obs, state)\n",
            ),
            (
                "        return self.policy(obs, state)",
                "        means, stds = [], []\n"
                "        for now, flags in zip(obs, reset, strict=True):\n"
                "            actions, state = self.step(now, state, flags)\n"
                "            means.append(actions.mean)\n"
                "            stds.append(actions.stddev)\n"
                "        return Normal(torch.stack(means), torch.stack(stds)), state",
            ),
        ),
    ),
)


def treated(cures: int) -> ChangedPackage:
    """The package with the first so many cures applied to the patient."""
    changes = [Change(MODULE, *change) for cure in CURES[:cures] for change in cure.changes]
    return ChangedPackage(f"after {cures} cures", changes)


def course(seed: int = 0) -> Iterator[tuple[str, Report]]:
    """What was done, and the report after it; the first is the patient as it came."""
    for number, name in enumerate(("as it came", *(cure.name for cure in CURES))):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            patient = treated(number)[MODULE].SourceSubject(linear_dim=32, hidden_dim=16)
        yield name, examine(patient, 2, seed=seed)
