"""The command: a report, and three exit statuses."""

import subprocess
import sys

import pytest

from rnn_tutorial.doctor.__main__ import main

AGENTS = """
import torch
from torch import nn


class Agent(nn.Module):
    def __init__(self, sick=False):
        super().__init__()
        torch.manual_seed(0)
        self.cell, self.sick = nn.GRUCell(3, 4), sick

    def initial_state(self, n):
        return torch.zeros(n, 4)

    def step(self, obs, state, reset):
        state = self.cell(obs, state if self.sick else state * ~reset[:, None])
        return state, state

    def unroll(self, obs, state, reset):
        outputs = []
        for row, flags in zip(obs, reset):
            output, state = self.step(row, state, flags)
            outputs.append(output)
        return torch.stack(outputs), state


ready = Agent()


def sick():
    return Agent(sick=True)


def broken():
    raise RuntimeError("no such file")


def wrong():
    return nn.Linear(3, 4)
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    (tmp_path / "foreign_agents.py").write_text(AGENTS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield tmp_path
    sys.modules.pop("foreign_agents", None)


@pytest.mark.parametrize(
    ("subject", "status", "words"),
    [
        ("foreign_agents:Agent", 0, "Agent: healthy"),
        ("foreign_agents:ready", 0, "Agent: healthy"),
        ("foreign_agents:sick", 1, "reset_clears            failed"),
    ],
)
def test_a_report_is_printed_and_the_status_is_the_verdict(here, capsys, subject, status, words):
    assert main([subject, "--obs-shape", "3"]) == status
    assert words in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["no_such_module:make"], "cannot be imported: ModuleNotFoundError"),
        (["foreign_agents:no_such_name"], "cannot be imported: AttributeError"),
        (["foreign_agents"], "expected package.module:factory, got 'foreign_agents'"),
        (["foreign_agents:broken"], "raised RuntimeError: no such file"),
        (["foreign_agents:wrong"], "made a Linear, which has no method initial_state, step"),
        (["foreign_agents:AGENT_COUNT"], "cannot be imported"),
        (["foreign_agents:ready"], "obs_shape: expected the shape of one observation"),
        (["foreign_agents:ready", "--obs-shape", "3", "--obs-dtype", "text"], "text"),
    ],
)
def test_what_cannot_be_examined_says_why_with_a_status_of_its_own(here, capsys, arguments, words):
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert words in captured.err
    assert not captured.out


def test_it_runs_from_the_shell_in_the_current_directory(here):
    command = [sys.executable, "-m", "rnn_tutorial.doctor", "foreign_agents:sick"]
    run = subprocess.run([*command, "--obs-shape", "3"], capture_output=True, text=True)
    assert run.returncode == 1, run.stderr
    assert run.stdout.startswith("Agent: sick (")
