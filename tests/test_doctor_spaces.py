"""The doctor on any space: healthy policies and learners pass, sick ones are found."""

import gymnasium as gym
import numpy as np
import pytest
import torch
from any_env import BOX, IMAGE, any_vector

from rnn_tutorial.doctor import examine
from rnn_tutorial.doctor.ppo_learner import PPOLearner
from rnn_tutorial.doctor.rows import RowSubject
from rnn_tutorial.nest import leaves, map_nest
from rnn_tutorial.policy import PolicyOutput, RNNPolicy
from rnn_tutorial.settings import Settings

pytestmark = pytest.mark.slow

S = gym.spaces
ROOM = S.Dict(door=S.Discrete(3, start=2), pose=BOX)
OBSERVATIONS = {
    "Discrete": S.Discrete(5, start=2),
    "MultiDiscrete": S.MultiDiscrete([3, 40], start=[1, -5]),
    "MultiBinary": S.MultiBinary(4),
    "image": IMAGE,
    "codes": S.Box(0, 10, (4, 4, 3), np.int64),
    "Dict": ROOM,
    "Tuple of codes": S.Tuple((S.Discrete(3), S.MultiBinary(2))),
    "nested": S.Dict(a=S.Tuple((BOX, S.Discrete(2))), view=IMAGE),
    "without bounds": S.Dict(x=S.Box(-np.inf, np.inf, (2, 2)), y=S.Box(0.0, np.inf, ())),
}
ACTIONS = [S.Discrete(3), S.MultiDiscrete([2, 3]), S.MultiBinary(3), S.Box(-1.0, 1.0, (2, 2))]
SMALL = {"hidden_size": 16, "encoder_size": 16}


def policy_for(observation, action, kind=RNNPolicy):
    torch.manual_seed(0)
    return kind(observation, action, **SMALL)


def learner_for(policy):
    env = any_vector(policy.observation_space, policy.action_space)
    return PPOLearner(policy, env, Settings(rollout_length=12, bptt_length=5, minibatches=1))


@pytest.mark.parametrize("name", OBSERVATIONS)
def test_a_healthy_policy_and_its_learner_pass_on_any_observations(name):
    policy = policy_for(OBSERVATIONS[name], S.Discrete(3))
    report = examine(policy, learner=learner_for(policy))
    assert report.healthy, str(report)
    idle = {check.name for check in report.checks if check.status != "passed"}
    assert idle <= {"every_step_once"}  # codes may be alike in two steps


@pytest.mark.parametrize("action", ACTIONS, ids=lambda space: type(space).__name__)
def test_a_healthy_policy_and_its_learner_pass_with_any_actions(action):
    policy = policy_for(ROOM, action)
    report = examine(policy, learner=learner_for(policy))
    assert all(check.status == "passed" for check in report.checks), str(report)


class Hoarder(RNNPolicy):
    """Its training branch clears no state."""

    def unroll(self, obs, state, reset=None):
        return super().unroll(obs, state)


class Neighbour(RNNPolicy):
    """Sees the door of the env beside it."""

    def step(self, obs, state, reset=None):
        return super().step({**obs, "door": obs["door"].roll(1, 0)}, state, reset)

    def unroll(self, obs, state, reset=None):
        return super().unroll({**obs, "door": obs["door"].roll(1, 1)}, state, reset)


class Prophet(RNNPolicy):
    """Its training branch sees the next step's pose."""

    def unroll(self, obs, state, reset=None):
        return super().unroll({**obs, "pose": obs["pose"].roll(-1, 0)}, state, reset)


@pytest.mark.parametrize(
    ("kind", "found"),
    [(Hoarder, "reset_clears"), (Neighbour, "no_env_leak"), (Prophet, "no_future_leak")],
)
def test_a_bug_in_one_entry_is_found(kind, found):
    assert found in examine(policy_for(ROOM, S.Discrete(3), kind)).failed


@pytest.mark.parametrize("action", ACTIONS[1:], ids=lambda space: type(space).__name__)
def test_log_probabilities_that_are_averaged_are_found_with_any_actions(action):
    class Averages(PPOLearner):
        def collect(self):
            columns = super().collect()
            numbers = int(np.prod(action.shape))
            return {**columns, "log_prob": columns["log_prob"] / numbers}

    policy = policy_for(BOX, action)
    learner = Averages(policy, any_vector(BOX, action), Settings(rollout_length=6, minibatches=1))
    (finding,) = [c for c in examine(policy, learner=learner).checks if c.name == "joint_log_prob"]
    assert finding.cause == "Averaged over the action's dimensions."


