"""Swap tokenizers: the same GPT on the same text, in four kinds of tokens.

Characters, byte-pair encoding, the unigram model and SentencePiece. Every model has the same
blocks, sees the same number of tokens in a window and in a step, and reads the same number of
*bytes* of text; only the table of embeddings follows the vocabulary. What can be compared then is
not the loss per token but bits per byte, and what it cost. A few minutes on a laptop:

    python -m phase1_transformers.project.swap

prints a table and writes metrics.jsonl, results.json, the tokenizers and swap.png to
runs/phase1/swap/.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from phase1_transformers.project.config import Config as TrainConfig
from phase1_transformers.project.corpus import Corpus, find_text
from phase1_transformers.project.sentencepiece_tokenizer import SentencePieceTokenizer
from phase1_transformers.project.trainer import Trainer
from phase1_transformers.solution import unigram_train
from phase1_transformers.solution.bpe_fast import FastBytePairTokenizer
from phase1_transformers.solution.characters import CharTokenizer
from phase1_transformers.solution.counting import flops_per_token
from phase1_transformers.solution.tokenizer import Tokenizer
from shared import cli, runs
from shared.drawing import write_figure
from shared.files import write_text
from shared.loops import Bar

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LOOKS = 5  # times that a run scores the validation text
COLOURS = {"char": "#009e73", "bpe": "#0072b2", "unigram": "#d55e00", "sentencepiece": "#cc79a7"}

TOKENIZERS: dict[str, Callable[[str, int], Tokenizer]] = {
    "char": lambda text, vocab_size: CharTokenizer.train(text),
    "bpe": FastBytePairTokenizer.train,
    "unigram": unigram_train.train_tokenizer,
    "sentencepiece": SentencePieceTokenizer.train,
}


@dataclass(frozen=True)
class Config:
    """What to compare, and how long to train."""

    data: str = "tinyshakespeare"
    """text, tinyshakespeare, tinystories or a text file"""
    vocab_size: int = 1024
    """tokens of all tokenizers but char"""
    n_bytes: int = 1_000_000
    """of text that each model reads in training; more than there are means several times"""
    block_size: int = 128
    """T, tokens in a window"""
    batch_size: int = 8
    """windows in a step"""
    n_layer: int = 4
    """blocks"""
    n_head: int = 4
    """heads"""
    n_embd: int = 96
    """C, width of the residual stream"""
    seed: int = 0
    """decides weights and batches"""
    name: str = "swap"
    """folder of the run under runs/phase1"""

    def __post_init__(self) -> None:
        if self.n_bytes < 1:
            raise ValueError(f"n_bytes must be positive, got {self.n_bytes}")
        self.training("char", 1.0)

    def training(self, tokenizer: str, bytes_per_token: float) -> TrainConfig:
        """The settings of one model's training, which ends after n_bytes."""
        step_bytes = self.batch_size * self.block_size * bytes_per_token
        return TrainConfig(
            preset="swap",
            data=self.data,
            tokenizer=tokenizer,
            block_size=self.block_size,
            batch_size=self.batch_size,
            n_layer=self.n_layer,
            n_head=self.n_head,
            n_embd=self.n_embd,
            zero_init=True,
            schedule="cosine",
            max_steps=max(1, round(self.n_bytes / step_bytes)),
            seed=self.seed,
        )


@dataclass(frozen=True)
class Outcome:
    """What came of one tokenizer.

    Attributes:
        name: of the tokenizer.
        vocab_size: different tokens.
        bytes_per_token: of the training text.
        learn_s: seconds to train the tokenizer.
        encode_mb_per_s: speed of encoding the training text once, in 10^6 bytes a second.
        n_parameters: of the model, embeddings included.
        steps: of its training.
        tokens_per_s: in training.
        seconds: of training, evaluation not counted.
        val_loss: nats per token.
        bits_per_byte: over the whole validation text.
        curve: (bytes read, operations, bits per byte) during training.
    """

    name: str
    vocab_size: int
    bytes_per_token: float
    learn_s: float
    encode_mb_per_s: float
    n_parameters: int
    steps: int
    tokens_per_s: float
    seconds: float
    val_loss: float
    bits_per_byte: float
    curve: list[tuple[float, float, float]]


def compare(config: Config, name: str, parts: dict[str, str], folder: Path) -> Outcome:
    """Train one tokenizer and one model.

    Args:
        config: the settings.
        name: of the tokenizer.
        parts: the text, "train" and "val".
        folder: where a tokenizer that can be saved is saved.
    """
    began = time.perf_counter()
    # Characters must all be known; the others fall back on bytes.
    text = "".join(parts.values()) if name == "char" else parts["train"]
    tokenizer = TOKENIZERS[name](text, config.vocab_size)
    learned = time.perf_counter()
    train_ids = tokenizer.encode(parts["train"])
    encoded = time.perf_counter()
    corpus = make_corpus(tokenizer, train_ids, parts)
    if hasattr(tokenizer, "save"):
        tokenizer.save(folder / name)
    trainer = Trainer(config.training(name, corpus.n_train_bytes / len(train_ids)), corpus)
    curve = fit(trainer, name)
    score = trainer.score(corpus.val)
    n_tokens = trainer.config.max_steps * trainer.config.tokens_per_step
    return Outcome(
        name=name,
        vocab_size=tokenizer.vocab_size,
        bytes_per_token=corpus.n_train_bytes / len(train_ids),
        learn_s=learned - began,
        encode_mb_per_s=corpus.n_train_bytes / 1e6 / (encoded - learned),
        n_parameters=trainer.n_parameters,
        steps=trainer.config.max_steps,
        tokens_per_s=n_tokens / trainer.seconds,
        seconds=trainer.seconds,
        val_loss=score.loss,
        bits_per_byte=score.bits_per_byte(corpus.n_val_bytes),
        curve=curve,
    )


