"""Sick agents for the doctor's tests, each one mistake away from a healthy one."""

import random

import numpy as np
import torch
from doctor_agents import ACTIONS, OBS, H, Loop, NumpyRNN, Stacked, StackedLSTM
from torch import nn


def loop_with(**methods):
    """A Loop with some methods replaced."""
    return type("Sick", (Loop,), methods)


def unrolled(agent, obs, state, reset, step=None):
    step = step or agent.step
    outputs = []
    for row, flags in zip(obs, reset, strict=True):
        output, state = step(row, state, flags)
        outputs.append(output)
    return torch.stack(outputs), state


# Memory.


class Member(Loop):
    """Keeps the state in a member and takes no notice of the argument."""

    def initial_state(self, n):
        self.h = super().initial_state(n)
        return self.h

    def step(self, obs, state, reset):
        output, self.h = super().step(obs, self.h, reset)
        return output, self.h

    def unroll(self, obs, state, reset):
        output, self.h = super().unroll(obs, self.h, reset)
        return output, self.h


class MemberIgnoringInitial(Loop):
    """The member lives on, even through initial_state."""

    h = None

    def step(self, obs, state, reset):
        self.h = state if self.h is None or len(self.h) != len(obs) else self.h
        output, self.h = super().step(obs, self.h, reset)
        return output, self.h.clone()

    def unroll(self, obs, state, reset):
        return unrolled(self, obs, state, reset)


class MemberBuffer(Loop):
    """Hands out its member and writes to it in place at the next call."""

    def step(self, obs, state, reset):
        output, new = super().step(obs, state, reset)
        if getattr(self, "h", None) is None or self.h.shape != new.shape:
            self.h = new.detach().clone()
        self.h[:] = new.detach()
        return output, self.h


class RunningMean(Loop):
    """Normalises by a running mean that every call updates, in evaluation too."""

    mean = 0.0

    def advance(self, obs, state):
        self.mean = 0.9 * self.mean + 0.1 * float(obs.mean())
        return super().advance(obs - self.mean, state)


class OwnGenerator(Loop):
    """Noise of its own generator."""

    def __init__(self):
        super().__init__()
        self.rng = np.random.default_rng(0)

    def advance(self, obs, state):
        noise = torch.as_tensor(self.rng.normal(size=obs.shape), dtype=obs.dtype)
        return super().advance(obs + 0.1 * noise, state)


class GraphInMember(Loop):
    """A term of the last update is added to the next output, with no value but a graph."""

    kept = 0.0

    def unroll(self, obs, state, reset):
        output, last = super().unroll(obs, state, reset)
        kept, self.kept = self.kept, (output**2).mean()
        return output + 0.0 * kept, last


class ZeroedInStep(Loop):
    """The source's amnesia."""

    def step(self, obs, state, reset):
        return super().step(obs, self.initial_state(len(obs)), reset)


class ZeroedInUnroll(Loop):
    def unroll(self, obs, state, reset):
        return super().unroll(obs, self.initial_state(obs.shape[1]), reset)


class ZeroedEverywhere(Loop):
    def advance(self, obs, state):
        output, _ = super().advance(obs, torch.zeros_like(state))
        return output, state


class AlwaysReset(Loop):
    """Clears the state where there is no reset."""

    def clear(self, state, reset):
        return super().clear(state, torch.ones_like(reset))


class TanhPerCall(Loop):
    def step(self, obs, state, reset):
        output, state = super().step(obs, state, reset)
        return output, torch.tanh(state)

    def unroll(self, obs, state, reset):
        output, state = super().unroll(obs, state, reset)
        return output, torch.tanh(state)


class StateBeforeLast(Loop):
    """unroll returns the state one step too early."""

    def unroll(self, obs, state, reset):
        output, last = super().unroll(obs, state, reset)
        if len(obs) > 1:
            _, last = super().unroll(obs[:-1], state, reset[:-1])
        return output, last


class StepReturnsOldState(Loop):
    def step(self, obs, state, reset):
        output, _ = super().step(obs, state, reset)
        return output, self.clear(state, reset)


class SwapsHAndC(StackedLSTM):
    def unroll(self, obs, state, reset):
        output, (h, c) = super().unroll(obs, state, reset)
        return output, (c, h)


class LastLayerForAll(Stacked):
    def unroll(self, obs, state, reset):
        output, state = super().unroll(obs, state, reset)
        return output, state[-1:].expand_as(state).contiguous()


class LastLayerOnly(Stacked):
    def step(self, obs, state, reset):
        output, state = super().step(obs, state, reset)
        return output, state[-1:]


