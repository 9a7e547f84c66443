"""Checks of the gradient: it reaches back inside an episode, not across a reset, not to an update
that is over."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from rnn_tutorial.doctor.examination import Examination, Outcome, failed, passed, skipped
from rnn_tutorial.doctor.memory import flags
from rnn_tutorial.doctor.nest import clone, is_float, leaves, map_leaves
from rnn_tutorial.doctor.preparation import modules
from rnn_tutorial.doctor.probe import WAYS, Probe

AT = 5
BACK = 16  # steps over which the gradient is followed back
OTHER = 2  # an env that does not reset while env 0 does
NAN = "The backward pass gives NaN: a root or a logarithm at 0, or a where() beside such a branch."


class Graph:
    """One call of `unroll`, or steps with the state passed on, with its graph.

    Args:
        probe: the probe.
        way: "step" or "unroll".
        obs: (T, N, *obs).
        state: before the first step.
        reset: (T, N) or None.
    """

    def __init__(
        self, probe: Probe, way: str, obs: np.ndarray, state: Any, reset: np.ndarray | None = None
    ) -> None:
        reset = np.zeros(obs.shape[:2], dtype=bool) if reset is None else reset
        self.obs = [probe.array(row) for row in obs]
        if not probe.spec.whole_numbers:
            self.obs = [row.requires_grad_() for row in self.obs]
        self.start = map_leaves(lambda a: a.requires_grad_() if _can(a) else a, clone(state))
        state = map_leaves(lambda a: a.clone() if isinstance(a, Tensor) else a, self.start)
        self.outputs: list[list[Tensor]] = []  # by time
        # cuDNN's RNNs have a backward pass in training mode only.
        with torch.backends.cudnn.flags(enabled=False):
            self._call(probe, way, state, reset)

    def _call(self, probe: Probe, way: str, state: Any, reset: np.ndarray) -> None:
        if way == "unroll":
            inputs = torch.stack(self.obs)
            output, self.last = probe.call("unroll", inputs, state, probe.flags(reset), grad=True)
            arrays = self._used(probe, output)
            self.outputs = [[array[t] for array in arrays] for t in range(len(reset))]
        else:
            for row, reset_t in zip(self.obs, reset, strict=True):
                arguments = row.clone(), state, probe.flags(reset_t)
                output, state = probe.call("step", *arguments, grad=True)
                self.outputs.append(self._used(probe, output))
            self.last = state

    @staticmethod
    def _used(probe: Probe, output: Any) -> list[Tensor]:
        pairs = zip(leaves(output), probe.layout, strict=True)
        found = [a for (_, a), (_, used, _) in pairs if used and _can(a)]
        return [torch.view_as_real(a) if a.is_complex() else a for a in found]

    def loss(self, t: int, env: int | None = None) -> Tensor | None:
        """A weighted sum of the outputs at time t; None where they carry no graph."""
        parts = [a if env is None else a[env] for a in self.outputs[t] if a.requires_grad]
        if not parts:
            return None
        # Uneven weights: a plain sum of log-probabilities or softmax has no gradient.
        return sum((part * _weights(part)).sum() for part in parts)  # type: ignore[return-value]

    def inputs(self) -> list[Tensor]:
        """What the gradient is taken with respect to: the observations, then the state's floats."""
        floats = [a for _, a in leaves(self.start) if _can(a)]
        return [row for row in self.obs if row.requires_grad] + floats


def _can(array: Any) -> bool:
    return isinstance(array, Tensor) and is_float(array)


def _weights(part: Tensor) -> Tensor:
    ramp = torch.arange(1, part.numel() + 1, dtype=part.dtype, device=part.device)
    return (1 + torch.sin(1.7 * ramp)).reshape(part.shape)


def gradients(loss: Tensor, inputs: list[Tensor], keep: bool = True) -> list[Tensor]:
    """The gradient of each input, zeros where there is none."""
    with torch.backends.cudnn.flags(enabled=False):
        found = torch.autograd.grad(loss, inputs, retain_graph=keep, allow_unused=True)
    pairs = zip(found, inputs, strict=True)
    return [torch.zeros_like(x) if g is None else g for g, x in pairs]