def make_corpus(tokenizer: Tokenizer, train_ids: list[int], parts: dict[str, str]) -> Corpus:
    """Put a text that fits into memory into the form that the trainer takes."""
    return Corpus(
        tokenizer=tokenizer,
        train=np.array(train_ids),
        val=np.array(tokenizer.encode(parts["val"])),
        n_train_bytes=len(parts["train"].encode()),
        n_val_bytes=len(parts["val"].encode()),
        source="",
    )


def fit(trainer: Trainer, name: str) -> list[tuple[float, float, float]]:
    """Train to the end; return the curve.

    The cost is counted in operations and not in seconds, which depend on what else is running.
    """
    config, corpus = trainer.config, trainer.corpus
    step_bytes = config.tokens_per_step * corpus.n_train_bytes / len(corpus.train)
    n_keys = (config.block_size + 1) / 2  # that a token looks at, on average
    step_flops = config.tokens_per_step * flops_per_token(trainer.model.config, n_keys)
    looks = {round(config.max_steps * (i + 1) / LOOKS) for i in range(LOOKS)}
    curve = []
    with Bar(name, config.max_steps, unit="tokens", per_step=config.tokens_per_step) as bar:
        while trainer.done < config.max_steps:
            bar.advance(loss=trainer.step()["loss"])
            if trainer.done in looks:
                bits = trainer.score(corpus.val).bits_per_byte(corpus.n_val_bytes)
                curve.append((trainer.done * step_bytes, trainer.done * step_flops, bits))
    return curve


# -- what is shown ----------------------------------------------------------------------------

COLUMNS = {
    "tokens": lambda o: f"{o.vocab_size:,}",
    "bytes per token": lambda o: f"{o.bytes_per_token:.2f}",
    "trained in": lambda o: f"{o.learn_s:.1f} s",
    "encodes": lambda o: f"{o.encode_mb_per_s:.1f} MB/s",
    "parameters": lambda o: f"{o.n_parameters:,}",
    "steps": lambda o: f"{o.steps:,}",
    "tokens/s": lambda o: f"{o.tokens_per_s:,.0f}",
    "seconds": lambda o: f"{o.seconds:.0f}",
    "nats per token": lambda o: f"{o.val_loss:.3f}",
    "bits per byte": lambda o: f"{o.bits_per_byte:.3f}",
}


def table(outcomes: list[Outcome]) -> str:
    """All outcomes as a Markdown table."""
    rows = [["", *COLUMNS], ["---", *("---:" for _ in COLUMNS)]]
    rows += [[o.name, *(cell(o) for cell in COLUMNS.values())] for o in outcomes]
    widths = [max(map(len, column)) for column in zip(*rows)]
    lines = [" | ".join(cell.rjust(w) for cell, w in zip(row, widths)) for row in rows]
    return "\n".join(f"| {line} |" for line in lines)


def draw(outcomes: list[Outcome], path: Path) -> None:
    """Write bits per byte against the text read, and against the operations it took, as PNG."""

    def fill(figure: Figure) -> None:
        by_bytes, by_cost = figure.subplots(1, 2, sharey=True)
        for o in outcomes:
            n_bytes, flops, bits = np.array(o.curve).T
            look = {"color": COLOURS[o.name], "marker": "o", "markersize": 3}
            by_bytes.plot(n_bytes / 1e6, bits, label=f"{o.name}, {o.bits_per_byte:.2f}", **look)
            by_cost.plot(flops / 1e12, bits, **look)
        by_bytes.set(xlabel="text read (MB)", ylabel="validation, bits per byte")
        by_bytes.set_title("The same text")
        by_bytes.legend()
        by_cost.set(xlabel="training, 10^12 operations", title="The same work")

    write_figure(path, (9, 3.8), fill, dpi=110)


def main(config: Config, root: Path = runs.RUNS) -> None:
    """Compare all tokenizers on one text."""
    source, pieces = find_text(config.data)
    parts = {part: "".join(piece) for part, piece in pieces.items()}
    outcomes = []
    with runs.start("phase1", config.name, config, root) as run:
        for name in TOKENIZERS:
            outcomes.append(compare(config, name, parts, run.path))
            run.log(**asdict(outcomes[-1]))
    results = {"source": source, "tokenizers": [asdict(outcome) for outcome in outcomes]}
    write_text(run.path / "results.json", json.dumps(results, indent=2))
    draw(outcomes, run.path / "swap.png")
    print(table(outcomes))
    print(f"figure: {run.path / 'swap.png'}")


if __name__ == "__main__":
    cli.run(__spec__.name)
