"""A KV cache in eight bits: one scale for each token and head.

Keys and values are written once and read for every later token, so a long text reads mostly them.
A head's vector of a token is quantised when it is written and never again: no neighbour, no later
token changes it. That is why the scale is the token's own and not a channel's.
"""

import torch
from torch import Tensor

from phase4_production.solution import absmax


def quantize(x: Tensor) -> tuple[Tensor, Tensor]:
    """Quantise the vector of each token and head by itself.

    Args:
        x: (..., D), keys or values, floating, left as they are.

    Returns:
        codes: (..., D) int8, from -127 to 127.
        scale: (...,) float32: the vector's largest absolute value over 127, 1 for a zero vector.
    """
    rows = x.reshape(-1, x.shape[-1])
    scale = absmax.scale(rows, 1, x.shape[-1])
    return absmax.quantize(rows, scale).view(x.shape), scale.view(x.shape[:-1])


def dequantize(codes: Tensor, scale: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
    """Return the vectors that codes stand for: (..., D), taken in float32 and rounded once."""
    return (codes.float() * scale[..., None]).to(dtype)


def bytes_per_token(n_layer: int, n_kv_head: int, head_dim: int) -> int:
    """Return what a token takes: a code for each number, and four bytes for each scale."""
    return 2 * n_layer * n_kv_head * (head_dim + 4)
