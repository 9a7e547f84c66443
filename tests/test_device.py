"""The core on each device that there is: the same numbers as on the CPU, and one training."""

from copy import deepcopy

import gymnasium as gym
import numpy as np
import pytest
import torch
from any_env import BOX, any_vector

from rnn_tutorial.acting import begin
from rnn_tutorial.buffer import RolloutBuffer
from rnn_tutorial.checkpoint import load_policy, read_checkpoint
from rnn_tutorial.collect import collect
from rnn_tutorial.cores import CORES, make_core
from rnn_tutorial.gradients import action_gradients
from rnn_tutorial.interventions import add_noise, once, partners, project_out, transplant
from rnn_tutorial.nest import leaves, map_nest
from rnn_tutorial.policy import RNNPolicy
from rnn_tutorial.ppo import evaluate, train
from rnn_tutorial.probes import states, states_when_shown
from rnn_tutorial.rollout import episode_returns, record
from rnn_tutorial.settings import Settings

DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
CUED = "rnn_tutorial/CuedPoint-v0"
S = gym.spaces
ROOM = S.Dict(door=S.Discrete(3), pose=BOX, view=S.Box(0, 255, (12, 12, 3), np.uint8))
# The two devices sum in another order.
CLOSE = {"atol": 1e-4, "rtol": 1e-4}

pytestmark = pytest.mark.parametrize("device", DEVICES)


@pytest.fixture(autouse=True)
def exact_products():
    """A GPU would round the factors of products to ten bits."""
    before = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    yield
    torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = before


def cued_policy(env, device, **settings):
    torch.manual_seed(0)
    policy = RNNPolicy(env.single_observation_space, env.single_action_space, **settings)
    return policy.to(device)


@pytest.mark.parametrize("cell", sorted(CORES))
def test_unroll_with_resets_equals_steps_and_the_cpu_forward_and_backward(device, cell):
    torch.manual_seed(0)
    core = make_core(cell, 5, 8, 2, {})
    x, reset = torch.randn(12, 4, 5), torch.rand(12, 4) < 0.2
    results = {}
    for place in ("cpu", device):
        moved = deepcopy(core).to(place)
        seen = x.to(place, copy=True).requires_grad_()
        state = moved.initial_state(4)
        output, last = moved.unroll(seen, state, reset.to(place))
        output.square().sum().backward()
        results[place] = [output, *(part for _, part in leaves(last)), seen.grad]
        rows = []
        for t in range(12):
            row, state = moved.step(x[t].to(place), state, reset[t].to(place))
            rows.append(row)
        torch.testing.assert_close(torch.stack(rows), output, **CLOSE)
        assert output.device.type == seen.grad.device.type == place
    for ours, theirs in zip(results["cpu"], results[device], strict=True):
        torch.testing.assert_close(theirs.cpu(), ours, **CLOSE)


@pytest.mark.parametrize("cell", sorted(CORES))
def test_a_rollout_is_that_of_the_cpu(device, cell):
    env = gym.make_vec(CUED, num_envs=4, horizon=5)
    here, there = (
        record(cued_policy(env, place, cell=cell), env, 12, seed=0, deterministic=True)
        for place in ("cpu", device)
    )
    for name in ("observation", "value", "reward", "reset"):
        np.testing.assert_allclose(getattr(here, name), getattr(there, name), **CLOSE)
    returns = episode_returns(cued_policy(env, device, cell=cell), env, 6, 0)
    assert returns.shape == (6,)


@pytest.mark.parametrize("cell", sorted(CORES))
def test_a_replayed_rollout_has_the_ratio_one_and_lies_on_the_device(device, cell):
    env = gym.make_vec(CUED, num_envs=4, horizon=5)
    policy = cued_policy(env, device, cell=cell)
    settings = Settings(rollout_length=12, bptt_length=5)
    generator = torch.Generator(device).manual_seed(0)
    buffer, carry, _ = collect(policy, env, begin(policy, env, 0), settings, generator)
    assert isinstance(buffer, RolloutBuffer)
    sequences = buffer.sequences()
    placed = [buffer[name] for name in ("observation", "reward", "reset", "advantage", "log_prob")]
    placed += [part for _, part in leaves((carry.state, carry.observation, sequences.state))]
    assert {part.device.type for part in placed} == {device}
    with torch.no_grad():
        log_ratio, _, _ = evaluate(policy, sequences)
    assert log_ratio[sequences.valid].abs().max() < 1e-4


