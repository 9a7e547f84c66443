"""`make data` can be stopped and goes on: shown on one recipe, cut short."""

import sys
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

DATA = Path(__file__).parents[1] / "data"


@pytest.mark.slow
def test_a_recipe_that_was_stopped_goes_on(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(DATA)
    for name in [name for name in sys.modules if name.split(".")[0] == "recipes"]:
        monkeypatch.delitem(sys.modules, name)
    from recipes import learning

    short = replace(learning.CUED["settings"], iterations=2)
    monkeypatch.setitem(learning.TASKS, "cued", {**learning.CUED, "settings": short, "num_envs": 4})
    monkeypatch.setattr(learning, "SEEDS", range(2))
    done = []

    def stop_at_the_fourth(run, policy, seed):
        if len(done) == 3:
            raise InterruptedError("stopped")
        done.append(seed)
        return outcome(run, policy, seed)

    outcome = learning.outcome
    stop_at_the_fourth.__module__, stop_at_the_fourth.__qualname__ = (
        outcome.__module__,
        outcome.__qualname__,
    )
    original = learning.train_runs
    monkeypatch.setattr(learning, "train_runs", lambda *a, **k: original(*a, jobs=1, **k))
    monkeypatch.setattr(learning, "outcome", stop_at_the_fourth)
    with pytest.raises(InterruptedError):
        learning.learn("cued", tmp_path)
    assert len(list((tmp_path / ".store" / "cued").iterdir())) == 3
    assert not (tmp_path / "cued_scores.csv").exists()
    monkeypatch.setattr(learning, "outcome", lambda *a: done.append(0) or outcome(*a))
    learning.outcome.__module__, learning.outcome.__qualname__ = (
        outcome.__module__,
        outcome.__qualname__,
    )
    learning.learn("cued", tmp_path)
    assert len(done) == 10  # five agents, two seeds: none was measured twice
    assert len(pd.read_csv(tmp_path / "cued_scores.csv")) == 10
