"""Every core that a policy can have, under one set of laws: step == unroll, resets, chunks, NaN."""

import gymnasium as gym
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from test_recurrent import PATTERNS
from torch.testing import assert_close

from rnn_tutorial import probes
from rnn_tutorial.cores import CORES, make_core
from rnn_tutorial.mingru import Mix, compose, scan_in_rounds
from rnn_tutorial.nest import leaves, map_nest
from rnn_tutorial.policy import RNNPolicy
from rnn_tutorial.recurrent import by_steps, named_parts
from rnn_tutorial.rollout import record

T, N, FEATURES, H = 7, 3, 4, 6
MEMORIES = [cell for cell in CORES if cell != "none"]
SETTINGS = {"attention": {"window": 3, "heads": 2}, "stack": {"frames": 3}}
CASES = [(cell, layers) for cell in CORES for layers in (1, 2)]


def core_for(cell, layers=2, dtype=torch.float64):
    torch.manual_seed(layers)
    core = make_core(cell, FEATURES, H, layers, SETTINGS.get(cell, {})).to(dtype)
    for name, weight in core.named_parameters():
        if name.endswith("lag_bias"):  # zeros, which would hide a wrong lag
            torch.nn.init.normal_(weight)
    return core


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def used_state(core, n, seed=1):
    """A state after some steps, as a leaf."""
    with torch.no_grad():
        _, state = core.unroll(draw(4, n, FEATURES, seed=seed), core.initial_state(n))
    return map_nest(lambda part: part.clone().requires_grad_(), state)


def of_everything(core, result, x, state):
    """The gradient of a fixed weighting of all that came out, for all that went in."""
    given = [x, *(part for _, part in leaves(state)), *core.parameters()]
    parts = [part for _, part in leaves(result) if part.requires_grad]
    total = sum((draw(*part.shape, seed=5) * part).sum() for part in parts)
    found = torch.autograd.grad(total, given, allow_unused=True)
    return [torch.zeros_like(a) if b is None else b for a, b in zip(given, found, strict=True)]


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize(("cell", "layers"), CASES)
def test_steps_equal_unroll_forward_and_gradient(cell, layers, pattern):
    core = core_for(cell, layers)
    x, reset = draw(T, N, FEATURES).requires_grad_(), pattern(torch.Generator().manual_seed(0))
    state = used_state(core, N)
    stepped, by_unroll = by_steps(core, x, state, reset), core.unroll(x, state, reset)
    assert_close(by_unroll, stepped)
    assert_close(of_everything(core, by_unroll, x, state), of_everything(core, stepped, x, state))
    without = torch.zeros_like(reset)
    assert_close(core.unroll(x, state, without), core.unroll(x, state))


@given(
    cell=st.sampled_from(sorted(CORES)),
    length=st.integers(1, 9),
    n=st.integers(1, 3),
    seed=st.integers(0, 2**16),
    density=st.sampled_from([0.0, 0.2, 0.6]),
    cut=st.floats(0, 1),
)
@settings(max_examples=80, deadline=None)
def test_chunks_equal_the_whole_for_any_shape(cell, length, n, seed, density, cut):
    core, x = core_for(cell), draw(length, n, FEATURES, seed=seed)
    reset = torch.rand(length, n, generator=torch.Generator().manual_seed(seed)) < density
    state = used_state(core, n, seed)
    whole, after = core.unroll(x, state, reset)
    at, outputs = round(cut * length), []
    for chunk in (slice(0, at), slice(at, length)):
        if chunk.start < chunk.stop:
            output, state = core.unroll(x[chunk], state, reset[chunk])
            outputs.append(output)
    assert_close((torch.cat(outputs), state), (whole, after))


@pytest.mark.parametrize("at", [0, 4])
@pytest.mark.parametrize("cell", MEMORIES)
def test_a_reset_forgets_the_envs_it_names_also_nan_and_no_other(cell, at):
    core, x = core_for(cell), draw(T, N, FEATURES)
    reset = torch.zeros(T, N, dtype=torch.bool)
    reset[at, 1] = True
    state = map_nest(torch.Tensor.detach, used_state(core, N))
    fresh, _ = core.unroll(x[at:], core.initial_state(N))
    goes_on, _ = core.unroll(x, state)
    broken = map_nest(torch.clone, state)
    for name, part in named_parts(core, broken).items():
        if name != "filled":
            part[:, 1] = torch.nan
    for way in (core.unroll, lambda *case: by_steps(core, *case)):
        output, after = way(x, broken, reset)
        assert_close(output[at:, 1], fresh[:, 1])
        assert_close(output[:, [0, 2]], goes_on[:, [0, 2]])
        assert output[:1, 1].isnan().all() == (at > 0)
        assert all(part.isfinite().all() for _, part in leaves(after))


