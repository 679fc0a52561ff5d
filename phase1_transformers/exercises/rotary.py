"""Rotary positions: turn queries and keys by their position, so that only distances matter.

Su et al. 2021 (arXiv:2104.09864), section 3.2.2. Coordinate i is paired with coordinate i + D / 2,
as in Hugging Face's Llama and Qwen3; the paper pairs neighbours, which is the same up to an order
of the coordinates, but a checkpoint fits only one of the two.
"""

import torch
from torch import Tensor


def rotary_angles(positions: Tensor, head_dim: int, theta: float) -> Tensor:
    """Angle of pair i at position p: p * theta^(-2i / D), for i = 0 .. D / 2 - 1.

    Args:
        positions: (T,) whole numbers, in any order; with a cache they do not begin at 0.
        head_dim: D, even.
        theta: base; the slowest pair turns once in about 2 pi theta tokens.

    Returns:
        (T, D / 2) float64 radians. Far out in a text, float32 angles are off by whole degrees.

    Raises:
        ValueError: if head_dim is odd.
    """
    if head_dim % 2:
        raise ValueError(f"pairs need an even head_dim, got {head_dim}")
    # TODO 1.12: Entry (t, i) is positions[t] times theta to the power of -2 i / D, in float64.
    raise NotImplementedError("exercise 1.12: rotary_angles")


def apply_rotary(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Turn each pair (x_i, x_(i + D/2)) of a token by its angle, anticlockwise.

    A pair (a, b) is a point of the plane; turned by the angle phi it is
    (a cos phi - b sin phi, a sin phi + b cos phi).

    Args:
        x: (B, H, T, D) queries or keys.
        cos, sin: (T, D / 2), of the tokens' angles, in any floating dtype.

    Returns:
        (B, H, T, D), the dtype of x; every vector keeps its length, and its place in the order.

    Raises:
        ValueError: if cos or sin does not fit x.
    """
    T, D = x.shape[-2:]
    if not cos.shape == sin.shape == (T, D // 2):
        raise ValueError(
            f"x {tuple(x.shape)} needs cos and sin {(T, D // 2)}, "
            f"got {tuple(cos.shape)} and {tuple(sin.shape)}"
        )
    # TODO 1.12: Every pair (x_i, x_(i + D/2)) is turned by its token's angle, and stays where it is
    # in the order; the dtype is that of x.
    raise NotImplementedError("exercise 1.12: apply_rotary")
