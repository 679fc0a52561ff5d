"""Gradient accumulation: a batch that does not fit into memory, in pieces that do.

Only the activations of one piece are alive at a time. The gradients are those of the whole batch.
"""

from collections.abc import Callable, Sequence

from torch import Tensor, nn

from phase2_scaling.solution.clipping import clip_grad_norm
from phase2_scaling.solution.model import IGNORED, next_token_loss


def summed_loss(model: nn.Module, idx: Tensor, targets: Tensor) -> Tensor:
    """Cross-entropy of one micro-batch in nats, summed over the targets that count: a scalar."""
    logits, _ = model(idx)
    return next_token_loss(logits, targets, reduction="sum")


def accumulate(
    model: nn.Module,
    micro_batches: Sequence[tuple[Tensor, Tensor]],
    loss_function: Callable[[nn.Module, Tensor, Tensor], Tensor] = summed_loss,
    max_norm: float | None = None,
) -> float:
    """Leave in every `.grad` the gradient of the mean loss over a batch that comes in pieces.

    The mean is over all targets of the batch that count, so a micro-batch weighs as much as it has
    such targets. Each micro-batch goes backward before the next one goes forward. What was in
    `.grad` before is cleared.

    Another forward pass comes in through `loss_function`: one that recomputes its blocks, or takes
    the cross-entropy in chunks with `reduction="sum"`. A loss that is scaled for float16 leaves
    scaled gradients; clip those after they are unscaled, and not here.

    Args:
        model: its parameters get the gradients.
        micro_batches: (idx, targets), (B, T) each; B and T may differ from one to the next. A
            target of `IGNORED` does not count; a micro-batch may have none that counts.
        loss_function: called as `loss_function(model, idx, targets)`, gives the *sum* of the
            losses of the targets that count, a scalar tensor.
        max_norm: for `clip_grad_norm`, on the gradient of the whole batch; None does not clip.

    Returns:
        The mean loss in nats per target that counts; 0 if none does, and then so are the gradients.

    Raises:
        ValueError: if there is no micro-batch.
    """
    if not micro_batches:
        raise ValueError("there is no micro-batch to learn from")
    # TODO 2.8: The gradients, clipped once if at all, and the loss are those of the mean over all
    # targets that count, with one micro-batch in memory at a time.
    raise NotImplementedError("exercise 2.8: accumulate")
