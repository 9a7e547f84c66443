"""Foreign agents for the doctor's tests: hand-written, none of them built on our policy."""

import threading
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.distributions import Categorical, Independent, MultivariateNormal, Normal

OBS, H, ACTIONS = 4, 6, 3


class Loop(nn.Module):
    """A GRUCell in a loop, written plainly: healthy, and the base of most others."""

    def __init__(self, obs=OBS, hidden=H):
        super().__init__()
        self.cell = nn.GRUCell(obs, hidden)
        self.head = nn.Linear(hidden, ACTIONS)

    def initial_state(self, n):
        return self.head.weight.new_zeros(n, self.cell.hidden_size)

    def clear(self, state, reset):
        return torch.where(reset[:, None], self.initial_state(len(reset)), state)

    def advance(self, obs, state):
        state = self.cell(obs, state)
        return self.head(state), state

    def step(self, obs, state, reset):
        return self.advance(obs, self.clear(state, reset))

    def unroll(self, obs, state, reset):
        outputs = []
        for row, flags in zip(obs, reset, strict=True):
            output, state = Loop.step(self, row, state, flags)
            outputs.append(output)
        return torch.stack(outputs), state


class Stacked(nn.Module):
    """nn.GRU or nn.LSTM of some layers, its state (layers, N, H) or a pair; healthy."""

    kind = nn.GRU

    def __init__(self, layers=2, hidden=H, **options):
        super().__init__()
        self.rnn = self.kind(OBS, hidden, layers, **options)
        self.head = nn.Linear(hidden, ACTIONS)

    def initial_state(self, n):
        return self.head.weight.new_zeros(self.rnn.num_layers, n, self.rnn.hidden_size)

    def clear(self, state, reset):
        return state * ~reset[None, :, None]

    def step(self, obs, state, reset):
        output, state = self.rnn(obs[None], self.clear(state, reset))
        return self.head(output[0]), state

    def unroll(self, obs, state, reset):
        outputs = []
        for row, flags in zip(obs, reset, strict=True):
            output, state = self.rnn(row[None], self.clear(state, flags))
            outputs.append(output)
        return self.head(torch.cat(outputs)), state


class StackedLSTM(Stacked):
    kind = nn.LSTM

    def initial_state(self, n):
        return (super().initial_state(n), super().initial_state(n))

    def clear(self, state, reset):
        return tuple(Stacked.clear(self, part, reset) for part in state)


# Healthy.


class BatchFirstState(Stacked):
    """State (N, layers, H), as some libraries keep it."""

    def initial_state(self, n):
        return super().initial_state(n).transpose(0, 1)

    def clear(self, state, reset):
        return torch.where(reset[None, :, None], torch.zeros_like(state), state)

    def step(self, obs, state, reset):
        output, state = super().step(obs, state.transpose(0, 1).contiguous(), reset)
        return output, state.transpose(0, 1)

    def unroll(self, obs, state, reset):
        output, state = super().unroll(obs, state.transpose(0, 1).contiguous(), reset)
        return output, state.transpose(0, 1)


class DictState(StackedLSTM):
    """LSTM with {"h", "c"}, its outputs a dict with a constant in it."""

    def __init__(self):
        super().__init__(1)
        self.log_std = nn.Parameter(torch.full((ACTIONS,), -0.5))

    def initial_state(self, n):
        h, c = super().initial_state(n)
        return {"h": h, "c": c}

    def _pack(self, result):
        mean, (h, c) = result
        return {"mean": mean, "log_std": self.log_std, "best": mean.argmax(-1)}, {"h": h, "c": c}

    def step(self, obs, state, reset):
        return self._pack(super().step(obs, (state["h"], state["c"]), reset))

    def unroll(self, obs, state, reset):
        return self._pack(super().unroll(obs, (state["h"], state["c"]), reset))


