"""How well a model predicts a whole text: nats per token, and bits per byte.

    python -m phase1_transformers.project.evaluate --name shakespeare-char
    python -m phase1_transformers.project.evaluate --name shakespeare-char --part train

The text is cut into windows of block_size tokens, one after the other, the last one as long as it
is. Every token but the very first is predicted exactly once, from what stands before it in its
window: the first of a window from one token, the last from all the others. So the number is a
little worse than that of a window that slides, which would give each token a full context.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from phase1_transformers.project.record import FOLDER, read_record
from phase1_transformers.solution.losses import bits_per_byte
from shared import cli

BATCH_TOKENS = 2**13  # in one forward pass


@dataclass(frozen=True)
class Config:
    """Which model to score, on what."""

    name: str = "tiny"
    """the run's folder under runs/phase1"""
    part: Literal["val", "train"] = "val"
    """of the run's text"""


@dataclass(frozen=True)
class Score:
    """How well a text was predicted.

    Attributes:
        loss: mean nats per token.
        n_tokens: tokens predicted.
    """

    loss: float
    n_tokens: int

    @property
    def perplexity(self) -> float:
        """How many equally likely tokens would be as hard to guess."""
        return math.exp(self.loss)

    def bits_per_byte(self, n_bytes: int) -> float:
        """The loss as bits for each byte of the text, which has n_bytes."""
        return bits_per_byte(self.loss, self.n_tokens, n_bytes)


@torch.no_grad()
def score(
    model: nn.Module, tokens: np.ndarray, block_size: int, autocast: torch.dtype | None = None
) -> Score:
    """Predict every token but the first, in windows that follow each other.

    Args:
        model: called as `model(x, y)`, returns (logits, mean loss); left in the mode it is in.
        tokens: (n,) ids, two at least; a memory map will do.
        block_size: T, tokens in a window.
        autocast: dtype of matrix products; None for the weights' own.
    """
    device = next(model.parameters()).device
    was_training = model.training
    model.eval()
    total, n = 0.0, len(tokens) - 1
    for x, y in windows(tokens, block_size):
        with torch.autocast(device.type, dtype=autocast, enabled=autocast is not None):
            _, loss = model(x.to(device), y.to(device))
        total += loss.double().item() * y.numel()
    model.train(was_training)
    return Score(total / n, n)


def windows(tokens: np.ndarray, block_size: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield x and y, (B, T) int64 each, that cover the text once; the last may be shorter."""
    n_whole, rest = divmod(len(tokens) - 1, block_size)
    rows = max(1, BATCH_TOKENS // block_size)
    for first in range(0, n_whole, rows):
        last = min(first + rows, n_whole)
        piece = torch.from_numpy(
            tokens[first * block_size : last * block_size + 1].astype(np.int64)
        )
        yield piece[:-1].view(-1, block_size), piece[1:].view(-1, block_size)
    if rest:
        piece = torch.from_numpy(tokens[n_whole * block_size :].astype(np.int64))
        yield piece[None, :-1], piece[None, 1:]


def main(config: Config) -> None:
    """Score the exported model of a run."""
    record = read_record(FOLDER / config.name)
    tokens = getattr(record.corpus, config.part)
    found = score(record.model, tokens, record.config.block_size)
    bits = found.bits_per_byte(getattr(record.corpus, f"n_{config.part}_bytes"))
    print(
        f"{config.part}: {found.loss:.4f} nats per token over {found.n_tokens:,} tokens, "
        f"perplexity {found.perplexity:.2f}, {bits:.3f} bits per byte"
    )


if __name__ == "__main__":
    cli.run(__spec__.name)
