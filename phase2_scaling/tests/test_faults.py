"""Processes that die, hang or find the disk full: what is saved stays, and one line says what."""

import errno
import io
import multiprocessing
import os
import resource
import time
from contextlib import redirect_stderr
from dataclasses import replace

import pytest

from phase2_scaling.project import faults, heartbeat
from phase2_scaling.project.heartbeat import EXIT_HUNG, Heartbeat, diagnosis, hanging, speaker
from phase2_scaling.tests.launched import losses, records, run, small
from shared import ranks, runs

# -- killed -----------------------------------------------------------------------------------


class Running:
    """Stands for a launcher that has not ended."""

    def poll(self):
        return None


def kill_all(plan, beats, processes):
    assert [*faults.kill(plan, beats, processes, Running())]


def test_ten_kills_change_nothing(tmp_path, capfd):
    """SIGKILL from outside at ten random steps; forked ranks, started again as torchrun does."""
    config = small(tmp_path, max_steps=40, decay_steps=10, dropout=0.2)
    whole = run(2, config)
    disturbed = replace(config, name="killed")
    plan = faults.plan_kills(10, 2, config.max_steps, seed=0)
    beats = tmp_path / "phase2" / "killed" / "ranks"
    context = multiprocessing.get_context("fork")
    killer = context.Process(target=kill_all, args=(plan, beats, 2), daemon=True)
    killer.start()
    result, restarts = None, 0
    while result is None:
        try:
            result = run(2, disturbed, restarts=restarts)
        except (ranks.RankFailed, RuntimeError):  # the one killed, or one that lost it
            restarts += 1
    killer.join(10)
    assert killer.exitcode == 0
    assert restarts == 10
    assert result.weights_sha256 == whole.weights_sha256
    assert [record["step"] for record in records(disturbed)] == list(range(1, 41))
    assert losses(disturbed) == losses(config)
    assert not (tmp_path / "phase2" / "killed.previous").exists()


def test_a_restart_before_the_first_checkpoint_begins_anew(tmp_path):
    """And leaves the run that was there before where it is: as `.previous`."""
    config = small(tmp_path)
    before = run(1, config)
    runs.start("phase2", config.name, {}, tmp_path).close()  # killed at once
    result = run(1, config, restarts=1)
    assert result.weights_sha256 == before.weights_sha256
    assert (tmp_path / "phase2" / "a.previous" / "results.json").exists()


@pytest.mark.slow
def test_the_demonstration_under_the_real_launcher(tmp_path):
    seen = faults.demonstrate(tmp_path, kills=1, steps=20, seed=1)
    assert seen.same_weights
    assert seen.each_step_once
    assert len(seen.starts) == 2
    assert seen.starts[1] % faults.SAVE_EVERY == 0
    assert seen.figure.path.exists()
    assert "same bit by bit" in seen.headline


def test_kills_are_planned_one_after_the_other():
    plan = faults.plan_kills(10, 3, 60, seed=5)
    steps = [kill.step for kill in plan]
    assert steps == sorted(set(steps))
    assert 1 <= min(steps) <= max(steps) < 60
    assert {kill.rank for kill in plan} == {0, 1, 2}
    assert plan == faults.plan_kills(10, 3, 60, seed=5)


# -- hung -------------------------------------------------------------------------------------


def beats(*counts):
    return [{"beats": n, "pid": 1, "step": n, "doing": "loading"} for n in counts]


def test_who_is_furthest_behind_hangs():
    assert hanging(beats(5, 3, 5)) == [1]
    assert speaker(beats(5, 3, 5)) == 0
    assert speaker(beats(3, 5, 5)) == 1
    assert hanging(beats(4, 4)) == [0, 1]
    assert speaker(beats(4, 4)) == 0
    assert diagnosis(beats(5, 3, 5), 2.5) == (
        "rank 1 hangs in step 4, loading: no sign of life for 2.5 s; the others wait for it"
    )


def hang_in_step(step, rank):
    def prepare():
        from phase2_scaling.project import train

        load = train.Trainer._load

        def late(self, *args):
            if (self.done, self.rank) == (step, rank):
                time.sleep(600)
            return load(self, *args)

        train.Trainer._load = late

    return prepare


@pytest.mark.parametrize("rank", [0, 1])
def test_a_rank_that_hangs_is_named_in_time(rank, tmp_path, capfd):
    config = small(tmp_path, hang_s=1.0)
    began = time.monotonic()
    with pytest.raises(ranks.RankFailed, match=f"exit code {EXIT_HUNG}"):
        run(3, config, prepare=hang_in_step(5, rank))
    assert time.monotonic() - began < 20
    told = [line for line in capfd.readouterr().err.splitlines() if line.startswith("error")]
    assert told == [
        f"error: rank {rank} hangs in step 6, loading: no sign of life for 1 s; "
        "the others wait for it"
    ]


def test_a_beat_is_read_whole_while_it_is_written(tmp_path):
    pulse = Heartbeat(tmp_path, 0, 2, limit_s=60)
    for step in range(200):
        pulse.beat(step, "learning" * (1 + step % 3))
        assert heartbeat.read_beats(tmp_path, 2)[0]["step"] == step
    pulse.stop()
    assert heartbeat.read_beats(tmp_path, 2)[1]["beats"] == 0


# -- a full disk ------------------------------------------------------------------------------


def full_after(step):
    """A `prepare` with which no file can grow beyond 20 kB once so many steps are done."""

    def prepare():
        from phase2_scaling.project import train

        take = train.Trainer.step

        def step_and_fill(self):
            if self.done == step:
                resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
            return take(self)

        train.Trainer.step = step_and_fill

    return prepare


def test_a_full_disk_leaves_the_checkpoint_before(tmp_path):
    config = small(tmp_path)
    whole = run(2, config)
    full = replace(config, name="full")
    with pytest.raises(runs.RunError, match=r"step 8 .*step 4 is whole.*--resume"):
        run(2, full, prepare=full_after(6))
    folder = tmp_path / "phase2" / "full"
    assert runs.load_checkpoint(folder).step == 4
    assert not [*(folder / "checkpoints").glob("*.tmp")]
    resumed = run(2, replace(full, resume=True))
    assert resumed.weights_sha256 == whole.weights_sha256
    assert losses(full) == losses(config)


def test_no_space_left_is_told_in_one_line(tmp_path):
    """ENOSPC in the middle of a write, by way of the program's own main."""
    config = small(tmp_path)

    def on_a_full_disk():
        from phase2_scaling.project import train

        def write_half(path, content):
            path.parent.mkdir(parents=True, exist_ok=True)
            if "00000008" in str(path):
                path.write_bytes(content[: len(content) // 2])
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            path.write_bytes(content)

        runs.write_bytes = write_half
        os._exit = lambda code: told.append(code)
        told, words = [], io.StringIO()
        with redirect_stderr(words), pytest.raises(UnboundLocalError):  # after the exit that is not
            train.main(config)
        return told, words.getvalue()

    [(code, words)] = ranks.run(1, on_a_full_disk)
    assert code == [2]
    assert words == (
        "error: cannot write after step 8 (No space left on device); the checkpoint of step 4 is "
        "whole: make room and go on with --resume\n"
    )
    assert runs.load_checkpoint(tmp_path / "phase2" / "a").step == 4
