"""Which room of the package may import which, and what importing it may load."""

import ast
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import rnn_tutorial

ROOT = Path(rnn_tutorial.__file__).parent
HEAVY = {"matplotlib", "ipywidgets", "IPython", "seaborn", "PIL"}
CORE = {"colours", "envs", "nest", "recurrent", "observations", "encoders", "normalisation"}
CORE |= {"actions", "policy", "acting", "rollout", "buffer", "interventions", "probes", "gradients"}
CORE |= {"checkpoint", "settings", "collect", "same_run", "ppo", "doctor", "frame_stack", "data"}
CORE |= {"export", "parallel", "runs", "checks", "fingerprint", "last_observations"}
CORE |= {"layers", "mingru", "attention", "cores"}
# Room -> the rooms it may import beside itself. The colours are constants that anybody may use.
MAY_IMPORT = {
    "colours": set(),
    "envs": {"colours"},
    "nest": set(),
    "checks": set(),
    "fingerprint": set(),
    "last_observations": {"nest", "observations"},
    "layers": set(),
    "recurrent": {"layers", "nest"},
    "mingru": {"recurrent"},
    "attention": {"checks", "recurrent"},
    "cores": {"attention", "frame_stack", "mingru", "recurrent"},
    "observations": {"nest"},
    "encoders": {"nest", "observations"},
    "normalisation": {"nest", "observations"},
    "actions": set(),
    "frame_stack": {"checks", "recurrent"},
    "policy": {
        "actions",
        "checks",
        "cores",
        "encoders",
        "nest",
        "normalisation",
        "observations",
        "recurrent",
    },
    "interventions": {"nest", "recurrent"},
    "acting": {
        "actions",
        "checks",
        "interventions",
        "last_observations",
        "nest",
        "observations",
        "policy",
        "recurrent",
    },
    "rollout": {"acting", "actions", "checks", "interventions", "nest", "policy", "recurrent"},
    "probes": {"interventions", "nest", "policy", "rollout"},
    "gradients": {"actions", "nest", "policy"},
    "buffer": {"nest", "recurrent"},
    "checkpoint": {"policy"},
    "settings": set(),
    "collect": {"acting", "actions", "buffer", "policy", "recurrent", "settings"},
    "same_run": {"acting", "checkpoint", "fingerprint", "policy", "settings"},
    "ppo": {
        "acting",
        "buffer",
        "checkpoint",
        "collect",
        "encoders",
        "nest",
        "policy",
        "recurrent",
        "same_run",
        "settings",
    },
    "export": {"actions", "nest", "observations", "policy", "recurrent"},
    "data": set(),
    "parallel": {"__init__", "fingerprint"},
    "runs": {"acting", "parallel", "policy", "ppo", "settings"},
    "doctor": {
        "acting",
        "actions",
        "interventions",
        "last_observations",
        "nest",
        "observations",
        "policy",
        "encoders",
        "recurrent",
        "rollout",
        "buffer",
        "collect",
        "settings",
        "ppo",
        "data",
        "envs",
        "runs",
    },
    "exercises": CORE,
    "plotting": CORE | {"exercises"},
    "widgets": CORE | {"exercises", "plotting"},
    "__init__": {"envs"},
}
FILES = sorted(ROOT.rglob("*.py"))


def room_of(path):
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imported_modules(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide which room is meant"
            yield node.module
            if node.module == "rnn_tutorial":
                yield from (f"rnn_tutorial.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_room_imports_only_the_rooms_below_it(path):
    room = room_of(path)
    modules = [m.split(".") for m in imported_modules(ast.parse(path.read_text()))]
    used = {parts[1] for parts in modules if parts[0] == "rnn_tutorial" and len(parts) > 1}
    assert used - {room} <= MAY_IMPORT[room]


def test_the_rule_has_no_circle():
    TopologicalSorter(MAY_IMPORT).prepare()


@pytest.mark.parametrize(
    "modules",
    [
        ["rnn_tutorial"],
        ["rnn_tutorial.policy", "rnn_tutorial.rollout", "rnn_tutorial.envs.oracle"],
    ],
    ids=" ".join,
)
def test_importing_loads_no_plotting_and_no_widgets(modules):
    code = (
        f"import sys; [__import__(name) for name in {modules}]; import gymnasium;"
        "gymnasium.make('rnn_tutorial/PointTrial-v0').reset();"
        "gymnasium.make_vec('rnn_tutorial/Point-v0', num_envs=2).reset();"
        f"print(*sorted(set(sys.modules) & {HEAVY}))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == ""
