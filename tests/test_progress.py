"""The bar of a long cell: it counts, and is gone at the end."""

from types import SimpleNamespace

from rnn_tutorial.widgets import progress as module
from rnn_tutorial.widgets.progress import progress


def test_the_items_come_through_and_the_bar_counts_them(monkeypatch):
    seen = []

    def display(bar, display_id):
        seen.append(bar.data)
        return SimpleNamespace(update=lambda bar: seen.append(bar.data))

    monkeypatch.setattr(module, "display", display)
    monkeypatch.setattr(module, "clear_output", lambda: seen.append("cleared"))
    assert list(progress(iter("abc"), "letters")) == ["a", "b", "c"]
    assert [text.split("> ")[-1] for text in seen] == [
        *(f"letters {done} of 3" for done in (0, 0, 1, 2)),
        "cleared",
    ]


def test_it_works_without_a_notebook():
    assert sum(progress([1, 2])) == 3