class NumpyRNN:
    """No torch anywhere."""

    obs_shape = (OBS,)

    def __init__(self):
        rng = np.random.default_rng(3)
        self.w = rng.normal(size=(OBS, H)).astype(np.float32)
        self.u = (0.5 * rng.normal(size=(H, H))).astype(np.float32)

    def initial_state(self, n):
        return np.zeros((n, H), dtype=np.float32)

    def step(self, obs, state, reset):
        assert isinstance(obs, np.ndarray)
        assert reset.dtype == bool
        state = np.tanh(obs @ self.w + np.where(reset[:, None], 0, state) @ self.u)
        return state[:, :2], state.astype(obs.dtype)

    def unroll(self, obs, state, reset):
        rows = []
        for row, flags in zip(obs, reset, strict=True):
            output, state = self.step(row, state, flags)
            rows.append(output)
        return np.stack(rows), state


class LearnedInitial(Loop):
    """A reset restores a learned state, which is not zero."""

    def __init__(self):
        super().__init__()
        self.first = nn.Parameter(torch.randn(H))

    def initial_state(self, n):
        return self.first.expand(n, H)


class RingBuffer(Loop):
    """Remembers the last three observations by writing them round a ring; a counter an env."""

    WINDOW = 3

    def __init__(self):
        super().__init__()
        self.mix = nn.Linear(self.WINDOW * OBS, ACTIONS)

    def initial_state(self, n):
        frames = self.mix.weight.new_zeros(n, self.WINDOW, OBS)
        return {"frames": frames, "at": torch.zeros(n, dtype=torch.int64)}

    def clear(self, state, reset):
        frames = torch.where(reset[:, None, None], 0.0, state["frames"])
        return {"frames": frames, "at": torch.where(reset, 0, state["at"])}

    def advance(self, obs, state):
        envs = torch.arange(len(obs))
        at = state["at"] % self.WINDOW
        frames = state["frames"].index_put((envs, at), obs)
        order = (at[:, None] + 1 + torch.arange(self.WINDOW)) % self.WINDOW
        in_order = frames[envs[:, None], order]
        return self.mix(in_order.flatten(1)), {"frames": frames, "at": state["at"] + 1}


class Attention(Loop):
    """Attends over the last four observations; a reset only shortens what counts as written."""

    WINDOW = 4

    def __init__(self):
        super().__init__()
        self.key = nn.Linear(OBS, H)
        self.query = nn.Linear(OBS, H)
        self.value = nn.Linear(OBS, H)

    def initial_state(self, n):
        past = self.head.weight.new_zeros(n, self.WINDOW, OBS)
        return past, torch.zeros(n, dtype=torch.int32)

    def clear(self, state, reset):
        past, length = state
        return past, torch.where(reset, torch.zeros_like(length), length)

    def advance(self, obs, state):
        past, length = state
        past = torch.cat([past[:, 1:], obs[:, None]], dim=1)
        length = (length + 1).clamp(max=self.WINDOW)
        scores = (self.key(past) * self.query(obs)[:, None]).sum(-1)
        written = torch.arange(self.WINDOW) >= self.WINDOW - length[:, None]
        weights = scores.masked_fill(~written, -torch.inf).softmax(-1)
        return self.head((weights[..., None] * self.value(past)).sum(1)), (past, length)


class Normed(Loop):
    """LayerNorm, a skip connection, dropout and BatchNorm, which evaluation makes harmless."""

    def __init__(self):
        super().__init__()
        self.norm = nn.LayerNorm(H)
        self.drop = nn.Dropout(0.5)
        self.batch = nn.BatchNorm1d(H)
        self.skip = nn.Linear(OBS, H)

    def advance(self, obs, state):
        state = self.norm(self.cell(obs, state))
        return self.head(self.batch(self.drop(state + self.skip(obs)))), state


class Scaled(Loop):
    """The weights of a Loop times a factor: saturated, or hardly there."""

    def __init__(self, factor, hidden=H):
        super().__init__(hidden=hidden)
        for parameter in self.parameters():
            parameter.data *= factor


