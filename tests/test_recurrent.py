"""The reset-aware core against an oracle of single cells, stepped env by env, layer by layer."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.func import functional_call
from torch.testing import assert_close

from rnn_tutorial.recurrent import CELLS, MemorylessCore, RecurrentCore, by_steps, clear_state

ORACLE_CELLS = {"rnn": nn.RNNCell, "gru": nn.GRUCell, "lstm": nn.LSTMCell}
T, N, FEATURES, H = 7, 3, 4, 5


def no_reset(generator):
    return torch.zeros(T, N, dtype=torch.bool)


def reset_only_first(generator):
    reset = torch.zeros(T, N, dtype=torch.bool)
    reset[0] = True
    return reset


def reset_one_env_in_the_middle(generator):
    reset = torch.zeros(T, N, dtype=torch.bool)
    reset[3, 1] = True
    return reset


def reset_all(generator):
    return torch.ones(T, N, dtype=torch.bool)


def reset_few(generator):
    return torch.rand(T, N, generator=generator) < 0.15


def reset_half(generator):
    return torch.rand(T, N, generator=generator) < 0.5


PATTERNS = [
    no_reset,
    reset_only_first,
    reset_one_env_in_the_middle,
    reset_all,
    reset_few,
    reset_half,
]


def make_core(cell, layers, dtype=torch.float64):
    torch.manual_seed(layers)
    return RecurrentCore(FEATURES, H, layers, cell).to(dtype)


def random_state(core, n, generator):
    """A state that is not zero, so that clearing it shows."""

    def part():
        shape = (core.rnn.num_layers, n, H)
        dtype = core.rnn.weight_ih_l0.dtype
        return torch.randn(shape, generator=generator, dtype=dtype).requires_grad_()

    return (part(), part()) if core.cell == "lstm" else part()


def random_case(core, pattern, seed=0):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(T, N, FEATURES, generator=generator, dtype=core.rnn.weight_ih_l0.dtype)
    return x.requires_grad_(), random_state(core, N, generator), pattern(generator)


def parts(state):
    return state if isinstance(state, tuple) else (state,)


def oracle(rnn, x, state, reset):
    """What the core must do: one env, one step, one layer at a time, with single cells."""
    kind = {nn.RNN: "rnn", nn.GRU: "gru", nn.LSTM: "lstm"}[type(rnn)]
    outputs, last = [], []
    for n in range(x.shape[1]):
        memory = [[part[layer, n] for part in parts(state)] for layer in range(rnn.num_layers)]
        row = []
        for t in range(x.shape[0]):
            signal = x[t, n]
            for layer in range(rnn.num_layers):
                if reset[t, n]:
                    memory[layer] = [torch.zeros_like(part) for part in memory[layer]]
                cell = ORACLE_CELLS[kind](signal.shape[0], rnn.hidden_size)
                names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
                weights = {name: getattr(rnn, f"{name}_l{layer}") for name in names}
                before = tuple(memory[layer]) if kind == "lstm" else memory[layer][0]
                memory[layer] = list(parts(functional_call(cell, weights, (signal, before))))
                signal = memory[layer][0]
            row.append(signal)
        outputs.append(torch.stack(row))
        last.append([torch.stack(kept) for kept in zip(*memory, strict=True)])
    states = tuple(torch.stack(kept, dim=1) for kept in zip(*last, strict=True))
    return torch.stack(outputs, dim=1), states if kind == "lstm" else states[0]


def gradients(core, output, state, x, start):
    """Of a fixed random weighting of everything returned, with respect to everything put in."""
    generator = torch.Generator().manual_seed(1)
    total = sum(
        (torch.randn(part.shape, generator=generator, dtype=part.dtype) * part).sum()
        for part in (output, *parts(state))
    )
    leaves = [x, *parts(start), *core.parameters()]
    found = torch.autograd.grad(total, leaves, allow_unused=True)
    return [torch.zeros_like(p) if g is None else g for p, g in zip(leaves, found, strict=True)]


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize("cell", CELLS)
def test_unroll_and_steps_equal_single_cells_forward_and_gradient(cell, layers, pattern):
    core = make_core(cell, layers)
    x, state, reset = random_case(core, pattern)
    want, want_state = oracle(core.rnn, x, state, reset)
    want_gradients = gradients(core, want, want_state, x, state)
    for way in (core.unroll, lambda *case: by_steps(core, *case)):
        got, got_state = way(x, state, reset)
        assert_close(got, want, rtol=1e-10, atol=1e-12)
        assert_close(got_state, want_state, rtol=1e-10, atol=1e-12)
        got_gradients = gradients(core, got, got_state, x, state)
        assert_close(got_gradients, want_gradients, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("cell", CELLS)
def test_unroll_equals_single_cells_in_single_precision(cell):
    core = make_core(cell, 2, torch.float32)
    x, state, reset = random_case(core, reset_half)
    got, want = core.unroll(x, state, reset), oracle(core.rnn, x, state, reset)
    assert_close(got, want, rtol=1e-5, atol=1e-6)
    assert_close(gradients(core, *got, x, state), gradients(core, *want, x, state))


@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize("cell", CELLS)
def test_one_pass_and_the_stretches_are_one_function(cell, layers):
    core = make_core(cell, layers)
    x, state, reset = random_case(core, reset_few)
    by_pass, by_stretches = core.unroll(x, state, reset), core._unroll_stretches(x, state, reset)
    assert_close(by_pass, by_stretches)
    assert_close(gradients(core, *by_pass, x, state), gradients(core, *by_stretches, x, state))


@given(
    cell=st.sampled_from(sorted(CELLS)),
    layers=st.integers(1, 2),
    length=st.integers(1, 6),
    n=st.integers(1, 4),
    seed=st.integers(0, 2**16),
    density=st.sampled_from([0.0, 0.1, 0.5, 1.0]),
    cut=st.floats(0, 1),
)
@settings(max_examples=60, deadline=None)
def test_steps_and_chunks_equal_the_whole_for_any_shape(
    cell, layers, length, n, seed, density, cut
):
    core = make_core(cell, layers)
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(length, n, FEATURES, generator=generator, dtype=torch.float64)
    reset = torch.rand(length, n, generator=generator) < density
    state = random_state(core, n, generator)
    whole, whole_state = core.unroll(x, state, reset)
    assert whole.shape == (length, n, H)
    assert all(part.shape == (layers, n, H) for part in parts(whole_state))
    assert_close(by_steps(core, x, state, reset), (whole, whole_state))
    at = round(cut * length)
    chunks, carried = [], state
    for chunk in (slice(0, at), slice(at, length)):
        if chunk.start < chunk.stop:
            output, carried = core.unroll(x[chunk], carried, reset[chunk])
            chunks.append(output)
    assert_close((torch.cat(chunks), carried), (whole, whole_state))


@given(
    cell=st.sampled_from(sorted(CELLS)),
    seed=st.integers(0, 2**16),
    density=st.sampled_from([0.0, 0.2, 0.6]),
)
@settings(max_examples=25, deadline=None)
def test_a_gradient_reaches_back_to_the_episode_s_start_and_not_further(cell, seed, density):
    core = make_core(cell, 2)
    x, state, _ = random_case(core, no_reset, seed)
    reset = torch.rand(T, N, generator=torch.Generator().manual_seed(seed)) < density
    output, _ = core.unroll(x, state, reset)
    episode = reset.long().cumsum(dim=0)
    for t, n in [(T - 1, 0), (T // 2, 1)]:
        to_x, *to_state = torch.autograd.grad(
            output[t, n].sum(), [x, *parts(state)], retain_graph=True
        )
        same_episode = (episode[:, n] == episode[t, n]) & (torch.arange(T) <= t)
        expected = torch.zeros(T, N, dtype=torch.bool)
        expected[:, n] = same_episode
        assert torch.equal(to_x.abs().sum(-1) > 0, expected)
        for part in to_state:
            reaches = part.abs().sum(dim=(0, 2)) > 0
            assert reaches.tolist() == [i == n and episode[t, n] == 0 for i in range(N)]


@pytest.mark.parametrize("at", [0, 4])
@pytest.mark.parametrize("cell", CELLS)
def test_a_reset_forgets_the_envs_it_names_and_no_other(cell, at):
    core = make_core(cell, 2)
    x, state, reset = random_case(core, no_reset)
    reset[at, 1] = True
    _, other, _ = random_case(core, no_reset, seed=9)
    a, state_a = core.unroll(x, state, reset)
    b, state_b = core.unroll(x, other, reset)
    assert torch.equal(a[at:, 1], b[at:, 1])
    for part_a, part_b in zip(parts(state_a), parts(state_b), strict=True):
        assert torch.equal(part_a[:, 1], part_b[:, 1])
    fresh, _ = core.unroll(x[at:, 1:2], core.initial_state(1))
    assert_close(a[at:, 1:2], fresh)
    untouched, _ = core.unroll(x, state)
    assert_close(a[:, [0, 2]], untouched[:, [0, 2]])


@pytest.mark.parametrize("cell", CELLS)
def test_a_nan_of_the_past_is_gone_after_a_reset(cell):
    core = make_core(cell, 2)
    x, state, reset = random_case(core, no_reset)
    broken = [part.detach().clone() for part in parts(state)]
    for part in broken:
        part[:, 1] = torch.nan
    broken = tuple(broken) if cell == "lstm" else broken[0]
    reset[3, 1] = True
    for way in (core.unroll, lambda *case: by_steps(core, *case)):
        output, last = way(x, broken, reset)
        assert output[:3, 1].isnan().all()
        assert output[3:].isfinite().all()
        assert output[:, [0, 2]].isfinite().all()
        assert all(part.isfinite().all() for part in parts(last))


@pytest.mark.parametrize("cell", CELLS)
def test_clearing_touches_hidden_and_cell_of_the_named_envs_and_leaves_its_input_alone(cell):
    core = make_core(cell, 2)
    _, state, _ = random_case(core, no_reset)
    before = [part.detach().clone() for part in parts(state)]
    cleared = clear_state(state, torch.tensor([False, True, False]))
    for old, kept, new in zip(before, parts(state), parts(cleared), strict=True):
        assert torch.equal(old, kept)
        assert not new[:, 1].any()
        assert torch.equal(new[:, [0, 2]], old[:, [0, 2]])


@pytest.mark.parametrize("cell", CELLS)
def test_the_initial_state_is_zeros_in_the_form_of_the_cell(cell):
    core = make_core(cell, 3)
    state = core.initial_state(6)
    assert isinstance(state, tuple) == (cell == "lstm")
    for part in parts(state):
        assert part.shape == (3, 6, H)
        assert part.dtype == torch.float64
        assert not part.any()


def test_without_a_core_there_is_no_memory():
    core = MemorylessCore(FEATURES, H)
    x = torch.randn(T, N, FEATURES, generator=torch.Generator().manual_seed(0))
    state = core.initial_state(N)
    assert state.shape == (0, N, H)
    output, after = core.unroll(x, state, torch.ones(T, N, dtype=torch.bool))
    assert after is state
    again, _ = core.step(x[4], state)
    assert_close(output[4], again)
    assert clear_state(state, torch.ones(N, dtype=torch.bool)).shape == (0, N, H)


def call(core, x=(T, N, FEATURES), state=None, reset=None):
    state = core.initial_state(N) if state is None else state
    x = torch.zeros(x)
    return (core.unroll if x.ndim == 3 else core.step)(x, state, reset)


zeros = torch.zeros


@pytest.mark.usefixtures("no_shape_hook")
@pytest.mark.parametrize(
    ("cell", "bad", "message"),
    [
        ("gru", {"state": zeros(1, N, H)}, r"\(layers, N, H\) = \(2, 3, 5\), got \(1, 3, 5\)"),
        ("gru", {"state": zeros(2, N + 1, H)}, r"expected .*\(2, 3, 5\), got \(2, 4, 5\)"),
        ("gru", {"x": (N, FEATURES), "state": zeros(2, N, 1)}, r"got \(2, 3, 1\)"),
        (
            "gru",
            {"state": (zeros(2, N, H),) * 2},
            "one tensor for cell 'gru', got .Tensor, Tensor",
        ),
        (
            "lstm",
            {"state": zeros(2, N, H)},
            r"tensors \(hidden, cell\) for cell 'lstm', got .Tensor",
        ),
        ("lstm", {"state": (zeros(2, N, H), zeros(2, N, 1))}, r"cell state: .*got \(2, 3, 1\)"),
        ("rnn", {"x": (T, N, 6)}, r"x: expected shape \(T, N, 4\), .*got \(7, 3, 6\)"),
        ("rnn", {"x": (N, 6)}, r"x: expected shape \(N, 4\), .*got \(3, 6\)"),
        ("gru", {"x": (0, N, FEATURES)}, r"x: expected .*, none of them 0, got \(0, 3, 4\)"),
        (
            "gru",
            {"reset": zeros(N, T) > 0},
            r"reset: expected bool \(7, 3\), got torch.bool \(3, 7",
        ),
        ("gru", {"reset": zeros(T, 1) > 0}, r"reset: expected bool \(7, 3\), got .*\(7, 1\)"),
        ("gru", {"reset": zeros(T, N)}, r"reset: expected bool \(7, 3\), got torch.float32"),
    ],
)
def test_bad_input_gets_an_error_that_says_expected_and_got(cell, bad, message):
    torch.manual_seed(0)
    with pytest.raises(ValueError, match=message):
        call(RecurrentCore(FEATURES, H, 2, cell), **bad)


def test_an_unknown_cell_is_named_with_the_known_ones():
    with pytest.raises(ValueError, match=r"cell: expected one of 'rnn', 'gru', 'lstm'.*got"):
        RecurrentCore(FEATURES, H, cell="elman")
