"""Unusual agents: healthy ones that must raise no alarm, and bugs that show only now and then."""

from types import SimpleNamespace

import pytest
import torch
from doctor_agents import ACTIONS, OBS, H, Loop
from doctor_sick import unrolled
from torch import nn
from torch.distributions import (
    AffineTransform,
    Independent,
    Normal,
    TanhTransform,
    TransformedDistribution,
)

from rnn_tutorial.doctor import examine

pytestmark = pytest.mark.slow


class ComplexDiagonal(nn.Module):
    """A diagonal linear recurrence with a complex state, as in an LRU."""

    def __init__(self):
        super().__init__()
        self.angle, self.inward = nn.Parameter(torch.rand(H) * 3), nn.Linear(OBS, H)
        self.head = nn.Linear(2 * H, ACTIONS)

    def initial_state(self, n):
        return torch.zeros(n, H, dtype=torch.complex(self.angle, self.angle).dtype)

    def step(self, obs, state, reset):
        turn = torch.polar(torch.full_like(self.angle, 0.9), self.angle)
        state = turn * state.masked_fill(reset[:, None], 0) + self.inward(obs)
        return self.head(torch.cat([state.real, state.imag], -1)), state

    def unroll(self, obs, state, reset):
        return unrolled(self, obs, state, reset)


class Squashed(Loop):
    """A Normal, scaled by what the state says and squashed by tanh."""

    def squashed(self, numbers):
        mean, scale = numbers.chunk(2, -1)
        transforms = [AffineTransform(0.0, 1 + scale.square()), TanhTransform()]
        return TransformedDistribution(Normal(mean, 1.0), transforms)

    def __init__(self):
        super().__init__()
        self.head = nn.Linear(H, 2 * ACTIONS)

    def step(self, obs, state, reset):
        output, state = super().step(obs, state, reset)
        return self.squashed(output), state

    def unroll(self, obs, state, reset):
        output, state = super().unroll(obs, state, reset)
        return self.squashed(output), state


class Bounded(Loop):
    """Refuses observations outside of 0 to 1."""

    observation_space = SimpleNamespace(
        shape=(OBS,), dtype="float32", low=torch.zeros(OBS).numpy(), high=torch.ones(OBS).numpy()
    )

    def advance(self, obs, state):
        assert obs.min() >= 0
        assert obs.max() <= 1
        return super().advance(obs, state)


class FrameStack(nn.Module):
    """The last three images, bytes, as the whole state."""

    def __init__(self):
        super().__init__()
        self.head = nn.Linear(3 * OBS, ACTIONS)

    def initial_state(self, n):
        return torch.zeros(n, 3, OBS, dtype=torch.uint8)

    def step(self, obs, state, reset):
        state = torch.cat([state.masked_fill(reset[:, None, None], 0)[:, 1:], obs[:, None]], 1)
        return self.head(state.flatten(1).to(self.head.weight.dtype) / 255), state

    def unroll(self, obs, state, reset):
        return unrolled(self, obs, state, reset)


class FrozenEncoder(Loop):
    """Features of a network that is not trained, computed without a graph."""

    def __init__(self):
        super().__init__()
        self.encoder = nn.Linear(OBS, OBS)

    def advance(self, obs, state):
        with torch.no_grad():
            features = self.encoder(obs).tanh()
        return super().advance(features, state)


class DroppingOut(Loop):
    def __init__(self):
        super().__init__()
        self.dropout = nn.Dropout(0.5)

    def advance(self, obs, state):
        return super().advance(self.dropout(obs), state)


def bound_methods():
    """The methods of a module in training mode, in an object that is no module."""
    inside = DroppingOut().train()
    names = ("initial_state", "step", "unroll")
    return SimpleNamespace(**{name: getattr(inside, name) for name in names})


class DoubleParameterFirst(Loop):
    def __init__(self):
        super().__init__()
        self._parameters = {"scale": nn.Parameter(torch.ones(1).double()), **self._parameters}

    def advance(self, obs, state):
        output, state = super().advance(obs.float(), state.float())
        return output * self.scale.float(), state

    def initial_state(self, n):
        return torch.zeros(n, H)


HEALTHY = {
    "complex state": (ComplexDiagonal, {}),
    "transformed distribution": (Squashed, {}),
    "bounded": (Bounded, {"obs_shape": None}),
    "frame stack": (FrameStack, {"obs_dtype": "uint8"}),
    "frozen encoder": (FrozenEncoder, {}),
    "bound methods": (bound_methods, {}),
    "double parameter first": (DoubleParameterFirst, {}),
}


@pytest.mark.parametrize("name", HEALTHY)
def test_an_unusual_healthy_agent_raises_no_alarm(name):
    make, options = HEALTHY[name]
    torch.manual_seed(0)
    report = examine(make(), **{"obs_shape": OBS, **options})
    assert report.healthy, report


