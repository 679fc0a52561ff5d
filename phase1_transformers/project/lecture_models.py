"""The models of the lecture's build-up: small, each one part larger than the one before it.

`lecture.py` trains them. They are here to be compared; the real model is `solution/gpt.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from phase1_transformers.solution import attention, averaging, heads, losses
from phase1_transformers.solution.bigram import Bigram


@dataclass(frozen=True)
class Sizes:
    """What all models have in common."""

    vocab_size: int
    """V, different characters"""
    block_size: int
    """characters in a window, at most"""
    n_embd: int
    """C, numbers that stand for a character"""
    n_head: int
    """heads, where there are several"""
    n_layer: int
    """layers, where there are several"""
    dropout: float
    """probability of dropping an activation, where there is dropout"""


# -- the parts: each maps (B, T, C) to (B, T, C) ----------------------------------------------


class Average(nn.Module):
    """Each position beside the average of its past, mixed by a matrix."""

    def __init__(self, C: int) -> None:
        super().__init__()
        self.mix = nn.Linear(2 * C, C)

    def forward(self, x: Tensor) -> Tensor:
        """Mix in the past."""
        return self.mix(torch.cat([x, averaging.average_matrix(x)], dim=-1))


class Attention(nn.Module):
    """An average whose weights depend on what the characters are, in one head or several."""

    def __init__(self, C: int, n_head: int) -> None:
        super().__init__()
        self.n_head = n_head
        self.qkv = nn.Linear(C, 3 * C, bias=False)
        self.proj = nn.Linear(C, C)

    def forward(self, x: Tensor) -> Tensor:
        """Let each position look at itself and back."""
        q, k, v = (heads.split_heads(t, self.n_head) for t in self.qkv(x).chunk(3, dim=-1))
        return self.proj(heads.merge_heads(attention.causal_attention(q, k, v)))


class FeedForward(nn.Module):
    """A small network that every position runs through by itself."""

    def __init__(self, C: int) -> None:
        super().__init__()
        self.up, self.proj = nn.Linear(C, 4 * C), nn.Linear(4 * C, C)

    def forward(self, x: Tensor) -> Tensor:
        """Think, position by position."""
        return self.proj(F.relu(self.up(x)))


class Stack(nn.Module):
    """Embeddings, parts one after the other, and a score for each character that may come next.

    Args:
        sizes: of the tables and vectors.
        parts: what the positions run through.
        residual: each part adds to what comes in; else it replaces it.
        norm: each part reads a normalised copy, and so does the head.
        dropout: of what a part gives.
    """

    def __init__(
        self,
        sizes: Sizes,
        parts: list[nn.Module],
        residual: bool = False,
        norm: bool = False,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        C = sizes.n_embd
        self.token_embedding = nn.Embedding(sizes.vocab_size, C)
        self.position_embedding = nn.Embedding(sizes.block_size, C)
        self.parts, self.residual = nn.ModuleList(parts), residual
        kind = nn.LayerNorm if norm else nn.Identity
        self.norms = nn.ModuleList(kind(C) for _ in range(len(parts) + 1))
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(C, sizes.vocab_size)

    def forward(self, idx: Tensor, targets: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        """Return logits (B, T, V), and the loss if there are targets."""
        x = self.token_embedding(idx) + self.position_embedding(torch.arange(idx.shape[1]))
        for norm, part in zip(self.norms, self.parts):
            out = self.dropout(part(norm(x)))
            x = x + out if self.residual else out
        logits = self.head(self.norms[-1](x))
        return logits, None if targets is None else losses.next_token_loss(logits, targets)


def layers(sizes: Sizes) -> list[nn.Module]:
    """Attention and feed-forward, n_layer times."""
    C, H = sizes.n_embd, sizes.n_head
    return [part for _ in range(sizes.n_layer) for part in (Attention(C, H), FeedForward(C))]


# -- the steps of the lecture -----------------------------------------------------------------

STEPS: dict[str, Callable[[Sizes], nn.Module]] = {
    "bigram": lambda s: Bigram(s.vocab_size),
    "+ average of the past": lambda s: Stack(s, [Average(s.n_embd)]),
    "one head of attention": lambda s: Stack(s, [Attention(s.n_embd, 1)]),
    "several heads": lambda s: Stack(s, [Attention(s.n_embd, s.n_head)]),
    "+ feed-forward": lambda s: Stack(s, [Attention(s.n_embd, s.n_head), FeedForward(s.n_embd)]),
    "several layers": lambda s: Stack(s, layers(s)),
    "+ residuals": lambda s: Stack(s, layers(s), residual=True),
    "+ LayerNorm": lambda s: Stack(s, layers(s), residual=True, norm=True),
    "+ dropout": lambda s: Stack(s, layers(s), residual=True, norm=True, dropout=s.dropout),
}
