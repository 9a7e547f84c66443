"""One frame of the rollout stepper, beside drawing the same figure anew; both end in a PNG."""

from itertools import cycle

from measure import Row, limit, side_by_side, times_faster

from rnn_tutorial.plotting.figures import png_bytes
from rnn_tutorial.plotting.rollout import RolloutPicture
from rnn_tutorial.widgets.stepper import RolloutStepper

REPEATS = 40
AT_MOST = 15  # milliseconds


def rows() -> list[Row]:
    """In this process, without a browser: the time a kernel is busy with one move."""
    view = RolloutStepper()
    length = len(view.rollout)
    times, other_times = cycle(range(0, length, 7)), cycle(range(0, length, 7))

    def move() -> None:
        before = view.image.value
        view.show_step(next(times))
        assert view.image.value is not before

    def draw_anew() -> None:
        picture = RolloutPicture(view.rollout, goal_radius=0.5, branch="step")
        picture.set_time(next(other_times))
        png_bytes(picture.fig)

    ours, anew = side_by_side((move, draw_anew), REPEATS)
    return [
        limit("stepper, one frame in the kernel", 1e3 * ours, AT_MOST, "ms"),
        times_faster("stepper, one frame: figure anew", 1e3 * ours, 1e3 * anew, 5, "ms"),
    ]
