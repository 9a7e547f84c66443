"""Stacked frames: windows by hand, resets inside a sequence, and the same core step by step."""

import gymnasium as gym
import pytest
import torch

from rnn_tutorial.frame_stack import FrameStackCore
from rnn_tutorial.policy import RNNPolicy

T, N, F = 11, 3, 2


def windows_by_hand(x, state, reset, frames):
    """For each step and env the last `frames` inputs, zeros before the latest reset."""
    result = torch.zeros(T, N, frames * F)
    for n in range(N):
        seen = [frame for frame in state[:, n]]
        for t in range(T):
            if reset[t, n]:
                seen = [torch.zeros(F)] * (frames - 1)
            seen = [*seen, x[t, n]][-frames:]
            result[t, n] = torch.cat(seen)
    return result


@pytest.mark.parametrize("frames", [2, 4, 15])
@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_the_windows_are_those_of_a_list_kept_by_hand(frames, share, generator):
    torch.manual_seed(0)
    core = FrameStackCore(F, 5, frames)
    x = torch.randn(T, N, F, generator=generator)
    state = torch.randn(frames - 1, N, F, generator=generator)
    reset = torch.rand(T, N, generator=generator) < share
    output, last = core.unroll(x, state, reset)
    expected = windows_by_hand(x, state, reset, frames)
    assert torch.allclose(output, torch.tanh(core.linear(expected)), atol=1e-6)
    kept = expected[-1, :, F:].unflatten(1, (frames - 1, F)).transpose(0, 1)
    assert torch.equal(last, kept)


def test_unroll_equals_steps(generator):
    torch.manual_seed(0)
    core = FrameStackCore(F, 5)
    x = torch.randn(T, N, F, generator=generator)
    reset = torch.rand(T, N, generator=generator) < 0.3
    output, last = core.unroll(x, core.initial_state(N), reset)
    state = core.initial_state(N)
    for t in range(T):
        one, state = core.step(x[t], state, reset[t])
        assert torch.allclose(one, output[t], atol=1e-6)
    assert torch.equal(state, last)


def test_a_nan_of_the_episode_before_is_cleared():
    core = FrameStackCore(F, 5)
    output, state = core.step(
        torch.ones(N, F), core.initial_state(N) * torch.nan, torch.ones(N) > 0
    )
    assert output.isfinite().all()
    assert state.isfinite().all()


def test_a_policy_of_stacked_frames_has_the_same_three_methods():
    env = gym.make("rnn_tutorial/CuedPoint-v0")
    policy = RNNPolicy(env.observation_space, env.action_space, cell="stack", encoder="none")
    assert policy.initial_state(N).shape == (3, N, 5)
    output, state = policy.unroll(torch.zeros(T, N, 5), policy.initial_state(N))
    assert output.value.shape == (T, N)
    assert state.shape == (3, N, 5)


def test_a_single_frame_is_no_stack():
    with pytest.raises(ValueError, match="at least 2, got 1"):
        FrameStackCore(F, 5, 1)
