"""What a run leaves behind, and how it ended: written by one process for all."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from phase2_scaling.project import checkpoint, processes
from phase2_scaling.project.export import export
from phase2_scaling.project.trainer import Trainer
from phase2_scaling.project.windows import Windows
from shared import runs
from shared.files import write_text
from shared.loops import Bar


@dataclass(frozen=True)
class Result:
    """How a run ended.

    Attributes:
        path: the run's folder.
        source: where the text came from.
        val_loss: nats per byte over the whole validation text.
        val_bits_per_byte: the same in bits.
        n_parameters: numbers that were learned.
        n_tokens: targets that were trained on.
        seconds: time spent on training steps.
        tokens_per_s: of all processes together.
        processes: who took part at the end, such as "2 processes, gloo, cpu".
        weights_sha256: of the final weights; equal only where they are equal bit by bit.
    """

    path: Path
    source: str
    val_loss: float
    val_bits_per_byte: float
    n_parameters: int
    n_tokens: int
    seconds: float
    tokens_per_s: float
    processes: str
    weights_sha256: str

    @property
    def headline(self) -> str:
        """The result in one line."""
        return (
            f"validation loss {self.val_loss:.4f} nats per byte, "
            f"{self.val_bits_per_byte:.3f} bits, after {self.seconds:.1f} s of training, "
            f"{self.tokens_per_s:,.0f} tokens/s on {self.processes}"
        )


class Journal:
    """What a run leaves behind, written by the main process; on the others nothing happens.

    Args:
        run: the open folder, None on the other processes.
        trainer: this process's.
    """

    def __init__(self, run: runs.Run | None, trainer: Trainer) -> None:
        self.run, self.trainer = run, trainer
        config = trainer.config
        per_step = config.batch_size * config.block_size
        self._bar = Bar(
            "training", config.max_steps, done=trainer.done, unit="tokens", per_step=per_step
        )

    def __enter__(self) -> Journal:
        if self.run:
            self._bar.__enter__()
        return self

    def __exit__(self, *exception: object) -> None:
        if self.run:
            self._bar.__exit__(*exception)
            self.run.close()

    def describe(self, windows: tuple[Windows, Windows, str]) -> None:
        """Say what is about to be trained on what."""
        train, val, _ = windows
        trainer, config = self.trainer, self.trainer.config
        precision = trainer.accelerator.mixed_precision
        n_micro = -(-config.batch_size // trainer.world_size // config.micro_batch_size)
        if self.run:
            print(
                f"model: {trainer.n_parameters:,} parameters, mixed precision {precision}\n"
                f"text: {train.n_targets:,} bytes to train on, {val.n_targets:,} for validation\n"
                f"training: steps {trainer.done + 1} to {config.max_steps} of {config.batch_size} "
                f"windows, {n_micro} micro-batch{'es' * (n_micro > 1)} on each process",
                flush=True,
            )

    def log(self, **metrics: float) -> None:
        """Keep what a step told."""
        if self.run:
            self._guarded(self.run.log, step=self.trainer.done, **metrics)
            self._bar.advance(loss=metrics["loss"])

    def look(self, val_loss: float) -> None:
        """Keep and show a validation loss."""
        if self.run:
            self._guarded(self.run.log, step=self.trainer.done, val_loss=val_loss)
        self.note(f"step {self.trainer.done}: validation loss {val_loss:.4f} nats per byte")

    def note(self, text: str) -> None:
        """Print a line above the bar."""
        if self.run:
            self._bar.note(text)

    def save(self) -> None:
        """Write a checkpoint. Every process takes part in collecting it."""
        arrays = self.trainer.arrays()
        if self.run:
            self._guarded(self.run.save, self.trainer.done, arrays, self.trainer.state())

    def finish(self, arrays: dict[str, np.ndarray], val_loss: float, source: str) -> Result | None:
        """Write results.json and hf/."""
        if self.run is None:
            return None
        trainer, path = self.trainer, self.run.path
        weights = {
            name.removeprefix(checkpoint.MODEL): torch.from_numpy(array)
            for name, array in arrays.items()
            if name.startswith(checkpoint.MODEL)
        }
        result = Result(
            path=path,
            source=source,
            val_loss=val_loss,
            val_bits_per_byte=float(val_loss / np.log(2)),
            n_parameters=trainer.n_parameters,
            n_tokens=trainer.n_tokens,
            seconds=trainer.seconds,
            tokens_per_s=trainer.n_tokens / trainer.seconds,
            processes=processes.describe(trainer.accelerator),
            weights_sha256=digest(weights),
        )
        self._guarded(export, weights, trainer.config.model(), path / "hf")
        text = json.dumps(runs.as_json(asdict(result)), indent=2)
        self._guarded(write_text, path / "results.json", text)
        return result

    def _guarded(self, write: Callable, *args: Any, **kwargs: Any) -> None:
        """Write, and turn a full disk into one line that says what is safe."""
        try:
            write(*args, **kwargs)
        except OSError as error:
            saved = runs.load_checkpoint(self.run.path).step if has_checkpoint(self.run.path) else 0
            raise runs.RunError(
                f"cannot write after step {self.trainer.done} ({error.strerror}); the checkpoint "
                f"of step {saved} is whole: make room and go on with --resume"
            ) from None


def digest(weights: dict[str, torch.Tensor]) -> str:
    """Hash weights by name and bits."""
    sha = hashlib.sha256()
    for name in sorted(weights):
        sha.update(name.encode() + weights[name].contiguous().numpy().tobytes())
    return sha.hexdigest()


def has_checkpoint(path: Path) -> bool:
    """Whether a run has something to go on from."""
    return any((path / "checkpoints").glob("step-????????"))