class ClampedInUnroll(Loop):
    def unroll(self, obs, state, reset):
        output, last = super().unroll(obs, state, reset)
        return output, last.clamp(-0.05, 0.05)


class ScaledChunk(Loop):
    """Multiplies the incoming state where a sequence begins."""

    def unroll(self, obs, state, reset):
        return super().unroll(obs, 0.9 * state, reset)


class HalfState(Loop):
    def unroll(self, obs, state, reset):
        output, state = super().unroll(obs, state, reset)
        return output, state.to(torch.float16)


class DoubleState(Loop):
    def step(self, obs, state, reset):
        output, state = super().step(obs, state.to(obs.dtype), reset)
        return output, state.double()


class RoundedInUnroll(Loop):
    """Half precision between the steps of unroll only."""

    def unroll(self, obs, state, reset):
        def step(row, state, flags):
            output, state = self.step(row, state, flags)
            return output, state.half().to(row.dtype)

        return unrolled(self, obs, state, reset, step)


class HeadOnHn(Stacked):
    """The output of a sequence is h_n's first layer, at the last step at least."""

    def unroll(self, obs, state, reset):
        output, state = super().unroll(obs, state, reset)
        return torch.cat([output[:-1], self.head(state[0])[None]]), state


class HnForAll(Stacked):
    def unroll(self, obs, state, reset):
        _, state = super().unroll(obs, state, reset)
        return self.head(state[-1]), state


# Resets.


class NoReset(Loop):
    def clear(self, state, reset):
        return state


class NoResetInStep(Loop):
    def step(self, obs, state, reset):
        return self.advance(obs, state)


class NoResetInUnroll(Loop):
    def unroll(self, obs, state, reset):
        return super().unroll(obs, state, torch.zeros_like(reset))


class OnlyFirstReset(Loop):
    """unroll looks at reset[0] and forgets the others."""

    def unroll(self, obs, state, reset):
        only = reset.clone()
        only[1:] = False
        return super().unroll(obs, state, only)


class AllButFirstReset(Loop):
    def unroll(self, obs, state, reset):
        but = reset.clone()
        but[0] = False
        return super().unroll(obs, state, but)


class LateInStep(Loop):
    """Clears after the step: a done flag, not a reset flag."""

    def step(self, obs, state, reset):
        output, state = self.advance(obs, state)
        return output, self.clear(state, reset)


class LateInUnroll(Loop):
    def unroll(self, obs, state, reset):
        late = torch.cat([torch.zeros_like(reset[:1]), reset[:-1]])
        output, last = super().unroll(obs, state, late)
        return output, self.clear(last, reset[-1])


class LateEverywhere(LateInStep):
    def unroll(self, obs, state, reset):
        return unrolled(self, obs, state, reset)


class EarlyInUnroll(Loop):
    def unroll(self, obs, state, reset):
        return super().unroll(obs, state, torch.cat([reset[1:], reset[:1]]))


class RolledInUnroll(Loop):
    def unroll(self, obs, state, reset):
        return super().unroll(obs, state, reset.roll(1, 0))


class BeforeAndAfter(Loop):
    def step(self, obs, state, reset):
        output, state = super().step(obs, state, reset)
        return output, self.clear(state, reset)

    def unroll(self, obs, state, reset):
        return unrolled(self, obs, state, reset)


class OnlyH(StackedLSTM):
    def __init__(self):
        super().__init__(1)

    def clear(self, state, reset):
        return super().clear(state, reset)[0], state[1]


class OnlyC(OnlyH):
    def clear(self, state, reset):
        return state[0], StackedLSTM.clear(self, state, reset)[1]


class OnlyHInUnroll(StackedLSTM):
    """Forgets the cell state after the first step of a sequence."""

    def __init__(self):
        super().__init__(1)

    def unroll(self, obs, state, reset):
        def step(row, state, flags):
            cleared = self.clear(state, flags)[0], state[1]
            return self.step(row, cleared, torch.zeros_like(flags))

        first, state = self.step(obs[0], state, reset[0])
        if len(obs) == 1:
            return first[None], state
        rest, state = unrolled(self, obs[1:], state, reset[1:], step)
        return torch.cat([first[None], rest]), state


class OnlyLayer0(Stacked):
    def clear(self, state, reset):
        return torch.cat([super().clear(state[:1], reset), state[1:]])


class OnlyTopLayer(Stacked):
    def __init__(self):
        super().__init__(3)

    def clear(self, state, reset):
        return torch.cat([state[:2], super().clear(state[2:], reset)])