class Chaotic(Loop):
    """A tanh network whose dynamics magnify every difference."""

    def __init__(self):
        super().__init__()
        self.cell = nn.RNNCell(OBS, H)
        self.cell.weight_hh.data = 2.5 * torch.randn(H, H)


class WeakMemory(Loop):
    """The past weighs a hundred-thousandth of the present."""

    def advance(self, obs, state):
        state = 0.5 * state + 1e-5 * obs.sum(-1, keepdim=True)
        return obs[:, :ACTIONS] + state[:, :ACTIONS], state


class Images(Loop):
    """Bytes (C, H, W)."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Sequential(nn.Conv2d(3, 4, 3, stride=2), nn.ReLU(), nn.Flatten())
        self.cell = nn.GRUCell(36, H)

    def advance(self, obs, state):
        assert obs.dtype == torch.uint8
        return super().advance(self.conv(obs.to(self.head.weight.dtype) / 255), state)


class Words(Loop):
    """Whole numbers 0 to 6, one a step, through an embedding."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(7, OBS)

    def advance(self, obs, state):
        return super().advance(self.embed(obs), state)


class Scalar(Loop):
    """One number a step, with no axis of its own."""

    def __init__(self):
        super().__init__(obs=1)

    def advance(self, obs, state):
        return super().advance(obs[:, None], state)


class Output(NamedTuple):
    action: Tensor
    log_prob: Tensor
    distribution: Categorical
    extra: tuple


class Nested(Loop):
    """Action, log-probability, a distribution with an impossible action, and a nest of more."""

    def _wrap(self, logits):
        impossible = torch.zeros(ACTIONS, dtype=torch.bool)
        impossible[1] = True
        distribution = Categorical(logits=logits.masked_fill(impossible, -torch.inf))
        action = distribution.probs.argmax(-1)
        more = (logits.sum(-1), [None, {"value": logits[..., :1]}])
        return Output(action, distribution.log_prob(action), distribution, more)

    def step(self, obs, state, reset):
        logits, state = super().step(obs, state, reset)
        return self._wrap(logits), state

    def unroll(self, obs, state, reset):
        logits, state = super().unroll(obs, state, reset)
        return self._wrap(logits), state


class MaskedByMinimum(Nested):
    """As many mask: the least float instead of minus infinity."""

    def _wrap(self, logits):
        logits = logits.clone()
        logits[..., 0] = torch.finfo(logits.dtype).min
        return Categorical(logits=logits)


class Gaussian(Nested):
    def _wrap(self, mean):
        scale_tril = torch.eye(ACTIONS, dtype=mean.dtype) * mean.exp()[..., None]
        both = Independent(Normal(mean, mean.exp()), 1)
        return both, MultivariateNormal(mean, scale_tril=scale_tril)


class Memoryless(nn.Module):
    """No state at all."""

    obs_shape = (OBS,)

    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(OBS, H), nn.Tanh(), nn.Linear(H, ACTIONS))

    def initial_state(self, n):
        return None

    def step(self, obs, state, reset):
        return self.net(obs), state

    unroll = step


class NumpyMemoryless:
    def initial_state(self, n):
        return ()

    def step(self, obs, state, reset):
        if not isinstance(obs, np.ndarray):
            raise TypeError("arrays only")
        return np.tanh(obs), state

    unroll = step


@dataclass
class Memory:
    fast: Tensor
    slow: list
    step: int


class DataclassState(Loop):
    """A dataclass with a list and a plain counter of all calls in it."""

    def initial_state(self, n):
        zeros = super().initial_state(n)
        return Memory(zeros, [zeros.clone(), zeros.clone()], 0)

    def clear(self, state, reset):
        parts = [torch.where(reset[:, None], 0.0, p) for p in (state.fast, *state.slow)]
        return Memory(parts[0], parts[1:], state.step)

    def advance(self, obs, state):
        fast = self.cell(obs, state.fast)
        slow = [0.9 * part + 0.1 * fast * (i + 1) for i, part in enumerate(state.slow)]
        return self.head(fast + slow[0] - slow[1] ** 2), Memory(fast, slow, state.step + 1)


