"""Normalisation: keep the residual stream at a size that the next layer can work with."""

import torch
from torch import Tensor


def layer_norm(x: Tensor, weight: Tensor, bias: Tensor | None, eps: float) -> Tensor:
    """Shift and scale each token to mean 0 and variance 1, then by what was learned.

    Ba, Kiros, Hinton 2016 (arXiv:1607.06450), with the biased variance and eps inside the root.
    It holds also where a token's mean is thousands of times its spread.

    Args:
        x: (..., C).
        weight, bias: (C,); the bias may be None.
        eps: added to the variance, so that a constant token gives 0 and not NaN.

    Returns:
        (..., C), the dtype of x.
    """
    centred = x - x.mean(dim=-1, keepdim=True)
    variance = centred.square().mean(dim=-1, keepdim=True)
    normed = centred * torch.rsqrt(variance + eps) * weight
    return normed if bias is None else normed + bias


def rms_norm(x: Tensor, weight: Tensor, eps: float) -> Tensor:
    """Scale each token to root mean square 1, then by what was learned; no mean, no bias.

    Zhang and Sennrich 2019 (arXiv:1910.07467), equation 4, with eps inside the root. What is
    narrower than float32 is worked out in float32 and rounded once, at the end: a mean square has
    two or three digits in bfloat16, and in float16 the square of 300 is infinite.

    Args:
        x: (..., C).
        weight: (C,).
        eps: added to the mean square.

    Returns:
        (..., C), the dtype of x.
    """
    wide = x.to(torch.promote_types(x.dtype, torch.float32))
    normed = wide * torch.rsqrt(wide.square().mean(dim=-1, keepdim=True) + eps)
    return (normed * weight).to(x.dtype)