class FirstHalf(Loop):
    """One tensor for two things, and only one of them is cleared."""

    def clear(self, state, reset):
        return torch.cat([super().clear(state, reset)[:, :3], state[:, 3:]], dim=1)


class AnyReset(Loop):
    def clear(self, state, reset):
        return torch.zeros_like(state) if reset.any() else state


class AllReset(Loop):
    def clear(self, state, reset):
        return torch.zeros_like(state) if reset.all() else state


class NextEnvReset(Loop):
    def clear(self, state, reset):
        return super().clear(state, reset.roll(1))


class AnyInUnroll(Loop):
    def unroll(self, obs, state, reset):
        return super().unroll(obs, state, reset.any(1, keepdim=True).expand_as(reset))


class FirstEnvInUnroll(Loop):
    def unroll(self, obs, state, reset):
        return super().unroll(obs, state, reset[:, :1].expand_as(reset))


class ResetToZeros(Loop):
    """Has a learned first state, and clears to zeros."""

    def __init__(self):
        super().__init__()
        self.first = nn.Parameter(torch.zeros(H))

    def initial_state(self, n):
        return self.first.expand(n, H)

    def clear(self, state, reset):
        return torch.where(reset[:, None], torch.zeros_like(state), state)


class HalvedAtReset(Loop):
    def clear(self, state, reset):
        return torch.where(reset[:, None], 0.5 * state, state)


class OutputReset(Loop):
    """Zeros the output of an episode's first step and keeps the state."""

    def step(self, obs, state, reset):
        output, state = self.advance(obs, state)
        return torch.where(reset[:, None], torch.zeros_like(output), output), state

    def unroll(self, obs, state, reset):
        return unrolled(self, obs, state, reset)


class InvertedFlags(Loop):
    def clear(self, state, reset):
        return super().clear(state, ~reset)


# Leaks and axes.


class Bidirectional(Loop):
    def unroll(self, obs, state, reset):
        output, last = super().unroll(obs, state, reset)
        back, _ = super().unroll(obs.flip(0), torch.zeros_like(state), reset.flip(0))
        return output + 0.1 * back.flip(0), last


class NormalisedOverTime(Loop):
    def unroll(self, obs, state, reset):
        return super().unroll(obs - obs.mean(0, keepdim=True), state, reset)


class CentredOverBatch(Loop):
    def advance(self, obs, state):
        return super().advance(obs - obs.mean(0, keepdim=True), state)


class AttendsToBatch(Loop):
    def advance(self, obs, state):
        weights = (obs @ obs.T).softmax(-1)
        return super().advance(obs + 0.1 * weights @ obs, state)


class DividesByN(Loop):
    def advance(self, obs, state):
        return super().advance(obs / len(obs), state)


class SqueezesOne(Loop):
    def advance(self, obs, state):
        output, state = super().advance(obs, state)
        return output.squeeze(0), state


class BatchNormAlwaysTraining(Loop):
    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm1d(OBS, track_running_stats=False)

    def advance(self, obs, state):
        return super().advance(self.norm(obs), state)


class RecursOverEnvs(nn.Module):
    """batch_first=True where the input is (T, N, ...): the GRU runs over the envs."""

    def __init__(self):
        super().__init__()
        self.rnn = nn.GRU(OBS, H, batch_first=True)
        self.head = nn.Linear(H, ACTIONS)

    def initial_state(self, n):
        return self.head.weight.new_zeros(1, n, H)

    def step(self, obs, state, reset):
        output, state = self.rnn(obs[:, None], state * ~reset[None, :, None])
        return self.head(output[:, 0]), state

    def unroll(self, obs, state, reset):
        output, _ = self.rnn(obs)
        return self.head(output), state


class BatchFirstGiven(RecursOverEnvs):
    """The same with the state handed in: it raises unless T = N."""

    def unroll(self, obs, state, reset):
        output, state = self.rnn(obs, state)
        return self.head(output), state


class ReturnsBatchFirst(Loop):
    def unroll(self, obs, state, reset):
        output, last = super().unroll(obs, state, reset)
        return output.transpose(0, 1), last


def reshaped_in(agent, obs, state, reset):
    steps, n = obs.shape[:2]
    return obs.reshape(n, steps, *obs.shape[2:]).transpose(0, 1)


class ReshapedIn(Loop):
    """reshape(N, T) where transpose was meant."""

    def unroll(self, obs, state, reset):
        return super().unroll(reshaped_in(self, obs, state, reset), state, reset)


class ReshapedOut(Loop):
    def unroll(self, obs, state, reset):
        output, last = super().unroll(obs, state, reset)
        return output.transpose(0, 1).reshape(output.shape), last


