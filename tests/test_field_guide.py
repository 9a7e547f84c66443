"""The field guide: hidden states in acting and training, its picture, its view, the costs."""

import numpy as np
import pytest
from IPython.core.formatters import DisplayFormatter

from rnn_tutorial.doctor.zoo import BUGS
from rnn_tutorial.doctor.zoo.costs import costs, final_returns
from rnn_tutorial.doctor.zoo.two_paths import two_paths
from rnn_tutorial.plotting.bugs import (
    curves_of,
    draw_bug,
    draw_changes,
    draw_cost_kinds,
    draw_costs,
    kinds,
    six_agents,
)
from rnn_tutorial.plotting.figures import pixels
from rnn_tutorial.widgets.field_guide import FieldGuide

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
    fig = draw_bug(bug)
    assert pixels(fig).std() > 0
    assert [ax.get_ylabel() for ax in fig.axes].count("unit") == 3


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


def dots(ax):
    """Where the dots of a panel are, and whether each is filled."""
    lines = [line for line in ax.lines if line.get_marker() == "o"]
    return {(x, line.get_markerfacecolor() != "none") for line in lines for x in line.get_xdata()}


def test_every_bug_has_its_dot_filled_where_ten_seeds_show_it():
    table = costs()
    lost = table.assign(lost=-table["cost"])[["lost", "shows"]]
    expected = set(lost.itertuples(index=False, name=None))
    by_kind, by_name = draw_cost_kinds(table), draw_costs(table)
    assert dots(by_kind.axes[0]) == expected
    large, small = map(dots, by_name.axes)
    assert large | small == expected
    assert min(large)[0] > max(small)[0]
    rows = [text.get_text() for ax in by_name.axes for text in ax.get_yticklabels()]
    assert rows == table["bug"].to_list()
    assert len(by_kind.axes[0].get_yticklabels()) == 7


def test_every_dot_lies_in_the_row_of_its_kind():
    table = costs()
    assert list(kinds()) == list(BUGS)
    (ax,) = draw_cost_kinds(table, ["amnesia", "hidden_member"]).axes
    names = [label.get_text().rpartition(" (")[0] for label in ax.get_yticklabels()]
    lines = [line.get_xydata()[0] for line in ax.lines if line.get_marker() == "o"]
    drawn = sorted((names[round(height)], lost) for lost, height in lines)
    assert drawn == sorted(zip(table["bug"].map(kinds()), -table["cost"], strict=True))
    assert all(abs(height - round(height)) < 0.42 for _, height in lines)


def test_dots_of_one_row_do_not_cover_each_other_and_names_are_apart():
    named = ["amnesia", "cell_not_cleared", "hidden_member", "zero_starts", "first_layer_read"]
    fig = draw_cost_kinds(costs(), named)
    pixels(fig)
    (ax,) = fig.axes
    lines = [line for line in ax.lines if line.get_marker() == "o"]
    places = np.array([ax.transData.transform(line.get_xydata()[0]) for line in lines])
    apart = np.linalg.norm(places[:, None] - places, axis=-1) + 99 * np.eye(len(places))
    assert apart.min() > 5  # pixels; a dot is 8 wide
    boxes = [text.get_window_extent() for text in ax.texts]
    assert {text.get_text() for text in ax.texts} == set(named)
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[i + 1 :])
    assert all(fig.bbox.containsx(box.x0) and fig.bbox.containsx(box.x1) for box in boxes)


@pytest.mark.parametrize("name", ["zero_starts", "missing_state"])
def test_a_bug_reads_in_a_narrow_column(name):
    """A picture of 620 pixels has type of 11 points; its texts stay inside and apart."""
    fig = draw_bug(BUGS[name])
    pixels(fig)
    assert fig.get_size_inches()[0] <= 6.2
    texts = [text for ax in fig.axes for text in (*ax.texts, ax.title, ax.xaxis.label)]
    texts = [text for text in texts if text.get_text()]
    assert all(text.get_fontsize() >= 11 for text in texts)
    boxes = [text.get_window_extent() for text in texts]
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[i + 1 :])
    assert all(fig.bbox.containsx(box.x0) and fig.bbox.containsx(box.x1) for box in boxes)


def test_the_puzzle_has_five_bugs_and_a_healthy_agent_with_ten_seeds_each():
    agents = six_agents(9)
    assert list(agents) == [*"ABCDEF"]
    assert sum(not agent.changes for agent in agents.values()) == 1
    assert len({agent.course for agent in agents.values()}) == 1
    assert [a.name for a in six_agents(1).values()] != [a.name for a in agents.values()]
    curves = curves_of(agents)
    assert (curves.groupby("agent")["seed"].nunique() == 10).all()
    for letter, table in curves.groupby("agent"):
        name = agents[letter].name if agents[letter].changes else "healthy"
        assert set(table["bug"]) == {name}


def test_changes_are_drawn_beside_the_flag():
    fig = draw_changes({"healthy": np.array([0, 0, 1.0]), "late": np.array([0, 0, 0.0])}, flag=2)
    first, second = ([bar.get_height() for bar in ax.patches] for ax in fig.axes)
    assert first == [0, 0, 1]
    assert second == [0, 0, 0]
    assert all(ax.lines[0].get_xdata()[0] == 1.5 for ax in fig.axes)


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
