"""Sequence parallelism: what tensor parallelism leaves whole is cut by tokens.

Korthikanti et al. 2022 (arXiv:2205.05198), section 4.2.2. Between the pairs of cut layers every
rank does the same work on the same stream: LayerNorms, dropout, residual additions. Here rank r
keeps the r-th of n equal runs of tokens of it. An all-reduce is a reduce-scatter and then an
all-gather, so its two halves in place of f and g cost the same traffic:

    tensor parallel      f        forward: nothing          backward: all-reduce
                         g        forward: all-reduce       backward: nothing
    sequence parallel    gather   forward: all-gather       backward: reduce-scatter
                         scatter  forward: reduce-scatter   backward: all-gather

Tensors are (B, T, C), on n ranks (B, T / n, C); `group` is a process group, None for all ranks.
The paper's implementation also keeps only the rank's tokens of what a column layer saves for its
backward pass, and gathers them again; this one does not.
"""

from collections.abc import Iterable
from typing import Any

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor

from phase2_scaling.solution import tensor_model
from phase2_scaling.solution.model import GPT, Block
from phase2_scaling.solution.tensor_parallel import ColumnLinear, Group, RowLinear, g

TIME = 1  # the axis that is cut


class Gather(torch.autograd.Function):
    """All tokens from each rank's; each rank adds to the gradient of all."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, group: Group) -> Tensor:
        """Return (B, T, C), the ranks' tokens in order."""
        ctx.group = group
        return _all_gather(x, group)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        """Return (B, T / n, C): the sum over the group, for this rank's tokens."""
        return _reduce_scatter(gradient, ctx.group), None


class Scatter(torch.autograd.Function):
    """This rank's tokens of the sum of all ranks' terms."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, group: Group) -> Tensor:
        """Return (B, T / n, C): the sum over the group, for this rank's tokens."""
        ctx.group = group
        return _reduce_scatter(x, group)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        """Return (B, T, C), each rank's gradient of its tokens, in order."""
        return _all_gather(gradient, ctx.group), None


class Split(torch.autograd.Function):
    """This rank's tokens of what all ranks have: the way in, once per model."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, group: Group) -> Tensor:
        """Return (B, T / n, C)."""
        ctx.group = group
        return _own(x, group).clone()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        """Return (B, T, C), the same on all ranks."""
        return _all_gather(gradient, ctx.group), None


class Join(torch.autograd.Function):
    """All tokens, for work that every rank does alike: the way out, once per model."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, group: Group) -> Tensor:
        """Return (B, T, C), the same on all ranks."""
        ctx.group = group
        return _all_gather(x, group)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        """Return (B, T / n, C) of a gradient that is whole, and the same, on all ranks."""
        return _own(gradient, ctx.group), None


class GatherLinear(ColumnLinear):
    """A column layer whose input is cut by tokens: (B, T / n, in) to (B, T, out / n)."""

    def forward(self, x: Tensor) -> Tensor:
        """Gather the tokens, and make this rank's outputs of all of them."""
        return F.linear(Gather.apply(x, self.group), self.weight, self.bias)


class ScatterLinear(RowLinear):
    """A row layer whose output is cut by tokens: (B, T, in / n) to (B, T / n, out)."""

    def forward(self, x: Tensor) -> Tensor:
        """Add up over the ranks, and keep this rank's tokens of the sum."""
        total = Scatter.apply(F.linear(x, self.weight), self.group)
        return total if self.bias is None else total + self.bias


def parallelise(model: GPT, group: Group = None) -> None:
    """Cut a GPT in place by heads, hidden units and vocabulary, and its stream by tokens.

    What `tensor_model.parallelise` says holds here too, and `tensor_model.loss` is the loss, for
    idx (B, T) with a T that is divisible by n. But the ranks draw different random numbers, for
    what they drop belongs to different tokens.

    Raises:
        ValueError: if the heads cannot be shared out equally; nothing is changed.
    """
    tensor_model.check_heads(model, group)
    tensor_model.broadcast_parameters(model, group)
    seed = tensor_model.common_seed(group, model.head.weight.device)
    torch.manual_seed(seed + dist.get_rank(group))
    for block in model.blocks:
        parallelise_block(block, group)
    sum_gradients(model.norm.parameters(), group)
    model.blocks[0].register_forward_pre_hook(lambda _, args: (Split.apply(args[0], group),))
    model.norm.register_forward_hook(lambda _, args, out: Join.apply(out, group))
    tensor_model.cut_vocabulary(model, group)


def parallelise_block(block: Block, group: Group = None) -> None:
    """Cut one block in place; it maps (B, T / n, C) to (B, T / n, C)."""
    attention, mlp = block.attention, block.mlp
    attention.register_forward_pre_hook(lambda _, args: (Gather.apply(args[0], group),))
    tensor_model.cut_heads(attention, group)
    attention.proj = ScatterLinear(attention.proj, group)
    mlp.up, mlp.down = GatherLinear(mlp.up, group), ScatterLinear(mlp.down, group)
    norms = [*block.attention_norm.parameters(), *block.mlp_norm.parameters()]
    sum_gradients([*norms, attention.proj.bias, mlp.down.bias], group)


def sum_gradients(parameters: Iterable[Tensor], group: Group = None) -> None:
    """Have the gradients of parameters that are whole, but see a part of the tokens, summed.

    It happens as a backward pass finds each of them, so accumulation over several passes is right.
    """
    for p in parameters:
        p.register_hook(lambda gradient: g(gradient, group))


# -- what travels -----------------------------------------------------------------------------


def _own(x: Tensor, group: Group) -> Tensor:
    """Return the view of this rank's tokens.

    Raises:
        ValueError: if the tokens cannot be shared out equally.
    """
    n, T = dist.get_world_size(group), x.shape[TIME]
    if T % n:
        raise ValueError(f"{T} tokens cannot be shared out equally to {n} ranks")
    return x.chunk(n, TIME)[dist.get_rank(group)]


def _all_gather(x: Tensor, group: Group) -> Tensor:
    x = x.contiguous()
    parts = [torch.empty_like(x) for _ in range(dist.get_world_size(group))]
    dist.all_gather(parts, x, group)
    return torch.cat(parts, TIME)


def _reduce_scatter(x: Tensor, group: Group) -> Tensor:
    total = torch.empty_like(_own(x, group), memory_format=torch.contiguous_format)
    parts = [part.contiguous() for part in x.chunk(dist.get_world_size(group), TIME)]
    dist.reduce_scatter(total, parts, group=group)
    return total
