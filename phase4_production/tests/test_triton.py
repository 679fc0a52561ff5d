"""The Triton kernels: interpreted where there is no GPU, compiled where there is one.

Whether Triton interprets or compiles is settled when it is imported, and other tests may have done
that; so the checks run in a process of their own.
"""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
CHECKS = [HERE / "triton_checks" / f"{name}.py" for name in ("flash", "flash_backward", "paged")]

pytestmark = pytest.mark.skipif(
    not importlib.util.find_spec("triton"), reason="Triton is not installed"
)


def check(**environment):
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *CHECKS]
    root = HERE.parents[1]
    done = subprocess.run(
        command, cwd=root, env=os.environ | environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_interpreted():
    check(TRITON_INTERPRET="1", CUDA_VISIBLE_DEVICES="")


@pytest.mark.gpu
def test_compiled():
    check(TRITON_INTERPRET="0")
