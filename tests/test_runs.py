"""Run folders keep what was reported saved: through resume, damage, a full disk and kill -9."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from shared import loops, runs


@dataclass(frozen=True)
class Config:
    lr: float = 0.1
    data: Path = Path("a") / "b"


@pytest.fixture
def arrays():
    rng = np.random.default_rng(0)
    return {
        "w": rng.standard_normal((3, 4)).astype(np.float32).T,  # not contiguous on purpose
        "empty": np.zeros((0, 2)),
        "t": np.array(7, dtype=np.int64),
    }


def test_checkpoint_round_trip_is_bitwise(tmp_path, arrays):
    rng = np.random.default_rng(5)
    with runs.start("phase0", "a", Config(), root=tmp_path) as run:
        run.save(3, arrays, {"rng": rng.bit_generator.state})
    expected = rng.random(4)
    saved = runs.load_checkpoint(tmp_path / "phase0" / "a")
    assert saved.step == 3
    assert saved.arrays.keys() == arrays.keys()
    for name, array in arrays.items():
        np.testing.assert_array_equal(saved.arrays[name], array, strict=True)
    restored = np.random.default_rng()
    restored.bit_generator.state = saved.state["rng"]
    np.testing.assert_array_equal(restored.random(4), expected)


def test_resume_drops_metrics_after_the_checkpoint(tmp_path, arrays):
    with runs.start("phase0", "a", Config(), root=tmp_path) as run:
        run.log(step=1, loss=np.float32(2.5))
        run.save(1, arrays, {})
        run.log(step=2, loss=2.0)
    again, saved = runs.resume("phase0", "a", Config(), root=tmp_path)
    with again:
        again.log(step=saved.step + 1, loss=1.5)
    assert runs.read_metrics(again.path) == [{"step": 1, "loss": 2.5}, {"step": 2, "loss": 1.5}]


def test_half_a_line_of_metrics_is_left_out(tmp_path):
    with runs.start("phase0", "a", {}, root=tmp_path) as run:
        run.log(step=1)
    with (run.path / "metrics.jsonl").open("a") as file:
        file.write('{"step": 2, "lo')
    assert runs.read_metrics(run.path) == [{"step": 1}]


def test_resume_refuses_another_config(tmp_path, arrays):
    with runs.start("phase0", "a", Config(), root=tmp_path) as run:
        run.save(1, arrays, {})
    with pytest.raises(runs.RunError, match=r"changed: lr 0\.1 -> 0\.2"):
        runs.resume("phase0", "a", Config(lr=0.2), root=tmp_path)


def test_resume_without_a_run_says_so(tmp_path):
    with pytest.raises(runs.RunError, match="nothing to resume"):
        runs.resume("phase0", "a", Config(), root=tmp_path)


def test_a_fresh_start_keeps_the_former_run(tmp_path):
    for value in (1, 2, 3):
        with runs.start("phase0", "a", {}, root=tmp_path) as run:
            run.log(value=value)
    assert runs.read_metrics(tmp_path / "phase0" / "a") == [{"value": 3}]
    assert runs.read_metrics(tmp_path / "phase0" / "a.previous") == [{"value": 2}]


@pytest.mark.parametrize("file", ["arrays.safetensors", "state.json"])
def test_a_truncated_checkpoint_is_named(tmp_path, arrays, file):
    with runs.start("phase0", "a", {}, root=tmp_path) as run:
        run.save(1, arrays, {})
        folder = run.save(2, arrays, {})
    victim = folder / file
    victim.write_bytes(victim.read_bytes()[:-5])
    with pytest.raises(runs.RunError, match="step-00000002 is damaged"):
        runs.load_checkpoint(run.path)


def test_only_the_newest_checkpoints_are_kept(tmp_path, arrays):
    with runs.start("phase0", "a", {}, root=tmp_path) as run:
        for step in range(1, 6):
            run.save(step, arrays, {})
    kept = sorted(folder.name for folder in (run.path / "checkpoints").iterdir())
    assert kept == ["step-00000004", "step-00000005"]


def test_a_failed_save_leaves_the_previous_checkpoint(tmp_path, arrays, monkeypatch):
    def disk_full(*_):
        raise OSError(28, "No space left on device")

    with runs.start("phase0", "a", {}, root=tmp_path) as run:
        run.save(1, arrays, {"kept": True})
        monkeypatch.setattr(runs.os, "fsync", disk_full)
        with pytest.raises(OSError, match="No space"):
            run.save(2, arrays, {})
        monkeypatch.undo()
    assert runs.load_checkpoint(run.path).state == {"kept": True}
    assert [folder.name for folder in (run.path / "checkpoints").iterdir()] == ["step-00000001"]


WRITER = """
import sys
from pathlib import Path
import numpy as np
from shared import runs
run = runs.start("phase0", "a", {}, root=Path(sys.argv[1]))
for step in range(1, 100_000):
    run.log(step=step)
    run.save(step, {"w": np.full(20_000, step)}, {})
    print(step, flush=True)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no SIGKILL")
