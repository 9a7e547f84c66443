"""Checks of leaks: what an observation reaches, and what it must not reach."""

from itertools import product

import numpy as np
import torch
from torch import Tensor

from rnn_tutorial.doctor.comparison import Difference
from rnn_tutorial.doctor.examination import Examination, Outcome, failed, passed
from rnn_tutorial.doctor.memory import flags
from rnn_tutorial.doctor.probe import WAYS, WILD, Probe
from rnn_tutorial.doctor.runs import SWAPPED
from rnn_tutorial.doctor.states import mix_envs


def influence(exam: Examination, t: int, n: int) -> tuple[Tensor, Difference]:
    """(T, N): what changes in unroll's outputs when only the observation (t, n) does."""
    case, probe = exam.case("unroll"), exam.probe
    obs = case.obs.copy()
    for _ in range(8):  # of a few whole numbers, a draw may repeat the old one
        obs[t, n] = probe.draw(1, 1)[0, 0]
        if (obs[t, n] != case.obs[t, n]).any():
            break
    got = probe.run("unroll", obs, case.start).outputs
    difference = probe.compare(got, case.base.outputs)
    return difference.places, difference


def points(probe: Probe) -> list[tuple[int, int]]:
    return [(0, 0), (4, 1), (6, probe.N - 1), (probe.T - 1, 2), (probe.T - 2, 0)]


Spread = dict[tuple[int, int], tuple[Tensor, Difference]]


def axes_order(exam: Examination) -> Outcome:
    """Observations and flags reach their own env later on, not where a swap leads to."""
    probe, case = exam.probe, exam.case("unroll")
    problem = _swap(
        exam, "observation", {point: influence(exam, *point) for point in points(probe)}
    )
    if problem or not exam.remembers.get("unroll"):
        return problem or passed("an observation reaches its own env, at its own time and later")
    spread: Spread = {}
    for t, n in points(probe):
        difference = probe.compare(case.run(flags(probe, [t], [n])).outputs, case.base.outputs)
        spread[t, n] = difference.places, difference
    if not any(bool(places.any()) for places, _ in spread.values()):
        spread = {}
    problem = _swap(exam, "reset flag", spread)
    return problem or passed("observations and flags reach their own env, at their time and later")


def _swap(exam: Examination, what: str, spread: Spread) -> Outcome | None:
    """The swap of axes that explains what changes where, if one does."""
    probe = exam.probe
    spill = {point: places & ~own_future(probe, *point) for point, (places, _) in spread.items()}
    point = next((point for point, outside in spill.items() if outside.any()), None)
    if point is None:
        return None
    for into, out in product(ORDERS, ORDERS):
        if into == out == "(T, N)":
            continue
        if all(_explains(probe, at, places, into, out) for at, (places, _) in spread.items()):
            how = [f"{what}s read as {into}"] if into != "(T, N)" else []
            how += [f"outputs written as {out}"] if out != "(T, N)" else []
            exam.leaking.add("unroll")
            difference = spread[point][1]
            return failed(
                f"the {what} (t = {point[0]}, env {point[1]}) changes what a swap of axes would "
                f"change ({' and '.join(how)}): {difference.text}",
                difference.excess,
                "A reshape stands where a transpose is due." if "reshape" in str(how) else SWAPPED,
            )
    return None


def own_future(probe: Probe, t: int, n: int) -> Tensor:
    mask = torch.zeros(probe.T, probe.N, dtype=torch.bool)
    mask[t:, n] = True
    return mask


