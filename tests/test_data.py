"""The committed data: whole, with its origin, and an error that says how to restore what is not."""

import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from rnn_tutorial.data import FOLDER, DataError, data_path, read_manifest, read_table

ROOT = Path(__file__).resolve().parents[1]


def run(*command, **options):
    return subprocess.run(command, capture_output=True, text=True, check=True, **options).stdout


def test_every_file_is_as_the_manifest_says():
    for name in read_manifest():
        assert data_path(name).stat().st_size == read_manifest()[name]["bytes"]


def test_every_file_has_its_origin_and_is_no_pickle():
    files = {path.name for path in FOLDER.iterdir() if path.is_file()}
    assert files == {"make.py", "manifest.json", *read_manifest()}
    for name, entry in read_manifest().items():
        assert name.endswith((".csv", ".safetensors", ".npz"))
        assert entry["command"].startswith("python data/make.py ")
        assert entry["seeds"]
        assert entry["versions"]["torch"]


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "a.csv").write_text("x\n1\n")
    known = "c2a64b6d4d2a1d0fd5a5b6a5f76ba9a8b29a4b6a9d06a6d4b8d4e38b8a8b7d11"
    entry = {"sha256": known, "command": "python data/make.py thing"}
    (tmp_path / "manifest.json").write_text(json.dumps({"a.csv": entry, "b.csv": entry}))
    return tmp_path


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("a.csv", r"a\.csv: damaged, .*git .* checkout -- data/a\.csv"),
        ("b.csv", r"b\.csv: missing; .*git .* checkout -- data/b\.csv"),
        ("c.csv", r"c\.csv: expected one of \['a\.csv', 'b\.csv'\]"),
    ],
)
def test_the_error_names_the_file_and_the_command(folder, name, message):
    with pytest.raises(DataError, match=message):
        read_table(name, folder)


def test_a_damaged_manifest_is_told(folder):
    (folder / "manifest.json").write_text("{")
    with pytest.raises(DataError, match=r"manifest\.json: missing or damaged"):
        data_path("a.csv", folder)


def test_one_byte_changed_in_a_real_file_is_found(tmp_path):
    name = min(read_manifest(), key=lambda n: read_manifest()[n]["bytes"])
    for file in (name, "manifest.json"):
        shutil.copy(FOLDER / file, tmp_path)
    data = bytearray((tmp_path / name).read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / name).write_bytes(data)
    with pytest.raises(DataError, match="damaged"):
        data_path(name, tmp_path)


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    """A clone as on Windows, where git is often set to turn LF into CRLF."""
    path = tmp_path_factory.mktemp("a folder") / "clone"
    run("git", "-c", "core.autocrlf=true", "clone", "--quiet", str(ROOT), str(path))
    shutil.copy(ROOT / "rnn_tutorial" / "data.py", path / "rnn_tutorial")  # as it is being edited
    return path


def error_of(name, clone):
    code = "import sys, rnn_tutorial.data as d\ntry: d.data_path(sys.argv[1])\n"
    return run(sys.executable, "-c", code + "except d.DataError as e: print(e)", name, cwd=clone)


@pytest.mark.slow
def test_line_endings_are_kept_where_git_would_change_them(clone):
    for name in read_manifest():
        assert error_of(name, clone) == ""
    for path in ("README.md", "notebooks/00_start_here.ipynb", "data/manifest.json"):
        assert b"\r\n" not in (clone / path).read_bytes()


@pytest.mark.parametrize("name", ["cued_scores.csv", "delay_rnn.safetensors", "manifest.json"])
@pytest.mark.parametrize("kind", ["missing", "damaged"])
def test_the_command_in_the_message_restores_the_file(clone, name, kind):
    path = clone / "data" / name
    path.unlink() if kind == "missing" else path.write_bytes(path.read_bytes()[:-9])
    wanted = "cued_scores.csv" if name == "manifest.json" else name
    message = error_of(wanted, clone)
    assert kind in message
    if "delete it" in message:
        path.unlink()
    run(*shlex.split(re.search(r"restore it with: (.*)", message).group(1)), cwd=FOLDER.anchor)
    assert error_of(wanted, clone) == ""
