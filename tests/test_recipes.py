"""`make data` can be stopped and goes on: shown on one recipe, cut short."""

import sys
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from rnn_tutorial import runs

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
    train = runs.train

    def stop_at_the_fourth(*arguments, **settings):
        if len(done) == 3:
            raise InterruptedError("stopped")
        done.append(0)
        return train(*arguments, **settings)

    original = learning.train_runs
    monkeypatch.setattr(learning, "train_runs", lambda *a, **k: original(*a, jobs=1, **k))
    monkeypatch.setattr(runs, "train", stop_at_the_fourth)
    with pytest.raises(InterruptedError):
        learning.learn("cued", tmp_path)
    assert len(list((tmp_path / ".store" / "cued").iterdir())) == 3
    assert not (tmp_path / "cued_scores.csv").exists()
    monkeypatch.setattr(runs, "train", lambda *a, **k: done.append(0) or train(*a, **k))
    learning.learn("cued", tmp_path)
    assert len(done) == 10  # five agents, two seeds: none was trained twice
    assert len(pd.read_csv(tmp_path / "cued_scores.csv")) == 10
