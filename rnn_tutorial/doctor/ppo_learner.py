"""The package's own rollout buffer and PPO as a learner that the doctor can examine."""

from collections.abc import Iterator
from dataclasses import fields, replace
from typing import Any

import torch
from gymnasium.vector import AutoresetMode, VectorEnv
from torch import Tensor

from rnn_tutorial.acting import Carry, autoreset_mode, begin
from rnn_tutorial.actions import distribution_parameters
from rnn_tutorial.buffer import RolloutBuffer, Sequences, minibatches
from rnn_tutorial.collect import collect
from rnn_tutorial.interventions import features
from rnn_tutorial.last_observations import final_observation
from rnn_tutorial.nest import Nest, leaves, map_nest
from rnn_tutorial.policy import RNNPolicy
from rnn_tutorial.ppo import evaluate, ppo_loss, starting_states
from rnn_tutorial.recurrent import State, map_state
from rnn_tutorial.settings import Settings


class PPOLearner:
    """`collect`, `RolloutBuffer` and `ppo_loss` behind the doctor's `Learner` protocol.

    While it collects it watches the env and the policy: how steps ended, what was seen last, and
    which state acting started from are taken from there, not from the buffer.

    Args:
        policy: the policy that acts and learns.
        env: a vector env with autoreset mode SAME_STEP or NEXT_STEP.
        settings: of the run.
        seed: of the envs, the actions and the shuffles.
    """

    def __init__(
        self, policy: RNNPolicy, env: VectorEnv, settings: Settings | None = None, seed: int = 0
    ) -> None:
        self.policy, self.env, self.settings = policy, env, settings or Settings()
        self.generator = torch.Generator(policy.device).manual_seed(seed)
        self.seed = seed
        self._carry: Carry | None = None
        self._buffer: RolloutBuffer | None = None

    def collect(self) -> dict[str, Any]:
        """T steps of every env, as the buffer has them, and what was watched meanwhile."""
        carry = self._carry or begin(self.policy, self.env, self.seed)
        watch = _Watch(self.policy, self.env)
        try:
            collected = collect(self.policy, self.env, carry, self.settings, self.generator)
        finally:
            watch.end()
        self._buffer, self._carry, _ = collected
        names = ("observation", "action", "log_prob", "value", "reward", "reset", "valid")
        columns: dict[str, Any] = {name: self._buffer[name] for name in (*names, "advantage")}
        columns["observation"] = as_rows(columns["observation"])
        numbers = {"gamma": self.settings.gamma, "gae_lambda": self.settings.gae_lambda}
        return {**columns, **numbers, **watch.columns()}

    def minibatches(self) -> Iterator[dict[str, Any]]:
        """One epoch, sequences shuffled, in the settings' number of minibatches."""
        if self._buffer is None:
            raise ValueError("minibatches: expected collect() first")
        states = starting_states(self.policy, self._buffer, self.settings)
        sequences = self._buffer.sequences(states)
        for batch in minibatches(sequences, self.settings.minibatches, self.generator):
            columns = {entry.name: getattr(batch, entry.name) for entry in fields(batch)}
            observation = as_rows(batch.observation)
            known = {"observation": observation, "state": flat(batch.state), "sequences": batch}
            yield {**columns, **known}

    @torch.no_grad()
    def evaluate(self, batch: Any) -> tuple[Tensor, Tensor]:
        """Log-probabilities and values (L, B) by the present policy."""
        sequences = self._sequences(batch)
        log_ratio, value, _ = evaluate(self.policy, sequences)
        return log_ratio + sequences.log_prob, value

    def loss(self, batch: Any) -> tuple[float, Tensor]:
        """PPO's loss and its gradient in one row."""
        loss, _ = ppo_loss(self.policy, self._sequences(batch), self.settings)
        parameters = list(self.policy.parameters())
        gradients = torch.autograd.grad(loss, parameters, allow_unused=True)
        pairs = zip(gradients, parameters, strict=True)
        row = [torch.zeros_like(p) if g is None else g for g, p in pairs]
        return loss.item(), torch.cat([gradient.flatten() for gradient in row])

    def _sequences(self, batch: Any) -> Sequences:
        """The minibatch in the buffer's own form, with the columns that it has now."""
        sequences = batch["sequences"]
        names = {entry.name for entry in fields(sequences)} - {"state", "observation"}
        columns = {name: torch.as_tensor(batch[name]) for name in names}
        observation = as_nest(batch["observation"], sequences.observation)
        return replace(sequences, observation=observation, **columns)