def _orders(steps: int, n: int) -> dict[str, tuple[Tensor, Tensor]]:
    """How (t, env) may be misread: name -> (time, sequence) that each place (T, N) becomes."""
    t, env = torch.meshgrid(torch.arange(steps), torch.arange(n), indexing="ij")
    flat = t * n + env
    return {
        "(T, N)": (t, env),
        "(N, T) by a swap": (env, t),
        "(N, T) by a reshape": (flat % steps, flat // steps),
        "(N, T) by a reshape, N as time": (flat // steps, flat % steps),
    }


ORDERS = tuple(_orders(1, 1))


def _explains(probe: Probe, point: tuple[int, int], places: Tensor, into: str, out: str) -> bool:
    """Whether a misreading leads from an observation to exactly the kind of places that change."""
    orders = _orders(probe.T, probe.N)
    time_in, row_in = (part[point] for part in orders[into])
    time_out, row_out = orders[out]
    reached = (row_out == row_in) & (time_out >= time_in)
    first = (row_out == row_in) & (time_out == time_in)
    return bool((places & ~reached).sum() == 0 and (places & first).any())


def no_future_leak(exam: Examination) -> Outcome:
    """Other observations from time t on change no output before t."""
    probe, case = exam.probe, exam.case("unroll")
    worst = (0.0, "no difference")
    for t in (1, probe.T // 2, probe.T - 1):
        obs = case.obs.copy()
        obs[t:] = probe.draw(probe.T - t, probe.N)
        got = probe.run("unroll", obs, case.start).outputs
        difference = probe.compare(got[:t], case.base.outputs[:t])
        if difference.differs:
            exam.leaking.add("unroll")
            return failed(
                f"other observations from t = {t} on change earlier outputs: {difference.text}",
                difference.excess,
            )
        worst = max(worst, difference.as_key())
    return passed(f"earlier outputs stay: {worst[1]}", worst[0])


def no_env_leak(exam: Examination) -> Outcome:
    """Other observations and another state of one env change nothing for the others."""
    probe, worst = exam.probe, (0.0, "no difference")
    for way in WAYS:
        case = exam.case(way)
        base = case.base.outputs
        # Steps take longer; what only they do wrong is told by step_equals_unroll as well.
        for env in range(probe.N) if way == "unroll" else (0, probe.N - 2):
            others = [n for n in range(probe.N) if n != env]
            obs = case.obs.copy()
            wild = env == probe.N - 2
            obs[:, env] = probe.wild(probe.T) if wild else probe.draw(probe.T, 1)[:, 0]
            start = mix_envs(probe, case.start, probe.warm(probe.N), [env])
            got = probe.run(way, obs, start).outputs
            difference = probe.compare(got[:, others], base[:, others], envs=others)
            if difference.differs:
                exam.leaking |= {way, "unroll"}
                got = probe.run(way, obs, case.start).outputs
                by_obs = probe.compare(got[:, others], base[:, others], envs=others)
                what = "other observations" if by_obs.differs else "another state"
                shown = by_obs if by_obs.differs else difference
                return failed(f"{way}: {what} of env {env}: {shown.text}", shown.excess)
            worst = max(worst, difference.as_key())
    return passed(f"the other envs stay: {worst[1]}", worst[0])


def padding_inert(exam: Examination) -> Outcome:
    """What stands behind a sequence's end, wild values too, reaches nothing that counts."""
    probe, case = exam.probe, exam.case("unroll")
    lengths = np.array([3 + (4 * n) % (probe.T - 4) for n in range(probe.N)])
    padding = np.arange(probe.T)[:, None] >= lengths
    counts = torch.as_tensor(~padding)[:, :, None]
    worst = (0.0, "no difference")
    for what in ("zeros", "usual size", "wild values"):
        obs = case.obs.copy()
        count = int(padding.sum())
        if what == "wild values":
            obs[padding] = probe.wild(count)
        else:
            obs[padding] = probe.draw(1, count)[0] if what == "usual size" else probe.spec.least()
        got = probe.run("unroll", obs, case.start).outputs
        want = case.base.outputs
        difference = probe.compare(torch.where(counts, got, want), want)
        if difference.differs:
            return failed(
                f"padding ({what}) changes outputs before it: {difference.text}",
                difference.excess,
            )
        worst = max(worst, difference.as_key())
    resets = ("reset_clears", "reset_before_step", "reset_every_part")
    if exam.memoryless or any(exam.failed(name) for name in resets):
        return passed(f"what is before the padding stays: {worst[1]}", worst[0])
    for way in exam.ways_to_reset():
        case = exam.case(way)
        at = 8
        obs = case.obs.copy()
        obs[4:at] = probe.wild((at - 4) * probe.N).reshape(obs[4:at].shape)
        got = probe.run(way, obs, case.start, flags(probe, [at], list(range(probe.N)))).outputs
        difference = probe.compare(got[at:], case.fresh(at).outputs, at, slack=WILD)
        if difference.differs:
            return failed(
                f"{way}: wild padding, then a reset at t = {at}: {difference.text}",
                difference.excess,
                "The padding survives in the state, through the reset.",
            )
        worst = max(worst, difference.as_key())
    return passed(f"before the padding and after it: {worst[1]}", worst[0])