def gradient_flows_back(exam: Examination) -> Outcome:
    """Where an output of unroll depends on a past observation, its gradient says so."""
    if not exam.remembers.get("unroll"):
        return skipped("unroll carries no memory, see memory_carried")
    probe = exam.probe
    missing: list[int] | None = None
    for scale in dict.fromkeys((probe.scale, 1.0, 0.1)):  # a saturated cell has no gradient
        obs, start = probe.draw(BACK, probe.N, scale), probe.warm(probe.N)
        graph = Graph(probe, "unroll", obs, start)
        loss = graph.loss(BACK - 1)
        if loss is None:
            if probe_builds_graph(probe):
                return failed("the outputs of unroll carry no graph, those of step do")
            return skipped("no output carries a graph (no_grad, or no torch inside)")
        if not graph.inputs():
            return skipped("neither observations nor states are floating-point")
        found = gradients(loss, graph.inputs())
        if any(bool(gradient.isnan().any()) for gradient in found):
            return failed("the gradient of the last output is NaN", cause=NAN)
        reached = [bool(gradient.any()) for gradient in found]
        if probe.spec.whole_numbers:
            return _by_the_state(probe, graph, reached, obs, start)
        depends = _value_depends(probe, obs, start)
        cut = [t for t in range(BACK - 1) if depends[t] and not reached[t]]
        missing = cut if missing is None else [t for t in missing if t in cut]
        if not missing:
            if not exam.failed("reset_only_named") and _cut_by_another(probe, graph, obs, start):
                return failed(
                    f"a reset of env 0 at t = {AT} ends the gradient of env {OTHER}, which goes on",
                    cause="One env's reset detaches the states of all envs.",
                )
            back = sum(reached[: BACK - 1])
            return passed(f"the gradient of the last output reaches {back} steps back")
        if any(reached[BACK:]) and not _reached_by_steps(probe, obs, start, missing):
            return passed(
                "the gradient of the last output reaches the first state; no observation has one, "
                "by step or by unroll"
            )
    assert missing is not None
    last = max(missing)
    return failed(
        f"the output at t = {BACK - 1} depends on the observation at t = {last}, "
        f"its gradient is zero there ({len(missing)} of {BACK - 1} earlier steps)"
    )


def _cut_by_another(probe: Probe, graph: Graph, obs: np.ndarray, start: Any) -> bool:
    """Whether env 0's reset takes gradients away from another env, which does not reset."""
    reset = np.zeros(obs.shape[:2], dtype=bool)
    reset[AT, 0] = True
    reached = []
    for one in (graph, Graph(probe, "unroll", obs, start, reset)):
        loss = one.loss(BACK - 1, OTHER)
        assert loss is not None
        reached.append([bool(g.any()) for g in gradients(loss, one.inputs())])
    return any(without and not with_it for without, with_it in zip(*reached, strict=True))


def _reached_by_steps(probe: Probe, obs: np.ndarray, start: Any, times: list[int]) -> bool:
    """Whether steps, the state passed on, give the last output a gradient at one of these times."""
    graph = Graph(probe, "step", obs, start)
    loss = graph.loss(BACK - 1)
    found = [] if loss is None else gradients(loss, graph.inputs())
    return bool(found) and any(bool(found[t].any()) for t in times)


def _by_the_state(
    probe: Probe, graph: Graph, reached: list[bool], obs: np.ndarray, start: Any
) -> Outcome:
    """Whole numbers have no gradient; the state that unroll starts from stands in for them."""
    if any(reached):
        return passed("the gradient of the last output reaches the first state")
    first = graph.loss(0)
    if first is None or not any(bool(g.any()) for g in gradients(first, graph.inputs())):
        return skipped("observations are whole numbers, and the first state gets no gradient")
    last = _last_that_depends(probe, obs, start)
    loss = graph.loss(last)
    if loss is not None and any(bool(g.any()) for g in gradients(loss, graph.inputs())):
        return passed(f"the gradient reaches the first state from the output at t = {last}")
    return failed(
        "the first output has a gradient with respect to the first state; the output at "
        f"t = {last} depends on it as well, and has none"
    )


def _last_that_depends(probe: Probe, obs: np.ndarray, start: Any) -> int:
    """The last time at which another first state changes the output."""
    one, other = (probe.run("unroll", obs, state).outputs for state in (start, None))
    differs = [
        probe.compare(a[None], b[None]).excess > 1e2 for a, b in zip(one, other, strict=True)
    ]
    return max(t for t in range(len(obs)) if t == 0 or differs[t])


def _value_depends(probe: Probe, obs: np.ndarray, start: Any) -> list[bool]:
    """For each time, whether another observation there changes the last output."""
    last = probe.run("unroll", obs, start).outputs[-1:]
    found = []
    for t in range(len(obs)):
        other = obs.copy()
        other[t] = probe.spec.within(obs[t] * 1.1 + 1e-3)
        changed = probe.run("unroll", other, start).outputs[-1:]
        found.append(probe.compare(changed, last).excess > 1e2)
    return found


