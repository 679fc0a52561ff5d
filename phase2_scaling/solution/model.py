"""The model that this phase scales: GPT-2 (Radford et al. 2019), in parts that can be taken apart.

It is given. Each later module cuts it another way: by tokens (accumulation), by replicas (data
parallel), by parameters (sharding), by columns and rows (tensor parallel), by depth (pipeline).
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

IGNORED = -100  # a target that does not count
STD = 0.02  # of initial weights


@dataclass(frozen=True)
class GPTConfig:
    """The shape of a GPT, by nanoGPT's names."""

    vocab_size: int
    """V, different tokens"""
    block_size: int
    """T, tokens that the model can look at, at most"""
    n_layer: int
    """blocks"""
    n_head: int
    """heads of n_embd / n_head each"""
    n_embd: int
    """C, width of the residual stream; the feed-forward layer is four times as wide"""
    tied: bool = True
    """whether the output head is the embedding table"""
    dropout: float = 0.0
    """probability of dropping a number that a sublayer adds"""

    def __post_init__(self) -> None:
        for name in ("vocab_size", "block_size", "n_layer", "n_head", "n_embd"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be positive, got {getattr(self, name)}")
        if self.n_embd % self.n_head:
            raise ValueError(
                f"n_embd must be a multiple of n_head, got {self.n_embd} and {self.n_head}"
            )


class Attention(nn.Module):
    """Causal multi-head self-attention, with a matrix each for queries, keys and values."""

    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        C = config.n_embd
        self.head_dim = C // config.n_head
        self.q, self.k, self.v = nn.Linear(C, C), nn.Linear(C, C), nn.Linear(C, C)
        self.proj = nn.Linear(C, C)

    def forward(self, x: Tensor) -> Tensor:
        """Mix (B, T, C) over time. The layers may be narrower: those of a part of the heads."""
        q, k, v = (
            layer(x).unflatten(-1, (-1, self.head_dim)) for layer in (self.q, self.k, self.v)
        )
        q, k, v = (z.transpose(1, 2) for z in (q, k, v))  # (B, H, T, D)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.proj(y.transpose(1, 2).flatten(2))


class MLP(nn.Module):
    """Linear, GELU, Linear."""

    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        self.up = nn.Linear(config.n_embd, 4 * config.n_embd)
        self.down = nn.Linear(4 * config.n_embd, config.n_embd)

    def forward(self, x: Tensor) -> Tensor:
        """Map (..., C) to (..., C)."""
        return self.down(F.gelu(self.up(x), approximate="tanh"))


class Block(nn.Module):
    """Attention and then the MLP, each on a normalised copy, each adding to the stream."""

    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(config.n_embd)
        self.attention = Attention(config)
        self.mlp_norm = nn.LayerNorm(config.n_embd)
        self.mlp = MLP(config)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, T, C) to (B, T, C)."""
        x = x + self.dropout(self.attention(self.attention_norm(x)))
        return x + self.dropout(self.mlp(self.mlp_norm(x)))


class GPT(nn.Module):
    """A decoder-only transformer.

    Args:
        config: its shape.
        generator: of the random weights; without one, the global one.
    """

    def __init__(self, config: GPTConfig, generator: torch.Generator | None = None) -> None:
        super().__init__()
        self.config = config
        self.token_embedding = nn.Embedding(config.vocab_size, config.n_embd)
        self.position_embedding = nn.Embedding(config.block_size, config.n_embd)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.n_layer))
        self.norm = nn.LayerNorm(config.n_embd)
        self.head = nn.Linear(config.n_embd, config.vocab_size, bias=False)
        if config.tied:
            self.head.weight = self.token_embedding.weight
        init_weights(self, generator)

    def embed(self, idx: Tensor) -> Tensor:
        """Turn (B, T) token ids into the stream that enters the first block, (B, T, C)."""
        positions = torch.arange(idx.shape[1], device=idx.device)
        return self.token_embedding(idx) + self.position_embedding(positions)

    def hidden(self, idx: Tensor) -> Tensor:
        """Everything before the head: (B, T) token ids to normalised vectors (B, T, C)."""
        x = self.embed(idx)
        for block in self.blocks:
            x = block(x)
        return self.norm(x)

    def forward(self, idx: Tensor, targets: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        """Score every token as the next one, at every position.

        Args:
            idx: (B, T) token ids.
            targets: (B, T) the next tokens, `IGNORED` where none counts.

        Returns:
            logits (B, T, V), and `next_token_loss` if there are targets.
        """
        logits = self.head(self.hidden(idx))
        return logits, None if targets is None else next_token_loss(logits, targets)


def next_token_loss(logits: Tensor, targets: Tensor, reduction: str = "mean") -> Tensor:
    """Cross-entropy in nats of logits (..., V) and targets (...): a mean per target, or the sum."""
    return F.cross_entropy(
        logits.flatten(0, -2), targets.flatten(), ignore_index=IGNORED, reduction=reduction
    )


def init_weights(model: nn.Module, generator: torch.Generator | None = None) -> None:
    """GPT-2's: N(0, 0.02^2), biases 0; layers that add to the stream less, by sqrt(2 n_layer)."""
    depth = sum(isinstance(module, Block) for module in model.modules())
    for name, p in model.named_parameters():
        if name.endswith("bias"):
            nn.init.zeros_(p)
        elif p.ndim == 2:
            adds = name.endswith(("proj.weight", "down.weight"))
            std = STD / (2 * depth) ** 0.5 if adds else STD
            nn.init.normal_(p, std=std, generator=generator)
