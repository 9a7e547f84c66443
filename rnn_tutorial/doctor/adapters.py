"""Adapters: other people's agents with the three methods that the doctor calls.

Each is a page long and calls nothing but the agent's public methods, so that it is the agent that
is examined; use them as a pattern for an agent of your own. The packages are imported only here
and only when an adapter is made.
"""

from typing import Any

import torch
from jaxtyping import Bool, Float, Shaped
from torch import Tensor

from rnn_tutorial.doctor.nest import leaves


class RecurrentPPOAdapter:
    """The policy of stable-baselines3-contrib's RecurrentPPO.

    `step` is the policy's acting path (`forward`), `unroll` its training path
    (`evaluate_actions`), which wants sequences laid out one after the other. Its
    `episode_starts` is our `reset`. The state is the actor's pair (hidden, cell), and the critic's
    beside it where the critic has an LSTM of its own.

    Args:
        policy: `model.policy`, a RecurrentActorCriticPolicy with an array observation.
    """

    def __init__(self, policy: Any) -> None:
        self.policy = policy
        self.obs_shape = tuple(policy.observation_space.shape)
        self.observation_space = policy.observation_space

    def initial_state(self, n: int) -> Any:
        """Zeros (layers, n, H): a pair for the actor, and one for the critic."""
        lstm = self.policy.lstm_actor
        weight = lstm.weight_hh_l0
        count = 4 if self.policy.lstm_critic is not None else 2
        zeros = [weight.new_zeros(lstm.num_layers, n, lstm.hidden_size) for _ in range(count)]
        return (tuple(zeros[:2]), tuple(zeros[2:])) if count == 4 else tuple(zeros)

    def _states(self, state: Any) -> Any:
        from sb3_contrib.common.recurrent.type_aliases import RNNStates

        return RNNStates(*state) if self.policy.lstm_critic is not None else RNNStates(state, state)

    def _state(self, states: Any) -> Any:
        return (states.pi, states.vf) if self.policy.lstm_critic is not None else states.pi

    def step(
        self, obs: Shaped[Tensor, "N ..."], state: Any, reset: Bool[Tensor, " N"]
    ) -> tuple[dict[str, Any], Any]:
        """Value and action distribution (N, ...) by the acting path, and the new state."""
        states, starts = self._states(state), reset.to(self.policy.lstm_actor.weight_hh_l0.dtype)
        _, value, _, after = self.policy.forward(obs, states, starts, deterministic=True)
        chosen, _ = self.policy.get_distribution(obs, states.pi, starts)
        log_prob = chosen.log_prob(self._some_action(len(obs)))
        output = {"value": value.squeeze(-1), "log_prob": log_prob}
        return output | _parameters(chosen), self._state(after)

    def unroll(
        self, obs: Shaped[Tensor, "T N ..."], state: Any, reset: Bool[Tensor, "T N"]
    ) -> tuple[dict[str, Any], Any]:
        """The same (T, N, ...) by the training path, and the state after the last step."""
        steps, n = reset.shape
        states = self._states(state)
        flat = obs.transpose(0, 1).flatten(0, 1)
        starts = reset.transpose(0, 1).flatten().to(self.policy.lstm_actor.weight_hh_l0.dtype)
        action = self._some_action(steps * n)
        value, log_prob, _ = self.policy.evaluate_actions(flat, action, states, starts)
        chosen, _ = self.policy.get_distribution(flat, states.pi, starts)
        *_, after = self.policy.forward(flat, states, starts, deterministic=True)
        output = {"value": value.squeeze(-1), "log_prob": log_prob} | _parameters(chosen)
        in_time = {
            name: array.unflatten(0, (n, steps)).transpose(0, 1) for name, array in output.items()
        }
        return in_time, self._state(after)

    def _some_action(self, count: int) -> Tensor:
        """One and the same action throughout, so that its log-probability can be compared."""
        weight = self.policy.lstm_actor.weight_hh_l0
        shape = self.policy.action_space.shape
        whole = not hasattr(self.policy.action_space, "low")
        return torch.zeros(
            (count, *shape), dtype=torch.int64 if whole else weight.dtype, device=weight.device
        )


def _parameters(chosen: Any) -> dict[str, Tensor]:
    """The parameters of stable-baselines3's own distribution, by name."""
    parts = leaves(chosen.distribution)
    return {f"distribution{path}": part for path, part in parts if isinstance(part, Tensor)}


