"""The reset's pictures and the reset view: what they show is what the policy does."""

import gymnasium
import numpy as np
import pytest
import torch
from torch import nn

import rnn_tutorial  # noqa: F401  registers the envs
from rnn_tutorial.plotting.figures import png_bytes
from rnn_tutorial.plotting.resets import SCISSORS, Branch, draw_branches, draw_scissors
from rnn_tutorial.policy import RNNPolicy
from rnn_tutorial.widgets.reset_view import CUES, FIRST_CUE, WHEN, ResetView, move

pytestmark = pytest.mark.slow


def new_policy(cell="rnn", **options):
    env = gymnasium.make("rnn_tutorial/CuedPoint-v0")
    torch.manual_seed(0)
    spaces = env.observation_space, env.action_space
    return RNNPolicy(*spaces, cell=cell, num_layers=1, **options)


@pytest.fixture
def remembering():
    """Two units add up the goals that are shown: notebook 03's policy, without its actor."""
    policy = new_policy(hidden_size=4, encoder="none")
    for parameter in policy.parameters():
        nn.init.zeros_(parameter)
    with torch.no_grad():
        policy.core.rnn.weight_ih_l0[range(4), [2, 3, 0, 1]] = 0.01
        policy.core.rnn.weight_hh_l0[:2, :2] = torch.eye(2)
    return policy


def clear_of_each_other(fig):
    """Whether no two texts of a figure overlap, and all lie in it."""
    fig.canvas.draw()
    texts = [t for ax in fig.axes for t in (*ax.texts, ax.title, ax._left_title) if t.get_text()]
    boxes = [text.get_window_extent() for text in texts]
    inside = all(fig.bbox.x0 <= b.x0 and b.x1 <= fig.bbox.x1 and b.y1 <= fig.bbox.y1 for b in boxes)
    pairs = [(a, b) for i, a in enumerate(boxes) for b in boxes[:i]]
    return inside and not any(a.overlaps(b) for a, b in pairs)


def marks_in_cores(ax):
    """For each core, left to right, the markers that it holds."""
    held = [
        (x.get_xdata()[0], x.get_marker(), x.get_mfc())
        for x in ax.lines[:-2]
        if x.get_ydata()[0] > 0.5
    ]
    cores = [patch.get_x() for patch in ax.patches if hasattr(patch, "get_x")]
    return [[(m, f) for x, m, f in held if core < x < core + 1] for core in cores]


def test_the_scissors_cut_before_step_t_one_late_and_one_early():
    fig = draw_scissors()
    cuts = [
        text.get_position()[0]
        for ax in fig.axes
        for text in ax.texts
        if text.get_text() == SCISSORS
    ]
    assert np.allclose(np.diff(cuts), [1.5, -3.0])
    right, late, early = ([len(core) for core in marks_in_cores(ax)] for ax in fig.axes)
    assert right == [1, 2, 3, 1, 2, 3]
    assert late == [1, 2, 3, 4, 1, 2]
    assert early == [1, 2, 1, 2, 3, 4]
    assert clear_of_each_other(fig)


def test_only_the_right_cut_keeps_the_cue_and_nothing_old():
    last = [marks_in_cores(ax)[-1] for ax in draw_scissors().axes]
    has_cue = [any(marker == "D" for marker, _ in core) for core in last]
    has_old = [any(fill == "none" for _, fill in core) for core in last]
    assert has_cue == [True, False, True]
    assert has_old == [False, False, True]


