"""The key-value cache: what was computed for the tokens so far, so that a new one costs one token.

Pope et al. 2022 (arXiv:2211.05102), section 2.
"""

import torch
from torch import Tensor

from phase1_transformers.solution.config import GPTConfig


class KVCache:
    """Keys and values of every layer for the tokens that a model has read.

    One forward pass calls `append` once a layer and then `advance` once.

    Args:
        config: of the model.
        batch_size: B, sequences side by side, all of one length.
        max_tokens: room; by default the model's block_size.
        dtype, device: those of the model's activations.

    Attributes:
        length: tokens read so far.
        k, v: (n_layer, B, H_kv, max_tokens, D); what lies beyond `length` means nothing.
    """

    def __init__(
        self,
        config: GPTConfig,
        batch_size: int,
        max_tokens: int | None = None,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
    ) -> None:
        self.max_tokens = max_tokens or config.block_size
        shape = (config.n_layer, batch_size, config.n_kv_head, self.max_tokens, config.head_dim)
        self.k = torch.zeros(shape, dtype=dtype, device=device)
        self.v = torch.zeros(shape, dtype=dtype, device=device)
        self.length = 0

    def append(self, layer: int, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Store the keys and values of new tokens; return those of all tokens so far.

        Args:
            layer: whose they are.
            k, v: (B, H_kv, T, D) of the T tokens after the first `length`.

        Returns:
            Keys and values, (B, H_kv, length + T, D) each.

        Raises:
            ValueError: if there is no room for T more.
        """
        end = self.length + k.shape[2]
        if end > self.max_tokens:
            raise ValueError(f"the cache has room for {self.max_tokens} tokens, not for {end}")
        self.k[layer, :, :, self.length : end] = k
        self.v[layer, :, :, self.length : end] = v
        return self.k[layer, :, :, :end], self.v[layer, :, :, :end]

    def advance(self, n_tokens: int) -> None:
        """Count tokens as read, after every layer has stored them."""
        self.length += n_tokens

    def crop(self, length: int) -> None:
        """Forget every token but the first `length`.

        Raises:
            ValueError: if fewer were read.
        """
        if not 0 <= length <= self.length:
            raise ValueError(f"{self.length} tokens were read, cannot keep the first {length}")
        self.length = length
