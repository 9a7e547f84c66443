"""The package as it is installed: from the wheel alone, far from the repository.

The wheel is built from the sdist. Its environment borrows what the tests' own environment has of
the packages that the wheel names, and nothing else: a requirement that is not declared is missing.
"""

import os
import re
import shlex
import subprocess
import sys
import tarfile
import venv
import zipfile
from importlib.metadata import Distribution, distribution, distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from test_readme import PYTHON_LINES

from rnn_tutorial import __version__

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[1]
ENV = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}


def run(*command, cwd=ROOT):
    """What a command prints; it is to succeed."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd, env=ENV)
    assert done.returncode == 0, done.stderr
    return done.stdout


def requirements(of: Distribution, extras=()):
    """Those that hold on this machine, with these extras."""
    for requirement in map(Requirement, of.requires or []):
        marker = requirement.marker
        if marker is None or any(marker.evaluate({"extra": extra}) for extra in ("", *extras)):
            yield requirement


def with_all_they_need(found: set[tuple[str, frozenset[str]]], requirement: Requirement):
    """Adds a requirement's name and extras to those found, and all that it leads to."""
    key = requirement.name, frozenset(requirement.extras)
    if key not in found:
        found.add(key)
        for inner in requirements(distribution(requirement.name), requirement.extras):
            with_all_they_need(found, inner)


class Installed:
    """A fresh environment with the wheel, and links to what the wheel requires."""

    def __init__(self, folder: Path, wheel: Path, *extras: str) -> None:
        self.folder = folder
        venv.create(folder / "env", with_pip=False, symlinks=True)
        self.python = str(folder / "env" / "bin" / "python")
        self.site = next((folder / "env" / "lib").glob("python*/site-packages"))
        self.pip("install", "--no-deps", str(wheel))
        found: set[tuple[str, frozenset[str]]] = set()
        package = next(iter(distributions(name="rnn_tutorial", path=[str(self.site)])))
        for requirement in requirements(package, extras):
            with_all_they_need(found, requirement)
        for name in {name for name, _ in found}:
            borrowed = distribution(name)
            for top in {file.parts[0] for file in borrowed.files} - {"..", "__pycache__"}:
                link = self.site / top
                if not link.exists():
                    link.symlink_to(borrowed.locate_file(top))

    def pip(self, *arguments):
        return run(sys.executable, "-m", "pip", "--python", self.python, *arguments)

    def says(self, code: str):
        return run(self.python, "-c", code, cwd=self.folder)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The sdist, and the wheel that was built from it."""
    folder = tmp_path_factory.mktemp("built")
    build = (sys.executable, "-m", "hatchling", "build", "-d", str(folder), "-t")
    run(*build, "sdist")
    (sdist,) = folder.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    run(*build, "wheel", cwd=folder / sdist.name.removesuffix(".tar.gz"))
    (wheel,) = folder.glob("*.whl")
    return sdist, wheel


@pytest.fixture(scope="module")
def core(built, tmp_path_factory):
    return Installed(tmp_path_factory.mktemp("core"), built[1])


def test_both_hold_the_data_and_the_sdist_the_notebooks(built):
    sdist, wheel = built
    data = {path.name for path in (ROOT / "data").glob("[!.]*.*")} - {"make.py"}
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    inside = {name for name in names if name.startswith("rnn_tutorial/_data/")}
    assert inside == {f"rnn_tutorial/_data/{name}" for name in data}
    tops = {"rnn_tutorial", f"rnn_tutorial-{__version__}.dist-info"}
    assert {name.split("/")[0] for name in names} == tops
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {f"data/{name}" for name in (*data, "make.py", "recipes/bugs.py")} <= names
    assert {f"notebooks/{path.name}" for path in (ROOT / "notebooks").glob("*.ipynb")} <= names


def test_nothing_comes_from_the_repository(core):
    said = core.says(
        "import sys, rnn_tutorial; print(rnn_tutorial.__file__, *sys.path, sep=chr(10))"
    )
    assert said.startswith(f"{core.site}/rnn_tutorial/")
    assert str(ROOT) not in said.splitlines()


def test_the_lines_of_readme_run_without_extras(core):
    lines = "".join(PYTHON_LINES).replace("iterations=60", "iterations=1")
    said = core.says(lines + "import sys; print('matplotlib' in sys.modules)")
    assert said.startswith("Rollout(T=60, N=8, episodes=16)")
    assert "RNNPolicy: healthy (20 passed, 0 failed" in said
    assert said.endswith("False\n")


def test_the_data_is_read(core):
    said = core.says(
        "import gymnasium as gym, rnn_tutorial\n"
        "from rnn_tutorial.checkpoint import load_policy\n"
        "from rnn_tutorial.data import FOLDER, data_path, read_manifest, read_table\n"
        "from rnn_tutorial.doctor.zoo.costs import costs\n"
        "env = gym.make('rnn_tutorial/CuedPoint-v0')\n"
        "spaces = env.observation_space, env.action_space\n"
        "load_policy(data_path('cued_gru.safetensors'), *spaces)\n"
        "print(FOLDER, len([data_path(name) for name in read_manifest()]))\n"
        "print(len(read_table('cued_scores.csv')) > 0, len(costs()) > 40)\n"
    )
    count = len([*(ROOT / "data").glob("*.csv"), *(ROOT / "data").glob("*.safetensors")])
    assert said == f"{core.site}/rnn_tutorial/_data {count}\nTrue True\n"


@pytest.mark.parametrize("kind", ["missing", "damaged"])
def test_the_command_in_the_message_restores_a_file(core, kind):
    path = core.site / "rnn_tutorial" / "_data" / "delay.csv"
    path.unlink() if kind == "missing" else path.write_bytes(path.read_bytes()[:-9])
    read = "import rnn_tutorial.data as d\ntry: print(len(d.read_table('delay.csv')) > 0)\n"
    read += "except d.DataError as error: print(error)"
    message = core.says(read)
    assert kind in message
    pip, *arguments = shlex.split(re.search("restore it with: (.*)", message).group(1))
    assert pip == "pip"
    core.pip(*arguments)
    assert core.says(read) == "True\n"


def test_the_doctor_s_command_examines_a_module_of_the_reader_s(core):
    (core.folder / "mine.py").write_text(PYTHON_LINES[0] + "make = lambda: policy\n")
    command = ("-m", "rnn_tutorial.doctor", "mine:make", "--obs-shape", "5")
    assert "RNNPolicy: healthy (20 passed, 0 failed" in run(core.python, *command, cwd=core.folder)


def test_a_field_guide_opens_with_the_extra_pictures(built, tmp_path):
    pictures = Installed(tmp_path, built[1], "pictures")
    said = pictures.says(
        "from rnn_tutorial.doctor.zoo import BUGS\n"
        "from rnn_tutorial.plotting.bugs import draw_costs\n"
        "from rnn_tutorial.doctor.zoo.costs import costs\n"
        "from rnn_tutorial.widgets.field_guide import FieldGuide\n"
        "print(*FieldGuide('amnesia').reports['amnesia'].failed)\n"
        "print(sorted(set(BUGS['amnesia'].curves()['bug'])))\n"
        "draw_costs(costs())\n"
    )
    failed, curves = said.splitlines()
    assert "memory_carried" in failed
    assert curves == "['amnesia', 'healthy']"
