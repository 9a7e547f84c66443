"""The core computes what it computed when the fixture was recorded; see `golden.py`."""

import numpy as np
import pytest
from golden import FILE, N, T, compute

STORED = dict(np.load(FILE, allow_pickle=False))
TOLERANCE = 1e-5  # relative to each array's largest number: what float32 keeps on any processor


@pytest.fixture(scope="module")
def computed():
    return compute()


def test_the_fixture_holds_resets_of_both_kinds_and_every_player(computed):
    assert STORED.keys() == computed.keys()
    assert len({name.split("/")[0] for name in STORED}) == 21
    for name in ("cued_gru", "trial_gru", "delay_gru", "fresh_discrete_lstm"):
        assert STORED[f"{name}/reset"].shape == (T, N)
        assert STORED[f"{name}/reset"][1:].any()
        assert STORED[f"{name}/truncated"].any()
    assert STORED["fresh_discrete_gru/terminated"].any()


@pytest.mark.parametrize("name", STORED)
def test_nothing_moved(name, computed):
    was, now = STORED[name], computed[name]
    assert now.shape == was.shape
    assert now.dtype == was.dtype
    limit = TOLERANCE * np.abs(was.astype(np.float64)).max()
    assert np.abs(now.astype(np.float64) - was).max() <= limit
