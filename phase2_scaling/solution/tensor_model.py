"""A GPT whose layers are cut over several ranks: Megatron's placement of f and g.

Shoeybi et al. 2019 (arXiv:1909.08053), section 3: attention is cut by heads, the MLP by hidden
units, embedding and head by tokens. What is small stays whole on every rank: LayerNorms, position
embeddings, the biases of the layers that add to the stream.
"""

import torch
import torch.distributed as dist
from torch import Tensor, nn

from phase2_scaling.solution import vocab_parallel
from phase2_scaling.solution.model import GPT, Attention, Block
from phase2_scaling.solution.tensor_parallel import ColumnLinear, Group, RowLinear, f, shard


def parallelise(model: GPT, group: Group = None) -> None:
    """Cut a GPT in place, so that each rank of the group keeps its part of every block.

    The parameters of the group's first rank count: they are sent to the others before the cut.
    From then on the ranks of the group draw the same random numbers, for they all have the whole
    stream and must drop the same of it.

    Names of parameters stay. `model.head` gives each rank its columns of the logits, so the loss
    is `loss(model, idx, targets)`; a tied head shares the rank's rows with the embedding.

    Raises:
        ValueError: if the heads cannot be shared out equally; nothing is changed.
    """
    check_heads(model, group)
    broadcast_parameters(model, group)
    torch.manual_seed(common_seed(group, model.head.weight.device))
    for block in model.blocks:
        parallelise_block(block, group)
    cut_vocabulary(model, group)


def loss(model: GPT, idx: Tensor, targets: Tensor) -> Tensor:
    """`next_token_loss` of a GPT that is cut: the mean, the same on all ranks of its group."""
    logits = model.head(model.hidden(idx))
    return vocab_parallel.cross_entropy(logits, targets, model.head.group)


def parallelise_block(block: Block, group: Group = None) -> None:
    """Cut one block in place: all-reduces are one forward and one backward, for each sublayer."""
    attention, mlp = block.attention, block.mlp
    # Queries, keys and values share one f: three of them would be three all-reduces.
    attention.register_forward_pre_hook(lambda _, args: (f(args[0], group),))
    cut_heads(attention, group)
    attention.proj = RowLinear(attention.proj, group)
    mlp.up, mlp.down = ColumnLinear(mlp.up, group), RowLinear(mlp.down, group)


# -- parts that other layouts use too ---------------------------------------------------------


def cut_heads(attention: Attention, group: Group = None) -> None:
    """Narrow queries, keys and values in place to this rank's heads."""
    for layer in (attention.q, attention.k, attention.v):
        layer.weight = nn.Parameter(shard(layer.weight, 0, group))
        layer.bias = nn.Parameter(shard(layer.bias, 0, group))
        layer.out_features = len(layer.weight)


def cut_vocabulary(model: GPT, group: Group = None) -> None:
    """Cut embedding and head in place by tokens; if they were tied they stay so."""
    tied = model.head.weight is model.token_embedding.weight
    model.token_embedding = vocab_parallel.VocabEmbedding(model.token_embedding, group)
    model.head = vocab_parallel.VocabHead(model.head, group)
    if tied:
        model.head.weight = model.token_embedding.weight


def check_heads(model: GPT, group: Group = None) -> None:
    """Raise a ValueError if the group's ranks cannot have equal shares of the heads."""
    n, n_head = dist.get_world_size(group), model.config.n_head
    if n_head % n:
        raise ValueError(f"{n_head} heads cannot be shared out equally to {n} ranks")


def broadcast_parameters(model: nn.Module, group: Group = None) -> None:
    """Overwrite the parameters with those of the group's first rank."""
    for p in model.parameters():
        dist.broadcast(p.data, group=group, group_src=0)


def common_seed(group: Group = None, device: torch.device | None = None) -> int:
    """Draw a seed on the group's first rank; all ranks return it."""
    seed = torch.randint(2**62, (1,)).to(device)
    dist.broadcast(seed, group=group, group_src=0)
    return int(seed)
