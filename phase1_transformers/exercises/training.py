"""One step of training: a batch that may come in pieces, gradients clipped, the weights moved.

Nothing here knows which optimiser, schedule or data there is; the loop around it is in `project`.
"""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from phase1_transformers.solution.losses import IGNORED


def micro_batch_loss(
    model: nn.Module, x: Tensor, y: Tensor, autocast: torch.dtype | None = None
) -> Tensor:
    """Mean loss of one micro-batch over the targets that count, in nats per token.

    Args:
        model: called as `model(x, y)`, returns (logits, loss).
        x: (B, T) token ids.
        y: (B, T) targets, `IGNORED` where none counts.
        autocast: the dtype of matrix products, such as torch.bfloat16; None leaves them alone.
    """
    with torch.autocast(x.device.type, dtype=autocast, enabled=autocast is not None):
        _, loss = model(x, y)
    return loss


def clip_grad_norm(parameters: Iterable[nn.Parameter], max_norm: float) -> Tensor:
    """Shorten the gradient, in place, to a length of at most `max_norm`.

    Pascanu, Mikolov, Bengio 2013 (arXiv:1211.5063), algorithm 1. The length is that of all
    gradients together, as one long vector, so its direction stays. A gradient that is short enough
    keeps every bit.

    Args:
        parameters: those whose gradient is None are left out; at least one has a gradient.
        max_norm: positive.

    Returns:
        The length before, a scalar tensor.
    """
    # TODO 1.19: The gradient of all parameters together, as one vector, is at most max_norm long
    # and points where it did; one that was short enough is as it was. The length before is
    # returned.
    raise NotImplementedError("exercise 1.19: clip_grad_norm")


def training_step(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    batches: list[tuple[Tensor, Tensor]],
    grad_clip: float,
    autocast: torch.dtype | None = None,
) -> dict[str, Tensor]:
    """Take one step on a batch in pieces: the same step as on all of it at once.

    The loss is the mean over all targets that count, wherever they are, so that a piece weighs as
    much as it has such targets. Only one piece's activations are in memory at a time.

    Args:
        model: as `micro_batch_loss` takes it, its parameters those of the optimiser.
        optimizer: its learning rates are already those of this step; steps once.
        batches: micro-batches (x, y), (B, T) each; B and T may differ from one to the next.
        grad_clip: for `clip_grad_norm`, on the gradient of the whole batch.
        autocast: for `micro_batch_loss`.

    Returns:
        "loss", in nats per token, before the step, and "grad_norm", before clipping: scalar
        tensors without a graph. Where no target counts at all, both are 0.
    """
    # TODO 1.19: The parameters have moved by one optimiser step along the clipped gradient of the
    # mean loss over all targets that count in all micro-batches; one piece at a time was in memory.
    raise NotImplementedError("exercise 1.19: training_step")
