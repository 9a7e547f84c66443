"""Any gymnasium task: built, recorded, trained, saved, loaded and exported, with equal numbers."""

import tempfile
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
import torch
from any_env import any_vector
from gymnasium import spaces as s
from gymnasium.vector import AutoresetMode
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rnn_tutorial.acting import executed
from rnn_tutorial.actions import draw_action
from rnn_tutorial.checkpoint import load_policy
from rnn_tutorial.cores import CORES
from rnn_tutorial.export import export, input_names
from rnn_tutorial.nest import leaves, map_nest
from rnn_tutorial.policy import RNNPolicy
from rnn_tutorial.ppo import evaluate, train
from rnn_tutorial.rollout import record
from rnn_tutorial.settings import Settings

pytestmark = pytest.mark.slow
ort = pytest.importorskip("onnxruntime")
SHORT = Settings(iterations=1, rollout_length=8, bptt_length=5, epochs=1)


@st.composite
def boxes(draw, actions=False):
    shape = tuple(draw(st.lists(st.integers(1, 3), max_size=2)))
    low = draw(st.sampled_from([-np.inf, -1.0, 0.0, 5.0, -100.0]))
    span = draw(st.sampled_from([0.1, 2.0, 300.0, np.inf]))
    high = low + span if np.isfinite(low) else draw(st.sampled_from([0.0, np.inf]))
    dtype = draw(st.sampled_from([np.float32, np.float64]))
    return s.Box(low, high, shape, dtype)


codes = st.builds(s.Discrete, st.integers(2, 5), start=st.integers(-2, 3))
many = st.builds(s.MultiDiscrete, st.lists(st.integers(2, 4), min_size=1, max_size=3))
bits = st.builds(s.MultiBinary, st.integers(1, 4))
integers = st.builds(lambda n: s.Box(-3, 9, (n,), np.int64), st.integers(1, 3))
images = st.sampled_from([s.Box(0, 255, (9, 9, 3), np.uint8), s.Box(0, 255, (3, 9, 8), np.uint8)])
plain = boxes() | codes | many | bits | integers | images
observations = st.recursive(
    plain,
    lambda each: (
        st.dictionaries(st.sampled_from("abc"), each, min_size=1, max_size=3).map(s.Dict)
        | st.lists(each, min_size=1, max_size=2).map(lambda parts: s.Tuple(tuple(parts)))
    ),
    max_leaves=4,
)
actions = boxes(actions=True) | codes | many | bits | integers


@pytest.mark.usefixtures("no_shape_hook")
@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    observations,
    actions,
    st.sampled_from(sorted(CORES)),
    st.booleans(),
    st.sampled_from([AutoresetMode.SAME_STEP, AutoresetMode.NEXT_STEP]),
)
def test_any_task_goes_all_the_way(observation_space, action_space, cell, normalise, mode):
    torch.set_num_threads(1)
    env = any_vector(observation_space, action_space, mode=mode)
    how = {"cell": cell, "hidden_size": 6, "num_layers": 1, "encoder_size": 6}
    how["normalise_observations"] = normalise
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.safetensors"
        policy = train(env, SHORT, seed=0, checkpoint=path, progress=False, **how).policy
        loaded = load_policy(path, observation_space, action_space)
        file = Path(folder) / "step.onnx"
        names = export(policy, file)
        session = ort.InferenceSession(str(file))
    rollout = record(policy, env, 9, seed=1, deterministic=True)
    again = record(loaded, env, 9, seed=1, deterministic=True)
    np.testing.assert_array_equal(rollout.value, again.value)
    np.testing.assert_array_equal(rollout.action, again.action)

    # The record, replayed: by one unroll, and by the exported step.
    obs = policy.to_tensors(rollout.observation)
    with torch.no_grad():
        output, _ = policy.unroll(obs, policy.initial_state(3), torch.as_tensor(rollout.reset))
    np.testing.assert_allclose(output.value.numpy(), rollout.value, atol=1e-4, rtol=1e-4)
    log_prob = output.distribution.log_prob(torch.as_tensor(rollout.action)).numpy()
    np.testing.assert_allclose(log_prob, rollout.log_prob, atol=1e-3, rtol=1e-3)
    assert np.isfinite(log_prob).all()
    state = [part.numpy() for _, part in leaves(policy.initial_state(3))]
    for t in range(9):
        seen = [part[t].numpy() for _, part in leaves(obs)]
        feed = dict(zip(input_names(policy), [*seen, *state, rollout.reset[t]], strict=True))
        action, *state = session.run(None, {name: feed[name] for name in names})
        expected = executed(rollout.action[t], action_space)
        np.testing.assert_allclose(action, expected, atol=1e-3, rtol=1e-3)


