"""Muon: momentum for matrices, with every direction of the update made equally long.

Jordan et al. 2024, https://kellerjordan.github.io/posts/muon. A gradient's momentum is nearly of
low rank: a few directions are large and the rest hardly move. Muon replaces the matrix by the
nearest one whose singular values are all 1, so that rare directions learn as fast as common ones.
It is for the matrices inside the blocks; embeddings, the head and everything with one axis are
left to AdamW.
"""

import math
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

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
        matrices: (N, m, n), m or n may be the larger.
        steps: of the iteration.

    Returns:
        (N, m, n) in the dtype of `matrices`. The products are taken in bfloat16.
    """
    a, b, c = NEWTON_SCHULZ
    tall = matrices.shape[-2] > matrices.shape[-1]
    X = (matrices.mT if tall else matrices).bfloat16()
    X = X / (torch.linalg.matrix_norm(X, keepdim=True) + 1e-7)  # the largest value is at most 1
    for _ in range(steps):
        A = X @ X.mT
        B = torch.baddbmm(A, A, A, beta=b, alpha=c)
        X = torch.baddbmm(X, B, X, beta=a)
    return (X.mT if tall else X).to(matrices.dtype)


class Muon(torch.optim.Optimizer):
    """Momentum, orthogonalised; all matrices of one shape together.

    Args:
        params: matrices (m, n), or groups of them. A group may say "rows", the heights of the
            parts of a stacked matrix: queries, keys and values are three maps, not one.
        lr: spectral size of a step; an orthogonal matrix moves every input by the same factor.
        momentum: share of the running mean that stays.
        weight_decay: a step shrinks the weights by lr times this.
        steps: of Newton-Schulz.

    Raises:
        ValueError: if a parameter is not a matrix.
    """

    def __init__(
        self,
        params: Iterable[nn.Parameter] | Iterable[dict[str, Any]],
        lr: float = 0.02,
        momentum: float = 0.95,
        weight_decay: float = 0.0,
        steps: int = 5,
    ) -> None:
        options = {"lr": lr, "momentum": momentum, "weight_decay": weight_decay, "steps": steps}
        super().__init__(params, {**options, "rows": None})
        for group in self.param_groups:
            for p in group["params"]:
                if p.ndim != 2:
                    raise ValueError(f"Muon moves matrices, got a parameter of {tuple(p.shape)}")

    @torch.no_grad()
    def step(self, closure: None = None) -> None:
        """Move every matrix that has a gradient."""
        for group in self.param_groups:
            by_shape: dict[torch.Size, list[tuple[Tensor, Tensor, Tensor]]] = defaultdict(list)
            for p in group["params"]:
                if p.grad is None:
                    continue
                rows = group["rows"] or len(p)
                parts = (tensor.split(rows) for tensor in (p, p.grad, self._mean(p)))
                for part in zip(*parts):
                    by_shape[part[0].shape].append(part)
            for parts in by_shape.values():
                self._move(*map(list, zip(*parts)), group)

    def _move(
        self,
        weights: list[Tensor],
        gradients: list[Tensor],
        means: list[Tensor],
        group: dict[str, Any],
    ) -> None:
        torch._foreach_lerp_(means, gradients, 1 - group["momentum"])
        ahead = torch._foreach_lerp(gradients, means, group["momentum"])  # Nesterov's look ahead
        updates = orthogonalize(torch.stack(ahead), group["steps"])
        # A tall matrix maps to more numbers than it maps from: its update may be longer.
        m, n = weights[0].shape
        size = group["lr"] * math.sqrt(max(1, m / n))
        torch._foreach_mul_(weights, 1 - group["lr"] * group["weight_decay"])
        torch._foreach_add_(weights, list(updates.unbind()), alpha=-size)

    def _mean(self, p: nn.Parameter) -> Tensor:
        state = self.state[p]
        if not state:
            state["mean"] = torch.zeros_like(p)
        return state["mean"]
