"""Stale outputs are found, and what another processor changes is no alarm."""

import pytest
from compare import alike, arithmetic, differences, main, texts
from nbformat.v4 import new_code_cell, new_notebook, new_output, writes


def notebook(text, *, tags=(), made_here=True, kind="stream"):
    if kind == "stream":
        outputs = [new_output("stream", name="stdout", text=part) for part in text]
    else:
        outputs = [new_output("display_data", data={"text/html": text[0], "text/plain": "-"})]
    cell = new_code_cell("1", outputs=outputs, metadata={"tags": list(tags)})
    cell.id = "cell-000"
    made = arithmetic() if made_here else "elsewhere"
    return new_notebook(cells=[cell], metadata={"arithmetic": made})


def test_a_stream_in_pieces_is_one_text():
    assert texts(notebook(["a: ", "1\n"]).cells[0]) == ["a: 1\n"]
    assert differences(notebook(["a: ", "1"]), notebook(["a: 1"])) == []


@pytest.mark.parametrize("kind", ["stream", "html"])
def test_where_the_arithmetic_is_the_same_every_digit_counts(kind):
    (found,) = differences(notebook(["R2 0.81"], kind=kind), notebook(["R2 0.80"], kind=kind))
    assert found.startswith("cell 0:")
    assert "-R2 0.80\n+R2 0.81" in found


@pytest.mark.parametrize(
    ("fresh", "tags", "found"),
    [
        ("return -5.3 of 1,024", (), False),
        ("return -5.2 of 1,024", (), True),
        ("return −5.2 of 1,024", ("trained-here",), False),
        ("returns -5.4 of 1,024", ("trained-here",), True),
        ("return -9 of 3", ("live-output",), False),
    ],
)
def test_elsewhere_the_words_count_and_numbers_up_to_a_last_digit(fresh, tags, found):
    stored = notebook(["return -5.4 of 1,024"], tags=tags, made_here=False)
    assert bool(differences(notebook([fresh]), stored)) == found


def test_a_number_is_compared_by_its_own_last_digit():
    assert alike("3e-05 and 12", "2e-05 and 11", numbers=True)
    assert alike("3e-16 and 12", "7e-08 and 12", numbers=True)
    assert not alike("3e-05 and 12", "5e-05 and 12", numbers=True)
    assert not alike("3e-05 and 12", "3e-05 and 14", numbers=True)
    assert not alike("nan", "1.0", numbers=True)


def test_the_command_fails_for_a_stale_output_and_for_no_notebooks(tmp_path, capsys):
    for folder, text in (("fresh", "2"), ("stored", "1"), ("empty", "")):
        (tmp_path / folder).mkdir()
        if text:
            (tmp_path / folder / "00.ipynb").write_text(writes(notebook([text])))
    paths = {path.name: str(path) for path in tmp_path.iterdir()}
    assert main(paths["fresh"], paths["stored"]) == 1
    assert "00.ipynb, cell 0" in capsys.readouterr().out
    assert main(paths["stored"], paths["stored"]) == 0
    assert main(paths["fresh"], paths["empty"]) == 1


def test_the_fingerprint_repeats():
    assert arithmetic() == arithmetic()