def policy_for(observation_space, action_space, **options):
    torch.manual_seed(0)
    return RNNPolicy(observation_space, action_space, hidden_size=8, encoder_size=8, **options)


BOX = s.Box(-1.0, 1.0, (3,))


@pytest.mark.parametrize(("low", "high"), [(-2.0, 2.0), (5.0, 10.0), (0.0, 0.1), (-1000.0, 1000.0)])
def test_the_mean_reaches_the_whole_range_and_first_draws_are_clipped_no_more_than_on_one(
    low, high
):
    def clipped(low, high):
        policy = policy_for(BOX, s.Box(low, high, (1,)))
        output, _ = policy.step(torch.zeros(4000, 3), policy.initial_state(4000))
        action = draw_action(output.distribution, False, torch.Generator().manual_seed(0))
        return ((action < low) | (action > high)).float().mean().item()

    assert clipped(low, high) == pytest.approx(clipped(-1.0, 1.0), abs=0.02)
    head = policy_for(BOX, s.Box(low, high, (1,))).head
    ends = head(torch.tensor([[-20.0, 0.0], [20.0, 0.0]])).mean.flatten()
    np.testing.assert_allclose(ends, [low, high], atol=1e-4 * (high - low))


@pytest.mark.parametrize(
    ("low", "high", "below", "above"),
    [(-np.inf, np.inf, -30, 30), (2.0, np.inf, 2, 30), (-np.inf, -1.0, -30, -1)],
)
def test_a_bound_on_one_side_or_none_leaves_the_other_free(low, high, below, above):
    head = policy_for(BOX, s.Box(low, high, (1,))).head
    means = head(torch.tensor([[-32.0, 0.0], [32.0, 0.0]])).mean.flatten().sort().values
    assert means[0] <= below + 1e-3
    assert means[1] >= above - 3 * (abs(above) == 30)


def test_log_probabilities_are_in_the_action_s_units():
    policy = policy_for(BOX, s.Box(5.0, 10.0, (2,)))
    output, _ = policy.step(torch.zeros(1, 3), policy.initial_state(1))
    grid = torch.linspace(-20, 40, 6001)
    inner = output.distribution.base_dist
    area = torch.trapezoid(inner.log_prob(grid[:, None].expand(-1, 2)).exp(), grid, dim=0)
    np.testing.assert_allclose(area.detach(), [1.0, 1.0], atol=1e-3)


@pytest.mark.parametrize(
    ("space", "count"),
    [(s.MultiDiscrete([2, 3]), 6), (s.MultiBinary(3), 8), (s.Discrete(4, start=7), 4)],
)
def test_joint_probabilities_add_up_to_one_and_entropy_is_theirs(space, count):
    policy = policy_for(BOX, space)
    output, _ = policy.step(torch.randn(1, 3), policy.initial_state(1))
    if isinstance(space, s.MultiDiscrete):
        every = torch.tensor([[i, j] for i in range(2) for j in range(3)])
    elif isinstance(space, s.MultiBinary):
        every = torch.tensor([[i >> k & 1 for k in range(3)] for i in range(8)]).float()
    else:
        every = torch.arange(4)
    log_prob = output.distribution.log_prob(every)
    assert len(log_prob) == count
    assert log_prob.exp().sum().item() == pytest.approx(1.0, abs=1e-5)
    entropy = -(log_prob.exp() * log_prob).sum().item()
    assert output.distribution.entropy().item() == pytest.approx(entropy, abs=1e-5)
    drawn = draw_action(output.distribution, False, None)
    assert space.contains(executed(drawn[0].numpy(), space))


def test_pixels_are_scaled_and_codes_are_not():
    image = s.Box(0, 255, (7, 7, 3), np.uint8)
    white = torch.full((1, 7, 7, 3), 255, dtype=torch.uint8)
    for images, most in (("auto", 1.0), ("codes", 255.0)):
        policy = policy_for(image, BOX, encoder="none", images=images)
        assert policy._read(white, ("N",)).max() == most
        assert policy._read(white, ("N",)).dtype == torch.float32


def test_channels_last_is_recognised_and_what_cannot_be_told_is_asked():
    policy = policy_for(s.Box(0, 255, (84, 84, 3), np.uint8), BOX, encoder="conv")
    convolution = next(m for m in policy.modules() if isinstance(m, torch.nn.Conv2d))
    assert convolution.in_channels == 3
    cube = s.Box(0, 255, (8, 8, 8), np.uint8)
    with pytest.raises(ValueError, match=r"images: .*\(8, 8, 8\).*images=\"channels_first\""):
        policy_for(cube, BOX, encoder="conv")
    said = policy_for(cube, BOX, encoder="conv", images="channels_last")
    moved = torch.zeros(1, 8, 8, 8, dtype=torch.uint8)
    moved[0, :, :, 2] = 255  # the third channel
    first = policy_for(cube, BOX, encoder="conv", images="channels_first")
    pairs = zip(first.parameters(), said.parameters(), strict=True)
    for mine, other in pairs:
        mine.data = other.data
    a, _ = said.step(moved, said.initial_state(1))
    b, _ = first.step(moved.permute(0, 3, 1, 2), first.initial_state(1))
    assert torch.allclose(a.value, b.value, atol=1e-6)


