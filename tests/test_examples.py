"""The examples in the package's docstrings: each one runs, and each public name has one."""

import ast
import doctest
import importlib
import re
from pathlib import Path

import pytest

import rnn_tutorial

PACKAGE = Path(rnn_tutorial.__file__).parent
README = PACKAGE.parent / "README.md"
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef)

# A module stands for what it holds under many names.
PUBLIC = """
envs.goals envs.goals.semi_circle_goal_sampler envs.goals.circle_goal_sampler envs.point.PointEnv
envs.point.SparsePointEnv envs.memory.CuedPointEnv envs.memory.make_point_trial
envs.vector.PointVectorEnv envs.wrappers.PreviousActionReward policy.RNNPolicy
recurrent.RecurrentCore rollout.Rollout rollout.record interventions
interventions.zero interventions.freeze interventions.replace buffer.RolloutBuffer ppo.train
settings.Settings checkpoint.load_policy checkpoint.read_checkpoint runs.train_runs probes data
data.read_table
""".split()  # noqa: SIM905


def docstrings(node, name):
    """Name, docstring and line of a syntax tree's module, classes and functions."""
    if isinstance(node, DOCUMENTED) and (text := ast.get_docstring(node, clean=False)):
        yield name, text, node.body[0].lineno - 1
    for child in ast.iter_child_nodes(node):
        if isinstance(child, DOCUMENTED):
            yield from docstrings(child, f"{name}.{child.name}")


def examples():
    """Name -> the examples of a docstring, to be run with the names of its module."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        source = path.read_text(encoding="utf-8")
        if ">>>" not in source:
            continue
        module = ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
        for name, text, line in docstrings(ast.parse(source), module):
            names = vars(importlib.import_module(f"rnn_tutorial.{module}")).copy()
            test = doctest.DocTestParser().get_doctest(text, names, name, str(path), line)
            if test.examples:
                found[name] = test
    return found


EXAMPLES = examples()


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_gives_what_its_docstring_says(name, request):
    if name == "export.export":  # whose shapes are tensors while it is traced
        request.getfixturevalue("no_shape_hook")
    said = []
    runner = doctest.DocTestRunner(verbose=False, optionflags=doctest.ELLIPSIS)
    assert runner.run(EXAMPLES[name], out=said.append).failed == 0, "".join(said)


@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_name_has_an_example(name):
    assert name in EXAMPLES


def test_every_name_in_readme_s_table_is_in_an_example():
    (table,) = re.findall(
        r"\| public name \|.*?\n\n", README.read_text(encoding="utf-8"), re.DOTALL
    )
    rows = [row for row in table.splitlines()[2:] if "doctor" not in row]  # test_readme.py runs it
    quoted = {text for row in rows for text in re.findall(r"`([^`]+)`", row)}
    names = {re.split(r"[/.]", text.partition("(")[0].strip("./"))[-1] for text in quoted}
    assert {"RNNPolicy", "step", "Point-v0", "train_runs", "GOAL_SAMPLERS", "probes"} <= names
    code = " ".join(one.source for test in EXAMPLES.values() for one in test.examples)
    shown = {*re.findall(r"[\w-]+", code), *(part for name in EXAMPLES for part in name.split("."))}
    assert names - shown == set()
    assert sum(len(test.examples) for test in EXAMPLES.values()) >= len(names)