class CleanRLAdapter:
    """An agent of CleanRL's shape: `get_states`, `get_value` and `get_action_and_value`.

    https://docs.cleanrl.dev/rl-algorithms/ppo. One function serves acting and training:
    observations and `done` come flat, time first, and the number of envs is that of the state. Its
    `done` is our `reset`. The state is the pair of its nn.LSTM, or the one tensor of an nn.GRU.

    Args:
        agent: has `get_action_and_value(x, state, done, action)`, which returns action, log_prob,
            entropy, value and the new state.
        obs_shape: of one observation; None asks the agent.
        actions: actions whose log-probabilities are compared, each of one env; None takes the first
            two of a Discrete space.
    """

    def __init__(
        self, agent: Any, obs_shape: tuple[int, ...] | None = None, actions: Any = (0, 1)
    ) -> None:
        self.agent, self.actions = agent, [torch.as_tensor(action) for action in actions]
        self.obs_shape = obs_shape or getattr(agent, "obs_shape", None)
        kinds = (torch.nn.LSTM, torch.nn.GRU, torch.nn.RNN)
        (self.rnn,) = (part for part in agent.modules() if isinstance(part, kinds))

    def initial_state(self, n: int) -> Any:
        """Zeros (layers, n, H), for an LSTM a pair of these."""
        weight = next(self.rnn.parameters())
        zeros = weight.new_zeros(self.rnn.num_layers, n, self.rnn.hidden_size)
        return (zeros, zeros.clone()) if isinstance(self.rnn, torch.nn.LSTM) else zeros

    def step(
        self, obs: Shaped[Tensor, "N ..."], state: Any, reset: Bool[Tensor, " N"]
    ) -> tuple[dict[str, Tensor], Any]:
        """Log-probabilities, entropy and value (N,), and the new state."""
        done = reset.to(next(self.rnn.parameters()).dtype)
        output: dict[str, Tensor] = {}
        for number, action in enumerate(self.actions):
            taken = action.expand(len(obs), *action.shape).to(obs.device)
            _, log_prob, entropy, value, after = self.agent.get_action_and_value(
                obs, state, done, taken
            )
            output |= {f"log_prob_{number}": log_prob, "entropy": entropy}
            output["value"] = value.flatten()
        return output, after

    def unroll(
        self, obs: Shaped[Tensor, "T N ..."], state: Any, reset: Bool[Tensor, "T N"]
    ) -> tuple[dict[str, Tensor], Any]:
        """The same (T, N), and the state after the last step."""
        output, after = self.step(obs.flatten(0, 1), state, reset.flatten())
        return {name: part.unflatten(0, reset.shape) for name, part in output.items()}, after


class TorchRLAdapter:
    """TorchRL's LSTMModule or GRUModule.

    `step` calls it on a TensorDict of one step, `unroll` on one of (N, T) with its recurrent mode
    set. Its `is_init` is our `reset`. In recurrent mode the module takes the state at the first
    step as it finds it: a collector has put zeros there at a reset, and so does the adapter.

    Args:
        module: LSTMModule or GRUModule.
        obs_shape: of one observation; None takes the input size of the network.
    """

    def __init__(self, module: Any, obs_shape: tuple[int, ...] | None = None) -> None:
        self.module = module
        self.rnn = module.lstm if hasattr(module, "lstm") else module.gru
        self.obs_shape = obs_shape or (self.rnn.input_size,)
        keys = [key for key in module.in_keys if key != "is_init"]
        self.obs_key, self.state_keys = keys[0], keys[1:]
        self.output_key, self.next_keys = module.out_keys[0], module.out_keys[1:]

    def initial_state(self, n: int) -> dict[str, Tensor]:
        """Zeros (n, layers, H) for each of the module's states."""
        weight = next(self.rnn.parameters())
        shape = (n, self.rnn.num_layers, self.rnn.hidden_size)
        return {str(key): weight.new_zeros(shape) for key in self.state_keys}

    def step(
        self, obs: Float[Tensor, "N ..."], state: dict[str, Tensor], reset: Bool[Tensor, " N"]
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The module's output (N, H), and the new state."""
        from tensordict import TensorDict
        from torchrl.modules import set_recurrent_mode

        given = {self.obs_key: obs, "is_init": reset[:, None]}
        given |= {key: state[str(key)] for key in self.state_keys}
        with set_recurrent_mode(False):
            got = self.module(TensorDict(given, batch_size=[len(obs)]))
        after = zip(self.state_keys, self.next_keys, strict=True)
        return got[self.output_key], {str(key): got[new] for key, new in after}

    def unroll(
        self, obs: Float[Tensor, "T N ..."], state: dict[str, Tensor], reset: Bool[Tensor, "T N"]
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The outputs (T, N, H), and the state after the last step."""
        from tensordict import TensorDict
        from torchrl.modules import set_recurrent_mode

        steps, n = reset.shape
        given = {self.obs_key: obs.transpose(0, 1), "is_init": reset.T[..., None]}
        for key in self.state_keys:
            first = torch.where(reset[0, :, None, None], 0.0, state[str(key)])
            later = first.new_zeros(n, steps - 1, *first.shape[1:])
            given[key] = torch.cat([first[:, None], later], dim=1)
        with set_recurrent_mode(True):
            got = self.module(TensorDict(given, batch_size=[n, steps]))
        after = zip(self.state_keys, self.next_keys, strict=True)
        last = {str(key): got[new][:, -1] for key, new in after}
        return got[self.output_key].transpose(0, 1), last
