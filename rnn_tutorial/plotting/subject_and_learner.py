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
        "Does reset clear the state, all of it,\nbefore the step, in that env only?",
        "Can the future, another env or padding\nreach an output?",
        "How far back does the gradient reach?",
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
        "Is the ratio 1 before the first update?",
        "Does a sequence start from the state\nthat acting had?",
        "Is every step learned from once,\nand padding never?",
        "Do targets include V after a truncation,\nand leave it out after a termination?",
    ),
)
WIDTH, BOX, LINE = 4.3, 0.42, 0.29  # inches, the heights of a method's box and of a line of text


def draw_subject_and_learner() -> Figure:
    """Draw the methods of a subject and of a learner, and the doctor's questions below them."""
    height = 4.9
    fig, ax = figure(size=(2 * WIDTH, height))
    ax.set(xlim=(0, 2 * WIDTH), ylim=(height, 0))
    ax.axis("off")
    rows = max(len(column[1]) for column in (SUBJECT, LEARNER))
    for left, column in ((0.0, SUBJECT), (WIDTH, LEARNER)):
        _draw_column(ax, left, rows, *column)
    return fig


def _draw_column(
    ax: Axes, left: float, rows: int, title: str, methods: Any, questions: Any
) -> None:
    ax.text(left + 0.1, 0.2, title, fontsize=12, va="center", weight="bold")
    for row, (call, result, colour) in enumerate(methods):
        top = 0.45 + (BOX + 0.1) * row
        look: dict[str, Any] = {"boxstyle": "round,pad=0,rounding_size=0.08"}
        look |= {"fc": to_rgba(colour, 0.18), "ec": colour, "lw": 1.2}
        ax.add_patch(FancyBboxPatch((left + 0.1, top), WIDTH - 0.3, BOX, **look))
        middle = top + BOX / 2
        ax.text(left + 0.22, middle, call, fontsize=10.5, va="center", family="monospace")
        ends: dict[str, Any] = {"va": "center", "ha": "right", "fontsize": 10.5}
        ax.text(left + WIDTH - 0.32, middle, f"→ {result}", **ends)
    top = 0.55 + (BOX + 0.1) * rows
    ax.text(left + 0.1, top + 0.1, "The doctor asks:", fontsize=10.5, va="center", color=INK)
    top += LINE
    for question in questions:
        ax.text(left + 0.1, top, "•", fontsize=10.5, va="top")
        ax.text(left + 0.28, top, question, fontsize=10.5, va="top", linespacing=1.25)
        top += LINE * (0.72 * (question.count("\n") + 1) + 0.35)
