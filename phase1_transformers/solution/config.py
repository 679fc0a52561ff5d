"""The shape of a GPT: one dataclass for GPT-2, for Llama and Qwen3, and for what lies between."""

from dataclasses import dataclass
from typing import Literal

SIZES = ("vocab_size", "block_size", "n_layer", "n_head", "n_embd")
SIZES += ("n_kv_head", "head_dim", "n_hidden")
CHOICES = {
    "norm": ("layer", "rms"),
    "positions": ("learned", "rotary"),
    "feedforward": ("gelu", "swiglu"),
}


@dataclass(frozen=True)
class GPTConfig:
    """Every number and choice that fixes a model's parameters and its forward pass.

    The names are nanoGPT's. Other codebases say `hidden_size` or `d_model` for `n_embd`,
    `context_length` or `n_positions` for `block_size`, `intermediate_size` for `n_hidden`.
    """

    vocab_size: int
    """V, different tokens"""
    block_size: int
    """tokens that the model can look at, at most"""
    n_layer: int
    """blocks"""
    n_head: int
    """H, query heads"""
    n_embd: int
    """C, width of the residual stream"""
    n_kv_head: int
    """key and value heads; fewer than n_head is grouped-query attention"""
    head_dim: int
    """D, width of a head; n_head * head_dim may differ from n_embd"""
    n_hidden: int
    """width of the feed-forward layer"""
    norm: Literal["layer", "rms"]
    """LayerNorm or RMSNorm"""
    norm_eps: float
    """added to the variance or the mean square"""
    positions: Literal["learned", "rotary"]
    """a table of vectors added to the embeddings, or rotated queries and keys"""
    rope_theta: float
    """base of the rotary angles; unused with learned positions"""
    feedforward: Literal["gelu", "swiglu"]
    """Linear, GELU, Linear; or SwiGLU"""
    bias: bool
    """whether Linear and LayerNorm have one"""
    qk_norm: bool
    """RMSNorm on the queries and keys of each head"""
    tied: bool
    """whether the output head is the embedding table"""
    dropout: float = 0.0
    """probability of dropping an embedding, and a number that a sublayer adds"""

    def __post_init__(self) -> None:
        for name in SIZES:
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be positive, got {getattr(self, name)}")
        for name, choices in CHOICES.items():
            if getattr(self, name) not in choices:
                wanted = " or ".join(choices)
                raise ValueError(f"{name} must be {wanted}, got {getattr(self, name)!r}")
        if self.n_head % self.n_kv_head:
            raise ValueError(
                f"n_head must be a multiple of n_kv_head, got {self.n_head} and {self.n_kv_head}"
            )
        if self.positions == "rotary" and self.head_dim % 2:
            raise ValueError(f"rotary positions turn pairs: head_dim is odd, {self.head_dim}")
        if self.positions == "rotary" and self.rope_theta <= 0:
            raise ValueError(f"rope_theta must be positive, got {self.rope_theta}")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout must lie in [0, 1), got {self.dropout}")


def gpt2(
    *,
    vocab_size: int = 50257,
    block_size: int = 1024,
    n_layer: int = 12,
    n_head: int = 12,
    n_embd: int = 768,
    dropout: float = 0.0,
) -> GPTConfig:
    """The architecture of Radford et al. 2019; the defaults are the 124 M model."""
    if n_embd % n_head:
        raise ValueError(f"n_embd must be a multiple of n_head, got {n_embd} and {n_head}")
    return GPTConfig(
        vocab_size=vocab_size,
        block_size=block_size,
        n_layer=n_layer,
        n_head=n_head,
        n_embd=n_embd,
        n_kv_head=n_head,
        head_dim=n_embd // n_head,
        n_hidden=4 * n_embd,
        norm="layer",
        norm_eps=1e-5,
        positions="learned",
        rope_theta=0.0,
        feedforward="gelu",
        bias=True,
        qk_norm=False,
        tied=True,
        dropout=dropout,
    )


def modern(
    *,
    vocab_size: int,
    block_size: int,
    n_layer: int,
    n_head: int,
    n_embd: int,
    n_kv_head: int | None = None,
    head_dim: int | None = None,
    n_hidden: int | None = None,
    rope_theta: float = 10_000.0,
    qk_norm: bool = True,
    tied: bool = True,
    dropout: float = 0.0,
) -> GPTConfig:
    """The architecture of Qwen3 (arXiv:2505.09388); with `qk_norm=False`, that of Llama.

    `n_hidden` is by default the multiple of 32 next to 8/3 of n_embd, which gives SwiGLU's three
    matrices the parameters of GPT-2's two (Shazeer 2020, section 2).
    """
    return GPTConfig(
        vocab_size=vocab_size,
        block_size=block_size,
        n_layer=n_layer,
        n_head=n_head,
        n_embd=n_embd,
        n_kv_head=n_kv_head or n_head,
        head_dim=head_dim or n_embd // n_head,
        n_hidden=n_hidden or 32 * max(1, round(n_embd * 8 / 3 / 32)),
        norm="rms",
        norm_eps=1e-6,
        positions="rotary",
        rope_theta=rope_theta,
        feedforward="swiglu",
        bias=False,
        qk_norm=qk_norm,
        tied=tied,
        dropout=dropout,
    )