class RoundsInside(Loop):
    """Computes in single precision whatever it is given."""

    def advance(self, obs, state):
        dtype = self.head.weight.dtype
        output, state = super().advance(obs.float().to(dtype), state.float().to(dtype))
        return output.float().to(dtype), state


class Autocast(Loop):
    def advance(self, obs, state):
        with torch.autocast("cpu", torch.bfloat16):
            output, state = super().advance(obs, state)
        dtype = self.head.weight.dtype
        return output.to(dtype), state.to(dtype)


class ZeroHead(Loop):
    """The last layer begins at zero, so that nothing shows before the first update."""

    def __init__(self):
        super().__init__()
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)


class Uncopyable(Loop):
    """Holds a lock, which cannot be copied."""

    def __init__(self):
        super().__init__()
        self.lock = threading.Lock()
        self.drop = nn.Dropout(0.5)

    def advance(self, obs, state):
        with self.lock:
            output, state = super().advance(obs, state)
        return self.drop(output), state


class Strict(Loop):
    """Raises for anything that is not exactly what it asked for."""

    def unroll(self, obs, state, reset):
        assert obs.isfinite().all()
        assert reset.dtype == torch.bool
        assert reset.shape == obs.shape[:2]
        return super().unroll(obs, state, reset)


class Diary(Loop):
    """Keeps its last output, graph and all, and counts its calls; uses neither."""

    calls = 0

    def advance(self, obs, state):
        self.calls += 1
        output, state = super().advance(obs, state)
        self.last = output
        return output, state


class WeightNormed(Loop):
    def __init__(self):
        super().__init__()
        self.head = nn.utils.parametrizations.weight_norm(self.head)


class OldWeightNormed(Loop):
    def __init__(self):
        super().__init__()
        self.head = nn.utils.weight_norm(self.head)


class ActorAndCritic(nn.Module):
    """Two networks, two states; the critic has none."""

    def __init__(self):
        super().__init__()
        self.actor = StackedLSTM(1)
        self.critic = nn.Linear(OBS, 1)

    def initial_state(self, n):
        return (self.actor.initial_state(n), ())

    def step(self, obs, state, reset):
        output, mine = self.actor.step(obs, state[0], reset)
        return (output, self.critic(obs).squeeze(-1)), (mine, ())

    def unroll(self, obs, state, reset):
        output, mine = self.actor.unroll(obs, state[0], reset)
        return (output, self.critic(obs).squeeze(-1)), (mine, ())


class Wrapper:
    """Not a module: the module is a member, and the modes are somebody else's business."""

    def __init__(self):
        self.parts = {"policy": Normed()}
        self.scale = torch.tensor([2.0])

    def initial_state(self, n):
        return self.parts["policy"].initial_state(n)

    def step(self, obs, state, reset):
        return self.parts["policy"].step(obs * self.scale, state, reset)

    def unroll(self, obs, state, reset):
        return self.parts["policy"].unroll(obs * self.scale, state, reset)


class Frozen(Stacked):
    """Acts only: no graph anywhere."""

    @torch.no_grad()
    def step(self, obs, state, reset):
        return super().step(obs, state, reset)

    @torch.no_grad()
    def unroll(self, obs, state, reset):
        return super().unroll(obs, state, reset)


class StateAmongOutputs(Stacked):
    """Shows its state (layers, N, H) beside its output, in a dict of no fixed order."""

    def step(self, obs, state, reset):
        output, state = super().step(obs, state, reset)
        return {"state": state, "mean": output}, state

    def unroll(self, obs, state, reset):
        output, state = super().unroll(obs, state, reset)
        return {"mean": output, "state": state}, state


