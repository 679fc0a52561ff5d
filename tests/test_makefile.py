"""Make and `python -m shared.course` know the same verbs, and make only passes them on."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from shared import course

ROOT = Path(__file__).resolve().parents[1]

needs_make = pytest.mark.skipif(not shutil.which("make"), reason="make is not installed")


def make(*arguments):
    command = ["make", f"PY={sys.executable}", *arguments]
    # `make test` runs this inside a make of its own, which would have this one say where it is.
    environment = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MAKELEVEL")}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout, done.stderr


def makefile_verbs():
    rules = re.findall(r"^([a-z][^:=\n]*):$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    return {verb.replace("%", "N") for rule in rules for verb in rule.split()} - {"help"}


def test_both_know_the_same_verbs():
    assert makefile_verbs() == course.VERBS.keys()


def test_the_learners_verbs_are_all_there():
    promised = "setup tour test lint progress doctor watch reset skip bench-check gpu-check"
    of_a_phase = "phaseN-test phaseN-bench phaseN-hint phaseN-solution phaseN-gate"
    assert {*promised.split(), *of_a_phase.split()} <= makefile_verbs()


@needs_make
def test_make_alone_prints_every_verb_with_one_line():
    code, out, _ = make()
    assert code == 0
    listed = {line.split()[0]: line for line in out.splitlines() if line.startswith("  ")}
    assert listed.keys() == makefile_verbs()
    assert all(len(line.split(maxsplit=1)[1]) > 10 for line in listed.values())
    assert max(map(len, out.splitlines())) <= 120


@needs_make
@pytest.mark.parametrize(
    "words",
    [
        "setup",
        "phase0-test",
        "phase0-test EX=0.7",
        "phase1-test IMPL=solution STRICT=1",
        "phase0-solution EX=0.7 REVEAL=1",
        "phase1-look RUN=tiny",
        "phase2-launch NPROC=2",
        "phase4-load URL=http://localhost:8000",
        "serve MODEL=runs/phase1/tiny/hf",
        "watch PHASE=0",
        "reset EX=0.7",
        "skip PHASE=2",
        "tour BLOCKS=mine",
    ],
)
def test_make_passes_verb_and_settings_on(words):
    code, out, _ = make("-n", *words.split())
    (line,) = out.splitlines()
    passed = set(line.partition("-m shared.course ")[2].split())
    assert code == 0
    assert passed == set(words.split())


@needs_make
def test_each_recipe_is_the_one_line():
    recipes = re.findall(r"^\t(.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert set(recipes) == {"$(COURSE)"}
