"""The command: a report, and three exit statuses."""

import json
import subprocess
import sys

import pytest

from rnn_tutorial.doctor import examine
from rnn_tutorial.doctor.__main__ import main

AGENTS = """
import os
import time

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


class Leaving(Agent):
    def step(self, obs, state, reset):
        os._exit(0)


class Hanging(Agent):
    def step(self, obs, state, reset):
        while True:
            time.sleep(0.01)
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


def test_the_report_comes_as_data_as_well(here, capsys):
    assert main(["foreign_agents:sick", "--obs-shape", "3", "--json"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert report["failed"][0] == "reset_clears"
    assert not report["healthy"]


@pytest.mark.parametrize(
    ("subject", "limit", "words"),
    [
        ("foreign_agents:Leaving", "60", "the process ended with status 0, without a report"),
        ("foreign_agents:Hanging", "8", "no report within 8 s"),
    ],
)
def test_a_subject_that_ends_its_process_or_hangs_is_told(here, capsys, subject, limit, words):
    assert main([subject, "--obs-shape", "3", "--time-limit", limit]) == 2
    assert words in capsys.readouterr().err


def test_in_a_notebook_a_call_that_hangs_is_named_and_no_other_is_made(here):
    sys.path.insert(0, str(here))
    agent = __import__("foreign_agents").Hanging()
    report = examine(agent, 3, time_limit=0.5)
    assert "did not return within 0.5 s" in report["runs"].evidence
    assert not report.healthy


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