@pytest.mark.parametrize("cell", MEMORIES)
def test_a_gradient_stops_at_a_reset(cell):
    core, x = core_for(cell), draw(T, N, FEATURES).requires_grad_()
    reset, state = torch.zeros(T, N, dtype=torch.bool), used_state(core, N)
    reset[4, 1] = True
    output, _ = core.unroll(x, state, reset)
    weights = draw(H)  # the sum of what a norm returns has no gradient
    slopes = torch.autograd.grad((weights * output[-1, 1]).sum(), x)[0]
    assert not slopes[:4].any()
    assert slopes[-1, 1].any()
    output, _ = core.unroll(x, state, reset)
    slopes = torch.autograd.grad((weights * output[5, 0]).sum(), x)[0]
    assert slopes[4, 0].any()  # another env's reset cuts nothing


def test_attention_sees_its_window_and_nothing_before_it():
    core, x = core_for("attention", layers=1), draw(9, 1, FEATURES).requires_grad_()
    output, _ = core.unroll(x, core.initial_state(1))
    slopes = torch.autograd.grad((draw(H) * output[-1]).sum(), x)[0].abs().sum((1, 2))
    assert (slopes > 0).tolist() == [False] * 6 + [True] * 3


def test_the_scan_in_rounds_is_the_loop():
    a, b = draw(13, 2, 3), draw(13, 2, 3, seed=1)
    h, rows = torch.zeros(2, 3, dtype=torch.float64), []
    for t in range(13):
        h = a[t] * h + b[t]
        rows.append(h)
    assert_close(scan_in_rounds(a, b), torch.stack(rows))
    pairs = [(a[t], b[t]) for t in range(3)]
    left, right = compose(compose(*pairs[:2]), pairs[2]), compose(pairs[0], compose(*pairs[1:]))
    assert_close(left, right)  # in any grouping


def test_the_gradient_of_the_scan_is_that_of_finite_differences():
    inputs, h = draw(5, 2, 6).requires_grad_(), draw(2, 3).requires_grad_()
    reset = torch.zeros(5, 2, dtype=torch.bool)
    reset[2, 0] = reset[0, 1] = True
    assert torch.autograd.gradcheck(lambda *args: Mix.apply(*args, reset), (inputs, h))


BOX = gym.spaces.Box(-1.0, 1.0, (3,))


def test_a_setting_of_another_cell_and_an_unknown_cell_are_told(no_shape_hook):
    with pytest.raises(ValueError, match="frames: not a setting of the cell 'gru'"):
        RNNPolicy(BOX, BOX, frames=3)
    with pytest.raises(ValueError, match="num_layer: not a setting"):
        RNNPolicy(BOX, BOX, cell="attention", num_layer=3)
    for cell in ("elman", ["gru"], None):
        with pytest.raises(ValueError, match=r"cell: expected one of 'rnn', 'gru', .*'none', got"):
            make_core(cell, 3, 4, 1, {})
    with pytest.raises(ValueError, match="heads: expected a divisor of H = 6, got 4"):
        make_core("attention", 3, 6, 1, {"heads": 4})
    with pytest.raises(ValueError, match="window: expected a whole number, at least 2, got 1"):
        make_core("attention", 3, 8, 1, {"window": 1})


@pytest.mark.usefixtures("no_shape_hook")
@pytest.mark.parametrize("cell", ["mingru", "attention"])
def test_wrong_shapes_are_told(cell):
    core = core_for(cell, dtype=torch.float32)
    state = core.initial_state(N)
    for x, said in (
        (torch.zeros(T, N, 9), r"x: expected shape \(T, N, 4\), .*got \(7, 3, 9\)"),
        (torch.zeros(0, N, FEATURES), "none of them 0"),
        (torch.zeros(T, 2, FEATURES), "state: expected .*got"),
    ):
        with pytest.raises(ValueError, match=said):
            core.unroll(x, state)
    with pytest.raises(ValueError, match=r"x: expected shape \(N, 4\)"):
        core.step(torch.zeros(N, 9), state)
    with pytest.raises(ValueError, match=r"state: expected .* got str"):
        core.step(torch.zeros(N, FEATURES), "state")
    with pytest.raises(ValueError, match="reset: expected bool"):
        core.unroll(torch.zeros(T, N, FEATURES), state, torch.zeros(N, T) > 0)


@pytest.mark.parametrize("cell", MEMORIES)
def test_the_memory_of_every_cell_is_probed(cell):
    """The states of a recording in rows, and those of the same policy shown the observations."""
    env = gym.make_vec("rnn_tutorial/CuedPoint-v0", num_envs=16, horizon=6)
    spaces = env.single_observation_space, env.single_action_space
    policy = RNNPolicy(*spaces, cell=cell, hidden_size=8, encoder="none")
    rollout = record(policy, env, 6, seed=0)
    rows = probes.states(rollout)
    shown = probes.states_when_shown(policy, rollout.observation)
    assert_close(torch.as_tensor(rows), torch.as_tensor(shown), atol=1e-5, rtol=1e-4)
    assert probes.probe(rows, rollout.info["goal"]).shape == (6,)