@pytest.mark.parametrize("cell", sorted(CORES))
def test_bfloat16_autocast_works_across_resets(device, cell):
    env = gym.make_vec(CUED, num_envs=4, horizon=5)
    policy = cued_policy(env, device, cell=cell)
    generator = torch.Generator(device).manual_seed(0)
    with torch.autocast(device, torch.bfloat16):
        settings = Settings(rollout_length=12, bptt_length=5)
        buffer, *_ = collect(policy, env, begin(policy, env, 0), settings, generator)
        sequences = buffer.sequences()
        log_ratio, _, _ = evaluate(policy, sequences)
        log_ratio.square().mean().backward()
    assert log_ratio[sequences.valid].abs().max() < 0.1  # eight bits of precision


def test_a_double_policy_of_any_spaces_trains_is_saved_and_goes_on(device, tmp_path):
    action = S.MultiDiscrete([2, 3])
    torch.manual_seed(0)
    policy = RNNPolicy(
        ROOM, action, cell="lstm", hidden_size=8, encoder_size=8, normalise_observations=True
    ).double()
    path, env = tmp_path / "run.safetensors", any_vector(ROOM, action)
    short = Settings(iterations=1, rollout_length=8, epochs=1, minibatches=1)
    train(env, short, policy=policy, device=device, checkpoint=path, progress=False)
    assert policy.device.type == device
    longer = Settings(iterations=2, rollout_length=8, epochs=1, minibatches=1)
    run = train(env, longer, policy=policy, device=device, checkpoint=path, progress=False)
    assert len(run.history) == 2
    kept = read_checkpoint(path)[0]
    assert all(
        torch.equal(kept[f"policy.{name}"], value.cpu())
        for name, value in run.policy.state_dict().items()
    )


def test_a_training_by_its_settings_alone(device, tmp_path):
    env = gym.make_vec(CUED, num_envs=8, horizon=10)
    path = tmp_path / "run.safetensors"
    settings = Settings(iterations=3, rollout_length=20)
    made = {"cell": "gru", "hidden_size": 16, "device": device, "progress": False}
    run = train(env, settings, checkpoint=path, **made)
    assert run.policy.device.type == device
    assert np.isfinite([row["return"] for row in run.history]).all()
    alike = load_policy(path, env.single_observation_space, env.single_action_space)
    here, there = (record(p, env, 12, seed=0, deterministic=True) for p in (alike, run.policy))
    np.testing.assert_allclose(here.value, there.value, **CLOSE)


def test_what_looks_inside_works_as_well(device):
    env = gym.make_vec(CUED, num_envs=4, horizon=8)
    policy = cued_policy(env, device, cell="lstm", num_layers=1, hidden_size=8)
    rollout = record(policy, env, 8, seed=0)
    shown = states_when_shown(policy, rollout.observation)
    np.testing.assert_allclose(shown, states(rollout), **CLOSE)
    obs = torch.as_tensor(rollout.observation, device=device)
    assert action_gradients(policy, obs, times=[3]).device.type == device
    generator = torch.Generator(device).manual_seed(0)
    for change in (
        transplant(partners(4)),
        add_noise(0.5, generator),
        project_out(torch.randn(2, 16)),
    ):
        moved = record(policy, env, 8, seed=0, intervention=once(3, change))
        assert not np.array_equal(moved.value[3], rollout.value[3])
    nested = RNNPolicy(ROOM, S.Discrete(2)).to(device)
    drawn = record(nested, any_vector(ROOM, S.Discrete(2)), 4, seed=0).observation
    assert states_when_shown(nested, map_nest(lambda part: part[:2], drawn)).shape[:2] == (2, 3)


@pytest.mark.usefixtures("no_shape_hook")
def test_a_policy_is_exported_from_where_it_is(device, tmp_path):
    pytest.importorskip("onnx")
    from rnn_tutorial.export import export

    policy = RNNPolicy(BOX, S.Discrete(2), hidden_size=8).to(device)
    assert export(policy, tmp_path / "step.onnx") == ["obs", "hidden", "reset"]
    assert policy.device.type == device
