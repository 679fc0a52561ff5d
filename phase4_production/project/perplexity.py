"""How well a model predicts a whole validation text, quantised or not.

    python -m phase4_production.project.perplexity --model runs/phase1/tiny/hf
    python -m phase4_production.project.perplexity --model FOLDER --cache int8

The text is cut into windows of equal length, one after the other; the last one is as long as it is.
Every token but the first is predicted once, from what stands before it in its window. Models are
compared on the same windows, and the mean is taken over nats, before the exponential.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from phase4_production.project import corpora, loading, quantized_files
from phase4_production.project.decoder import Decoder
from phase4_production.project.dense_attention import Windows
from phase4_production.project.tokenizing import Tokenizer
from phase4_production.solution import kv_int8
from shared import cli

BATCH_TOKENS = 4096  # in one forward pass
LONGEST = 1024  # tokens of a window, where a model reads more


@dataclass(frozen=True)
class Config:
    """Which model, on which text."""

    model: Path | None = None
    """a model folder, quantised or not; by default the newest that phases 1 and 3 have written"""
    data: str | None = None
    """a data set by name; by default the model's own text, or TinyStories"""
    cache: Literal["float", "int8"] = "float"
    """how keys and values are kept"""


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


class Int8Windows(Windows):
    """Attention to keys and values that were in a cache of eight bits."""

    def __call__(self, layer: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """Let each token see its own window, as it comes back from the cache."""
        k, v = (kv_int8.dequantize(*kv_int8.quantize(x), x.dtype) for x in (k, v))
        return super().__call__(layer, q, k, v)


@torch.no_grad()
def score(decoder: Decoder, tokens: Tensor, attention: type[Windows] = Windows) -> Score:
    """Predict every token but the first.

    Args:
        decoder: the model.
        tokens: (n,) int64, two at least.
        attention: how windows are looked at.
    """
    total, length = 0.0, min(decoder.architecture.max_length, LONGEST)
    for x, y in _batches(tokens, length):
        B, T = x.shape
        flat, positions = x.reshape(-1), torch.arange(T).repeat(B)
        logits = decoder.logits(decoder.hidden(flat, positions, attention(T)))
        total += F.cross_entropy(logits.float(), y.reshape(-1), reduction="sum").item()
    return Score(total / (len(tokens) - 1), len(tokens) - 1)


def _batches(tokens: Tensor, length: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Cut a text into (B, length) inputs and their targets; the last batch is one short window."""
    n = len(tokens) - 1
    full = n // length * length
    if full:
        x, y = (tokens[shift : shift + full].view(-1, length) for shift in (0, 1))
        size = max(BATCH_TOKENS // length, 1)
        yield from zip(x.split(size), y.split(size), strict=True)
    if full < n:
        yield tokens[None, full:-1], tokens[None, full + 1 :]


def main(config: Config) -> None:
    """Print loss and perplexity."""
    folder = loading.find(config.model)
    decoder = quantized_files.open_model(folder)
    a = decoder.architecture
    corpus = corpora.load(config.data, folder, Tokenizer.load(folder, a.vocab_size, a.eos_ids))
    attention = Int8Windows if config.cache == "int8" else Windows
    found = score(decoder, corpus.validation, attention)
    print(f"{folder} on {corpus.source}")
    print(f"loss {found.loss:.4f} nats per token, perplexity {found.perplexity:.4f}", end="")
    print(f", {found.n_tokens:,} tokens")


if __name__ == "__main__":
    cli.run(__spec__.name)