class FlagsReshaped(Loop):
    """The observations are right, the flags are reshaped where a transpose was meant."""

    def unroll(self, obs, state, reset):
        steps, n = reset.shape
        return super().unroll(obs, state, reset.reshape(n, steps).T)


class OutputOfNextStep(Loop):
    def unroll(self, obs, state, reset):
        output, last = super().unroll(obs, state, reset)
        return output.roll(-1, 0), last


class ValueOfLastState(Loop):
    """Every step of a sequence gets the value of its last state."""

    def step(self, obs, state, reset):
        output, state = super().step(obs, state, reset)
        return (output, state.sum(-1)), state

    def unroll(self, obs, state, reset):
        output, state = super().unroll(obs, state, reset)
        return (output, state.sum(-1).expand(len(obs), -1)), state


class SortedEnvs(Loop):
    """Sorts the envs for packing and does not sort them back."""

    def unroll(self, obs, state, reset):
        order = obs[0].flatten(1).sum(-1).argsort()
        return super().unroll(obs[:, order], state[order], reset[:, order])


class StateReshaped(Stacked):
    """Brings (layers, N, H) into (N, layers, H) by view."""

    def initial_state(self, n):
        return super().initial_state(n).transpose(0, 1)

    def step(self, obs, state, reset):
        state = state.contiguous().view(2, len(obs), H)
        output, state = super().step(obs, state, reset)
        return output, state.transpose(0, 1)

    def unroll(self, obs, state, reset):
        return unrolled(self, obs, state, reset)


# Gradients.


class DetachedInside(Loop):
    def unroll(self, obs, state, reset):
        def step(row, state, flags):
            return self.step(row, state.detach(), flags)

        return unrolled(self, obs, state, reset, step)


class DetachedEveryThird(Loop):
    def unroll(self, obs, state, reset):
        outputs = []
        for t, (row, flags) in enumerate(zip(obs, reset, strict=True)):
            output, state = self.step(row, state.detach() if t % 3 == 2 else state, flags)
            outputs.append(output)
        return torch.stack(outputs), state


class NoGradInUnroll(Loop):
    @torch.no_grad()
    def unroll(self, obs, state, reset):
        return super().unroll(obs, state, reset)


class GradientThroughReset(Loop):
    """The value is cleared, the graph is not."""

    def clear(self, state, reset):
        return state - state.detach() * reset[:, None]


# Arguments, randomness, form.


class WritesIntoState(Loop):
    def clear(self, state, reset):
        state[reset] = 0
        return state


class WritesIntoObs(Loop):
    def advance(self, obs, state):
        return super().advance(obs.clamp_(-1, 1), state)

    @torch.no_grad()
    def step(self, obs, state, reset):
        return super().step(obs, state, reset)


class WritesIntoReset(Loop):
    def unroll(self, obs, state, reset):
        output, state = super().unroll(obs, state, reset)
        reset |= True
        return output, state


class DropoutAlways(Loop):
    def advance(self, obs, state):
        return super().advance(nn.functional.dropout(obs, 0.3, training=True), state)


class GlobalNoise(Loop):
    def advance(self, obs, state):
        return super().advance(obs + random.gauss(0, 0.01), state)


class SampledAction(Loop):
    """Returns a draw beside its logits."""

    def step(self, obs, state, reset):
        logits, state = super().step(obs, state, reset)
        return (logits, logits + torch.randn_like(logits)), state

    def unroll(self, obs, state, reset):
        logits, state = super().unroll(obs, state, reset)
        return (logits, logits + torch.randn_like(logits)), state


class StateOfOne(Loop):
    def initial_state(self, n):
        return super().initial_state(1)


class Grows(Loop):
    """The state gets longer at every call."""

    def initial_state(self, n):
        return self.head.weight.new_zeros(n, 1, H)

    def clear(self, state, reset):
        return state * ~reset[:, None, None]

    def advance(self, obs, state):
        new = self.cell(obs, state[:, -1])
        return self.head(new), torch.cat([state, new[:, None]], dim=1)


class TupleBecomesList(StackedLSTM):
    def step(self, obs, state, reset):
        output, (h, c) = super().step(obs, tuple(state), reset)
        return output, {"h": h, "c": c}


class Raises(Loop):
    def unroll(self, obs, state, reset):
        raise RuntimeError("the seventh seal")


class ReturnsThree(Loop):
    def step(self, obs, state, reset):
        return (*super().step(obs, state, reset), {})


class NotANumber(Loop):
    def advance(self, obs, state):
        output, state = super().advance(obs, state)
        return output / 0 * 0, state


