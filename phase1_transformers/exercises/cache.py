"""The key-value cache: what was computed for the tokens so far, so that a new one costs one token.

Pope et al. 2022 (arXiv:2211.05102), section 2. Keys and values of a token depend only on the
tokens before it, so they stay right however the text goes on.
"""

import torch
from torch import Tensor, nn

from phase1_transformers.solution.config import GPTConfig


class KVCache:
    """Keys and values of every layer for the tokens that a model has read.

    One forward pass calls `append` once a layer and then `advance` once. It writes in place, so it
    is for generating under `torch.no_grad()`, not for training.

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
        self.max_tokens = config.block_size if max_tokens is None else max_tokens
        shape = (config.n_layer, batch_size, config.n_kv_head, self.max_tokens, config.head_dim)
        self.k = torch.zeros(shape, dtype=dtype, device=device)
        self.v = torch.zeros(shape, dtype=dtype, device=device)
        self.length = 0

    @property
    def n_bytes(self) -> int:
        """Bytes that the keys and values take, the empty room included."""
        return self.k.nbytes + self.v.nbytes

    def append(self, layer: int, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Store the keys and values of new tokens; return those of all tokens so far.

        The new tokens follow the first `length`. `length` itself stays as it is: the other layers
        have yet to store the same tokens. k and v stay as they are too.

        Args:
            layer: whose they are, 0 .. n_layer - 1.
            k, v: (B, H_kv, T, D), of the T new tokens.

        Returns:
            Keys and values, (B, H_kv, length + T, D) each: views of the cache, nothing is copied.

        Raises:
            ValueError: if there is no room for T more.
        """
        end = self.length + k.shape[2]
        if end > self.max_tokens:
            raise ValueError(f"the cache has room for {self.max_tokens} tokens, not for {end}")
        # TODO 1.21: The new keys and values stand behind those of the first `length` tokens of the
        # layer, and views of all of them come back; `length` stays.
        raise NotImplementedError("exercise 1.21: KVCache.append")

    def advance(self, n_tokens: int) -> None:
        """Count tokens as read, after every layer has stored them."""
        self.length += n_tokens

    def crop(self, length: int) -> None:
        """Forget every token but the first `length`; what comes next takes their place.

        Raises:
            ValueError: if fewer were read.
        """
        if not 0 <= length <= self.length:
            raise ValueError(f"{self.length} tokens were read, cannot keep the first {length}")
        self.length = length


def next_logits(model: nn.Module, idx: Tensor, cache: KVCache) -> Tensor:
    """Score the token that follows idx, and let the model read only what it has not read yet.

    An empty cache makes this the *prefill*: the whole prompt in one pass. One new token makes it a
    *decode* step. Anything between works as well.

    Args:
        model: a GPT; `model(new, cache=cache)` returns (logits, None), logits (B, T_new, V) of the
            new tokens, and extends the cache by them.
        idx: (B, T), the whole text so far; it begins with the `cache.length` tokens that were read.
        cache: of the tokens read; afterwards it holds all of idx.

    Returns:
        (B, V), the scores of the token after the last.

    Raises:
        ValueError: if idx holds no token that is new.
    """
    if idx.shape[1] <= cache.length:
        raise ValueError(f"{cache.length} tokens were read already, idx has {idx.shape[1]}")
    # TODO 1.21: The scores are those of a full pass over idx, and the model has read each token of
    # it once.
    raise NotImplementedError("exercise 1.21: next_logits")