class CueMemory(Loop):
    """Writes only where a flag among the observation is exactly one, and holds it."""

    def advance(self, obs, state):
        state = torch.where(obs[:, 3:] == 1.0, torch.tanh(self.cell(obs, state)), state)
        return self.head(state) * obs[:, :1], state


class DelayLine(Loop):
    """Says what it saw eight steps ago."""

    def initial_state(self, n):
        return self.head.weight.new_zeros(n, 8, ACTIONS)

    def clear(self, state, reset):
        return state.masked_fill(reset[:, None, None], 0.0)

    def advance(self, obs, state):
        return state[:, 0], torch.cat([state[:, 1:], obs[:, None, :ACTIONS]], dim=1)


class Explosive(Loop):
    """No squashing anywhere: it grows, and it multiplies by a mask."""

    def clear(self, state, reset):
        return state + reset[:, None].to(state.dtype) * (0.0 - state)

    def advance(self, obs, state):
        state = 1.2 * state + torch.relu(obs @ self.head.weight[:, :OBS].T @ self.head.weight)
        return self.head(state), state


def low_precision(dtype):
    class Low(Loop):
        def initial_state(self, n):
            return torch.zeros(n, H, dtype=dtype)

        def advance(self, obs, state):
            assert obs.dtype == dtype
            return super().advance(obs, state)

    return Low().to(dtype)


HEALTHY = {
    "loop": (Loop, OBS),
    "stacked": (Stacked, OBS),
    "stacked lstm": (lambda: StackedLSTM(3), OBS),
    "batch-first state": (BatchFirstState, OBS),
    "dict state": (DictState, OBS),
    "numpy": (NumpyRNN, None),
    "learned initial state": (LearnedInitial, OBS),
    "ring buffer": (RingBuffer, OBS),
    "attention": (Attention, OBS),
    "norms, skip, dropout": (Normed, OBS),
    "one unit": (lambda: Loop(hidden=1), OBS),
    "five units": (lambda: Loop(hidden=5), OBS),
    "many units": (lambda: Loop(hidden=256), OBS),
    "saturated": (lambda: Scaled(50.0), OBS),
    "small weights": (lambda: Scaled(1e-2), OBS),
    "tiny weights": (lambda: Scaled(1e-3), OBS),
    "chaotic": (Chaotic, OBS),
    "weak memory": (WeakMemory, OBS),
    "images": (Images, (3, 8, 8)),
    "words": (Words, ()),
    "scalar": (Scalar, ()),
    "nested": (Nested, OBS),
    "masked by minimum": (MaskedByMinimum, OBS),
    "gaussians": (Gaussian, OBS),
    "memoryless": (Memoryless, None),
    "numpy memoryless": (NumpyMemoryless, OBS),
    "dataclass state": (DataclassState, OBS),
    "rounds inside": (RoundsInside, OBS),
    "autocast": (Autocast, OBS),
    "zero head": (ZeroHead, OBS),
    "uncopyable": (Uncopyable, OBS),
    "strict": (Strict, OBS),
    "diary": (Diary, OBS),
    "weight norm": (WeightNormed, OBS),
    "old weight norm": (OldWeightNormed, OBS),
    "actor and critic": (ActorAndCritic, OBS),
    "wrapper": (Wrapper, OBS),
    "frozen": (Frozen, OBS),
    "state among outputs": (StateAmongOutputs, OBS),
    "cue memory": (CueMemory, OBS),
    "delay line": (DelayLine, OBS),
    "explosive": (Explosive, OBS),
    "double": (lambda: Loop().double(), OBS),
    "half": (lambda: low_precision(torch.float16), OBS),
    "bfloat16": (lambda: low_precision(torch.bfloat16), OBS),
}
OPTIONS = {
    "images": {"obs_dtype": torch.uint8},
    "words": {"obs_dtype": torch.int64, "obs_bounds": (0, 6)},
}
