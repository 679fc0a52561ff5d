"""Watching a phase: what a save touched is graded, within seconds."""

import contextlib
import os
import signal
import subprocess
import sys
import time

import pytest


@contextlib.contextmanager
def watching(course):
    process = subprocess.Popen(
        [sys.executable, "-m", "shared.course", "watch", "PHASE=0"],
        cwd=course.root,
        env=course.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def read_until(process, text) -> str:
    """Read lines until one holds `text`."""
    lines = []
    for line in process.stdout:
        lines.append(line)
        if text in line:
            return "".join(lines)
    raise AssertionError(f"never said {text!r}: {''.join(lines)}")


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_watch_grades_what_a_save_touched(course):
    with watching(course) as process:
        read_until(process, "Ctrl-C ends")
        time.sleep(0.5)  # until the folder is watched
        course.write("arith.mean", "    return x.sum(axis=1)\n")
        told = read_until(process, " s")
        told += read_until(process, " s") if "0.1" not in told else ""
        began = time.monotonic()
        course.answer("arith.mean")
        read_until(process, "0.1 Mean: done")
        elapsed = time.monotonic() - began
        read_until(process, " s")
        course.file("arith").touch()  # nothing to grade, nothing to say
        time.sleep(1)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=10) == 0
        assert " s\n" not in process.stdout.read()
    assert "0.1 Mean: wrong" in told
    assert "0.2 " not in told
    assert elapsed < 20, "a few seconds, on a machine that is not busy"
    assert course.progress()["exercises"]["0.1"]["status"] == "done"
