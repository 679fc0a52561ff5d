"""Shorten a gradient that is too long. It is given: phase 1 writes it."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn


def clip_grad_norm(parameters: Iterable[nn.Parameter], max_norm: float) -> Tensor:
    """Shorten the gradient, in place, to a length of at most `max_norm`.

    Pascanu, Mikolov, Bengio 2013 (arXiv:1211.5063), algorithm 1. The length is that of all
    gradients together, as one long vector.

    Args:
        parameters: those whose gradient is None are left out; at least one has a gradient.
        max_norm: positive.

    Returns:
        The length before, a scalar tensor.
    """
    gradients = [p.grad for p in parameters if p.grad is not None]
    norm = torch.stack([gradient.norm() for gradient in gradients]).norm()
    scale = (max_norm / norm).clamp(max=1)
    for gradient in gradients:
        gradient.mul_(scale)
    return norm
