"""Settings: what fits is taken, and each thing that does not is refused by its name."""

import json
import math
from dataclasses import asdict, fields

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnn_tutorial.settings import COUNTS, Settings

WRONG = {
    "iterations": [-1, 2.5, True, "60", None, math.nan],
    "rollout_length": [0, -3, 30.0],
    "bptt_length": [0, 31, 1.5],
    "epochs": [0, -1],
    "minibatches": [0, 1.0],
    "learning_rate": [0.0, -1e-3, math.nan, math.inf, "fast"],
    "gamma": [-0.1, 1.1, 2, math.nan],
    "gae_lambda": [-1, 1.0001, math.nan],
    "clip": [0.0, -0.2, math.nan, math.inf],
    "value_weight": [-0.5, math.inf, math.nan],
    "entropy_weight": [-0.01, math.inf],
    "max_grad_norm": [0.0, -0.5, math.nan],
    "reward_scale": [0.0, -1.0, math.inf, math.nan],
    "target_kl": [-0.1, math.nan, math.inf],
    "initial_state": ["random", None, 0],
    "burn_in": [-1, 0.5],
    "checkpoint_every": [0, -50],
}


def test_every_setting_has_wrong_values_here():
    assert WRONG.keys() == {field.name for field in fields(Settings)}


@pytest.mark.usefixtures("no_shape_hook")
@pytest.mark.parametrize(("name", "value"), [(n, v) for n, vs in WRONG.items() for v in vs])
def test_a_wrong_value_is_refused_by_its_name(name, value):
    with pytest.raises(ValueError, match=f"{name}: expected"):
        Settings(**{name: value})


unit, positive = st.floats(0, 1), st.floats(1e-9, 1e9)


@given(
    st.fixed_dictionaries(
        {
            **{name: st.integers(least, 500) for name, least in COUNTS.items()},
            **dict.fromkeys(("gamma", "gae_lambda"), unit),
            **dict.fromkeys(("value_weight", "entropy_weight"), st.floats(0, 1e9)),
            **dict.fromkeys(("learning_rate", "clip", "max_grad_norm", "reward_scale"), positive),
            "target_kl": st.none() | st.floats(0, 1e9),
        }
    )
)
def test_what_fits_is_taken_as_it_is(values):
    values["bptt_length"] = min(values["bptt_length"], values["rollout_length"])
    assert {name: getattr(Settings(**values), name) for name in values} == values


@pytest.mark.usefixtures("no_shape_hook")
def test_numpy_numbers_become_plain_ones():
    settings = Settings(iterations=np.int64(3), gamma=np.float32(0.5), max_grad_norm=math.inf)
    assert json.loads(json.dumps(asdict(settings)))["iterations"] == 3
    assert type(settings.gamma) is float
