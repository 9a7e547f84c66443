"""A bug of the zoo: its story, its diff, the sick policy and learner, and what it costs."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import gymnasium as gym
import torch

from rnn_tutorial.data import read_table
from rnn_tutorial.doctor import Report, examine
from rnn_tutorial.doctor.zoo.changed import ROOT, Change, ChangedPackage
from rnn_tutorial.doctor.zoo.tasks import CUE, Task
from rnn_tutorial.policy import RNNPolicy

if TYPE_CHECKING:
    import pandas as pd

CURVES = "bugs_curves.csv"
ERRORS = "bugs_errors.csv"
SMALL = {"num_layers": 1, "encoder": "none"}  # the policy's settings, unless the bug needs others


@dataclass(frozen=True)
class Bug:
    """One small change of the package, and all that there is to know of it.

    Attributes:
        name: in snake_case.
        title: the bug in a sentence.
        story: where it was met, and why it is easily made.
        met: the lessons of the series' source ("lesson 1"), the questions of notebook 00 ("Q1")
            and the public threads ("owner/repository 12") that it belongs to.
        caught_by: the checks that are meant to catch it.
        changes: the texts of the package that are replaced.
        task: what it is trained on; one in which it can bite.
        options: settings of the policy in which it can bite, e.g. {"cell": "lstm"}.
    """

    name: str
    title: str
    story: str
    met: tuple[str, ...]
    caught_by: tuple[str, ...]
    changes: tuple[Change, ...]
    task: Task = CUE
    options: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def package(self) -> ChangedPackage:
        """The package with the bug in it; `package["ppo"]` is its module ppo."""
        return ChangedPackage(self.name, self.changes)

    @property
    def healthy(self) -> "Bug":
        """The same without the change: same task, same options, nothing to be found."""
        title = f"{self.name}, healthy"
        return Bug(title, "", "", (), (), (), self.task, self.options)

    @property
    def diff(self) -> str:
        """What is changed, as a unified diff of the package's source."""
        return self.package.diff

    @property
    def in_policy(self) -> bool:
        """Whether the bug is in the policy; otherwise it is in collecting or learning."""
        return all(change.module in ("policy", "actions", "recurrent") for change in self.changes)

    def policy(
        self,
        observation_space: gym.Space | None = None,
        action_space: gym.Space | None = None,
        **options: Any,
    ) -> Any:
        """The policy with the bug in it, for the task's spaces if none are given.

        Args:
            observation_space, action_space: of a single env.
            **options: of `RNNPolicy`, over those of the task and of the bug.
        """
        if observation_space is None or action_space is None:
            env = self.task.env(1)
            observation_space = observation_space or env.single_observation_space
            action_space = action_space or env.single_action_space
        chosen = {**SMALL, **self.options, **options}
        return self.package["policy"].RNNPolicy(observation_space, action_space, **chosen)

    def infect(self, policy: RNNPolicy) -> Any:
        """A copy of a healthy policy that has the bug: same settings, same weights."""
        sick = copy.deepcopy(policy)
        sick.__class__ = self.package["policy"].RNNPolicy
        for part in (sick.core, sick.head):
            module = type(part).__module__.removeprefix(ROOT)
            part.__class__ = getattr(self.package[module], type(part).__name__)
        return sick

    def learner(self, num_envs: int = 32, seed: int = 0, **options: Any) -> Any:
        """A learner with the bug in it, small enough to be examined in a second."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            policy = self.policy(**{"hidden_size": 16, **options})
        learner = self.package["doctor.ppo_learner"].PPOLearner
        return learner(policy, self.task.env(num_envs), self.task.settings, seed)

    def examine(self, seed: int = 0) -> Report:
        """The doctor's report: of the policy, and of the learner that it is part of."""
        learner = self.learner(seed=seed)
        obs_shape = learner.policy.obs_shape
        return examine(learner.policy, obs_shape, learner=learner, seed=seed)

    def train(self, seed: int = 0, **settings: Any) -> Any:
        """Trains the sick policy by the sick learner, on the bug's task.

        Args:
            seed: of the run.
            **settings: of `ppo.train`.
        """
        chosen = {**SMALL, **self.options}
        train = self.package["ppo"].train
        return train(
            self.task.env(), self.task.settings, seed=seed, progress=False, **chosen, **settings
        )

    @property
    def error(self) -> str:
        """The error that ends its training, as measured; empty if it trains."""
        table = read_table(ERRORS).set_index("bug")
        return str(table.loc[self.name, "error"]) if self.name in table.index else ""

    def curves(self) -> "pd.DataFrame":
        """Its damaged learning curves beside the healthy ones on the same course, as measured.

        Returns:
            Columns bug (the healthy ones' is "healthy"), seed, iteration, steps, return.
        """
        table = read_table(CURVES)
        mine = table["bug"].isin([self.name, "healthy"]) & (table["course"] == self.course)
        long = (
            table[mine]
            .drop(columns="course")
            .melt(["bug", "seed"], var_name="iteration", value_name="return")
        )
        iteration = long["iteration"].astype(int)
        steps = iteration * self.task.settings.rollout_length * self.task.env().num_envs
        return long.assign(iteration=iteration, steps=steps)

    @property
    def course(self) -> str:
        """Task and options in words, e.g. "cue num_layers=2": what its curves are compared on."""
        return " ".join([self.task.name, *(f"{k}={v}" for k, v in self.options.items())])
