"""How fast a character GPT learns Shakespeare, against nanoGPT's recipe for a laptop.

nanoGPT's README: 4 layers, 4 heads, 128 wide, 64 characters of context, batch 12, dropout 0, AdamW,
2000 steps, "about 3 minutes" to a validation loss of 1.88. Its folder is named by the environment
variable NANOGPT; without it, Hugging Face's GPT2LMHeadModel of that shape takes its place.

Two rows: characters a second in training, and seconds of training steps until the whole validation
text is predicted with 1.88 nats a character. The recipe's time is its 2000 steps at the speed
measured here; it ends at 1.886, so that flatters it a little. Ours is the preset from beginning to
end. Both sides work on the same cores, in turns.
Run `make phase1-bench`; `python -m phase1_transformers.project.bench_train` for these rows alone.
"""

from __future__ import annotations

import importlib.util
import os
import statistics
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn

from phase1_transformers.project.corpus import Corpus, build_corpus, find_text
from phase1_transformers.project.presets import SHAKESPEARE
from phase1_transformers.project.trainer import Trainer
from phase1_transformers.solution.batches import get_batch
from shared.bench import Contender, Row, interleave, rows_with_threads
from shared.machine import usable_cores

MODULE = "phase1_transformers.project.bench_train"
TARGET = 1.88  # nats per character over the whole validation text
THEIR_STEPS = 2000
SHAPE = {"n_layer": 4, "n_head": 4, "n_embd": 128}
THEIR_BATCH, BLOCK_SIZE = 12, 64
TURNS, STEPS = 9, 10
SEEDS = (0, 1, 2)


def rows() -> list[Row]:
    """Time both with all cores, in a process of their own."""
    return rows_with_threads(MODULE, "rows_here", min(2, usable_cores()))


def rows_here() -> list[Row]:
    """Time both with the number of threads that this process was started with."""
    with tempfile.TemporaryDirectory() as folder:
        corpus = build_corpus(SHAKESPEARE, find_text(SHAKESPEARE.data), Path(folder))
        peer, step = peer_step(corpus)
        trainer = Trainer(replace(SHAKESPEARE, max_steps=10**6), corpus)
        sides = [Contender("ours", trainer.step), Contender("peer", step)]
        times = interleave(sides, turns=TURNS, number=STEPS, warmup=3)
        speed = Row.compare(
            "1-train-speed",
            f"character GPT, {trainer.n_parameters:,} parameters, training",
            "tokens/s",
            SHAKESPEARE.tokens_per_step * times["ours"].per_second,
            peer,
            THEIR_BATCH * BLOCK_SIZE * times["peer"].per_second,
            higher_is_better=True,
            goal=1.5,
            runs=TURNS,
        )
        if "shakespeare" not in corpus.source:  # another text has another loss to reach
            return [speed]
        reached = [seconds_to_target(corpus, seed) for seed in SEEDS]
    time = Row.compare(
        "1-train-time",
        f"seconds of steps to a validation loss of {TARGET}",
        "s",
        statistics.median(reached),
        f"{peer}, {THEIR_STEPS} steps",
        THEIR_STEPS * times["peer"].median,
        higher_is_better=False,
        goal=6.0,
        runs=len(SEEDS),
    )
    return [speed, time]


def seconds_to_target(corpus: Corpus, seed: int) -> float:
    """Train the preset to its end; infinitely long where it misses the target."""
    trainer = Trainer(replace(SHAKESPEARE, seed=seed), corpus)
    for _ in range(SHAKESPEARE.max_steps):
        trainer.step()
    loss = trainer.score(corpus.val).loss
    print(f"seed {seed}: validation loss {loss:.4f} after {trainer.seconds:.1f} s", flush=True)
    return trainer.seconds if loss <= TARGET else float("inf")


def peer_step(corpus: Corpus) -> tuple[str, Callable[[], None]]:
    """Return the peer's name and its training step: nanoGPT's own model, or Hugging Face's."""
    torch.manual_seed(0)
    V = corpus.tokenizer.vocab_size
    folder = os.environ.get("NANOGPT")
    model, optimizer = nanogpt(Path(folder), V) if folder else hugging_face(V)
    generator = torch.Generator().manual_seed(0)

    def step() -> None:
        x, y = get_batch(corpus.train, BLOCK_SIZE, THEIR_BATCH, generator)
        model.loss(x, y).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    return "nanoGPT" if folder else "transformers, GPT2LMHeadModel", step


def nanogpt(folder: Path, vocab_size: int) -> tuple[nn.Module, torch.optim.Optimizer]:
    """Build the recipe's model and optimiser by nanoGPT's own model.py."""
    spec = importlib.util.spec_from_file_location("nanogpt_model", folder / "model.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    config = module.GPTConfig(
        **SHAPE, block_size=BLOCK_SIZE, vocab_size=vocab_size, dropout=0.0, bias=False
    )
    model = module.GPT(config)
    model.loss = lambda x, y: model(x, y)[1]
    return model, model.configure_optimizers(0.1, 1e-3, (0.9, 0.99), "cpu")


def hugging_face(vocab_size: int) -> tuple[nn.Module, torch.optim.Optimizer]:
    """Build a model of the same size in transformers, with PyTorch's AdamW."""
    from transformers import GPT2Config, GPT2LMHeadModel

    silent = {"resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0}
    silent |= {"bos_token_id": None, "eos_token_id": None}
    shape = GPT2Config(**SHAPE, n_positions=BLOCK_SIZE, vocab_size=vocab_size, **silent)
    model = GPT2LMHeadModel(shape)

    def loss(x: Tensor, y: Tensor) -> Tensor:
        return nn.functional.cross_entropy(model(x).logits.flatten(0, 1), y.flatten())

    model.loss = loss
    return model, torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.1)


if __name__ == "__main__":
    for row in rows():
        print(f"{row.id:12} {row.ours:10.1f} {row.unit:9} {row.peer:40} {row.ratio or 0:6.2f} x")
