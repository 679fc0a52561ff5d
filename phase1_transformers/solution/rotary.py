"""Rotary positions: turn queries and keys by their position, so that only distances matter.

Su et al. 2021 (arXiv:2104.09864), section 3.2.2. Coordinate i is paired with coordinate i + D / 2,
as in Hugging Face's Llama and Qwen3; the paper pairs neighbours, which is the same up to an order
of the coordinates, but a checkpoint fits only one of the two.
"""

import torch
from torch import Tensor


def rotary_angles(positions: Tensor, head_dim: int, theta: float) -> Tensor:
    """Angle of pair i at position p: p * theta^(-2i / D).

    Args:
        positions: (T,) whole numbers.
        head_dim: D, even.
        theta: base; the slowest pair turns once in about 2 pi theta tokens.

    Returns:
        (T, D / 2) float64 radians. Far out in a text, float32 angles are off by whole degrees.

    Raises:
        ValueError: if head_dim is odd.
    """
    if head_dim % 2:
        raise ValueError(f"pairs need an even head_dim, got {head_dim}")
    pairs = torch.arange(head_dim // 2, dtype=torch.float64, device=positions.device)
    return positions[:, None].double() * theta ** (-2 * pairs / head_dim)


def apply_rotary(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Turn each pair (x_i, x_(i + D/2)) of a token by its angle.

    Args:
        x: (B, H, T, D) queries or keys.
        cos, sin: (T, D / 2), of the tokens' angles.

    Returns:
        (B, H, T, D), the dtype of x; every vector keeps its length.
    """
    first, second = x.chunk(2, dim=-1)  # (B, H, T, D / 2) each
    cos, sin = cos.to(x.dtype), sin.to(x.dtype)
    return torch.cat([first * cos - second * sin, second * cos + first * sin], dim=-1)
