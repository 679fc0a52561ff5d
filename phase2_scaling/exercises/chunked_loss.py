"""Cross-entropy in pieces: the loss of a large vocabulary without the table of all its scores.

The logits of a batch are (B T, V): with V = 50,257 no other tensor of a small GPT is as large, and
their gradient is as large again. Here only `chunk` rows of them exist at a time. The gradients are
computed in the forward pass, while a chunk is at hand, as the Liger kernels do it: Hsu et al. 2024
(arXiv:2410.10989). Wijmans et al. 2024 (arXiv:2411.09009) go on and keep the chunk on the chip.
"""

from typing import Any

import torch
from torch import Tensor

from phase2_scaling.solution.model import IGNORED


def chunked_cross_entropy(
    hidden: Tensor, weight: Tensor, targets: Tensor, chunk: int, reduction: str = "mean"
) -> Tensor:
    """Cross-entropy of the logits `hidden @ weight.T` in nats, `chunk` rows of them at a time.

    In place of `model(idx, targets)`:

        loss = chunked_cross_entropy(model.hidden(idx), model.head.weight, targets, chunk=128)

    Args:
        hidden: (..., C), such as (B, T, C), what enters the head.
        weight: (V, C), the head's; its gradient joins the others if it is tied.
        targets: (...) token ids, `IGNORED` where none counts.
        chunk: rows of logits, targets that is, at a time; the last chunk may have fewer.
        reduction: "mean" per target that counts, or "sum", as `accumulate` wants it.

    Returns:
        A scalar, float32 or hidden's dtype if that is wider; 0 if no target counts.

    Raises:
        ValueError: if the shapes do not fit, chunk is not positive, or the reduction is unknown.
    """
    if hidden.shape[:-1] != targets.shape or hidden.shape[-1:] != weight.shape[1:]:
        shapes = [tuple(t.shape) for t in (hidden, weight, targets)]
        raise ValueError(f"hidden (..., C), weight (V, C), targets (...) do not fit: {shapes}")
    if chunk < 1:
        raise ValueError(f"chunk must be positive, got {chunk}")
    if reduction not in ("mean", "sum"):
        raise ValueError(f'reduction must be "mean" or "sum", got {reduction!r}')
    count = (targets != IGNORED).sum().clamp(min=1) if reduction == "mean" else 1
    if not torch.is_grad_enabled():  # a Function does not see this, and would prepare in vain
        hidden, weight = hidden.detach(), weight.detach()
    rows = hidden.flatten(0, -2)
    return ChunkedCrossEntropy.apply(rows, weight, targets.flatten(), chunk, count)


class ChunkedCrossEntropy(torch.autograd.Function):
    """The sum of the targets' losses, divided by a number, with its gradients made on the way."""

    @staticmethod
    def forward(
        ctx: Any, hidden: Tensor, weight: Tensor, targets: Tensor, chunk: int, count: Tensor | int
    ) -> Tensor:
        """Walk over the rows, `chunk` at a time, and add up the loss and its gradients.

        Never more than a few tables of (chunk, V) are alive. Softmax, and sums over chunks, are
        taken in float32 or wider; products have the dtype of the arguments, which stay unchanged.

        Args:
            ctx: keeps things for the backward pass; `ctx.needs_input_grad` is False for all where
                nobody will go backward.
            hidden: (N, C).
            weight: (V, C).
            targets: (N,) token ids; those that are `IGNORED` add nothing, to no gradient either.
            chunk: rows at a time; N need not be a multiple.
            count: the number that divides the sum.

        Returns:
            The loss, a scalar, float32 or hidden's dtype if that is wider.
        """
        # TODO 2.8: The losses of all counted targets, summed and divided by count, with only a
        # chunk of rows of logits alive at a time.
        raise NotImplementedError("exercise 2.8: ChunkedCrossEntropy.forward")

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients of `hidden`, (N, C), and `weight`, (V, C), in their dtypes.

        Args:
            ctx: as `forward` left it; may be asked twice.
            grad_output: the gradient of the loss, a scalar.

        Returns:
            One gradient for each argument of `forward`; None for the targets, chunk and count.
        """
        # TODO 2.8: The gradients of hidden and weight, times what comes from above; None for the
        # rest.
        raise NotImplementedError("exercise 2.8: ChunkedCrossEntropy.backward")