class LowerPrecision(Loop):
    """Training runs under autocast, acting does not."""

    def unroll(self, obs, state, reset):
        with torch.autocast("cpu", torch.bfloat16):
            output, state = super().unroll(obs, state, reset)
        return output.to(obs.dtype), state.to(obs.dtype)


class RootOfNothing(Loop):
    """The norm of a zero state has no gradient."""

    def advance(self, obs, state):
        size = state.square().sum(-1, keepdim=True).sqrt()
        return super().advance(obs, state + 0.1 * size)


class EverybodyDetached(Loop):
    def unroll(self, obs, state, reset):
        def step(row, state, flags):
            return self.step(row, state.detach() if flags.any() else state, flags)

        return unrolled(self, obs, state, reset, step)


class ZerosArePadding(Loop):
    def unroll(self, obs, state, reset):
        output, state = super().unroll(obs, state, reset)
        return output * (obs != 0).any(-1, keepdim=True), state


class ForgetsNowAndThen(Loop):
    def unroll(self, obs, state, reset):
        parts = []
        for begin in range(0, len(obs), 20):
            part = slice(begin, begin + 20)
            output, state = super().unroll(obs[part], 0 * state if begin else state, reset[part])
            parts.append(output)
        return torch.cat(parts), state


class DetachesNowAndThen(Loop):
    def unroll(self, obs, state, reset):
        parts = []
        for begin in range(0, len(obs), 10):
            part = slice(begin, begin + 10)
            output, state = super().unroll(obs[part], state.detach(), reset[part])
            parts.append(output)
        return torch.cat(parts), state


class TwoSpreads(Loop):
    """The same parameter is a logarithm to step and a spread to unroll."""

    def __init__(self):
        super().__init__()
        self.log_std = nn.Parameter(torch.full((ACTIONS,), -0.5))

    def step(self, obs, state, reset):
        output, state = super().step(obs, state, reset)
        return (output, self.log_std.exp()), state

    def unroll(self, obs, state, reset):
        output, state = super().unroll(obs, state, reset)
        return (output, self.log_std), state


class DetachedHead(Loop):
    def unroll(self, obs, state, reset):
        outputs = []
        for row, flags in zip(obs, reset, strict=True):
            state = self.cell(row, self.clear(state, flags))
            outputs.append(state @ self.head.weight.data.T + self.head.bias)
        return torch.stack(outputs), state


class LeaksInLargeBatches(Loop):
    def advance(self, obs, state):
        output, state = super().advance(obs, state)
        return output + (output.mean(0) if len(obs) > 16 else 0), state


class OnlyTheLastLeaks(Loop):
    """Env 2 reads the state of env 3."""

    def advance(self, obs, state):
        output, state = super().advance(obs, state)
        if len(obs) > 3:
            output = output + torch.eye(len(obs), dtype=obs.dtype)[:, 2:3] * state[3, :ACTIONS]
        return output, state


class SquashedInActing(Squashed):
    def unroll(self, obs, state, reset):
        output, state = super().unroll(obs, state, reset)
        return TransformedDistribution(output.base_dist, output.transforms[:1]), state


class SummedInActing(Loop):
    def distribution(self, output, axes):
        return Independent(Normal(output, torch.ones_like(output)), axes)

    def step(self, obs, state, reset):
        output, state = super().step(obs, state, reset)
        return self.distribution(output, 1), state

    def unroll(self, obs, state, reset):
        output, state = super().unroll(obs, state, reset)
        return self.distribution(output, 0), state


class ExitsWhenCopied(Loop):
    def __deepcopy__(self, memo):
        raise SystemExit(3)

    def eval(self):
        raise SystemExit(3)


class NoException(BaseException):
    pass


class RaisesNoException(Loop):
    def step(self, obs, state, reset):
        raise NoException("odd")


SICK = {
    RaisesNoException: ("runs", "NoException: odd"),
    LowerPrecision: ("step_equals_unroll", "lower precision"),
    RootOfNothing: ("second_update", "NaN"),
    EverybodyDetached: ("gradient_flows_back", "env's reset detaches"),
    ZerosArePadding: ("step_equals_unroll", ""),
    ForgetsNowAndThen: ("step_equals_unroll", ""),
    DetachesNowAndThen: ("gradient_flows_back", "the observation at t = 9"),
    TwoSpreads: ("runs", "treated in two ways"),
    DetachedHead: ("second_update", "head.weight"),
    LeaksInLargeBatches: ("batch_size_independent", "40 envs"),
    OnlyTheLastLeaks: ("no_env_leak", "env 3"),
    SquashedInActing: ("runs", "differ in structure"),
    SummedInActing: ("runs", "differ in structure"),
    ExitsWhenCopied: ("runs", "SystemExit"),
}


@pytest.mark.parametrize("make", SICK, ids=lambda make: make.__name__)
def test_a_bug_that_shows_now_and_then_is_found(make):
    torch.manual_seed(0)
    report = examine(make(), OBS)
    check, words = SICK[make]
    assert check in report.failed, report
    finding = report[check]
    assert words in f"{finding.evidence} {finding.cause}", finding