def test_kill_9_loses_nothing_that_was_reported_saved(tmp_path):
    for attempt in range(3):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path / str(attempt))],
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(3 + attempt):
            reported = int(writer.stdout.readline())
        time.sleep(0.003 * attempt)
        os.kill(writer.pid, signal.SIGKILL)
        reported = [reported, *map(int, writer.stdout.read().split())][-1]
        writer.wait()
        writer.stdout.close()
        run, saved = runs.resume("phase0", "a", {}, root=tmp_path / str(attempt))
        run.close()
        assert saved.step >= reported
        np.testing.assert_array_equal(saved.arrays["w"], np.full(20_000, saved.step))
        assert [record["step"] for record in runs.read_metrics(run.path)] == [
            *range(1, saved.step + 1)
        ]


def test_config_is_stored_as_plain_json(tmp_path):
    run = runs.start("phase0", "a", Config(), root=tmp_path)
    run.close()
    assert json.loads((run.path / "config.json").read_text()) == {"lr": 0.1, "data": "a/b"}


def test_ctrl_c_becomes_a_flag_once():
    before = signal.getsignal(signal.SIGINT)
    with loops.stop_on_interrupt() as stop:
        assert not stop
        signal.raise_signal(signal.SIGINT)
        assert stop
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


def test_the_bar_is_plain_lines_where_there_is_no_terminal(capsys, monkeypatch):
    monkeypatch.setattr(loops, "PLAIN_EVERY_S", 0.0)
    with loops.Bar("training", total=4, done=2, unit="images", per_step=64) as bar:
        bar.advance(loss=0.25)
        bar.note("epoch 1: 97 %")
        bar.advance(loss=0.125)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("training 3/4  loss 0.25")
    assert "left" in lines[0]
    assert lines[1] == "epoch 1: 97 %"
    assert lines[-1].startswith("training 4/4  loss 0.125")
    assert "images/s" in lines[-1]


def test_tensorboard_gets_the_same_curves(tmp_path):
    with runs.start("phase9", "curves", {}, tmp_path) as run:
        run.show_in_tensorboard()
        run.log(step=1, loss=2.5, note="not a number")
        run.log(step=2, loss=1.5)
    (file,) = (run.path / "tensorboard").iterdir()
    content = file.read_bytes()
    assert content.count(b"loss") == 2
    assert b"note" not in content


def test_what_a_folder_says_of_its_run(tmp_path, arrays):
    path = tmp_path / "phase0" / "a"
    assert not runs.has_begun(path)
    assert not runs.was_started_with(path, Config())
    with runs.start("phase0", "a", Config(), root=tmp_path) as run:
        assert runs.was_started_with(path, Config())
        assert not runs.was_started_with(path, Config(lr=0.2))
        (path / "checkpoints" / "step-00000001.1.tmp").mkdir(parents=True)  # as kill -9 leaves one
        assert not runs.has_begun(path), "an unfinished checkpoint is none"
        run.save(3, arrays, {})
    assert runs.has_begun(path)