@pytest.mark.parametrize(
    ("shift", "expected"), [(0, [0, 2, 3]), (1, [1, 3]), (-1, [1, 2]), (None, [])]
)
def test_flags_move_and_what_leaves_the_sequence_is_lost(shift, expected):
    begins = np.array([True, False, True, True])
    assert np.flatnonzero(move(begins, shift)).tolist() == expected


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
@pytest.mark.parametrize("when", WHEN)
def test_the_numbers_are_the_policy_s(cell, when):
    policy = new_policy(cell, hidden_size=6)
    view = ResetView(policy, begins=(0, 3, 4, 9), step=when, unroll=when, unit=2, scale=1.0)
    obs, reset = view.observations(), torch.as_tensor(view.branches[1].cleared)[:, None]
    cue = torch.tensor([[0.0, 0.0, FIRST_CUE, 0.0, 1.0]])
    with torch.no_grad():
        _, start = policy.step(cue, policy.initial_state(1))
        for t in range(len(CUES)):
            _, state = policy.unroll(obs[: t + 1], start, reset[: t + 1])
            hidden = state[0] if cell == "lstm" else state
            for branch in view.branches:
                assert branch.memory[t] == pytest.approx(hidden[-1, 0, 2].item(), abs=1e-6)


def test_taken_right_the_memory_is_the_episode_s_cue(remembering):
    view = ResetView(remembering)
    for branch in view.branches:
        assert np.allclose(branch.memory, view.cue(), atol=1e-3)
        assert np.flatnonzero(branch.cleared).tolist() == [4, 8]


def test_taken_late_in_one_branch_they_differ_in_both_they_agree_and_are_wrong(remembering):
    view = ResetView(remembering, unroll="one step late")
    assert "The branches differ by up to 0.8." in view.caption.value
    view.when["step"].value = "one step late"
    one, other = view.branches
    assert np.allclose(one.memory, other.memory, atol=1e-6)
    assert "right in 5 of 12" in view.caption.value
    assert "The branches agree." in view.caption.value


def test_taken_early_the_old_episode_s_last_step_forgets(remembering):
    view = ResetView(remembering, step="one step early")
    wrong = ~np.isclose(view.branches[0].memory, view.cue(), atol=1e-3)
    assert np.flatnonzero(wrong).tolist() == [3, 7]


def test_every_control_moves_the_picture(remembering):
    view = ResetView(remembering)
    seen = [view.image.value]
    for button in view.buttons:
        button.value = not button.value
        seen.append(view.image.value)
    for dropdown in view.when.values():
        for choice in ("one step late", "one step early", "never"):
            dropdown.value = choice
            seen.append(view.image.value)
    assert view.failure.value == ""
    assert len(set(seen)) == len(seen)


@pytest.mark.parametrize("begins", [(), range(12), (0,), (11,)])
@pytest.mark.parametrize("when", ["one step late", "one step early", "never"])
def test_the_picture_says_what_it_shows_and_no_words_collide(remembering, begins, when):
    view = ResetView(remembering, begins=begins, unroll=when)
    fig = draw_branches(view.begins, view.cue(), view.branches)
    assert clear_of_each_other(fig)
    for ax, branch in zip(fig.axes, view.branches, strict=False):
        heights = [bar.get_height() for bar in ax.patches]
        assert np.allclose(heights, branch.memory)
        cuts = [t.get_position()[0] + 0.5 for t in ax.texts if t.get_text() == SCISSORS]
        assert cuts == np.flatnonzero(branch.cleared).tolist()


def test_two_branches_alike_have_no_difference():
    branch = Branch("a", np.ones(3), np.zeros(3, bool))
    fig = draw_branches(np.zeros(3, bool), np.ones(3), (branch, branch._replace(name="b")))
    assert fig.axes[2]._left_title.get_text() == "difference between them: none"
    assert png_bytes(fig)[:4] == b"\x89PNG"


def test_the_controls_wrap(remembering):
    for row in ResetView(remembering).children[:2]:
        assert row.layout.flex_flow == "row wrap"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"begins": (12,)}, "begins: expected steps"),
        ({"unroll": "later"}, "unroll: expected one of"),
    ],
)
def test_misuse_is_told(remembering, settings, message):
    with pytest.raises(ValueError, match=message):
        ResetView(remembering, **settings)
