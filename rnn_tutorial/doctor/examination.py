"""One examination under way: the probe, what is known so far, and how an outcome is written."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from rnn_tutorial.doctor.probe import Probe, Run
from rnn_tutorial.doctor.report import FAILED, NOT_APPLICABLE, PASSED


@dataclass(frozen=True)
class Outcome:
    """What a check says; the advice is added later unless the check knows better.

    Attributes:
        status: "passed", "failed" or "not applicable".
        evidence: what was seen.
        excess: in tolerances, or None.
        cause: a more precise cause than the check's usual one.
        cure: its cure.
    """

    status: str
    evidence: str
    excess: float | None = None
    cause: str = ""
    cure: str = ""


def passed(evidence: str, excess: float | None = None) -> Outcome:
    return Outcome(PASSED, evidence, excess)


def failed(evidence: str, excess: float | None = None, cause: str = "", cure: str = "") -> Outcome:
    return Outcome(FAILED, evidence, excess, cause, cure)


def skipped(reason: str) -> Outcome:
    return Outcome(NOT_APPLICABLE, reason)


@dataclass
class Examination:
    """The state of an examination.

    Attributes:
        first: the probe in the subject's own precision.
        probe: the probe that compares, in float64 where the subject can.
        outcomes: of the checks so far.
        unrepeatable: why two calls cannot be compared; empty where they can.
        formless: whether the state comes back in another structure or shape.
        memoryless: whether the state is empty.
        remembers: way -> whether its outputs depend on the past.
        leaking: ways whose outputs depend on what they must not know, so that a reset of theirs
            cannot be judged.
    """

    first: Probe
    probe: Probe
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    unrepeatable: str = ""
    formless: bool = False
    memoryless: bool = False
    remembers: dict[str, bool] = field(default_factory=dict)
    leaking: set[str] = field(default_factory=set)
    cases: dict[str, "Case"] = field(default_factory=dict)
    left_in_training: Any = None  # a copy as it is, where evaluation mode does not reach all of it

    def failed(self, name: str) -> bool:
        return name in self.outcomes and self.outcomes[name].status == FAILED

    def ways_with_memory(self) -> list[str]:
        return [way for way, memory in self.remembers.items() if memory]

    def ways_to_reset(self) -> list[str]:
        """The ways whose resets can be judged."""
        return [way for way in self.ways_with_memory() if way not in self.leaking]

    def case(self, way: str) -> "Case":
        """The runs that several checks compare with, computed once."""
        if way not in self.cases:
            self.cases[way] = Case(self.probe, way)
        return self.cases[way]


class Case:
    """Observations, a warm state to start from, and what the subject makes of them unreset.

    Args:
        probe: the probe.
        way: "step" or "unroll".
    """

    def __init__(self, probe: Probe, way: str) -> None:
        self.probe, self.way = probe, way
        self.obs = probe.draw(probe.T, probe.N)
        self.start = probe.warm(probe.N)
        self.base = self.run()
        self._fresh: dict[int, Run] = {}

    def run(self, reset: np.ndarray | None = None) -> Run:
        return self.probe.run(self.way, self.obs, self.start, reset)

    def fresh(self, t: int) -> Run:
        """From observation t on, begun with the initial state."""
        if t not in self._fresh:
            self._fresh[t] = self.probe.run(self.way, self.obs[t:])
        return self._fresh[t]

    def no_reset(self) -> np.ndarray:
        return np.zeros(self.obs.shape[:2], dtype=bool)

    def state_at(self, t: int) -> Any:
        """The state before observation t, without a reset."""
        return self.probe.run(self.way, self.obs[:t], self.start).state if t else self.start
