"""Which change bought what: from nanoGPT's laptop recipe to the preset `shakespeare-char`.

    python -m phase1_transformers.project.ablation

Every row is the one above it plus one change, trained on the same number of characters with the
learning rate brought down to the end. The loss is that of the whole validation text, so rows can be
compared to about 0.01 nats, which is what another seed changes. Takes two minutes on two cores;
the table goes to runs/phase1/ablation/ablation.json as well.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from phase1_transformers.project.config import Config as TrainConfig
from phase1_transformers.project.corpus import Corpus, build_corpus, find_text
from phase1_transformers.project.presets import SHAKESPEARE
from phase1_transformers.project.trainer import Trainer
from shared import cli
from shared.files import write_text
from shared.loops import Bar
from shared.runs import RUNS

NANOGPT = replace(
    SHAKESPEARE,
    architecture="gpt2",
    n_layer=4,
    n_head=4,
    n_embd=128,
    n_hidden=None,
    zero_init=False,
    batch_size=12,
    optimizer="adamw",
    lr=1e-3,
    betas=(0.9, 0.99),
    weight_decay=0.1,
    schedule="cosine",
    warmup_steps=20,
    min_lr_share=0.1,
    dtype="float32",
)
CHANGES = (
    ("matrix products in bfloat16", {"dtype": "auto"}),
    ("2 blocks 176 wide for 4 of 128, batch 16", {"n_layer": 2, "n_embd": 176, "batch_size": 16}),
    (
        "Qwen3's block: RMSNorm, SwiGLU, rotary positions, QK-norm",
        {"architecture": "modern", "n_embd": 192, "n_head": 3, "n_hidden": 384},
    ),
    ("rotary base 100 for 10,000's long windows", {"rope_theta": 100.0}),
    (
        "Muon for the blocks' matrices; rates x 3, straight down to 0",
        {
            "optimizer": "muon",
            "momentum": 0.95,
            "lr": 3e-3,
            "betas": (0.9, 0.95),
            "schedule": "wsd",
            "warmup_steps": 0,
            "min_lr_share": 0.0,
            "weight_decay": 0.0,
        },
    ),
    ("head untied; blocks and head start from nothing", {"zero_init": True, "tied": False}),
    ("the preset: momentum 0.9, AdamW's rate 1e-2", {"momentum": 0.9, "lr": 1e-2}),
)


@dataclass(frozen=True)
class Config:
    """How much each row is trained."""

    n_tokens: int = SHAKESPEARE.max_steps * SHAKESPEARE.tokens_per_step
    """characters"""
    seed: int = 0
    """decides weights and batches"""


@dataclass(frozen=True)
class Row:
    """What came of one recipe.

    Attributes:
        change: what is new in it.
        n_parameters: numbers that were learned.
        val_loss: nats per character over the whole validation text.
        tokens_per_s: in training.
        seconds: of training.
    """

    change: str
    n_parameters: int
    val_loss: float
    tokens_per_s: float
    seconds: float


def recipes(config: Config) -> Iterator[tuple[str, TrainConfig]]:
    """Yield what is new, and the recipe with everything up to it."""
    start = replace(NANOGPT, rope_theta=10_000.0, tied=True, seed=config.seed)
    changes: dict[str, object] = {}
    for told, change in (("nanoGPT's recipe", {}), *CHANGES):
        changes |= change
        tokens_per_step = changes.get("batch_size", start.batch_size) * start.block_size
        steps = round(config.n_tokens / tokens_per_step)
        yield told, replace(start, **changes, max_steps=steps, decay_steps=steps)


def measure(told: str, recipe: TrainConfig, corpus: Corpus) -> Row:
    """Train one recipe."""
    trainer = Trainer(recipe, corpus)
    label, per_step = told.partition(",")[0][:40], recipe.tokens_per_step
    with Bar(label, recipe.max_steps, unit="tokens", per_step=per_step) as bar:
        while trainer.done < recipe.max_steps:
            bar.advance(loss=trainer.step()["loss"])
    n_tokens = recipe.max_steps * per_step
    return Row(
        change=told,
        n_parameters=trainer.n_parameters,
        val_loss=trainer.score(corpus.val).loss,
        tokens_per_s=n_tokens / trainer.seconds,
        seconds=trainer.seconds,
    )


def main(config: Config) -> None:
    """Train every row and print the table."""
    with tempfile.TemporaryDirectory() as folder:
        corpus = build_corpus(SHAKESPEARE, find_text(SHAKESPEARE.data), Path(folder))
        rows = [measure(told, recipe, corpus) for told, recipe in recipes(config)]
    table = {"n_tokens": config.n_tokens, "rows": [asdict(row) for row in rows]}
    write_text(RUNS / "phase1" / "ablation" / "ablation.json", json.dumps(table, indent=2))
    print(f"\nafter {config.n_tokens:,} characters:")
    print("| change | parameters | validation loss | tokens/s | seconds |\n|---|---|---|---|---|")
    for row in rows:
        print(
            f"| {row.change} | {row.n_parameters:,} | {row.val_loss:.3f} "
            f"| {row.tokens_per_s:,.0f} | {row.seconds:.1f} |"
        )


if __name__ == "__main__":
    cli.run(__spec__.name)
