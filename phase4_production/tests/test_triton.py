"""The Triton kernels: interpreted and compiled where there is no GPU, run where there is one.

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
CHECKS = ("flash", "flash_backward", "paged")

pytestmark = pytest.mark.skipif(
    not importlib.util.find_spec("triton"), reason="Triton is not installed"
)


def check(*names, **environment):
    files = [HERE / "triton_checks" / f"{name}.py" for name in names]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *files]
    root = HERE.parents[1]
    done = subprocess.run(
        command, cwd=root, env=os.environ | environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_interpreted():
    check(*CHECKS, TRITON_INTERPRET="1", CUDA_VISIBLE_DEVICES="")


@pytest.mark.slow
def test_compiled_for_a_gpu_that_is_not_there(tmp_path):
    check("compiles", TRITON_INTERPRET="0", TRITON_CACHE_DIR=str(tmp_path))


@pytest.mark.gpu
def test_compiled():
    check(*CHECKS, TRITON_INTERPRET="0")
