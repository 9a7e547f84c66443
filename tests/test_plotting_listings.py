"""Listings: diffs are escaped, tinted and wrapped between words; reports show some rows."""

import re

import pytest

from rnn_tutorial.colours import ACTION, CELL
from rnn_tutorial.doctor.report import Finding, Report
from rnn_tutorial.plotting.listings import diff_html, show_diff, show_report, show_source

DIFF = "--- a\n+++ b\n@@ -1 +1 @@\n same\n-    old < 1\n+new"


def styles():
    return re.findall(r'<div style="([^"]*padding[^"]*)">', diff_html(DIFF))


def test_changed_lines_are_tinted_and_no_line_has_an_ink_of_its_own():
    tints = [re.findall(r"background:(#\w{6})", style) for style in styles()]
    assert tints[3:] == [[], [CELL], [ACTION]]
    assert not any(re.search(r"(^|;)color:", style) for style in styles())


@pytest.mark.parametrize("paper", [0xFF, 0x11], ids=["light", "dark"])
def test_a_tint_hardly_changes_the_page_under_the_text(paper):
    for tint in re.findall(r"background:#(\w{8})", diff_html(DIFF)):
        *parts, alpha = bytes.fromhex(tint)
        mixed = [paper + (part - paper) * alpha / 255 for part in parts]
        assert max(abs(part - paper) for part in mixed) <= 52


def test_lines_wrap_between_words_and_hang():
    html = diff_html(DIFF)
    assert "white-space:pre-wrap" in html
    assert "break-all" not in html
    indents = [re.search(r"padding-left:([\d.]+)em", style).group(1) for style in styles()]
    assert float(indents[4]) == pytest.approx(float(indents[5]) + 4 * 0.6, abs=0.11)
    assert all(f"text-indent:-{i}em" in style for i, style in zip(indents, styles(), strict=True))


def test_it_is_escaped():
    assert "old &lt; 1" in diff_html(DIFF)


def test_the_plain_diff_goes_with_it(capsys):
    show_diff(DIFF)
    assert DIFF.splitlines()[0] in capsys.readouterr().out


def test_source_is_shown_with_its_indentation(capsys):
    show_source(diff_html, show_diff)
    shown = capsys.readouterr().out
    assert ">def diff_html(diff: str) -&gt; str:</div>" in shown
    assert ">    return listing_html(diff, TINTS)</div>" in shown
    assert shown.index("def diff_html") < shown.index("def show_diff")
    assert "background" not in shown


def test_a_report_shows_some_rows_and_folds_all_of_them(capsys, monkeypatch):
    shown = []
    monkeypatch.setattr(
        "rnn_tutorial.plotting.listings.display", lambda data, raw: shown.append(data)
    )
    checks = [Finding(name, "passed", f"seen {name}") for name in "abc"]
    report = Report("mine", (*checks, Finding("d", "failed", "seen d", "cause", "cure", "01: x")))
    for names, expected in ((["a", "c"], "ac"), ((), "d")):
        show_report(report, names)
        html, plain = shown[-1]["text/html"], shown[-1]["text/plain"]
        above, _, below = html.partition("<details>")
        assert [name for name in "abcd" if f"seen {name}" in above] == list(expected)
        assert [name for name in "abcd" if f"seen {name}" in plain] == list(expected)
        assert all(f"seen {name}" in below for name in "abcd")
        assert above.count(report.verdict) == plain.count(report.verdict) == 1
        assert report.verdict not in below
