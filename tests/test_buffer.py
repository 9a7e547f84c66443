"""The rollout buffer: advantages, sequences, minibatches, masks."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rnn_tutorial.buffer import RolloutBuffer, gae, masked_mean, minibatches, normalise


def slow_gae(reward, value, next_value, true_next, terminated, truncated, gamma, lam):
    """The estimate by its definition: a sum of discounted errors up to the episode's end."""
    length, n = reward.shape
    advantage = np.zeros((length, n))
    for env in range(n):
        for t in range(length):
            weight = 1.0
            for k in range(t, length):
                if terminated[k, env]:
                    follows = 0.0
                elif truncated[k, env]:
                    follows = true_next[k, env]
                else:
                    follows = next_value[k, env]
                error = reward[k, env] + gamma * follows - value[k, env]
                advantage[t, env] += weight * error
                if terminated[k, env] or truncated[k, env]:
                    break
                weight *= gamma * lam
    return advantage


def test_gae_equals_its_definition(generator):
    numbers = torch.randn(4, 25, 3, generator=generator, dtype=torch.float64)
    terminated, truncated = torch.rand(2, 25, 3, generator=generator) < 0.1
    got = gae(*numbers, terminated, truncated, 0.9, 0.8)
    want = slow_gae(*numbers.numpy(), terminated.numpy(), truncated.numpy(), 0.9, 0.8)
    np.testing.assert_allclose(got, want, atol=1e-12)
    assert terminated.any()
    assert truncated.any()


def test_termination_stops_the_bootstrap_and_truncation_does_not():
    one = torch.ones(1, 1)
    yes, no = torch.tensor([[True]]), torch.tensor([[False]])
    assert gae(one, 0 * one, 9 * one, 5 * one, yes, no, 0.5, 1.0).item() == 1.0
    assert gae(one, 0 * one, 9 * one, 5 * one, no, yes, 0.5, 1.0).item() == 3.5
    assert gae(one, 0 * one, 9 * one, 5 * one, no, no, 0.5, 1.0).item() == 5.5


def fill(length, n, bptt=None, rows=None):
    """A buffer whose observation at (t, n) is 100 t + n, and whose state before t is t."""
    buffer = RolloutBuffer(length, n, bptt)
    for t in range(length):
        row = torch.zeros(n)
        buffer.add(
            torch.full((1, n, 2), float(t)),
            observation=100.0 * t + torch.arange(float(rows or n)),
            action=row,
            log_prob=row,
            value=row,
            reward=row,
            reset=row.bool(),
            terminated=row.bool(),
            truncated=row.bool(),
            valid=~row.bool(),
        )
    buffer.finish(torch.zeros(n), torch.zeros(length, n), 0.9, 0.9)
    return buffer


@given(
    length=st.integers(1, 12),
    n=st.integers(1, 6),
    bptt=st.integers(1, 12),
    number=st.integers(1, 6),
)
@settings(max_examples=60, deadline=None)
def test_every_step_is_used_once_in_order_inside_its_own_sequence(length, n, bptt, number):
    bptt = min(bptt, length)
    sequences = fill(length, n, bptt).sequences()
    count = n * -(-length // bptt)
    seen = []
    for batch in minibatches(sequences, min(number, count)):
        for b in range(batch.reset.shape[1]):
            valid = batch.valid[:, b]
            steps = batch.observation[valid, b]
            assert valid[: len(steps)].all()  # padding stands at the end
            assert (steps.diff() == 100).all()  # one env, consecutive times
            assert (batch.state[0, b] == steps[0] // 100).all()  # the state before its first step
            seen += steps.tolist()
    assert sorted(seen) == sorted(100.0 * t + i for t in range(length) for i in range(n))


def test_minibatches_differ_in_size_by_one_at_most(generator):
    sizes = [b.reset.shape[1] for b in minibatches(fill(4, 7).sequences(), 3, generator)]
    assert sorted(sizes) == [2, 2, 3]


def test_padding_has_no_part_in_means_and_normalisation():
    valid = torch.tensor([True, True, False, True])
    x = torch.tensor([1.0, 2.0, 1e9, 6.0])
    assert masked_mean(x, valid) == 3.0
    scaled = normalise(x, valid)
    assert scaled[2] == 0.0
    assert torch.allclose(scaled[valid].mean(), torch.tensor(0.0), atol=1e-6)
    assert torch.allclose(scaled[valid].square().mean(), torch.tensor(1.0), atol=1e-6)
    nan = torch.tensor([1.0, 2.0, float("nan"), 6.0])
    assert torch.equal(normalise(nan, valid), scaled)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: RolloutBuffer(4, 2, 5), "bptt_length: expected 1 to 4, got 5"),
        (lambda: fill(2, 3).add(torch.zeros(1, 3, 2)), "at most 2 steps"),
        (lambda: fill(2, 3, rows=2), "observation: expected 3 rows, got 2"),
        (
            lambda: RolloutBuffer(2, 3).add(torch.zeros(1, 3, 2), rewards=torch.zeros(3)),
            "differing: .*'reward', 'rewards'",
        ),
        (lambda: RolloutBuffer(2, 3).sequences(), r"expected finish\(\) first"),
        (lambda: list(minibatches(fill(2, 3).sequences(), 4)), "expected 1 to 3 minibatches"),
        (
            lambda: RolloutBuffer(2, 3).finish(torch.zeros(3), torch.zeros(2, 3), 0.9, 0.9),
            "expected 2 steps, got 0",
        ),
    ],
)
def test_misuse_is_told(call, message):
    with pytest.raises(ValueError, match=message):
        call()
