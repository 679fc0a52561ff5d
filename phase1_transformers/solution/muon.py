"""Muon: momentum for matrices, with every direction of the update made equally long.

Jordan et al. 2024, https://kellerjordan.github.io/posts/muon. A gradient's momentum is nearly of
low rank: a few directions are large and the rest hardly move. Muon replaces the matrix by the
nearest one whose singular values are all 1, so that rare directions learn as fast as common ones.
It is for the matrices inside the blocks; embeddings, the head and everything with one axis are
left to AdamW.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn

NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)  # of the post: steepest at 0, and stays near 1


def orthogonalize(matrices: Tensor, steps: int = 5) -> Tensor:
    """Move the singular values of matrices to about 1, and leave their directions alone.

    With the singular value decomposition U S V^T, the aim is U V^T. The Newton-Schulz iteration
    X <- a X + b (X X^T) X + c (X X^T)^2 X applies the polynomial a s + b s^3 + c s^5 to every
    singular value s, with matrix products only. Its coefficients are chosen for speed, not for an
    exact limit: after five steps the values lie between about 0.7 and 1.2, and the loss of a model
    does not notice.

    Args:
        matrices: (..., m, n), m or n may be the larger.
        steps: of the iteration.

    Returns:
        (..., m, n) in the dtype of `matrices`. The products are taken in bfloat16.
    """
    a, b, c = NEWTON_SCHULZ
    tall = matrices.shape[-2] > matrices.shape[-1]
    X = (matrices.mT if tall else matrices).bfloat16()
    X = X / (torch.linalg.matrix_norm(X, keepdim=True) + 1e-7)  # the largest value is at most 1
    for _ in range(steps):
        A = X @ X.mT
        X = a * X + (b * A + c * A @ A) @ X
    return (X.mT if tall else X).to(matrices.dtype)


class Muon(torch.optim.Optimizer):
    """Momentum, orthogonalised; all matrices of one shape together.

    Args:
        params: matrices (m, n).
        lr: spectral size of a step; an orthogonal matrix moves every input by the same factor.
        momentum: share of the running mean that stays.
        weight_decay: a step shrinks the weights by lr times this.
        steps: of Newton-Schulz.

    Raises:
        ValueError: if a parameter is not a matrix.
    """

    def __init__(
        self,
        params: Iterable[nn.Parameter],
        lr: float = 0.02,
        momentum: float = 0.95,
        weight_decay: float = 0.0,
        steps: int = 5,
    ) -> None:
        defaults = {"lr": lr, "momentum": momentum, "weight_decay": weight_decay, "steps": steps}
        super().__init__(params, defaults)
        for group in self.param_groups:
            for p in group["params"]:
                if p.ndim != 2:
                    raise ValueError(f"Muon moves matrices, got a parameter of {tuple(p.shape)}")

    @torch.no_grad()
    def step(self, closure: Callable[[], Tensor] | None = None) -> None:
        """Move every matrix that has a gradient."""
        for group in self.param_groups:
            by_shape: dict[tuple[int, ...], list[nn.Parameter]] = defaultdict(list)
            for p in group["params"]:
                if p.grad is not None:
                    by_shape[tuple(p.shape)].append(p)
            for params in by_shape.values():
                self._move(params, **{k: v for k, v in group.items() if k != "params"})

    def _move(
        self,
        params: list[nn.Parameter],
        lr: float,
        momentum: float,
        weight_decay: float,
        steps: int,
    ) -> None:
        gradients = [p.grad for p in params]
        means = [self._mean(p) for p in params]
        torch._foreach_lerp_(means, gradients, 1 - momentum)
        ahead = torch._foreach_lerp(gradients, means, momentum)  # Nesterov: one step further on
        m, n = params[0].shape
        # A tall matrix maps to more coordinates than it maps from: its update may be longer.
        size = lr * math.sqrt(max(1, m / n))
        updates = orthogonalize(torch.stack(ahead), steps).unbind()
        torch._foreach_mul_(params, 1 - lr * weight_decay)
        torch._foreach_add_(params, updates, alpha=-size)

    def _mean(self, p: nn.Parameter) -> Tensor:
        state = self.state[p]
        if not state:
            state["mean"] = torch.zeros_like(p)
        return state["mean"]
