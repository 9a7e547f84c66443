"""The table of `make bench`: which way each target points, and what is written down."""

import json
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).parent / "bench"


@pytest.fixture
def measure(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCH))
    import measure

    return measure


def test_a_target_holds_on_its_own_side_only(measure):
    assert measure.at_most("unroll", 1.1, 1.0, 1.2, "ms").holds
    assert not measure.at_most("unroll", 1.3, 1.0, 1.2, "ms").holds
    assert measure.times_faster("frame", 10.0, 50.0, 5, "ms").holds
    assert not measure.times_faster("frame", 50.0, 10.0, 5, "ms").holds
    assert measure.times_more("steps", 300.0, 10.0, 30, "1/s").holds
    assert not measure.times_more("steps", 10.0, 300.0, 30, "1/s").holds
    assert measure.limit("notebooks", 89.0, 90, "s").holds
    assert not measure.limit("notebooks", 91.0, 90, "s").holds


def test_side_by_side_takes_turns_after_a_warm_up(measure):
    calls = []
    seconds = measure.side_by_side([lambda: calls.append("a"), lambda: calls.append("b")], 3)
    assert "".join(calls) == "ab" + "ab" + "ba" + "ab"
    assert len(seconds) == 2


def test_the_table_is_printed_and_written_with_what_was_skipped(
    measure, monkeypatch, tmp_path, capsys
):
    import run

    class Subject:
        @staticmethod
        def rows():
            return [measure.at_most("unroll", 3.0, 2.0, 1.2, "ms")]

    class NoBrowser:
        @staticmethod
        def rows():
            raise measure.Skipped("no Chromium")

    monkeypatch.setitem(sys.modules, "core", Subject)
    monkeypatch.setitem(sys.modules, "browser", NoBrowser)
    path = tmp_path / "bench.json"
    status = run.main(["--only", "core", "browser", "--json", str(path)])
    printed = capsys.readouterr().out
    assert status == 1
    assert "1.5  ours / other <= 1.2  NO     ms" in printed
    assert "not measured: browser: no Chromium" in printed
    record = json.loads(path.read_text())
    keys = {"name", "ours", "other", "ratio", "target", "holds", "unit"}
    assert record["rows"][0].keys() == keys
    assert record["skipped"] == {"browser": "no Chromium"}
