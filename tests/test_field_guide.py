"""The field guide: what the heads read in acting and training, its picture, its view, the costs."""

import re

import numpy as np
import pytest
from IPython.core.formatters import DisplayFormatter

from rnn_tutorial.doctor.zoo import BUGS
from rnn_tutorial.doctor.zoo.costs import costs, final_returns
from rnn_tutorial.doctor.zoo.two_paths import two_paths
from rnn_tutorial.plotting.bugs import draw_bug, draw_costs
from rnn_tutorial.plotting.figures import pixels
from rnn_tutorial.widgets.field_guide import FieldGuide, diff_html

pytestmark = pytest.mark.slow

COURSES = {bug.course: bug for bug in BUGS.values()}


@pytest.mark.parametrize("course", COURSES)
def test_without_a_bug_training_reads_what_acting_read(course):
    paths = two_paths(COURSES[course].healthy)
    assert paths.error == ""
    assert np.isfinite(paths.acting).all()
    np.testing.assert_allclose(paths.gap, 0.0, atol=1e-6)
    missing = np.isnan(paths.training).any(2)
    assert missing.any() == (course == "next step")  # the steps that only reset the env


@pytest.mark.parametrize("name", ["amnesia", "zero_starts", "steps_shuffled", "dropout_always_on"])
def test_a_difference_between_the_paths_is_seen(name):
    paths = two_paths(BUGS[name])
    assert paths.gap.max() > 0.05
    assert paths.gap[paths.telling_env()] == paths.gap.max()


def test_the_difference_stands_where_the_bug_is():
    """Sequences that start from zeros: nothing at an episode's own beginning, much at the cuts."""
    bug = BUGS["zero_starts"]
    paths, healthy = two_paths(bug), two_paths(bug.healthy)
    np.testing.assert_array_equal(paths.acting, healthy.acting)
    gap_tn = np.abs(paths.training - paths.acting).max(2)
    cut = gap_tn[:: bug.task.settings.bptt_length]
    fresh = paths.reset[:: bug.task.settings.bptt_length]
    assert fresh.any()
    assert (cut[~fresh] > 0.01).all()
    assert (cut[fresh] < 1e-6).all()


def test_steps_that_are_never_learned_from_are_missing():
    paths = two_paths(BUGS["leftovers_dropped"])
    missing_n = np.isnan(paths.training).any(2).sum(0)
    assert missing_n.max() > 0
    assert missing_n[paths.telling_env()] == missing_n.max()


def test_an_error_is_kept_and_leaves_a_picture():
    bug = BUGS["missing_state"]
    paths = two_paths(bug)
    assert "AttributeError" in paths.error
    assert np.isnan(paths.training).all()
    assert pixels(draw_bug(bug)).std() > 0


def test_every_bug_that_trains_has_ten_seeds_beside_ten_healthy_ones():
    for name, bug in BUGS.items():
        if not bug.error:
            curves = bug.curves()
            assert set(curves["bug"]) == {name, "healthy"}
            assert (curves.groupby("bug")["seed"].nunique() == 10).all()
            assert curves["return"].notna().all()


def test_every_bug_has_curves_or_an_error():
    trained = set(final_returns()["bug"]) - {"healthy"}
    loud = {name for name, bug in BUGS.items() if bug.error}
    assert trained | loud == set(BUGS)
    assert not trained & loud


def test_costs_compare_seed_by_seed():
    table = costs().set_index("bug")
    final = final_returns()
    mine = final[final["bug"] == "amnesia"].set_index("seed")["final"]
    well = final[(final["bug"] == "healthy") & (final["course"] == "cue")].set_index("seed")
    assert table.loc["amnesia", "cost"] == pytest.approx((mine - well["final"]).median())
    assert table.loc["amnesia", "shows"]
    assert (table["low"] <= table["cost"]).all()
    assert (table["cost"] <= table["high"]).all()
    assert pixels(draw_costs(costs())).std() > 0


def test_the_view_shows_diff_picture_and_report_of_the_chosen_bug():
    view = FieldGuide("amnesia")
    first = view.image.value
    assert "self.initial_state(len(obs))" in view.words.value
    assert "memory_carried" in view.report.value
    assert "no_env_leak" not in view.report.value  # passed
    view.choice.value = "gradient_cut"
    assert view.image.value != first
    assert "gradient_flows_back" in view.report.value
    view.choice.value = "amnesia"
    assert view.image.value == first
    assert view.failure.value == ""
    assert list(view.reports) == ["amnesia", "gradient_cut"]
    data, metadata = DisplayFormatter().format(view)
    assert "memory_carried" in data["text/plain"]
    assert data["image/png"]
    assert metadata["image/png"]["alt"] == data["text/plain"]


def test_a_bug_that_the_zoo_does_not_have_is_told():
    with pytest.raises(ValueError, match=r"expected one of .*'amnesia'.*, got 'amnezia'"):
        FieldGuide("amnezia")


def luminance(colour):
    """The relative luminance of #rrggbb, as WCAG 2 defines it."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return np.dot((0.2126, 0.7152, 0.0722), linear)


@pytest.mark.parametrize(
    ("paper", "ink"), [("#ffffff", "#212121"), ("#111111", "#ffffff")], ids=["light", "dark"]
)
def test_each_line_of_a_diff_can_be_read_in_both_themes(paper, ink):
    """Where a line names no colour, JupyterLab's theme has its own: 4.5 is WCAG's level AA."""
    html = diff_html("--- a\n+++ b\n@@ -1 +1 @@\n same\n-old\n+new")
    lines = re.findall(r'<div style="white-space:pre;([^"]*)">', html)
    assert len(lines) == 6
    assert sum("background" in line for line in lines) == 5
    for line in lines:
        style = dict(part.split(":") for part in line.split(";") if part)
        assert ("background" in style) == ("color" in style)
        two = sorted(
            luminance(style.get(*pair)) for pair in (("background", paper), ("color", ink))
        )
        assert (two[1] + 0.05) / (two[0] + 0.05) >= 4.5


def test_a_diff_in_html_is_escaped():
    html = diff_html("-a < b\n+a > b")
    assert "a &lt; b" in html
    assert "<div style" in html
