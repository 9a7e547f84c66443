"""What README says works: its code runs, its links lead somewhere, its commands exist."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_package_in_ten_lines_runs():
    rollout, doctor = re.findall(r"```python\n(.*?)```", TEXT, flags=re.DOTALL)
    assert len(rollout.splitlines()) <= 10
    run = subprocess.run(
        [sys.executable, "-c", rollout + doctor], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.startswith("Rollout(T=60, N=8, episodes=16)")
    assert "RNNPolicy: healthy (20 passed, 0 failed" in run.stdout


def test_every_link_leads_to_a_file():
    links = re.findall(r"\]\(([^)#]+)\)", TEXT)
    assert len(links) >= 7
    assert all((ROOT / link).exists() for link in links)


def test_every_make_command_is_a_target():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    commands = set(re.findall(r"`?make (?:PYTHON=\S+ )?([a-z]+)", TEXT))
    assert {"lab", "test", "lint", "notebooks", "bench"} <= commands
    assert all(re.search(rf"^{command}:", makefile, flags=re.MULTILINE) for command in commands)


def test_every_notebook_is_on_the_map():
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        assert f"notebooks/{path.name}" in TEXT