@pytest.mark.parametrize(
    ("obs", "message"),
    [
        ({"a": torch.zeros(2, 3)}, r"obs: expected the entries \['a', 'b'\], got \['a'\]"),
        ({"a": torch.zeros(2, 4), "b": torch.zeros(2).long()}, r"obs.a: expected shape \(N, 3\)"),
        ({"a": torch.zeros(2, 3), "b": torch.tensor([0, 4])}, "obs.b: expected values of Discrete"),
        ({"a": torch.zeros(2, 3), "b": torch.zeros(3).long()}, "obs.b: expected .* as before"),
        (
            {"a": torch.full((2, 3), torch.nan), "b": torch.zeros(2).long()},
            "obs.a: expected finite numbers, got NaN or inf, first at N 0",
        ),
    ],
)
def test_a_wrong_entry_is_named(obs, message):
    policy = policy_for(s.Dict(a=BOX, b=s.Discrete(4)), BOX)
    with pytest.raises(ValueError, match=message):
        policy.step(obs, policy.initial_state(2))


def test_a_dict_in_a_buffer_keeps_its_entries_apart():
    space = s.Dict(image=s.Box(0, 255, (9, 9, 3), np.uint8), pose=BOX)
    env = any_vector(space, s.Discrete(3))
    policy = policy_for(space, s.Discrete(3), encoder="conv")
    from rnn_tutorial.acting import begin
    from rnn_tutorial.collect import collect

    buffer, *_ = collect(
        policy, env, begin(policy, env, 0), SHORT, torch.Generator().manual_seed(0)
    )
    sequences = buffer.sequences()
    assert sequences.observation["image"].dtype == torch.uint8
    assert sequences.observation["image"].shape == (5, 6, 9, 9, 3)
    log_ratio, _, _ = evaluate(policy, sequences)
    assert log_ratio[sequences.valid].abs().max() < 1e-4


def test_normalised_observations_have_mean_0_and_spread_1_and_stand_still_in_evaluation():
    wide = s.Box(np.array([-1000.0, 0.0]), np.array([1000.0, 0.001]), dtype=np.float64)
    env = any_vector(wide, s.Discrete(2), n=16)
    settings_ = Settings(iterations=3, rollout_length=50)
    policy = train(env, settings_, normalise_observations=True, hidden_size=4).policy
    before = {name: part.clone() for name, part in policy.normaliser.state_dict().items()}
    rollout = record(policy, env, 100, seed=9)
    after = policy.normaliser.state_dict()
    assert all(torch.equal(part, after[name]) for name, part in before.items())
    assert before["count"] == 3 * 50 * 16
    scaled = policy.normaliser(policy.to_tensors(rollout.observation)).numpy()
    np.testing.assert_allclose(scaled.mean((0, 1)), [0, 0], atol=0.1)
    np.testing.assert_allclose(scaled.std((0, 1)), [1, 1], atol=0.1)


def test_running_statistics_are_those_of_everything_seen():
    from rnn_tutorial.normalisation import RunningNormaliser

    rng = np.random.default_rng(0)
    normaliser, seen = RunningNormaliser(s.Box(-np.inf, np.inf, (2,))), []
    for length in (1, 7, 30):
        batch = rng.normal([1e4, 0], [1, 5], (length, 4, 2))
        valid = rng.random((length, 4)) < 0.7
        normaliser.update(torch.as_tensor(batch), torch.as_tensor(valid))
        seen.append(batch[valid])
    normaliser.update(torch.zeros(3, 4, 2), torch.zeros(3, 4, dtype=torch.bool))
    rows = np.concatenate(seen)
    np.testing.assert_allclose(normaliser.mean_0, rows.mean(0), rtol=1e-9)
    np.testing.assert_allclose(normaliser.variance_0, rows.var(0), rtol=1e-7)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_reward_that_is_not_finite_stops_training_and_leaves_the_checkpoint(bad, tmp_path):
    from rnn_tutorial.buffer import NotFiniteError

    path, settings_ = tmp_path / "run.safetensors", Settings(iterations=9, rollout_length=10)
    settings_ = Settings(iterations=9, rollout_length=10, checkpoint_every=2)
    env = any_vector(BOX, s.Discrete(2), n=2, bad=bad, bad_step=57)
    with pytest.raises(
        NotFiniteError, match=r"iteration 5: reward: .* got (nan|inf), step 6, env 0"
    ):
        train(env, settings_, checkpoint=path, hidden_size=4, progress=False)
    from rnn_tutorial.checkpoint import read_checkpoint

    tensors, note = read_checkpoint(path)
    assert len(note["history"]) == 4
    assert all(torch.isfinite(part.double()).all() for part in tensors.values())


