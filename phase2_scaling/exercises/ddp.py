"""Data parallelism by hand: equal replicas, other data on each, gradients averaged.

Li et al. 2020 (arXiv:2006.15704), section 3.2.1. The mean over the ranks, not the sum: each rank's
loss is already a mean over its own samples, so the mean of the gradients is the gradient of the
loss over all samples, and the learning rate need not know how many ranks there are.
"""

from collections.abc import Sequence

import torch
import torch.distributed as dist
from torch import Tensor, nn

Group = dist.ProcessGroup | None


def broadcast_parameters(module: nn.Module, group: Group = None, source: int = 0) -> None:
    """Give every rank the parameters and the buffers of one rank, in place.

    Frozen parameters travel too, and so do buffers that no checkpoint keeps.

    Args:
        module: of one structure on all ranks, with numbers of its own on each.
        group: of ranks; None is all.
        source: the rank, within the group, whose numbers they become.
    """
    # TODO 2.14: Every rank's parameters and buffers are those of the source, in the same storages
    # as before.
    raise NotImplementedError("exercise 2.14: broadcast_parameters")


def used_anywhere(parameters: Sequence[Tensor], group: Group = None) -> list[bool]:
    """Ask all ranks which of these have a gradient on at least one of them: one small message."""
    device = parameters[0].device if parameters else None
    used = torch.tensor([p.grad is not None for p in parameters], dtype=torch.int32, device=device)
    dist.all_reduce(used, group=group)
    return [count > 0 for count in used.tolist()]


def average_gradients(module: nn.Module, group: Group = None) -> None:
    """Replace every gradient by its mean over the ranks, one message for each parameter.

    All ranks must send the same messages in the same order, whatever gradients they have. A
    parameter without a gradient here but with one elsewhere counts as zeros here, and gets the
    mean; one without a gradient anywhere (`used_anywhere`) keeps none, so that an optimiser passes
    over it as it would in a single process. So does a frozen one. A tied parameter is one.

    Args:
        module: after its backward pass; `.grad` is replaced or changed in place.
        group: of ranks; None is all.
    """
    # TODO 2.14: Every gradient is its mean over all ranks of the group, where a rank without one
    # counts as zeros; what nobody has a gradient of has none.
    raise NotImplementedError("exercise 2.14: average_gradients")


def average_gradients_flat(module: nn.Module, group: Group = None) -> None:
    """Do what `average_gradients` does with one message for each dtype among the parameters.

    A message costs a fixed time before its first byte arrives; a model has hundreds of parameters.
    Gradients of one dtype are laid end to end, travel together, and are cut apart again; numbers of
    different dtypes never share a message, since all would be converted to one.

    Args:
        module: after its backward pass; `.grad` is replaced or changed in place.
        group: of ranks; None is all.
    """
    # TODO 2.14: The same gradients, with one message for each dtype besides the one that asks who
    # has any.
    raise NotImplementedError("exercise 2.14: average_gradients_flat")


def global_mean_loss(loss_sum: Tensor, count: Tensor, group: Group = None) -> Tensor:
    """Turn this rank's sum of losses into a loss whose gradients average to the right ones.

    Ranks whose batches differ in size, such as the last of an epoch or rows with other numbers of
    counted tokens, must not average their own means: a token of a small batch would weigh more.
    The gradients will be averaged over the ranks later. What is returned has to be such that its
    mean over the ranks is the sum of all their losses over the number of all their losses. A rank
    without any sample takes part with an empty batch, whose sum is 0.

    Args:
        loss_sum: scalar, this rank's losses added up; has a graph.
        count: scalar, integer; this rank's losses in the whole step, of all its micro-batches if
            `loss_sum` is one's; unchanged.
        group: of ranks; None is all.

    Returns:
        A scalar with the graph of `loss_sum`.
    """
    # TODO 2.14: The mean over the ranks of what is returned is the mean over all their losses, and
    # so are its gradients.
    raise NotImplementedError("exercise 2.14: global_mean_loss")
