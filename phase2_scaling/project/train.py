"""Train a GPT on one process or many, under Hugging Face Accelerate.

    python -m phase2_scaling.project.train                       # one process
    make phase2-launch NPROC=2                                   # two, on a CPU
    make phase2-launch NPROC=8 CONFIG=phase2_scaling/configs/gpu8.yaml ARGS="--preset gpt2-124m"
    torchrun --standalone --nproc-per-node 2 -m phase2_scaling.project.train --processes 2
    python -m phase2_scaling.project.train --resume              # on any number of processes

Everything goes to runs/phase2/<name>/ and one process writes it: config.json, metrics.jsonl,
checkpoints, results.json, and hf/, the model as Hugging Face opens it. After kill -9 the last
checkpoint is there; under an elastic launcher (--max_restarts) the run goes on by itself. On the
same number of processes it goes on bit by bit, on another up to rounding.
"""

from __future__ import annotations

import os
import shutil
import sys
from contextlib import nullcontext
from typing import NoReturn

import torch.distributed as dist
from accelerate import Accelerator

from phase2_scaling.project import processes
from phase2_scaling.project.config import PRESETS, Config  # noqa: F401 (shared.cli reads both)
from phase2_scaling.project.heartbeat import Heartbeat
from phase2_scaling.project.journal import Journal, Result, has_checkpoint
from phase2_scaling.project.trainer import Trainer
from phase2_scaling.project.windows import Windows, read_windows
from shared import cli, runs
from shared.loops import stop_on_interrupt

PHASE = "phase2"
BEATS = "ranks"  # folder of the signs of life, in the run's


def train(config: Config) -> Result | None:
    """Train as the config says; every process calls this.

    Args:
        config: the settings.

    Returns:
        the result, on the main process.

    Raises:
        KeyboardInterrupt: Ctrl-C in a run of one process, after everything is saved.
        shared.runs.RunError: nothing to resume, other settings, or a full disk.
        ValueError: there is no such text, or there are other processes than asked for.
    """
    accelerator = processes.join(config.processes, config.device, config.mixed_precision)
    if config.batch_size % accelerator.num_processes:
        processes.refuse(
            f"batch_size must be a multiple of the number of processes, got {config.batch_size} "
            f"and {accelerator.num_processes}"
        )
    if accelerator.is_main_process:
        print(processes.describe(accelerator), flush=True)
    windows = processes.one_after_the_other(
        lambda: read_windows(config.data, config.block_size), accelerator
    )
    run, saved = open_run(config, accelerator)
    folder = config.root / PHASE / config.name
    pulse = Heartbeat(
        folder / BEATS, accelerator.process_index, accelerator.num_processes, config.hang_s
    )
    trainer = Trainer(config, accelerator, windows[0], pulse)
    if saved:
        trainer.restore(saved)
    accelerator.wait_for_everyone()
    pulse.start()
    journal = Journal(run, trainer)
    journal.describe(windows)
    val_loss = fit(trainer, windows[1], journal)
    arrays = trainer.arrays()
    pulse.stop()
    accelerator.wait_for_everyone()
    return journal.finish(arrays, val_loss, windows[2])


def open_run(
    config: Config, accelerator: Accelerator
) -> tuple[runs.Run | None, runs.Checkpoint | None]:
    """Open the run's folder on the main process; every process gets the checkpoint to go on from.

    An elastic launcher starts the same command again. Such a second start goes on, and where the
    first one came to no checkpoint it leaves nothing behind.
    """
    path = config.root / PHASE / config.name
    again = processes.restarted(accelerator)
    run = saved = None
    settings = config.settings() | {"mixed_precision": accelerator.mixed_precision}
    if accelerator.is_main_process:
        if config.resume or (again and has_checkpoint(path)):
            run, saved = runs.resume(PHASE, config.name, settings, config.root)
        else:
            if again:
                shutil.rmtree(path, ignore_errors=True)
            run = runs.start(PHASE, config.name, settings, config.root)
        shutil.rmtree(path / BEATS, ignore_errors=True)  # of processes that are gone
    accelerator.wait_for_everyone()
    if run is None and has_checkpoint(path):
        saved = runs.load_checkpoint(path)
    return run, saved


def fit(trainer: Trainer, val: Windows, journal: Journal) -> float:
    """Take the steps that are left, with looks at the validation text and checkpoints.

    Returns:
        the validation loss at the end.

    Raises:
        KeyboardInterrupt: Ctrl-C in a run of one process, after a checkpoint. Of several processes
            the launcher ends all, and the last checkpoint is the one to go on from.
    """
    config, alone = trainer.config, trainer.world_size == 1
    val_loss = float("nan")
    with stop_on_interrupt() if alone else nullcontext(False) as stop, journal:
        journal.save()
        while trainer.done < config.max_steps and not stop:
            journal.log(**trainer.step())
            at_end = trainer.done == config.max_steps
            if trainer.done % config.eval_every == 0 or at_end:
                val_loss = trainer.evaluate(val)
                journal.look(val_loss)
            if trainer.done % config.save_every == 0 or at_end or stop:
                journal.save()
        if stop and trainer.done < config.max_steps:
            journal.note(f"stopped and saved after step {trainer.done}; go on with --resume")
            raise KeyboardInterrupt
        if val_loss != val_loss:  # resumed at its end
            val_loss = trainer.evaluate(val)
    return val_loss


def main(config: Config) -> None:
    """Train, and say how it ended."""
    try:
        result = train(config)
    except (ValueError, OSError) as error:
        end(2, str(error))
    except RuntimeError as error:
        if not (isinstance(error, dist.DistError) or "gloo" in str(error)):
            raise
        # Maybe before they met, so the launcher is asked for the rank. Why is for the other to say.
        end(1, f"rank {os.environ.get('RANK', 0)} lost another one")
    if result:
        print(result.headline)
        print(f"everything: {result.path}")
    if dist.is_initialized():
        dist.destroy_process_group()


def end(code: int, why: str) -> NoReturn:
    """End at once: others may be waiting for this process, and an orderly end would do so too."""
    print(f"error: {why}", file=sys.stderr, flush=True)
    os._exit(code)


if __name__ == "__main__":
    cli.run(__spec__.name)
