"""Picture of what goes to the doctor: a policy as subject, a training loop as learner."""

from typing import Any

from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from rnn_tutorial.colours import ACTION, HIDDEN, INK, OBSERVATION, REWARD
from rnn_tutorial.plotting.figures import figure

# Of each column: its title; the methods with what they give back, each in the colour of what it is
# about; and what the doctor asks of them.
SUBJECT = (
    "subject: your policy",
    (
        ("initial_state(n)", "state", HIDDEN),
        ("step(obs, state, reset)", "output, state", ACTION),
        ("unroll(obs, state, reset)", "outputs, state", ACTION),
    ),
    (
        "Do T steps equal one unroll?",
        "Does a reset clear all of the\nstate, before the step, in\nthat env only?",
        "Can the future, another env\nor padding reach an output?",
        "How far back does the\ngradient reach?",
    ),
)
LEARNER = (
    "learner: your training loop",
    (
        ("collect()", "rollout (T, N)", OBSERVATION),
        ("minibatches()", "sequences (L, B)", HIDDEN),
        ("evaluate(batch)", "log-prob, V", ACTION),
        ("loss(batch)", "loss, gradient", REWARD),
    ),
    (
        "Is the ratio 1 before the\nfirst update?",
        "Does a sequence start from\nthe state that acting had?",
        "Is every step learned from\nonce, and padding never?",
        "Do targets include V after a\ntruncation, and leave it out\nafter a termination?",
    ),
)
WIDTH, BOX, LINE = 6.2, 0.4, 0.205  # inches: the figure, a method's box, a line of text
BETWEEN = 3.75  # inches; the methods are left of it, the questions right


def draw_subject_and_learner() -> Figure:
    """Draw the methods of a subject and of a learner, and beside them the doctor's questions."""
    heights = [_height(*column) for column in (SUBJECT, LEARNER)]
    fig, ax = figure(size=(WIDTH, sum(heights)))
    ax.set(xlim=(0, WIDTH), ylim=(sum(heights), 0))
    ax.axis("off")
    _draw_part(ax, 0.0, *SUBJECT)
    _draw_part(ax, heights[0], *LEARNER)
    return fig


def _height(title: str, methods: Any, questions: Any) -> float:
    lines = sum(question.count("\n") + 1.4 for question in questions)
    return 0.62 + max((BOX + 0.1) * len(methods), LINE * lines)


def _draw_part(ax: Axes, top: float, title: str, methods: Any, questions: Any) -> None:
    ax.text(0.05, top + 0.2, title, fontsize=12, va="center", weight="bold")
    ax.text(BETWEEN, top + 0.2, "the doctor asks", fontsize=11, va="center", color=INK)
    for row, (call, result, colour) in enumerate(methods):
        low = top + 0.45 + (BOX + 0.1) * row
        look: dict[str, Any] = {"boxstyle": "round,pad=0,rounding_size=0.08"}
        look |= {"fc": to_rgba(colour, 0.18), "ec": colour, "lw": 1.2}
        ax.add_patch(FancyBboxPatch((0.05, low), BETWEEN - 0.25, BOX, **look))
        ax.text(0.13, low + BOX / 2, call, fontsize=10.5, va="center")
        ends: dict[str, Any] = {"va": "center", "ha": "right", "fontsize": 10.5}
        ax.text(BETWEEN - 0.28, low + BOX / 2, f"→ {result}", **ends)
    top += 0.45
    for question in questions:
        ax.text(BETWEEN, top, "•", fontsize=11, va="top")
        ax.text(BETWEEN + 0.15, top, question, fontsize=11, va="top", linespacing=1.2)
        top += LINE * (question.count("\n") + 1.4)