class Exits(Loop):
    def step(self, obs, state, reset):
        raise SystemExit(3)


class Hoards(Loop):
    """Keeps more and more at every call."""

    def step(self, obs, state, reset):
        self.kept = [*getattr(self, "kept", []), torch.ones(2**22)]
        return super().step(obs, state, reset)


class HugeState(Loop):
    """Asks for a state of terabytes that takes no memory as long as nobody touches it."""

    def initial_state(self, n):
        return torch.zeros(1).expand(n, 2**40)


class NumpyLate(NumpyRNN):
    def step(self, obs, state, reset):
        output, state = super().step(obs, state, np.zeros_like(reset))
        return output, np.where(reset[:, None], 0, state).astype(obs.dtype)


SICK = {
    # agent: the check that is meant to name it
    Member: "no_hidden_member",
    MemberIgnoringInitial: "no_hidden_member",
    MemberBuffer: "no_hidden_member",
    RunningMean: "no_hidden_member",
    OwnGenerator: "no_hidden_member",
    GraphInMember: "second_update",
    ZeroedInStep: "memory_carried",
    ZeroedInUnroll: "chunked_equals_whole",
    ZeroedEverywhere: "memory_carried",
    AlwaysReset: "memory_carried",
    TanhPerCall: "step_equals_unroll",
    StateBeforeLast: "chunked_equals_whole",
    StepReturnsOldState: "memory_carried",
    SwapsHAndC: "chunked_equals_whole",
    LastLayerForAll: "chunked_equals_whole",
    LastLayerOnly: "state_form",
    ClampedInUnroll: "chunked_equals_whole",
    ScaledChunk: "chunked_equals_whole",
    HalfState: "state_form",
    DoubleState: "state_form",
    RoundedInUnroll: "step_equals_unroll",
    HeadOnHn: "step_equals_unroll",
    HnForAll: "runs",
    NoReset: "reset_clears",
    NoResetInStep: "reset_clears",
    NoResetInUnroll: "reset_clears",
    OnlyFirstReset: "reset_clears",
    AllButFirstReset: "reset_clears",
    LateInStep: "reset_before_step",
    LateInUnroll: "reset_before_step",
    LateEverywhere: "reset_before_step",
    EarlyInUnroll: "reset_before_step",
    RolledInUnroll: "reset_before_step",
    BeforeAndAfter: "reset_before_step",
    OnlyH: "reset_every_part",
    OnlyC: "reset_every_part",
    OnlyHInUnroll: "reset_every_part",
    OnlyLayer0: "reset_every_part",
    OnlyTopLayer: "reset_every_part",
    FirstHalf: "reset_every_part",
    AnyReset: "reset_only_named",
    AllReset: "reset_only_named",
    NextEnvReset: "reset_only_named",
    AnyInUnroll: "reset_only_named",
    FirstEnvInUnroll: "reset_only_named",
    ResetToZeros: "reset_clears",
    HalvedAtReset: "reset_clears",
    OutputReset: "reset_clears",
    InvertedFlags: "memory_carried",
    Bidirectional: "no_future_leak",
    NormalisedOverTime: "no_future_leak",
    CentredOverBatch: "no_env_leak",
    AttendsToBatch: "no_env_leak",
    DividesByN: "batch_size_independent",
    SqueezesOne: "batch_size_independent",
    BatchNormAlwaysTraining: "no_env_leak",
    RecursOverEnvs: "axes_order",
    BatchFirstGiven: "axes_order",
    ReturnsBatchFirst: "axes_order",
    ReshapedIn: "axes_order",
    ReshapedOut: "axes_order",
    FlagsReshaped: "axes_order",
    OutputOfNextStep: "no_future_leak",
    ValueOfLastState: "no_future_leak",
    SortedEnvs: "no_env_leak",
    StateReshaped: "no_env_leak",
    DetachedInside: "gradient_flows_back",
    DetachedEveryThird: "gradient_flows_back",
    NoGradInUnroll: "gradient_flows_back",
    GradientThroughReset: "gradient_stops_at_reset",
    WritesIntoState: "inputs_unchanged",
    WritesIntoObs: "inputs_unchanged",
    WritesIntoReset: "inputs_unchanged",
    DropoutAlways: "same_input_same_output",
    GlobalNoise: "same_input_same_output",
    SampledAction: "same_input_same_output",
    StateOfOne: "state_form",
    Grows: "state_form",
    TupleBecomesList: "state_form",
    Raises: "runs",
    ReturnsThree: "runs",
    NotANumber: "runs",
    Exits: "runs",
    HugeState: "runs",
    NumpyLate: "reset_before_step",
}
