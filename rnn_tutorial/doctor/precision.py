"""In what kind of arrays, dtype and device a subject is examined: its own, and float64 beside."""

import copy
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rnn_tutorial.doctor.calibration import calibrate
from rnn_tutorial.doctor.comparison import EPS, Ruler
from rnn_tutorial.doctor.nest import is_float, leaves
from rnn_tutorial.doctor.preparation import members, modules, to_double
from rnn_tutorial.doctor.probe import TIME_LIMIT, Probe, SubjectError
from rnn_tutorial.doctor.subject import Observations

REAL = {"complex128": "float64", "complex64": "float32"}  # observations of a complex subject


def first_probe(
    subject: Any, spec: Observations, seed: int, limit: int, seconds: float = TIME_LIMIT
) -> Probe:
    """A probe in the subject's own kind of arrays, dtype and device."""
    dtype, device, use_torch = torch.float32, torch.device("cpu"), True
    coarsest = None
    trial = Probe(subject, spec, seed, dtype, device, use_torch, limit, seconds)
    arrays = [array for _, array in leaves(trial.call("initial_state", trial.N))]
    weights = [p for root in modules(subject) for p in [*root.parameters(), *root.buffers()]]
    known = [a for a in [*weights, *arrays] if isinstance(a, Tensor)]
    if known:
        device = known[0].device
        floats = [a.dtype for a in known if a.is_floating_point()]
        dtype = floats[0] if floats else dtype
        coarsest = max(floats, key=lambda kind: EPS[str(kind)], default=dtype)
    elif arrays or not modules(subject):
        plain = [a for _, _, a in members(subject) if isinstance(a, (Tensor, np.ndarray))]
        use_torch = not any(isinstance(a, np.ndarray) for a in arrays) and any(
            isinstance(a, Tensor) for a in plain
        )
        floats = [a.dtype for a in [*arrays, *plain] if is_float(a)]
        if floats:
            name = str(floats[0]).removeprefix("torch.")
            dtype = getattr(torch, REAL.get(name, name))
    if spec.dtype != "float" and not spec.whole_numbers:
        dtype = getattr(torch, spec.dtype)
    made = Probe(subject, spec, seed, dtype, device, use_torch, limit, seconds)
    if coarsest is not None and EPS[str(coarsest)] > EPS[str(dtype)]:
        made.ruler = Ruler(EPS[str(coarsest)], made.T)
    if not known and not arrays:
        made.use_torch = _takes_torch(made)
    return made


def _takes_torch(probe: Probe) -> bool:
    """With nothing in the state to go by: whether `step` takes tensors."""
    obs = probe.draw(1, probe.N)[0]
    for use_torch in (True, False):
        probe.use_torch = use_torch
        try:
            output, _ = probe.call(
                "step", probe.array(obs), probe.initial(probe.N), probe.flags(obs[..., 0] > 9e9)
            )
        except SubjectError:
            continue
        return use_torch and any(isinstance(array, Tensor) for _, array in leaves(output))
    return True


def in_double(first: Probe) -> Probe | None:
    """The probe over a float64 copy, if that computes the same thing in float64 throughout."""
    if first.dtype == torch.float64:
        return None
    made = to_double(first.subject)
    if made is None:
        return None
    probe = copy.copy(first)
    probe.subject, probe.dtype = made, torch.float64
    probe.ruler = Ruler(EPS["torch.float64"], probe.T)
    before = torch.get_default_dtype()
    try:
        torch.set_default_dtype(torch.float64)
        if _computes_in_double(probe) and _agrees(first, probe) and calibrate(probe, draws=1):
            return probe
    except Exception:
        pass
    torch.set_default_dtype(before)
    return None


def _computes_in_double(probe: Probe) -> bool:
    obs = probe.draw(2, probe.N)
    flags = probe.flags(np.zeros((2, probe.N), dtype=bool))
    by_step = probe.call("step", probe.array(obs[0]), probe.initial(probe.N), flags[0])
    by_unroll = probe.call("unroll", probe.array(obs), probe.initial(probe.N), flags)
    arrays = [array for _, array in leaves((by_step, by_unroll)) if is_float(array)]
    return all(str(array.dtype).removeprefix("torch.") == "float64" for array in arrays)


def _agrees(first: Probe, double: Probe) -> bool:
    obs = first.draw(3, first.N)
    for way in ("step", "unroll"):
        a, b = first.run(way, obs).outputs, double.run(way, obs).outputs
        size = a.abs().nan_to_num(0.0, 0.0, 0.0).mean() + 1e-30
        if (a - b).abs().nan_to_num(0.0, 0.0, 0.0).mean() > 1e-2 * size:
            return False
    return True
