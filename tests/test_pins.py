"""The lists of versions: what a reader needs, what a developer needs, what the package asks for."""

import ast
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import nbformat
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def pins(name):
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    found = map(Requirement, [line for line in lines if re.match(r"[a-z]", line)])
    return {canonicalize_name(one.name): str(one.specifier).removeprefix("==") for one in found}


def bounds():
    """Every requirement with a lower bound, the extras' included."""
    lists = [PROJECT["dependencies"], *PROJECT["optional-dependencies"].values()]
    found = map(Requirement, [line for lines in lists for line in lines])
    return {one.name: one.specifier for one in found if one.specifier}


def imports(source):
    """The packages that a source needs: its imports, but for those in a function or a try."""
    for node in ast.iter_child_nodes(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module.partition(".")[0]


def test_a_reader_s_list_has_all_that_the_notebooks_import():
    modules = set()
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        for cell in nbformat.read(path, as_version=4).cells:
            if cell.cell_type == "code":
                modules |= set(imports(cell.source))
    installed = packages_distributions()
    foreign = modules - set(sys.stdlib_module_names) - {"rnn_tutorial"}
    needed = {canonicalize_name(installed.get(module, [module])[0]) for module in foreign}
    assert {"torch", "numpy", "gymnasium", "scikit-learn"} <= needed
    assert needed - pins("requirements.txt").keys() == set()


def test_a_developer_s_list_begins_with_the_reader_s_and_repeats_none_of_it():
    lines = (ROOT / "requirements-dev.txt").read_text(encoding="utf-8").splitlines()
    assert "-r requirements.txt" in lines[:2]
    assert pins("requirements.txt").keys().isdisjoint(pins("requirements-dev.txt"))
    environment = (ROOT / "environment.yml").read_text(encoding="utf-8")
    assert "- -r requirements.txt\n" in environment


def test_every_version_is_within_the_bounds_of_the_package():
    versions = pins("requirements.txt") | pins("requirements-dev.txt")
    for name, specifier in bounds().items():
        assert specifier.contains(versions[name]), name


def test_the_workflow_s_lowest_versions_are_the_bounds():
    workflow = (ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8")
    command = re.search(r"run: (grep .*) > bounds\.txt", workflow).group(1)
    lowest = subprocess.run(
        ["bash", "-c", command], capture_output=True, text=True, check=True, cwd=ROOT
    ).stdout.split()
    assert sorted(lowest) == sorted(
        f"{name}=={str(specifier).removeprefix('>=')}" for name, specifier in bounds().items()
    )


def test_the_version_is_said_alike_everywhere():
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\nversion: {PROJECT['version']}\n" in citation
    assert f'__version__ = "{PROJECT["version"]}"' in (
        ROOT / "rnn_tutorial" / "__init__.py"
    ).read_text(encoding="utf-8")
    (author,) = PROJECT["authors"]
    assert f"name: {author['name']}\n" in citation
    assert author["name"] in (ROOT / "LICENSE").read_text(encoding="utf-8")
