"""What README says works: its code runs, its links lead somewhere, its commands exist."""

import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
PINS = (ROOT / "requirements.txt").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", TEXT, flags=re.DOTALL)


PYTHON_LINES = blocks("python")


@pytest.mark.slow
def test_the_package_in_ten_lines_runs():
    rollout, _, doctor = PYTHON_LINES
    assert len(rollout.splitlines()) <= 10
    run = subprocess.run(
        [sys.executable, "-c", rollout + doctor], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.startswith("Rollout(T=60, N=8, episodes=16)")
    assert "RNNPolicy: healthy (20 passed, 0 failed" in run.stdout


@pytest.mark.slow
def test_the_lines_about_your_own_task_run_and_go_on(tmp_path):
    _, task, _ = PYTHON_LINES
    for iterations in (1, 2):
        short = task.replace("iterations=60", f"iterations={iterations}")
        assert short != task
        run = subprocess.run(
            [sys.executable, "-c", short + "print(len(run.history))"],
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
        )
        assert run.returncode == 0, run.stderr
        mean, length = run.stdout.split()
        assert float(mean) > 5
        assert int(length) == iterations


def test_every_link_leads_to_a_file():
    links = re.findall(r"\]\(([^)#]+)\)", TEXT)
    assert len(links) >= 7
    assert all((ROOT / link).exists() for link in links)


def make(arguments, folder):
    """The commands that `make` would run where nothing is installed yet."""
    command = ["make", "--dry-run", f"VENV={folder / 'venv'}", *shlex.split(arguments)]
    said = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout
    return [shlex.split(line) for line in said.replace("\\\n", "").splitlines()]


def test_every_make_command_is_a_target(tmp_path):
    commands = set(re.findall(r"(?:^|`)make((?: [A-Z_]+=\S+| [a-z-]+)+)", TEXT, flags=re.MULTILINE))
    commands |= set(re.findall(r"^make ([^#\n]*)", CONTRIBUTING, flags=re.MULTILINE))
    named = {command.split()[0] for command in commands}
    assert {"lab", "test", "lint", "notebooks", "bench", "install-dev"} <= named
    for command in commands:
        assert make(command, tmp_path)


def test_the_first_command_takes_only_torch_from_its_index(tmp_path):
    (first,) = re.findall(r"^make lab (TORCH_INDEX=\S+)$", TEXT, flags=re.MULTILINE)
    pip = [line for line in make(f"lab {first}", tmp_path) if line[0].endswith("pip")]
    (torch,) = re.findall(r"^torch==.*$", PINS, flags=re.MULTILINE)
    (from_index,) = [line for line in pip if "--index-url" in line]
    assert from_index == pip[0]
    assert from_index[-4:] == ["--no-deps", "--index-url", first.partition("=")[2], torch]
    plain = [line for line in make("lab", tmp_path) if line[0].endswith("pip")]
    assert plain == pip[1:]
    assert not any("--quiet" in line or "-q" in line for line in pip)


def test_a_reader_installs_the_reader_s_list_and_a_developer_both(tmp_path):
    def installed(target):
        lines = [line for line in make(target, tmp_path) if "install" in line and "-r" in line]
        return [line[line.index("-r") + 1] for line in lines]

    assert installed("lab") == ["requirements.txt"]
    for target in ("test", "check", "lint", "notebooks", "bench"):
        assert installed(target) == ["requirements.txt", "requirements-dev.txt"]


def test_the_lines_for_windows_do_what_the_makefile_does(tmp_path):
    (block,) = blocks("powershell")
    first, *others = (line.split() for line in block.splitlines())
    assert first == ["py", "-m", "venv", ".venv"]
    theirs = [[line[0].rpartition("\\")[2], *line[1:]] for line in others]
    commands = [[Path(line[0]).name, *line[1:]] for line in make("lab", tmp_path)]
    ours = [line for line in commands if line[0] in ("pip", "jupyter")]
    unix = {"--no-compile", "--allow-root"}
    assert theirs == [[word for word in line if word not in unix] for line in ours]


def test_the_environment_of_conda_has_its_name():
    name = re.search(r"^name: (\S+)$", (ROOT / "environment.yml").read_text(), re.MULTILINE)
    assert f"conda activate {name.group(1)} " in TEXT


def test_what_the_package_needs_and_offers_is_said():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    needs = re.search(r"\(needs ([^)]*)\)", TEXT).group(1).split(", ")
    assert sorted(needs) == sorted(re.match(r"[\w-]+", d).group() for d in project["dependencies"])
    extras = set(re.findall(r"`\"\.\[(\w+)\]\"`", TEXT))
    assert extras == set(project["optional-dependencies"]) - {"peers"}


def test_every_place_that_contributing_names_exists():
    places = re.findall(r"`([\w.]+(?:/[\w.]*)+)`", CONTRIBUTING)
    assert {"rnn_tutorial/cores.py", "rnn_tutorial/doctor/zoo/", "tests/browser/"} <= {*places}
    assert [place for place in places if not (ROOT / place).exists()] == []


def test_every_notebook_is_on_the_map():
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        assert f"notebooks/{path.name}" in TEXT
