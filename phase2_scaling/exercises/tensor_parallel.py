"""Tensor parallelism: one layer's matrix, cut over several ranks.

Shoeybi et al. 2019, "Megatron-LM" (arXiv:1909.08053), section 3. The first layer of a pair is cut
by columns, so that each rank makes some of the hidden numbers from all inputs; the second by rows,
so that each rank uses just those numbers. In between nothing travels, whatever function acts on
each number by itself. Two autograd functions say what travels at the two ends.

    x -> f -> columns of A -> GELU -> rows of B -> g -> + bias
         |                                        |
    backward: all-reduce                 forward: all-reduce

`group` is a process group, None for all ranks. The paper writes x A, with A (in, out); `nn.Linear`
keeps the transpose (out, in), so the paper's columns are rows of its `weight`.
"""

from typing import Any

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor, nn

Group = dist.ProcessGroup | None


class Copy(torch.autograd.Function):
    """f, "conjugate" to g: each rank goes on with a copy, and its gradient is a sum over ranks.

    Shoeybi et al. 2019, section 3 and figure 3.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, group: Group) -> Tensor:
        """Return x, the same on all ranks of the group, as it is; note the group in `ctx.group`."""
        # TODO 2.20: x goes on as it is, nothing is sent, and ctx.group says who shares it.
        raise NotImplementedError("exercise 2.20: Copy.forward")

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        """Return the sum over the group of what each rank found.

        Args:
            ctx: `ctx.group` is the group.
            gradient: of this rank's copy; left as it is, for others may read it too.

        Returns:
            The gradient of x, a new tensor of the same shape, and None for the group.
        """
        # TODO 2.20: The gradient of x is the sum of what the group's ranks found, in a new tensor;
        # the group has none.
        raise NotImplementedError("exercise 2.20: Copy.backward")


class Reduce(torch.autograd.Function):
    """g: the ranks' terms are added up, and every rank's term gets the gradient of the sum.

    Shoeybi et al. 2019, section 3 and figure 3.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, group: Group) -> Tensor:
        """Return the sum over the group of its ranks' x, a new tensor; x is left as it is."""
        # TODO 2.20: The sum over the group's ranks is a new tensor, the same on all of them.
        raise NotImplementedError("exercise 2.20: Reduce.forward")

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        """Return the gradient of this rank's x, and None for the group.

        Args:
            ctx: unused.
            gradient: of the sum, which is the same on all ranks, as what they do with it is.
        """
        # TODO 2.20: Each rank's term gets the gradient of the sum, and nothing is sent.
        raise NotImplementedError("exercise 2.20: Reduce.backward")


def f(x: Tensor, group: Group = None) -> Tensor:
    """Enter a parallel region: x forward, an all-reduce of its gradient backward."""
    return Copy.apply(x, group)


def g(x: Tensor, group: Group = None) -> Tensor:
    """Leave a parallel region: an all-reduce forward, the gradient as it is backward."""
    return Reduce.apply(x, group)


class ColumnLinear(nn.Module):
    """A linear layer that makes this rank's share of the outputs from all of the inputs.

    Args:
        linear: the whole layer, the same on all ranks; its parameters are copied.
        group: the ranks that share it.

    Attributes:
        weight: (out / n, in), its share of the rows of `linear.weight`.
        bias: (out / n,), the same share of the bias, or None.

    Raises:
        ValueError: if the n ranks cannot have equal shares.
    """

    def __init__(self, linear: nn.Linear, group: Group = None) -> None:
        super().__init__()
        self.group = group
        self.weight = nn.Parameter(shard(linear.weight, 0, group))
        self.bias = None if linear.bias is None else nn.Parameter(shard(linear.bias, 0, group))

    def forward(self, x: Tensor) -> Tensor:
        """Map (..., in), the same on all ranks, to this rank's outputs (..., out / n).

        The gradient of x is that of all outputs, those of the other ranks too. One collective:
        an all-reduce in the backward pass.
        """
        # TODO 2.20: The rank's outputs of all inputs, its biases included; the gradient of x is
        # that of all ranks' outputs.
        raise NotImplementedError("exercise 2.20: ColumnLinear.forward")


class RowLinear(nn.Module):
    """A linear layer that uses this rank's share of the inputs; the ranks add up what they get.

    Args:
        linear: the whole layer, the same on all ranks; its parameters are copied.
        group: the ranks that share it.

    Attributes:
        weight: (out, in / n), its share of the columns of `linear.weight`.
        bias: (out,), the whole bias, on every rank, or None.

    Raises:
        ValueError: if the n ranks cannot have equal shares.
    """

    def __init__(self, linear: nn.Linear, group: Group = None) -> None:
        super().__init__()
        self.group = group
        self.weight = nn.Parameter(shard(linear.weight, 1, group))
        self.bias = None if linear.bias is None else nn.Parameter(linear.bias.detach().clone())

    def forward(self, x: Tensor) -> Tensor:
        """Map this rank's inputs (..., in / n) to the whole layer's outputs (..., out).

        The result is the same on all ranks, and is that of the whole layer. One collective: an
        all-reduce in the forward pass. The gradients of x and of `weight` are this rank's own,
        that of `bias` is the whole layer's.
        """
        # TODO 2.20: The whole layer's outputs on every rank, the bias in them once; the bias gets
        # its whole gradient on every rank.
        raise NotImplementedError("exercise 2.20: RowLinear.forward")


def shard(tensor: Tensor, dim: int, group: Group = None) -> Tensor:
    """Copy this rank's share of a tensor that all ranks have: the rank-th of n equal pieces.

    A copy, so that the whole can be freed.

    Raises:
        ValueError: if the axis cannot be cut into n equal pieces.
    """
    n, rank = dist.get_world_size(group), dist.get_rank(group)
    if tensor.shape[dim] % n:
        raise ValueError(f"an axis of {tensor.shape[dim]} cannot be cut into {n} equal shares")
    return tensor.detach().chunk(n, dim)[rank].clone(memory_format=torch.contiguous_format)
