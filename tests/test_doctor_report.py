"""The report: one line a check in a terminal, a table in a notebook, a dict for a machine."""

import json
import re
import sys
from pathlib import Path

import pytest
from doctor_agents import OBS, Loop, NumpyRNN
from doctor_sick import LateInUnroll

from rnn_tutorial.doctor import Finding, Report, examine
from rnn_tutorial.doctor.advice import ADVICE

sys.path.append(str(Path(__file__).parent / "notebooks"))
from test_notebooks import NOTEBOOKS, anchors


@pytest.fixture(scope="module")
def sick():
    return examine(LateInUnroll(), OBS)


def test_text_is_wrapped_and_begins_each_check_with_its_mark(sick):
    first, *lines = str(sick).splitlines()
    assert first.startswith("LateInUnroll: sick (")
    assert max(map(len, lines)) <= 100
    heads = [line for line in lines if not line.startswith("    ")]
    for line, name in zip(heads, sick.failed, strict=False):
        assert re.match(rf"✗ {name} +failed: ", line)
    assert heads[-2].startswith("✓ passed: runs, state_form, same_input_same_output, ")
    assert heads[-1].startswith("· not applicable: reset_clears, ")
    failed = str(sick["reset_before_step"])
    assert "\n    cause: The reset flag is off by one" in failed
    assert "\n    cure: " in failed
    assert failed.endswith("read: 03_the_recurrent_policy.ipynb: The reset flag off by one")
    assert repr(sick) == str(sick)


def test_a_report_knows_its_verdict_and_its_findings(sick):
    assert not sick.healthy
    assert sick.failed == ("step_equals_unroll", "reset_before_step")
    assert sick["runs"].status == "passed"
    assert [check.name for check in sick] == list(ADVICE)
    with pytest.raises(KeyError, match="expected one of"):
        sick["no_such_check"]
    assert examine(Loop(), OBS).healthy


def test_a_dict_goes_through_json(sick):
    again = json.loads(json.dumps(sick.to_dict(), allow_nan=False))
    assert again["failed"] == ["step_equals_unroll", "reset_before_step"]
    assert again["healthy"] is False
    assert again["checks"][0]["name"] == "runs"
    assert set(again["checks"][0]) == {
        *("name", "status", "evidence", "cause", "cure", "section", "excess")
    }
    json.dumps(examine(NumpyRNN()).to_dict(), allow_nan=False)


def test_an_excess_without_bound_is_still_json():
    finding = Finding("runs", "failed", "e", excess=float("inf"))
    json.dumps(Report("x", (finding,)).to_dict(), allow_nan=False)


def test_html_is_a_table_and_escapes_what_the_subject_says():
    evil = Finding("runs", "failed", "raised <script>alert(1)</script>", "<b>", "&", "a.ipynb: B c")
    html = Report("<i>", (evil,))._repr_html_()
    assert "<script>" not in html
    assert "&lt;script&gt;" in html
    assert "&lt;i&gt;" in html
    assert "<a href='a.ipynb#B-c' target='_blank'>" in html
    assert html.count("<tr>") == 3  # the head, the finding, its cause and cure


@pytest.mark.parametrize("name", ADVICE)
def test_each_check_names_a_cause_a_cure_and_a_page_that_exists(name):
    cause, cure, section = ADVICE[name]
    assert cause
    assert cure
    notebook, _, anchor = Finding(name, "failed", "", section=section).link.partition("#")
    assert (NOTEBOOKS / notebook).exists()
    assert "#" + anchor in anchors(NOTEBOOKS / notebook)
