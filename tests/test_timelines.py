"""Pictures of what happens at an end: they agree with recorded rollouts, and their texts fit."""

from functools import partial

import numpy as np
import pytest
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from gymnasium.wrappers import TimeLimit

from rnn_tutorial.envs import PointEnv
from rnn_tutorial.plotting.figures import png_bytes
from rnn_tutorial.plotting.timelines import (
    ENDS,
    MODES,
    draw_autoreset,
    draw_by_episode,
    draw_ends,
    draw_errors,
    draw_flags,
    moments,
)
from rnn_tutorial.policy import RNNPolicy
from rnn_tutorial.rollout import record

DIAGRAMS = [
    *(partial(draw_autoreset, end, end + 4) for end in (0, 2)),
    *(partial(draw_ends, kinds) for kinds in (ENDS, ENDS[:1], ENDS[1:])),
]


def words(fig):
    return [text.get_text() for ax in fig.axes for text in ax.texts]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("end", [2, 3])
def test_the_drawn_flags_are_those_of_a_recorded_rollout(mode, end):
    env = SyncVectorEnv([lambda: TimeLimit(PointEnv(), end + 1)], autoreset_mode=mode)
    policy = RNNPolicy(env.single_observation_space, env.single_action_space, hidden_size=4)
    rollout = record(policy, env, end + 4, seed=0)
    line = moments(mode, end, end + 4)
    for name in ("reset", "valid"):
        drawn = [getattr(moment, name) for moment in line]
        np.testing.assert_array_equal(drawn, getattr(rollout, name)[:, 0])
    ended = [moment.ended for moment in line][: 2 * end + 1]  # before the second one ends
    np.testing.assert_array_equal(ended, rollout.truncated[: 2 * end + 1, 0])
    at_start = [moment.observation == 0 for moment in line]
    np.testing.assert_array_equal(at_start, ~rollout.observation[:, 0].any(-1))


def test_only_same_step_hands_out_a_final_observation_and_only_next_step_spends_a_step():
    said = words(draw_autoreset(end=1, steps=5))
    assert said.count('info["final_obs"]') == said.count("this step only resets") == 1
    numbers = [float(word) for word in said if "." in word and word.replace(".", "").isdigit()]
    assert numbers == [0.0, 0.1, 0.0, 0.1, 0.2, 0.2, 0.0, 0.1, 0.2, 0.0, 0.1]
    spent = [m for m in moments(AutoresetMode.NEXT_STEP, 1, 5) if not m.valid]
    assert [moment.observation for moment in spent] == [0.2]


def test_a_value_follows_unless_the_episode_terminated():
    for kind, target in zip(ENDS, ("r + γ · 0", "r + γ V", "r + γ V"), strict=True):
        said = words(draw_ends([kind]))
        assert target in said
        assert ("V" in said) == (kind != "terminated")


def test_the_state_is_cut_at_an_episode_s_end_and_not_at_a_rollout_s():
    assert ["✕" in words(draw_ends([kind])) for kind in ENDS] == [True, True, False]


def test_two_settings_are_two_pictures():
    assert len({png_bytes(draw()) for draw in DIAGRAMS}) == len(DIAGRAMS)


@pytest.mark.parametrize("draw", DIAGRAMS)
def test_texts_neither_overlap_nor_leave_the_figure(draw, texts_fit):
    texts_fit(draw())


def test_flags_are_full_where_they_are_true():
    flag = np.array([False, True, False])
    (ax,) = draw_flags({"one": flag, "other": ~flag}, start=7, boundaries=[8]).axes
    full = [patch.get_facecolor()[3] > 0 for patch in ax.patches]
    np.testing.assert_array_equal(full, [*flag, *~flag])
    assert ax.patches[1].get_x() + 0.3 == pytest.approx(8)
    assert ax.lines[0].get_xdata()[0] == 7.5


def test_errors_share_one_scale_and_stop_at_the_floor():
    errors = {"a": np.array([0.0, 0.1]), "b": np.array([1e-3, 1e-12])}
    axes = draw_errors(errors, "error", boundaries=[1]).axes
    assert [ax.get_title(loc="left") for ax in axes] == ["a", "b"]
    np.testing.assert_allclose(axes[0].lines[0].get_ydata(), [1e-8, 0.1])
    np.testing.assert_allclose(axes[1].lines[0].get_ydata(), [1e-3, 1e-8])
    assert axes[0].get_ylim() == axes[1].get_ylim()


def test_rules_that_end_equal_share_a_label():
    by_rule = {"cleared": [1.0, 2.0], "kept": [1.0, 0.0], "also kept": [1.0, 0.0]}
    (ax,) = draw_by_episode({"task": {k: np.array(v) for k, v in by_rule.items()}}).axes
    assert [text.get_text() for text in ax.texts] == ["cleared", "kept\nalso kept"]
    assert [line.get_linestyle() for line in ax.lines] == ["-", "--", ":"]