def test_weights_that_are_not_finite_stop_training():
    from rnn_tutorial.buffer import NotFiniteError

    env = any_vector(BOX, s.Box(-1.0, 1.0, (1,)))
    policy = policy_for(BOX, s.Box(-1.0, 1.0, (1,)))
    with torch.no_grad():
        policy.critic.bias.fill_(torch.nan)
    with pytest.raises(NotFiniteError, match="iteration 0: advantage: expected finite numbers"):
        train(env, Settings(iterations=2), policy=policy, progress=False)
    env = any_vector(BOX, s.Box(-1.0, 1.0, (1,)))
    steep = Settings(iterations=2, learning_rate=1e30)
    with pytest.raises(NotFiniteError, match=r"(gradient norm|weight |advantage)"):
        train(env, steep, hidden_size=4, progress=False)


def test_integer_rewards_are_learned_from_as_floats():
    env = any_vector(BOX, s.Discrete(2), integer=True)
    history = train(env, SHORT, hidden_size=4, progress=False).history
    assert np.isfinite(history[-1]["gradient_norm"])


def test_episodes_longer_than_a_rollout_have_a_return():
    env = any_vector(BOX, s.Discrete(2), n=2, length=10_000)
    short = Settings(iterations=12, rollout_length=4)
    history = train(env, short, hidden_size=4, progress=False).history
    first = next(i for i, row in enumerate(history) if row["episodes"])
    assert all(np.isnan(row["return"]) for row in history[:first])
    assert all(np.isfinite(row["return"]) for row in history[first:])
    assert all(row["episodes"] <= 2 for row in history)
    names = {"entropy", "clipped", "explained_variance", "gradient_norm", "kl", "steps"}
    assert names <= history[-1].keys()


def test_a_policy_of_other_actions_and_settings_beside_a_policy_are_refused():
    env = any_vector(BOX, s.Discrete(3))
    with pytest.raises(ValueError, match=r"policy: expected the env's actions Discrete\(3\), got"):
        train(env, SHORT, policy=policy_for(BOX, s.Discrete(2)))
    with pytest.raises(ValueError, match=r"policy: expected no settings beside it, got \['cell'\]"):
        train(env, SHORT, policy=policy_for(BOX, s.Discrete(3)), cell="gru")


def test_a_minibatch_without_a_valid_step_is_skipped():
    env = any_vector(BOX, s.Discrete(2), n=4, mode=AutoresetMode.NEXT_STEP, length=1)
    settings_ = Settings(iterations=3, rollout_length=6, bptt_length=1, minibatches=24)
    policy = train(env, settings_, hidden_size=4, progress=False).policy
    assert all(part.isfinite().all() for part in policy.parameters())


def test_the_first_thing_that_a_newcomer_types_learns():
    torch.set_num_threads(1)
    returns = [train("CartPole-v1", seed=i, progress=False).history[-1]["return"] for i in range(3)]
    assert np.median(returns) > 100  # 171 in the median of five seeds; without learning about 20


def test_a_single_env_trains_with_the_default_settings():
    result = train(gym.make("CartPole-v1"), Settings(iterations=2), progress=False)
    assert [row["steps"] for row in result.history] == [30, 60]


def test_nests_map_and_refuse_other_forms():
    with pytest.raises(ValueError, match="expected the entries"):
        map_nest(lambda a, b: a, {"x": 1}, {"y": 1})


@pytest.mark.parametrize("cell", sorted(CORES))
@pytest.mark.parametrize("space", [BOX, s.Box(-1.0, 1.0, ())], ids=["vector", "number"])
def test_every_cell_is_exported_for_any_number_of_envs(space, cell, tmp_path):
    policy = policy_for(space, s.MultiBinary(2), cell=cell)
    names = export(policy, tmp_path / "step.onnx")
    session = ort.InferenceSession(str(tmp_path / "step.onnx"))
    for n in (1, 3, 4):
        obs = np.zeros((n, *space.shape), np.float32)
        state = [part.numpy() for _, part in leaves(policy.initial_state(n))]
        feed = dict(zip(input_names(policy), [obs, *state, np.ones(n, bool)], strict=True))
        action, *_ = session.run(None, {name: feed[name] for name in names})
        assert action.shape == (n, 2)