def probe_builds_graph(probe: Probe) -> bool:
    graph = Graph(probe, "step", probe.draw(1, probe.N), probe.warm(probe.N))
    return graph.loss(0) is not None


def gradient_stops_at_reset(exam: Examination) -> Outcome:
    """No output from a reset on has a gradient with respect to what was before it."""
    broken = [name for name in RESETS if exam.failed(name)]
    if broken:
        return skipped(f"the state itself is not cleared, see {broken[0]}")
    probe = exam.probe
    steps, env = 8, 2
    for way in exam.ways_to_reset():
        for t in (AT, 0):
            reset = flags(probe, [t], [env])[:steps]
            graph = Graph(probe, way, probe.draw(steps, probe.N), probe.warm(probe.N), reset)
            for later in (t, steps - 1):
                loss = graph.loss(later, env)
                if loss is None or not graph.inputs():
                    continue
                found = gradients(loss, graph.inputs())
                times = 0 if probe.spec.whole_numbers else steps
                for i, gradient in enumerate(found):
                    if i < times and i >= t:
                        continue
                    largest = float(gradient.abs().max()) if gradient.numel() else 0.0
                    if largest > probe.ruler.eps:
                        to = f"the observation at t = {i}" if i < times else "the first state"
                        return failed(
                            f"{way}, a reset of env {env} at t = {t}: the output at t = {later} "
                            f"has a gradient of {largest:.1e} with respect to {to}"
                        )
    if probe_builds_graph(probe) or exam.outcomes["gradient_flows_back"].status == "passed":
        return passed("no gradient across a reset")
    return skipped("no output carries a graph (no_grad, or no torch inside)")


RESETS = ("reset_clears", "reset_before_step", "reset_every_part", "reset_only_named")


def second_update(exam: Examination) -> Outcome:
    """After an update and a detach of the state, the next update goes through."""
    probe = exam.probe
    rows = [probe.draw(4, probe.N) for _ in range(3)]
    named = [pair for root in modules(probe.subject) for pair in root.named_parameters()]
    named = [(name, p) for name, p in named if p.requires_grad and p.is_floating_point()]
    weights = [p for _, p in named]
    learned: dict[str, list[bool]] = {}
    for way in WAYS:
        state = probe.initial(probe.N)
        earlier: list[Tensor] = []
        for update, obs in zip(("first", "second", "third"), rows, strict=True):
            graph = Graph(probe, way, obs, state)
            losses = [loss for t in range(4) if (loss := graph.loss(t)) is not None]
            if not losses:
                break
            inputs = [*graph.inputs(), *weights, *earlier]
            try:
                found = gradients(torch.stack(losses).sum(), inputs, keep=False)
            except RuntimeError as error:
                return failed(f"{way}, {update} update: backward raised: {_short(error)}")
            if any(bool(gradient.isnan().any()) for gradient in found):
                return failed(f"{way}, {update} update: the gradient is NaN", cause=NAN)
            any_gradient = [bool(gradient.any()) for gradient in found]
            if any(any_gradient[len(inputs) - len(earlier) :]):
                return failed(
                    f"{way}: the {update} update's gradient reaches observations of an earlier one"
                )
            of_weights = any_gradient[len(graph.inputs()) :][: len(weights)]
            before = learned.get(way, of_weights)
            learned[way] = [a or b for a, b in zip(before, of_weights, strict=True)]
            earlier += [row for row in graph.obs if row.requires_grad]
            state = clone(graph.last)
    if not learned:
        return skipped("no output carries a graph (no_grad, or no torch inside)")
    if len(learned) == len(WAYS) and not exam.failed("step_equals_unroll"):
        taught = [p for p, by_unroll in zip(weights, learned["unroll"], strict=True) if by_unroll]
        for (name, p), by_step, by_unroll in zip(named, *learned.values(), strict=True):
            copied = any(p.shape == q.shape and torch.equal(p, q) for q in taught)  # for acting
            if by_step and not by_unroll and not copied:
                return failed(
                    f"the weight {name} gets a gradient by step and none by unroll",
                    cause="Training reads a weight without its graph (.data, detach, no_grad).",
                    cure="Use the parameter itself in both branches.",
                )
    return passed("three updates in a row, the state detached between them")


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:160]


def differentiable(exam: Examination) -> Outcome | None:
    """Why gradients do not apply, if so."""
    if not exam.probe.use_torch:
        return skipped("NumPy arrays have no gradient")
    if exam.failed("inputs_unchanged"):
        return skipped("arguments are written to in place, see inputs_unchanged")
    return None
