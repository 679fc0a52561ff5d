"""The lecture's build-up: from a table of pairs to a transformer, one part at a time.

Every model below is trained for the same number of steps on the same batches of characters, with
the same learning rate, and then scored on the whole validation text. A minute or two on a laptop:

    python -m phase1_transformers.project.lecture

prints a table and writes metrics.jsonl, results.json and lecture.png to runs/phase1/lecture/.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from phase1_transformers.project.corpus import find_text
from phase1_transformers.project.evaluate import score
from phase1_transformers.project.lecture_models import STEPS, Sizes
from phase1_transformers.solution.batches import get_batch
from phase1_transformers.solution.bigram import count_bigrams, counted
from phase1_transformers.solution.characters import CharTokenizer
from phase1_transformers.solution.schedules import warmup_stable_decay
from phase1_transformers.solution.training import training_step
from shared import cli, runs
from shared.drawing import BLUE, ORANGE, write_figure
from shared.files import write_text
from shared.loops import Bar

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WARMUP_STEPS = 20
GRAD_CLIP = 1.0


@dataclass(frozen=True)
class Config:
    """What to train on, how large, and for how long."""

    data: str = "tinyshakespeare"
    """text, tinyshakespeare, tinystories or a text file; read character by character"""
    steps: int = 800
    """training steps of each model"""
    lr: float = 0.01
    """learning rate of AdamW; it falls to 0 over the second half"""
    batch_size: int = 32
    """B, windows in a step"""
    block_size: int = 32
    """T, characters in a window"""
    n_embd: int = 64
    """C, numbers that stand for a character"""
    n_head: int = 4
    """heads of those models that have several"""
    n_layer: int = 3
    """layers of those models that have several"""
    dropout: float = 0.1
    """probability of dropping an activation, in the last model"""
    seed: int = 0
    """decides weights and batches"""
    name: str = "lecture"
    """folder of the run under runs/phase1"""

    def __post_init__(self) -> None:
        if self.steps <= WARMUP_STEPS:
            raise ValueError(f"steps must be more than {WARMUP_STEPS}, got {self.steps}")
        if self.n_embd % self.n_head:
            raise ValueError(
                f"n_embd must be a multiple of n_head, got {self.n_embd} and {self.n_head}"
            )

    def sizes(self, vocab_size: int) -> Sizes:
        """What the models need to know."""
        return Sizes(
            vocab_size, self.block_size, self.n_embd, self.n_head, self.n_layer, self.dropout
        )


# -- training ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Outcome:
    """How a model did.

    Attributes:
        name: the step of the lecture.
        n_parameters: numbers learned.
        seconds: of training.
        train_loss, val_loss: at the end, nats per character.
    """

    name: str
    n_parameters: int
    seconds: float
    train_loss: float
    val_loss: float


def train(
    name: str, config: Config, vocab_size: int, train_ids: Tensor, val_ids: Tensor
) -> Outcome:
    """Build and train one model."""
    torch.manual_seed(config.seed)  # weights and dropout
    model = STEPS[name](config.sizes(vocab_size))
    generator = torch.Generator().manual_seed(config.seed)
    optimizer = torch.optim.AdamW(model.parameters())
    began = time.perf_counter()
    with Bar(name, config.steps) as bar:
        for step in range(config.steps):
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(config, step)
            batch = get_batch(train_ids, config.block_size, config.batch_size, generator)
            told = training_step(model, optimizer, [batch], GRAD_CLIP)
            bar.advance(loss=told["loss"].item())
    seconds = time.perf_counter() - began
    train_loss, val_loss = (
        score(model, ids[: len(val_ids)].numpy(), config.block_size).loss
        for ids in (train_ids, val_ids)  # as much of the training text as there is to validate on
    )
    n_parameters = sum(p.numel() for p in model.parameters())
    return Outcome(name, n_parameters, seconds, train_loss, val_loss)


def learning_rate(config: Config, step: int) -> float:
    """Up over a few steps, level, and down to 0 over the second half."""
    return warmup_stable_decay(
        step,
        lr=config.lr,
        max_steps=config.steps,
        warmup_steps=WARMUP_STEPS,
        decay_steps=min(config.steps // 2, config.steps - WARMUP_STEPS),
    )


# -- what is shown ----------------------------------------------------------------------------


def table(outcomes: list[Outcome]) -> str:
    """The steps as lines of text, each with what it changed."""
    lines = [
        f"{'':24}{'parameters':>11}{'seconds':>9}{'training':>10}{'validation':>12}{'change':>9}"
    ]
    for before, now in zip([None, *outcomes], outcomes):
        change = f"{now.val_loss - before.val_loss:+9.3f}" if before else ""
        lines.append(
            f"{now.name:24}{now.n_parameters:>11,}{now.seconds:>9.1f}"
            f"{now.train_loss:>10.3f}{now.val_loss:>12.3f}{change}"
        )
    return "\n".join(lines)


def draw(outcomes: list[Outcome], counting: float, path: Path) -> None:
    """Write the validation loss of each step, and which way it went, as PNG."""

    def fill(figure: Figure) -> None:
        axes = figure.subplots()
        names, losses = [o.name for o in outcomes], [o.val_loss for o in outcomes]
        for i, (before, after) in enumerate(pairwise(losses)):
            colour = ORANGE if after > before else BLUE
            axes.plot((before, after), (i, i + 1), color=colour, linewidth=2)
        axes.plot(losses, range(len(losses)), "o", color="black", markersize=5)
        for i, loss in enumerate(losses):
            # The lines come from the left at the worst model only.
            at, align = ((8, -3), "left") if loss == max(losses) else ((-8, -3), "right")
            axes.annotate(f"{loss:.2f}", (loss, i), at, textcoords="offset points", ha=align)
        axes.axvline(counting, color="grey", linestyle=":", label="counting pairs, no training")
        axes.set(
            xlabel="validation loss (nats per character)",
            xlim=(min(losses) - 0.2, max(losses) + 0.2),
            title="One part at a time: blue where the loss falls, orange where it rises",
        )
        axes.set_yticks(range(len(names)), names)
        axes.invert_yaxis()
        axes.legend(loc="lower right")

    write_figure(path, (8, 4), fill, dpi=110)


def main(config: Config, root: Path = runs.RUNS) -> None:
    """Train every step of the lecture and show what each part was worth."""
    source, parts = find_text(config.data)
    texts = {part: "".join(pieces) for part, pieces in parts.items()}
    tokenizer = CharTokenizer.train("".join(sorted(set(texts["train"] + texts["val"]))))
    train_ids, val_ids = (torch.tensor(tokenizer.encode(texts[part])) for part in ("train", "val"))
    V = tokenizer.vocab_size
    by_counting = counted(count_bigrams(train_ids, V))
    counting = score(by_counting, val_ids.numpy(), config.block_size).loss
    outcomes = []
    with runs.start("phase1", config.name, config, root) as run:
        for name in STEPS:
            outcomes.append(train(name, config, V, train_ids, val_ids))
            run.log(**asdict(outcomes[-1]))
    results = {"source": source, "counted_bigrams": counting}
    results["steps"] = [asdict(outcome) for outcome in outcomes]
    write_text(run.path / "results.json", json.dumps(results, indent=2))
    draw(outcomes, counting, run.path / "lecture.png")
    print(table(outcomes))
    print(f"counting pairs, without any training, gives {counting:.3f}")
    print(f"figure: {run.path / 'lecture.png'}")


if __name__ == "__main__":
    cli.run(__spec__.name)
