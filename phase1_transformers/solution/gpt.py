"""The GPT: embeddings, a stack of blocks, a norm, and a score for every token that may come next.

Radford et al. 2019 for GPT-2, Yang et al. 2025 (arXiv:2505.09388) for the modern one; which of the
two a model is, is in its config. The parts are in `layers.py`.
"""

import torch
from torch import Tensor, nn

from phase1_transformers.solution.cache import KVCache
from phase1_transformers.solution.config import GPTConfig
from phase1_transformers.solution.init import init_weights
from phase1_transformers.solution.layers import FEEDFORWARDS, Norm, Rotary, SelfAttention
from phase1_transformers.solution.ops import CLEAR, Ops
from phase1_transformers.solution.rotary import rotary_angles


class Block(nn.Module):
    """Gather from other tokens, then think; each adds to the residual stream."""

    def __init__(self, config: GPTConfig, ops: Ops, layer: int) -> None:
        super().__init__()
        self.attention_norm = Norm(config, ops)
        self.attention = SelfAttention(config, ops, layer)
        self.feedforward_norm = Norm(config, ops)
        self.feedforward = FEEDFORWARDS[config.feedforward](config, ops)
        self.dropout = nn.Dropout(config.dropout)

    def forward(
        self, x: Tensor, rotary: Rotary | None = None, cache: KVCache | None = None
    ) -> Tensor:
        """Let attention and then the feed-forward layer add to the residual stream.

        x + attention(norm(x)), then the same with the feed-forward layer and a norm of its own
        (Radford et al. 2019, section 2.3): the stream itself is never normalised. What a sublayer
        adds goes through dropout first.

        Args:
            x: (B, T, C), left as it is.
            rotary: of the tokens' positions, for the attention.
            cache: of the tokens before x, for the attention.

        Returns:
            (B, T, C).
        """
        x = x + self.dropout(self.attention(self.attention_norm(x), rotary, cache))
        return x + self.dropout(self.feedforward(self.feedforward_norm(x)))


class GPT(nn.Module):
    """A decoder-only transformer.

    Args:
        config: shape and choices.
        ops: clear or fused operations.
        generator: of the random weights.
    """

    def __init__(
        self, config: GPTConfig, ops: Ops = CLEAR, generator: torch.Generator | None = None
    ) -> None:
        super().__init__()
        self.config, self.ops = config, ops
        self.token_embedding = nn.Embedding(config.vocab_size, config.n_embd)
        learned = config.positions == "learned"
        self.position_embedding = (
            nn.Embedding(config.block_size, config.n_embd) if learned else None
        )
        self.dropout = nn.Dropout(config.dropout)
        self.blocks = nn.ModuleList(Block(config, ops, i) for i in range(config.n_layer))
        self.norm = Norm(config, ops)
        self.head = nn.Linear(config.n_embd, config.vocab_size, bias=False)
        if config.tied:
            self.head.weight = self.token_embedding.weight
        init_weights(self, generator)

    def forward(
        self, idx: Tensor, targets: Tensor | None = None, cache: KVCache | None = None
    ) -> tuple[Tensor, Tensor | None]:
        """Score every token as the next one, at every position.

        Learned positions are added to the token embedding, and the sum goes through dropout before
        the first block; rotary positions go to each block instead. A model has one kind or the
        other. Positions count from 0, and on from what a cache has read.

        Args:
            idx: (B, T) token ids, left as they are; with a cache, only those it has not seen.
            targets: (B, T) the next tokens, `IGNORED` where none counts.
            cache: of the tokens before idx; it is extended by idx, and advanced.

        Returns:
            logits (B, T, V), and `ops.next_token_loss` in nats per token if there are targets.

        Raises:
            ValueError: if the sequence would be longer than block_size.
        """
        T, start = idx.shape[1], 0 if cache is None else cache.length
        if start + T > self.config.block_size:
            raise ValueError(f"{start + T} tokens; block_size is {self.config.block_size}")
        positions = torch.arange(start, start + T, device=idx.device)
        x = self.token_embedding(idx)  # (B, T, C)
        rotary = None
        if self.position_embedding is not None:
            x = x + self.position_embedding(positions)
        else:
            rotary = self.rotary(positions)
        x = self.dropout(x)
        for block in self.blocks:
            x = block(x, rotary, cache)
        if cache is not None:
            cache.advance(T)
        logits = self.head(self.norm(x))
        loss = None if targets is None else self.ops.next_token_loss(logits, targets)
        return logits, loss

    def rotary(self, positions: Tensor) -> Rotary:
        """Cosines and sines of the positions' angles, (T, D / 2), in the model's dtype."""
        config = self.config
        angles = rotary_angles(positions, config.head_dim, config.rope_theta)
        dtype = self.token_embedding.weight.dtype
        return angles.cos().to(dtype), angles.sin().to(dtype)
