"""Train a classifier of a bank's questions: 77 intents, with your own LoRA.

    python -m phase3_alignment.project.intents --model minilm
    python -m phase3_alignment.project.intents --model minilm --method lora --r 4
    python -m phase3_alignment.project.intents --model minilm --table

Banking77 (Casanueva et al. 2020, arXiv:2003.04807). A part of the training texts is held out: on it
settings were chosen, the temperature is fitted and the threshold for silence is chosen. The test
texts are looked at once, when all that is done. `--table` trains a linear probe, LoRA of rank 1, 4
and 16, QLoRA and everything. Each run has a folder runs/phase3/<name>-<method>/ with the trained
classifier, which `project.classify` uses, results.json and figures; what compares them is in
runs/phase3/<name>/.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from phase3_alignment.project import confidence, intent_figures, loop, models
from phase3_alignment.project.classifier import (
    FOLDER,
    About,
    Method,
    TextClassifier,
    in_batches,
    prepare,
    save_folder,
)
from phase3_alignment.project.intent_data import Data, batches, load_data
from phase3_alignment.project.intent_report import HEADING, Outcome, measure
from phase3_alignment.project.learner import Learner
from phase3_alignment.solution import inject, padding
from shared import cli, runs
from shared.files import write_text

RESULTS = "results.json"
RATES = {"probe": 3e-3, "lora": 1e-3, "qlora": 1e-3, "full": 1e-4}
EPOCHS = {"probe": 30, "lora": 8, "qlora": 8, "full": 5}


@dataclass(frozen=True)
class Config:
    """What is trained, how, and on what."""

    method: Method = "lora"
    """what trains: the head (probe), corrections, corrections beside four bits, or everything"""
    r: int = 16
    """rank of the corrections"""
    table: bool = False
    """train all methods, one after the other, and compare them"""
    model: str = "minilm"
    """minilm, a folder, or a name on the hub such as distilbert/distilbert-base-uncased"""
    data: str = "banking77"
    """labelled texts: a name, or a file of JSON lines with "text" and "label" """
    name: str = "intents"
    """beginning of the runs' folders under runs/phase3"""
    lr: float | None = None
    """greatest learning rate; the method has its own"""
    epochs: int | None = None
    """passes over the training texts; the method has its own number"""
    batch_size: int = 64
    """texts a step"""
    alpha: float = 8.0
    """strength of the corrections, which is divided by the root of the rank"""
    label_smoothing: float = 0.1
    """share of the probability that the target spreads over all classes"""
    precision: float = 0.98
    """share of right answers that the threshold for silence is chosen for"""
    seed: int = 0
    """of all that is random"""
    resume: bool = False
    """go on where the last checkpoint stands; a table also keeps what is finished"""

    def __post_init__(self) -> None:
        if self.r < 1 or self.batch_size < 1 or (self.epochs is not None and self.epochs < 1):
            raise ValueError("r, batch_size and epochs must be at least 1")
        if not 0 < self.precision <= 1:
            raise ValueError(f"precision must be in (0, 1], got {self.precision}")

    @property
    def label(self) -> str:
        """The method, with its rank if it has one."""
        return f"{self.method}-r{self.r}" if self.adapts else self.method

    @property
    def adapts(self) -> bool:
        """Whether there are corrections."""
        return self.method in ("lora", "qlora")

    @property
    def folder(self) -> str:
        """Of the run, under runs/phase3."""
        return f"{self.name}-{self.label}"

    @property
    def settings(self) -> dict[str, Any]:
        """What must be the same for a run to be the same, with what None stands for."""
        silent = ("resume", "table") if self.adapts else ("resume", "table", "r", "alpha")
        lr, epochs = self.lr or RATES[self.method], self.epochs or EPOCHS[self.method]
        fields = asdict(self) | {"lr": lr, "epochs": epochs}
        return {name: value for name, value in fields.items() if name not in silent}


# Of the table; a rank means nothing to the first and the last.
ROWS: tuple[tuple[Method, int], ...] = (
    ("probe", 0),
    ("lora", 1),
    ("lora", 4),
    ("lora", 16),
    ("qlora", 16),
    ("full", 0),
)


