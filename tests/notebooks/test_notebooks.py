"""The notebooks as they are committed: executed, clean, linked, with solutions that pass."""

import ast
import itertools
import json
import re
from pathlib import Path

import nbformat
import pytest
from execute import NOTEBOOKS, WIDGET_VIEW, clean

PATHS = sorted(NOTEBOOKS.glob("*.ipynb"))
LINK = re.compile(r"\]\(([^)#\s]*\.ipynb)?(#[^)\s]+)?\)")
SOLUTION = re.compile(r"Solution</summary>\s*```python\n(.*?)```", re.DOTALL)


def read(path: Path) -> nbformat.NotebookNode:
    return nbformat.read(path, as_version=4)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def anchors(path: Path) -> set[str]:
    """The anchors JupyterLab makes of a notebook's headings: dashes for spaces."""
    prose = [cell.source for cell in read(path).cells if cell.cell_type == "markdown"]
    headings = re.findall(r"^#{1,6} +(.+?)\s*$", "\n".join(prose), flags=re.MULTILINE)
    return {"#" + re.sub(r"[`*]", "", heading).replace(" ", "-") for heading in headings}


def exercises():
    """For each exercise: the import cell, its stub and its solution as one source; its check."""
    found = []
    for path in PATHS:
        notebook = read(path)
        imports = code_cells(notebook)[0].source
        for before, cell in zip(notebook.cells, notebook.cells[1:], strict=False):
            for solution in SOLUTION.findall(cell.source):
                *stub, call = map(ast.unparse, ast.parse(before.source).body)
                source = "\n".join((imports, *stub, solution))
                name = re.search(r"def (\w+)", solution).group(1)
                found.append(pytest.param(source, call, id=f"{path.stem}-{name}"))
    return found


def test_the_whole_series_is_here():
    assert [path.name[:2] for path in PATHS] == [f"{n:02d}" for n in range(len(PATHS))]
    assert len(PATHS) >= 6


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
class TestStored:
    def test_it_was_executed_in_order_from_a_fresh_kernel(self, path):
        cells = code_cells(read(path))
        assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))

    def test_no_cell_failed_and_none_wrote_to_stderr(self, path):
        for cell in code_cells(read(path)):
            for output in cell.outputs:
                tags = cell.metadata.get("tags", [])
                assert output.output_type != "error" or "raises-exception" in tags
                assert output.get("name") != "stderr", output

    def test_it_holds_nothing_that_another_run_would_not_repeat(self, path):
        notebook = read(path)
        before = json.dumps(notebook, sort_keys=True)
        clean(notebook)
        assert json.dumps(notebook, sort_keys=True) == before
        assert WIDGET_VIEW not in path.read_text(encoding="utf-8")

    def test_each_picture_has_alt_text(self, path):
        pictures = [
            output
            for cell in code_cells(read(path))
            for output in cell.outputs
            if "image/png" in output.get("data", {})
        ]
        assert pictures
        for output in pictures:
            assert len(output.metadata["image/png"]["alt"]) > 20

    def test_it_is_below_a_megabyte(self, path):
        assert path.stat().st_size < 1_000_000

    def test_each_link_leads_somewhere(self, path):
        for cell in read(path).cells:
            if cell.cell_type != "markdown":
                continue
            for file, anchor in LINK.findall(cell.source):
                target = NOTEBOOKS / file if file else path
                assert target.exists(), f"{file} does not exist"
                assert not anchor or anchor in anchors(target), f"{target.name} has no {anchor}"

    def test_it_begins_with_a_title_and_a_question(self, path):
        first = read(path).cells[0].source
        assert first.startswith("# ")
        assert "?" in first


def spine(notebook):
    """The cells before the heading `# Deeper`, or all of them where there is none."""
    starts = [i for i, cell in enumerate(notebook.cells) if cell.source.startswith("# Deeper")]
    return notebook.cells[: starts[0]] if starts else notebook.cells


def prose(cells):
    """The markdown of some cells without what folds out."""
    text = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    return re.sub(r"<details>.*?</details>", "", text, flags=re.DOTALL)


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
class TestForm:
    def test_the_spine_is_read_in_twenty_minutes(self, path):
        cells = spine(read(path))
        assert len(cells) <= 30
        assert len(prose(cells[1:]).split()) <= 1800

    def test_the_contents_name_every_section_and_say_which_are_deeper(self, path):
        notebook = read(path)
        first = notebook.cells[0].source
        assert "**On this page**" in first
        deeper = notebook.cells[len(spine(notebook)) :]
        assert bool(deeper) == ("**Deeper**" in first)
        listed = {anchor for file, anchor in LINK.findall(first) if not file}
        for cell in deeper:
            for heading in re.findall(r"^## +(.+?)\s*$", cell.source, flags=re.MULTILINE):
                assert "#" + re.sub(r"[`*]", "", heading).replace(" ", "-") in listed

    def test_the_spine_ends_with_the_reader_s_own_task_and_a_recap(self, path):
        headings = re.findall(r"^## +(.+?)\s*$", prose(spine(read(path))), flags=re.MULTILINE)
        assert "What this means for your own task" in headings
        assert headings[-1] == "Recap"

    def test_a_guess_comes_before_its_answer(self, path):
        cells = read(path).cells
        for number, cell in enumerate(cells):
            if cell.cell_type != "markdown" or not re.search(r"\b[Gg]uess\b", prose([cell])):
                continue
            following = list(
                itertools.takewhile(lambda c: c.cell_type == "code", cells[number + 1 :])
            )
            shown = [answer for answer in following if answer.outputs]
            folded = [cell for cell in shown if "hide-output" in cell.metadata.get("tags", [])]
            assert folded or not shown, f"cell {number} asks for a guess"

    def test_what_is_folded_is_folded_in_both_ways_and_is_no_widget_or_exercise(self, path):
        for cell in code_cells(read(path)):
            hidden = cell.metadata.get("jupyter", {}).get("outputs_hidden", False)
            assert hidden == ("hide-output" in cell.metadata.get("tags", []))
            if hidden:
                assert not re.search(
                    r"^check_|^judge|^[A-Z]\w+(View|Stepper|Explorer)\(", cell.source, re.M
                )

    def test_code_cells_and_printed_lines_are_short(self, path):
        for cell in code_cells(read(path)):
            assert len([line for line in cell.source.splitlines() if line.strip()]) <= 20, (
                cell.source
            )
            for output in cell.outputs:
                for line in output.get("text", "").splitlines():
                    assert len(line) <= 100, line


def test_each_notebook_has_two_to_four_exercises():
    for path in PATHS[1:]:
        count = sum(path.stem in parameters.id for parameters in exercises())
        assert 2 <= count <= 4, (path.name, count)


@pytest.mark.parametrize(("source", "call"), exercises())
def test_each_folded_solution_passes_its_check(source, call):
    names: dict[str, object] = {}
    exec(source, names)
    verdict = eval(call, names)
    assert verdict.right, verdict
