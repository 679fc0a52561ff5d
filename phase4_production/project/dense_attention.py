"""Attention of whole windows, without a cache: for perplexity and for calibration."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from phase4_production.project.decoder import Decoder


class Windows:
    """Causal attention inside windows of equal length that lie end to end.

    Args:
        n_tokens: of each window.
    """

    def __init__(self, n_tokens: int) -> None:
        self.n_tokens = n_tokens

    def __call__(self, layer: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """Let each token see its own window up to itself; (N, H, D) as `Decoder` wants it."""
        q, k, v = (x.unflatten(0, (-1, self.n_tokens)).transpose(1, 2) for x in (q, k, v))
        grouped = q.shape[1] != k.shape[1]
        found = F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=grouped)
        return found.transpose(1, 2).flatten(0, 1)


def hidden(decoder: Decoder, windows: Tensor) -> Tensor:
    """Run a decoder over windows that know nothing of each other.

    Args:
        decoder: the model.
        windows: (B, T) int64 token ids.

    Returns:
        (B, T, C), after the last norm.
    """
    B, T = windows.shape
    positions = torch.arange(T, device=windows.device).repeat(B)
    found = decoder.hidden(windows.reshape(-1), positions, Windows(T))
    return found.view(B, T, -1)
