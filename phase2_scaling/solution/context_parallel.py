"""Context parallelism: a GPT on a sequence of which each rank has some tokens, in every layer.

Only attention needs other ranks' tokens, and gets them by ring attention (Liu, Zaharia, Abbeel
2023, arXiv:2310.01889). The weights are whole on every rank, as in data parallelism, and so is the
cure: gradients are summed over the group. `group` is a process group, None for all ranks.
"""

import torch.distributed as dist
from torch import Tensor, nn

from phase2_scaling.solution.model import GPT, IGNORED, Attention, next_token_loss
from phase2_scaling.solution.ring_attention import ring_attention
from phase2_scaling.solution.sequence_parallel import sum_gradients
from phase2_scaling.solution.tensor_model import broadcast_parameters
from phase2_scaling.solution.tensor_parallel import Group, g


class ContextAttention(nn.Module):
    """`Attention` over the tokens of all ranks, with the same parameters under the same names.

    Args:
        attention: whose layers it takes over.
        layout: for each rank of the group, the positions of its tokens, ascending.
        group: the ranks that share a sequence.
    """

    def __init__(self, attention: Attention, layout: list[Tensor], group: Group = None) -> None:
        super().__init__()
        self.layout, self.group, self.head_dim = layout, group, attention.head_dim
        self.q, self.k, self.v = attention.q, attention.k, attention.v
        self.proj = attention.proj

    def forward(self, x: Tensor) -> Tensor:
        """Mix this rank's (B, T_r, C) with all that comes before, wherever it is."""
        q, k, v = (
            layer(x).unflatten(-1, (-1, self.head_dim)).transpose(1, 2)
            for layer in (self.q, self.k, self.v)
        )
        y = ring_attention(q, k, v, self.layout, self.group)
        return self.proj(y.transpose(1, 2).flatten(2))


def parallelise(model: GPT, layout: list[Tensor], group: Group = None) -> None:
    """Let a GPT see this rank's tokens only, in place; `loss` is its loss.

    The parameters of the group's first rank count. Gradients arise summed over the group. The
    ranks' random numbers are left alone: with dropout they should differ.

    Args:
        model: the same GPT on all ranks.
        layout: for each rank of the group, the positions of its tokens, ascending.
        group: the ranks that share a sequence.
    """
    broadcast_parameters(model, group)
    sum_gradients(model.parameters(), group)
    for block in model.blocks:
        block.attention = ContextAttention(block.attention, layout, group)
    offset_positions(model, layout[dist.get_rank(group)])


def offset_positions(model: GPT, positions: Tensor) -> None:
    """Give the t-th token that the model sees the embedding of position `positions[t]`, not t."""
    model.position_embedding.register_forward_pre_hook(
        lambda _, args: (positions.to(args[0].device)[args[0]],)
    )


def loss(model: GPT, idx: Tensor, targets: Tensor) -> Tensor:
    """`next_token_loss` of a whole batch, the mean, by ranks that each look at their tokens.

    Args:
        model: a GPT after `parallelise`.
        idx, targets: (B, T), the whole of it on every rank; 16 bytes a token cost nobody dear.

    Returns:
        A scalar, the same on all ranks.
    """
    attention = model.blocks[0].attention
    mine = attention.layout[dist.get_rank(attention.group)].to(idx.device)
    logits = model.head(model.hidden(idx[:, mine]))
    nats = next_token_loss(logits, targets[:, mine], reduction="sum")
    return g(nats, attention.group) / (targets != IGNORED).sum().clamp(min=1)
