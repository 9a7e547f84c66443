"""Calls in parallel processes: kept at once, gone on with, and none lost with another."""

import os
import signal
from pathlib import Path

import joblib
import pytest

from rnn_tutorial.parallel import run_all

pytestmark = pytest.mark.slow


def square(number, folder):
    """Leaves a mark for each call."""
    path = Path(folder) / f"called_{number}"
    path.write_text(path.read_text() + "x" if path.exists() else "x")
    return {"square": number**2, "nan": float("nan")}


def square_or_die(number, folder, victim, times):
    """Its process is killed in the first calls with the victim's number."""
    result = square(number, folder)
    if number == victim and len((Path(folder) / f"called_{number}").read_text()) <= times:
        os.kill(os.getpid(), signal.SIGKILL)
    return result


def square_or_raise(number, folder):
    if number == 2:
        raise ValueError("two is not allowed")
    return square(number, folder)


@pytest.fixture
def marks(tmp_path):
    folder = tmp_path / "marks"
    folder.mkdir()
    return folder


def calls_of(marks):
    return {file.name: file.read_text() for file in marks.iterdir()}


def squares(results):
    return [None if result is None else result["square"] for result in results]


@pytest.mark.parametrize("jobs", [1, 2])
def test_results_come_in_the_order_of_the_calls(marks, jobs):
    results, errors = run_all(square, [(i, str(marks)) for i in range(7)], jobs=jobs)
    assert squares(results) == [i**2 for i in range(7)]
    assert errors == {}


@pytest.mark.parametrize("jobs", [1, 2])
def test_what_is_kept_is_not_done_again(marks, tmp_path, jobs):
    calls = [(i, str(marks)) for i in range(6)]
    run_all(square, calls[:4], jobs=jobs, store=tmp_path / "store")
    results, _ = run_all(square, calls, jobs=jobs, store=tmp_path / "store")
    assert squares(results) == [i**2 for i in range(6)]
    assert set(calls_of(marks).values()) == {"x"}


def test_a_damaged_result_is_made_again_and_said(marks, tmp_path):
    calls = [(i, str(marks)) for i in range(3)]
    run_all(square, calls, jobs=1, store=tmp_path / "store")
    for number, file in enumerate(sorted((tmp_path / "store").iterdir())):
        content = file.read_bytes()
        if number == 0:
            file.write_bytes(content[: len(content) // 2])
        elif number == 1:
            file.write_bytes(content.replace(b"NaN", b"1.0"))
    with pytest.warns(UserWarning, match="damaged") as told:
        results, _ = run_all(square, calls, jobs=1, store=tmp_path / "store")
    assert len(told) == 2
    assert squares(results) == [0, 1, 4]
    assert sorted(calls_of(marks).values()) == ["x", "xx", "xx"]


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_call_that_raises_costs_its_own_result(marks, tmp_path, jobs):
    calls = [(i, str(marks)) for i in range(5)]
    results, errors = run_all(square_or_raise, calls, jobs=jobs, store=tmp_path / "store")
    assert squares(results) == [0, 1, None, 9, 16]
    assert errors == {2: "ValueError: two is not allowed"}
    assert len(list((tmp_path / "store").iterdir())) == 4


@pytest.mark.parametrize("store", [True, False])
def test_after_a_kill_what_is_missing_is_started_again(marks, tmp_path, store):
    calls = [(i, str(marks), 3, 1) for i in range(8)]
    folder = tmp_path / "store" if store else None
    results, errors = run_all(square_or_die, calls, jobs=2, store=folder)
    assert squares(results) == [i**2 for i in range(8)]
    assert errors == {}


def test_a_call_that_is_killed_twice_is_reported_and_the_others_are_not(marks):
    calls = [(i, str(marks), 3, 99) for i in range(8)]
    results, errors = run_all(square_or_die, calls, jobs=2)
    assert squares(results) == [None if i == 3 else i**2 for i in range(8)]
    assert errors == {3: "its process was killed twice"}
    assert calls_of(marks)["called_3"] == "xx"


def test_a_stopped_run_keeps_what_was_done(marks, tmp_path):
    calls = [(i, str(marks)) for i in range(5)]
    with pytest.raises(InterruptedError):
        run_all(interrupted_at_three, calls, jobs=1, store=tmp_path / "store")
    assert len(list((tmp_path / "store").iterdir())) == 3


def interrupted_at_three(number, folder):
    if number == 3:
        raise InterruptedError("stopped")
    return square(number, folder)


def test_on_a_cluster_a_killed_worker_costs_nothing(marks):
    distributed = pytest.importorskip("distributed")
    calls = [(i, str(marks), 3, 1) for i in range(8)]
    options = {"n_workers": 2, "threads_per_worker": 1, "processes": True}
    with (
        distributed.LocalCluster(**options, dashboard_address=None) as cluster,
        distributed.Client(cluster),
        joblib.parallel_config("dask"),
    ):
        results, errors = run_all(square_or_die, calls)
    alone, _ = run_all(square, [(i, str(marks)) for i in range(8)], jobs=1)
    assert errors == {}
    assert str(results) == str(alone)
