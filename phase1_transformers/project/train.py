"""Train a GPT, from a text to a folder that Hugging Face opens.

    python -m phase1_transformers.project.train
    python -m phase1_transformers.project.train --preset shakespeare-char
    python -m phase1_transformers.project.train --preset shakespeare-char --lr 1e-3 --name slow
    python -m phase1_transformers.project.train --resume
    python -m phase1_transformers.project.train --blocks mine

Everything goes to runs/phase1/<name>/: config.json, data (tokenizer and tokens), metrics.jsonl,
checkpoints, curves.png, results.json, and hf/, the model and its tokenizer in Hugging Face's
format. Ctrl-C saves and stops; after kill -9 the last checkpoint is there. On a CPU a resumed run
goes on with bit-identical losses.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from phase1_transformers.project import curves
from phase1_transformers.project.config import Config
from phase1_transformers.project.corpus import build_corpus, find_text, open_corpus
from phase1_transformers.project.export import export
from phase1_transformers.project.presets import PRESETS  # noqa: F401 (shared.cli reads it)
from phase1_transformers.project.record import read_record
from phase1_transformers.project.trainer import Trainer, choose_device
from shared import cli, runs
from shared.files import write_text
from shared.loops import Bar, stop_on_interrupt

PHASE = "phase1"


@dataclass(frozen=True)
class Result:
    """How a run ended.

    Attributes:
        path: the run's folder.
        source: where the text came from.
        val_loss: nats per token over the whole validation text.
        val_bits_per_byte: the same in bits per byte.
        train_loss: nats per token over a stretch of the training text.
        n_parameters: numbers that were learned.
        n_tokens: tokens seen in training.
        seconds: time spent on training steps.
        tokens_per_s: training tokens in a second.
        sample: a text that the model wrote at the end.
    """

    path: Path
    source: str
    val_loss: float
    val_bits_per_byte: float
    train_loss: float
    n_parameters: int
    n_tokens: int
    seconds: float
    tokens_per_s: float
    sample: str

    @property
    def headline(self) -> str:
        """The result in one line."""
        return (
            f"validation loss {self.val_loss:.4f} nats per token, {self.val_bits_per_byte:.3f} "
            f"bits per byte, after {self.seconds:.1f} s of training, "
            f"{self.tokens_per_s:,.0f} tokens/s"
        )


def train(config: Config, root: Path = runs.RUNS) -> Result:
    """Train as the config says.

    Args:
        config: the settings, a preset or one with changes.
        root: folder that holds the runs.

    Raises:
        KeyboardInterrupt: Ctrl-C, after everything is saved.
        shared.runs.RunError: there is nothing to resume, or it had other settings.
        ValueError: there is no such text or device.
    """
    choose_device(config.device)  # what is missing is told before a former run makes way
    if config.resume:
        run, saved = runs.resume(PHASE, config.name, config.settings(), root)
    else:
        text, saved = find_text(config.data), None
        run = runs.start(PHASE, config.name, config.settings(), root)
    with run:
        folder = run.path / "data"
        corpus = open_corpus(folder) if saved else build_corpus(config, text, folder)
        trainer = Trainer(config, corpus)
        if saved:
            trainer.restore(saved)
        if config.tensorboard:
            run.show_in_tensorboard(trainer.done)
        print(describe(trainer))
        fit(trainer, run)
    return finish(trainer, run.path)


def describe(trainer: Trainer) -> str:
    """Say what is about to be trained on what."""
    config, corpus = trainer.config, trainer.corpus
    dtype = "bfloat16 products" if trainer.autocast else "float32"
    n_tokens = config.max_steps * config.tokens_per_step
    return (
        f"tokens: {corpus.tokenizer.vocab_size:,} different ones ({config.tokenizer}), "
        f"{len(corpus.train):,} for training and {len(corpus.val):,} for validation\n"
        f"model: {config.architecture}, {trainer.n_parameters:,} parameters, "
        f"on {trainer.device} with {dtype}\n"
        f"training: {config.max_steps:,} steps of {config.tokens_per_step:,} tokens, "
        f"{n_tokens / len(corpus.train):.1f} times the training text"
    )


def fit(trainer: Trainer, run: runs.Run) -> None:
    """Take the steps that are left, with a progress bar, metrics, samples and checkpoints.

    Raises:
        KeyboardInterrupt: Ctrl-C, after a checkpoint.
    """
    config = trainer.config
    bar = Bar(
        "training",
        config.max_steps,
        done=trainer.done,
        unit="tokens",
        per_step=config.tokens_per_step,
    )
    with stop_on_interrupt() as stop, bar:
        while trainer.done < config.max_steps and not stop:
            metrics = trainer.step()
            run.log(step=trainer.done, **metrics)
            bar.advance(loss=metrics["loss"])
            if trainer.done % config.eval_every == 0 or trainer.done == config.max_steps:
                look(trainer, run, bar)
                save(trainer, run)
    if trainer.done < config.max_steps:
        save(trainer, run)
        print(f"stopped and saved after step {trainer.done}; go on with --resume")
        raise KeyboardInterrupt


def look(trainer: Trainer, run: runs.Run, bar: Bar) -> None:
    """Score the validation text and write a sample."""
    seen = trainer.evaluate()
    run.log(step=trainer.done, **seen)
    bar.note(
        f"step {trainer.done}: validation loss {seen['val_loss']:.4f} nats per token, "
        f"{seen['val_bits_per_byte']:.3f} bits per byte; {seen['seconds']:.1f} s"
    )
    if trainer.config.sample_tokens:
        run.log(step=trainer.done, sample=trainer.sample())


def save(trainer: Trainer, run: runs.Run) -> None:
    """Write a checkpoint."""
    run.save(trainer.done, trainer.arrays(), trainer.state())


def finish(trainer: Trainer, path: Path) -> Result:
    """Export the model, draw the curves and write results.json; the last look is the result."""
    config, metrics = trainer.config, runs.read_metrics(path)
    seen = [record for record in metrics if "val_loss" in record][-1]
    samples = [record["sample"] for record in metrics if "sample" in record]
    export(trainer.model, trainer.corpus.tokenizer, path / "hf")
    n_tokens = config.max_steps * config.tokens_per_step
    result = Result(
        path=path,
        source=trainer.corpus.source,
        val_loss=seen["val_loss"],
        val_bits_per_byte=seen["val_bits_per_byte"],
        train_loss=seen["train_loss"],
        n_parameters=trainer.n_parameters,
        n_tokens=n_tokens,
        seconds=trainer.seconds,
        tokens_per_s=n_tokens / trainer.seconds,
        sample=samples[-1] if samples else "",
    )
    write_text(path / "results.json", json.dumps(runs.as_json(result), indent=2))
    curves.draw_curves(read_record(path), path / "curves.png")
    return result


def main(config: Config) -> None:
    """Train, and say how it ended."""
    result = train(config)
    if result.sample:
        print(f"a sample:\n{result.sample}\n")
    print(result.headline)
    print(f"curves and model: {result.path}")


if __name__ == "__main__":
    cli.run(__spec__.name)
