"""Setting up: what is installed, in which order, with which alternative; nothing is downloaded."""

import ast
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from shared import bootstrap

VERSION = "2.13.0"


@pytest.fixture
def steps(monkeypatch, tmp_path):
    """Record what would be run; every step works unless its command has a word of `fails`."""
    ran = []
    ran_fails = set()

    def succeeds(command, shows=""):
        ran.append(" ".join(command))
        return not any(word in ran[-1] for word in ran_fails)

    def run(command, **_):
        return subprocess.CompletedProcess(command, 0 if succeeds(command) else 1)

    venv = tmp_path / ".venv"
    monkeypatch.setattr(bootstrap, "VENV", venv)
    monkeypatch.setattr(bootstrap, "STAMP", venv / "stamp")
    monkeypatch.setattr(bootstrap, "_succeeds", succeeds)
    monkeypatch.setattr(bootstrap, "_runs", lambda python, code: "import torch;" not in code)
    monkeypatch.setattr(bootstrap.subprocess, "run", run)
    monkeypatch.setattr(bootstrap.shutil, "which", lambda name: None)
    monkeypatch.setattr(bootstrap, "venv_python", lambda: venv / "bin" / "python")
    monkeypatch.setattr(bootstrap.sys, "platform", "linux")
    monkeypatch.setattr(bootstrap.platform, "machine", lambda: "x86_64")
    monkeypatch.delenv("UV", raising=False)
    bootstrap.venv_python().parent.mkdir(parents=True)
    bootstrap.venv_python().touch()
    return ran, ran_fails


def installs(ran):
    return [command.partition(" install ")[2] for command in ran if " install " in command]


def test_without_a_gpu_the_cpu_build_comes_first(steps):
    ran, _ = steps
    assert bootstrap.ensure() is True
    assert f"torch=={VERSION}+cpu" in installs(ran)[0]
    assert "-e" in installs(ran)[1]
    assert len(installs(ran)) == 2


def test_where_pip_has_no_cpu_build_uv_is_asked(steps):
    ran, fails = steps
    fails.add("+cpu")
    bootstrap.ensure()
    told = installs(ran)
    assert told[1].endswith(" uv")
    assert "--torch-backend=cpu" in told[2]
    assert f"torch=={VERSION}" in told[2]


def test_the_default_build_is_the_last_resort_and_said(steps, capsys):
    ran, fails = steps
    fails |= {"+cpu", "--torch-backend"}
    bootstrap.ensure()
    assert "CUDA libraries" in capsys.readouterr().out
    assert any(f"torch=={VERSION}" in told and "cpu" not in told for told in installs(ran))


def test_with_a_gpu_the_default_build_is_taken(steps, monkeypatch):
    ran, _ = steps
    monkeypatch.setattr(bootstrap, "has_nvidia_gpu", lambda: True)
    bootstrap.ensure()
    assert not any("cpu" in told for told in installs(ran))


def test_a_second_run_does_nothing(steps):
    ran, _ = steps
    bootstrap.ensure()
    ran.clear()
    assert bootstrap.ensure() is False
    assert ran == []


def test_an_interrupted_setup_is_finished(steps):
    _, fails = steps
    fails.add("-e")
    with pytest.raises(bootstrap.SetupError, match="pip failed"):
        bootstrap.ensure()
    assert not bootstrap.STAMP.exists()
    fails.clear()
    assert bootstrap.ensure() is True


def test_changed_lists_are_installed_again(steps, monkeypatch, tmp_path):
    bootstrap.ensure()
    newer = tmp_path / "constraints.txt"
    newer.write_text(f"torch=={VERSION}\nnumpy==9.9.9\n")
    monkeypatch.setattr(bootstrap, "CONSTRAINTS", newer)
    assert not bootstrap.is_ready()
    assert bootstrap.ensure() is True


def test_an_old_python_is_told_so(monkeypatch):
    monkeypatch.setattr(bootstrap.sys, "version_info", (3, 9, 1))
    monkeypatch.setattr(bootstrap.shutil, "which", lambda name: None)
    with pytest.raises(bootstrap.SetupError, match=r"Python 3\.11 or newer is needed.*3\.9"):
        bootstrap.find_python()


def test_a_newer_python_on_the_path_is_taken(monkeypatch):
    monkeypatch.setattr(bootstrap.sys, "version_info", (3, 9, 1))
    found = {"python3.12": "/opt/python3.12", "python3.11": "/opt/python3.11"}
    monkeypatch.setattr(bootstrap.shutil, "which", found.get)
    assert bootstrap.find_python() == "/opt/python3.12"


def test_an_old_python_can_read_the_file():
    source = Path(bootstrap.__file__).read_text()
    ast.parse(source, feature_version=(3, 7))
    imported = {
        (node.module or "").split(".")[0]
        if isinstance(node, ast.ImportFrom)
        else node.names[0].name
        for node in ast.walk(ast.parse(source))
        if isinstance(node, (ast.Import, ast.ImportFrom))
    }
    assert imported <= sys.stdlib_module_names


def test_a_running_python_can_be_kept(monkeypatch):
    monkeypatch.setenv("COURSE_NO_VENV", "1")
    monkeypatch.setattr(bootstrap, "ensure", lambda: 1 / 0)
    assert bootstrap.enter() is False


def test_a_failed_setup_is_one_line_and_exit_2(monkeypatch, capsys):
    def fail():
        raise bootstrap.SetupError("no luck")

    monkeypatch.delenv("COURSE_NO_VENV", raising=False)
    monkeypatch.setattr(bootstrap, "ensure", fail)
    with pytest.raises(SystemExit) as stop:
        bootstrap.enter()
    assert stop.value.code == 2
    assert capsys.readouterr().err == "setup: no luck\n"


@pytest.mark.skipif(not bootstrap.is_ready(), reason="this environment was not made by make setup")
def test_a_ready_environment_costs_no_time():
    began = time.monotonic()
    command = [sys.executable, "-S", "-m", "shared.bootstrap", "-q"]
    subprocess.run(command, cwd=bootstrap.ROOT, check=True, env=os.environ)
    assert time.monotonic() - began < 2  # 0.1 s on an idle machine
