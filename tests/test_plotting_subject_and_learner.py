"""The picture of what goes to the doctor names the methods that the protocols ask for."""

import re
from inspect import signature

from rnn_tutorial.doctor.learner import Learner
from rnn_tutorial.doctor.subject import Subject
from rnn_tutorial.plotting.figures import pixels
from rnn_tutorial.plotting.subject_and_learner import LEARNER, SUBJECT, draw_subject_and_learner


def test_every_method_of_the_protocols_is_there_with_its_arguments():
    for protocol, (_, methods, _) in ((Subject, SUBJECT), (Learner, LEARNER)):
        asked = {name for name in vars(protocol) if not name.startswith("_")}
        drawn = {re.match(r"\w+", call).group(): call for call, _, _ in methods}
        assert set(drawn) == asked
        for name, call in drawn.items():
            arguments = list(signature(getattr(protocol, name)).parameters)[1:]
            assert call == f"{name}({', '.join(arguments)})"


def test_texts_keep_apart_and_inside():
    fig = draw_subject_and_learner()
    pixels(fig)
    (ax,) = fig.axes
    boxes = [text.get_window_extent() for text in ax.texts]
    assert len(boxes) > 20
    for i, box in enumerate(boxes):
        assert fig.bbox.containsx(box.x0)
        assert fig.bbox.containsx(box.x1)
        assert fig.bbox.containsy(box.y0)
        assert fig.bbox.containsy(box.y1)
        assert not any(box.overlaps(other) for other in boxes[i + 1 :])


def test_what_belongs_to_the_learner_is_below_and_questions_are_on_the_right():
    (ax,) = draw_subject_and_learner().axes
    place = {text.get_text(): text.get_position() for text in ax.texts}
    subject, learner = place["unroll(obs, state, reset)"], place["minibatches()"]
    asked = {"subject": "Do T steps equal one unroll?", "learner": LEARNER[2][0]}
    assert subject[1] < learner[1]
    assert place[asked["subject"]][1] < learner[1] < place[LEARNER[2][-1]][1]
    assert place[asked["learner"]][1] > subject[1]
    assert all(place[question][0] > subject[0] for question in asked.values())


def test_it_reads_in_a_narrow_column():
    fig = draw_subject_and_learner()
    assert fig.get_size_inches()[0] <= 6.2
    assert min(text.get_fontsize() for text in fig.axes[0].texts) >= 10.5
