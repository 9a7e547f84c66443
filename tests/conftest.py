"""What several test files share."""

import csv
from itertools import combinations
from pathlib import Path

import jaxtyping
import pytest
import torch

# Small tensors, and two test processes at once: more threads would only wait for each other.
torch.set_num_threads(1)

VERDICTS = Path(__file__).with_name("golden") / "verdicts.csv"


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: left out by `make check`")


def pytest_addoption(parser):
    parser.addoption("--record-verdicts", action="store_true", help="write golden/verdicts.csv")


@pytest.fixture
def no_shape_hook():
    """Switches the runtime shape checks off, which show instead of the package's own errors."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


@pytest.fixture(autouse=True)
def shapes_are_checked_in_fast_tests(request):
    """Runs the slow tests without the runtime shape checks, which take half of their time."""
    if request.node.get_closest_marker("slow"):
        request.getfixturevalue("no_shape_hook")


@pytest.fixture
def generator():
    """A seeded torch generator."""
    return torch.Generator().manual_seed(0)


@pytest.fixture
def texts_fit():
    """Asserts that the texts of a figure's first axes neither overlap nor leave the figure."""

    def check(fig, touching=0.0):
        """`touching`: by how many pixels the boxes of two texts, one above the other, may meet."""
        fig.canvas.draw()
        texts = [text for text in fig.axes[0].texts if text.get_text()]
        boxes = [(text.get_text(), text.get_window_extent()) for text in texts]
        assert boxes
        for text, box in boxes:
            assert fig.bbox.x0 <= box.x0, text
            assert box.x1 <= fig.bbox.x1, text
            assert fig.bbox.y0 <= box.y0, text
            assert box.y1 <= fig.bbox.y1, text
        for (text, box), (other_text, other) in combinations(boxes, 2):
            wide = min(box.x1, other.x1) - max(box.x0, other.x0)
            high = min(box.y1, other.y1) - max(box.y0, other.y0)
            meet = touching > 0 and (wide <= 0 or high <= touching)
            assert meet or not box.overlaps(other), (text, other_text)

    return check


def read_verdicts():
    with VERDICTS.open(newline="") as file:
        return {
            row["subject"]: (row["failed"], row["not applicable"]) for row in csv.DictReader(file)
        }


@pytest.fixture
def frozen_verdicts():
    """Subject -> the checks that it failed, and those that did not apply, as frozen."""
    return read_verdicts()


@pytest.fixture
def as_frozen(request):
    """Compares a report with `golden/verdicts.csv`, or, with --record-verdicts, writes it there.

    Where a verdict changes on purpose, record it in a commit of its own that says why:
    `pytest tests/test_zoo.py tests/test_doctor*.py --record-verdicts`.
    """

    def compare(subject, report):
        skipped = [check.name for check in report if check.status == "not applicable"]
        found = " ".join(report.failed), " ".join(skipped)
        if request.config.getoption("--record-verdicts"):
            rows = read_verdicts() | {subject: found}
            with VERDICTS.open("w", newline="") as file:
                writer = csv.writer(file, lineterminator="\n")
                writer.writerow(("subject", "failed", "not applicable"))
                writer.writerows((name, *columns) for name, columns in sorted(rows.items()))
        assert read_verdicts()[subject] == found

    return compare