def test_rows_become_observations_of_the_space_as_tensors_and_as_arrays():
    for space in OBSERVATIONS.values():
        if not isinstance(space, (S.Dict, S.Tuple, S.MultiDiscrete)):
            continue
        subject = RowSubject(None, space)
        rows = subject.spec.draw(np.random.default_rng(0), (300, 2))
        if not subject.spec.whole_numbers:
            rows[0], rows[1] = 0.0, 1.0
            rows = rows.astype(np.float32)
        nest = subject.nest(rows)
        for t in (0, 1, 2, 299):
            single = map_nest(lambda part, t=t: part[t, 0], nest)
            assert space.contains(single), (space, single)
        tensors = subject.nest(torch.tensor(rows))
        for (_, a), (_, b) in zip(leaves(nest), leaves(tensors), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-6)
        for part, (_, column) in zip(subject.parts, leaves(nest), strict=True):
            if isinstance(part, S.Discrete):  # every code is drawn
                assert set(np.unique(column)) == set(range(part.start, part.start + part.n))


def test_a_numpy_agent_over_a_dict_is_examined():
    class Counter:
        observation_space = ROOM

        def initial_state(self, n):
            return np.zeros((n, 1))

        def step(self, obs, state, reset):
            state = np.where(reset[:, None], 0.0, state) * 0.9 + obs["pose"][:, :1]
            return state + obs["door"][:, None], state

        def unroll(self, obs, state, reset):
            rows = []
            for t in range(len(reset)):
                row, state = self.step({k: v[t] for k, v in obs.items()}, state, reset[t])
                rows.append(row)
            return np.stack(rows), state

    report = examine(Counter())
    assert report.healthy, str(report)
    assert "reset_clears" in {c.name for c in report.checks if c.status == "passed"}


@pytest.mark.parametrize(
    ("space", "settings"),
    [
        (S.Dict({str(n): S.Box(-1.0, 1.0, (n,)) for n in (4, 5, 7, 11)}), {}),
        (S.Tuple([S.MultiBinary(n) for n in (13, 17, 19, 23)]), {}),
        (S.Discrete(4), {"cell": "stack"}),
        (S.Dict(a=S.MultiBinary(4), b=S.Discrete(3)), {"cell": "stack"}),
        (S.Discrete(1), {"cell": "lstm"}),
        (S.Dict(a=S.Discrete(1)), {}),
    ],
)
def test_a_healthy_policy_is_never_called_sick(space, settings):
    report = examine(RNNPolicy(space, S.Discrete(2), **settings))
    assert report.healthy, str(report)


class CutAfterTwo(RNNPolicy):
    """Its training branch cuts the graph in the middle of the state's influence."""

    def unroll(self, obs, state, reset=None):
        if len(obs) < 3:
            return super().unroll(obs, state, reset)
        first, state = super().unroll(obs[:2], state, None if reset is None else reset[:2])
        rest, state = super().unroll(obs[2:], state.detach(), None if reset is None else reset[2:])
        return join(first, rest), state


def join(first, rest):
    logits = torch.cat([each.distribution.logits for each in (first, rest)])
    value = torch.cat([first.value, rest.value])
    return PolicyOutput(torch.distributions.Categorical(logits=logits), value)


def test_a_cut_graph_is_found_where_the_state_reaches_a_few_steps_only():
    report = examine(CutAfterTwo(S.Discrete(4), S.Discrete(2), cell="stack", frames=4))
    assert report["gradient_flows_back"].status == "failed", str(report)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"seed": None}, "seed: expected"),
        ({"seed": -1}, "seed: expected"),
        ({"obs_bounds": (1, -1)}, "obs_bounds: expected"),
        ({"obs_bounds": (float("nan"), 1)}, "obs_bounds: expected"),
        ({"obs_shape": (3, -1)}, "obs_shape: expected"),
        ({"learner": 3}, "learner: expected"),
    ],
)
def test_a_wrong_argument_is_no_verdict(arguments, said):
    with pytest.raises((ValueError, TypeError), match=said):
        examine(policy_for(BOX, S.Discrete(2)), **arguments)


def test_a_shape_may_be_a_number_of_numpy():
    assert examine(policy_for(S.Box(-1.0, 1.0, (3,)), S.Discrete(2)), np.int64(3)).healthy