class _Watch:
    """Notes what goes in and out of `policy.step` and `env.step` until `end`."""

    def __init__(self, policy: RNNPolicy, env: VectorEnv) -> None:
        self.policy, self.env = policy, env
        self.steps: list[dict[str, Any]] = []
        self._call: dict[str, Any] = {}
        step, env_step = policy.step, env.step

        def watched_step(obs: Tensor, state: State, reset: Tensor | None = None) -> Any:
            before = flat(state)
            output, after = step(obs, state, reset)
            parameters = distribution_parameters(output.distribution)
            kept = map_state(torch.clone, after)  # a step may write into the state it is given
            self._call = {"state": before, "next_state": flat(after), "after": kept, **parameters}
            return output, after

        def watched_env_step(actions: Any) -> Any:
            result = env_step(actions)
            seen, _, terminated, truncated, info = result
            ends = {"terminated": terminated, "truncated": truncated}
            ends = {name: torch.tensor(flag, dtype=torch.bool) for name, flag in ends.items()}
            last = policy.to_tensors(seen)  # copies: the env may write into its own later
            if autoreset_mode(env) == AutoresetMode.SAME_STEP:
                for i in (ends["terminated"] | ends["truncated"]).nonzero().flatten().tolist():
                    final = policy.to_tensors(final_observation(info["final_obs"], i))
                    for (_, row), (_, whole) in zip(leaves(last), leaves(final), strict=True):
                        row[i] = whole
            self.steps.append({**self._call, "last": last, **ends})
            return result

        policy.step, env.step = watched_step, watched_env_step  # type: ignore[method-assign]

    def end(self) -> None:
        """Takes the watch off."""
        del self.policy.step, self.env.step

    @torch.no_grad()
    def columns(self) -> dict[str, Any]:
        """What was seen: states, distributions, endings, and V of every true next observation."""
        values = [
            self.policy.step(step.pop("last"), step.pop("after"))[0].value for step in self.steps
        ]
        watched = {name: [step[name] for step in self.steps] for name in self.steps[0]}
        return {name: torch.stack(rows) for name, rows in {**watched, "next_value": values}.items()}


def flat(state: State) -> Tensor:
    """Each env's state as one row: (N, numbers)."""
    return features(map_state(torch.detach, state)).clone()


def as_rows(observation: Nest) -> Tensor:
    """A nest of observations as rows (T, N, numbers) for the checks; a tensor as it is."""
    if isinstance(observation, Tensor):
        return observation
    parts = [part for _, part in leaves(observation)]
    return torch.cat([part.reshape(*part.shape[:2], -1).double() for part in parts], dim=-1)


def as_nest(rows: Any, like: Nest) -> Nest:
    """The inverse of `as_rows`; `like` is a nest of the wanted form.

    Codes that a check has filled with wild numbers are brought back to what `like` holds.
    """
    rows = torch.as_tensor(rows)
    if isinstance(like, Tensor):
        return rows
    each = iter(rows.split([part[0, 0].numel() for _, part in leaves(like)], dim=-1))

    def shaped(part: Tensor) -> Tensor:
        values = next(each).reshape(part.shape)
        if not part.is_floating_point():
            values = values.clamp(part.min(), part.max())
        return values.to(part.dtype)

    return map_nest(shaped, like)