class Training:
    """The task that `loop.fit` works through.

    Attributes:
        kept: features of the training and the validation part, (N, C) each, if they never change.
        seconds: of steps, looks, and what came before the first step.
    """

    shown = ("loss",)

    def __init__(self, config: Config, model: TextClassifier, data: Data) -> None:
        began = time.perf_counter()
        self.config, self.model, self.data = config, model, data
        features = in_batches(model, model.features, data.train.ids)
        model.begin_at_class_means(features, data.train.labels)
        self.kept = None
        if config.method == "probe":  # whose features never change
            self.kept = features, in_batches(model, model.features, data.validation.ids)
        self.look_every = -(-len(data.train.ids) // config.batch_size)
        n_steps = self.look_every * config.settings["epochs"]
        self.learner = Learner(
            model,
            config.settings["lr"],
            n_steps,
            warmup_steps=n_steps // 16,
            seed=config.seed,
        )
        self._epoch, self._batches = -1, []
        self.seconds = time.perf_counter() - began

    def step(self) -> dict[str, float]:
        """One batch of texts of about equal length."""
        began = time.perf_counter()
        self.model.train()
        batch = self._batch()
        logits, labels = self._logits(batch), self.data.train.labels[batch]
        loss = F.cross_entropy(logits, labels, label_smoothing=self.config.label_smoothing)
        metrics = {"loss": loss.item(), "grad_norm": self.learner.descend(loss)}
        self.seconds += time.perf_counter() - began
        return metrics

    def look(self) -> dict[str, Any]:
        """Accuracy and loss on the validation part."""
        began = time.perf_counter()
        part = self.data.validation
        logits = self._validation_logits()
        accuracy = (logits.argmax(-1) == part.labels).double().mean().item()
        loss = F.cross_entropy(logits, part.labels).item()
        self.seconds += time.perf_counter() - began
        says = f"validation: {accuracy:.1%} right, loss {loss:.3f} nats"
        return {"val_accuracy": accuracy, "val_loss": loss, "says": says}

    def state(self) -> dict[str, Any]:
        """The time that was spent."""
        return {"seconds": self.seconds}

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on counting the time."""
        self.seconds = state["seconds"]

    def _batch(self) -> list[int]:
        """The batch of this step, from the seed and the step alone, so that nothing is saved."""
        epoch, i = divmod(self.learner.done - 1, self.look_every)
        if epoch != self._epoch:
            lengths = [len(ids) for ids in self.data.train.ids]
            seed = 1000 * self.config.seed + epoch
            self._epoch, self._batches = epoch, [*batches(lengths, self.config.batch_size, seed)]
        return self._batches[i]

    def _logits(self, batch: list[int]) -> Tensor:
        if self.kept:
            return self.model.classify(self.kept[0][batch])
        return self.model(*padding.right([self.data.train.ids[i] for i in batch], value=0))

    @torch.no_grad()
    def _validation_logits(self) -> Tensor:
        if self.kept:
            return self.model.classify(self.kept[1])
        return in_batches(self.model, self.model, self.data.validation.ids)


# -- runs -------------------------------------------------------------------------------------


def train(config: Config, root: Path = runs.RUNS) -> Outcome:
    """Train one classifier, calibrate it, test it once, and write its folder.

    Raises:
        KeyboardInterrupt: Ctrl-C, after a checkpoint.
        ValueError: a model, data or a run cannot be had; one line.
    """
    base = models.load_encoder(config.model)
    data = load_data(config.data, base.tokenizer)
    torch.manual_seed(config.seed)
    model = TextClassifier(base.model, len(data.names))
    adapter = prepare(model, config.method, config.r, config.alpha)
    print(f"{config.label} on {base.source}: {inject.summary(model)}", flush=True)
    run, saved = loop.open_run(config.folder, config.settings, config.resume, root)
    with run:
        task = Training(config, model, data)
        loop.fit(task, run, saved)
    about = calibrated(config, model, data)
    n_bytes = save_folder(model, about, adapter, run.path / FOLDER)
    logits = in_batches(model, model, data.test.ids)
    n_trained = sum(p.numel() for _, p in task.learner.trained())
    outcome = measure(
        config.label,
        logits,
        data.test.labels,
        about,
        n_trained=n_trained,
        n_bytes=n_bytes,
        seconds=task.seconds,
    )
    metrics = runs.read_metrics(run.path)
    intent_figures.draw_run(metrics, logits, data.test.labels, about, run.path)
    write_text(run.path / RESULTS, json.dumps(asdict(outcome), indent=1))
    return outcome


def calibrated(config: Config, model: TextClassifier, data: Data) -> About:
    """Fit the temperature and choose the threshold, both on the validation part."""
    part = data.validation
    logits = in_batches(model, model, part.ids)
    temperature = confidence.fit_temperature(logits, part.labels)
    sure, answers = (logits / temperature).softmax(-1).max(-1)
    right = answers == part.labels
    threshold = confidence.choose_threshold(sure, right, config.precision)
    return About(config.model, config.method, data.names, temperature, threshold, config.precision)


def table(config: Config, root: Path = runs.RUNS) -> list[Outcome]:
    """Train every row of the table; with `resume`, go on where it stood."""
    outcomes = []
    for method, r in ROWS:
        row = replace(config, method=method, r=r or config.r, table=False)
        path = root / loop.PHASE / row.folder
        begun = config.resume and runs.has_begun(path)
        outcome = finished(row, path) if begun else None
        outcomes.append(outcome or train(replace(row, resume=begun), root))
    path = root / loop.PHASE / config.name
    path.mkdir(parents=True, exist_ok=True)
    write_text(path / RESULTS, json.dumps([asdict(outcome) for outcome in outcomes], indent=1))
    intent_figures.draw_table(outcomes, path / "table.png")
    return outcomes


def finished(config: Config, path: Path) -> Outcome | None:
    """The outcome of a run that has ended, if it had these settings."""
    ended = (path / RESULTS).is_file() and runs.was_started_with(path, config.settings)
    if not ended:
        return None
    return Outcome.from_json(json.loads((path / RESULTS).read_text(encoding="utf-8")))


def main(config: Config) -> None:
    """Train, and say what came out."""
    outcomes = table(config) if config.table else [train(config)]
    print(HEADING)
    for outcome in outcomes:
        print(outcome)
    if config.table:
        print(f"figure: {runs.RUNS / loop.PHASE / config.name}")
        return
    print(outcomes[0].story)
    print(f"classifier and figures: {runs.RUNS / loop.PHASE / config.folder}")


if __name__ == "__main__":
    cli.run(__spec__.name)
