"""A GPT whose layers are cut over several ranks: Megatron's placement of f and g.

Shoeybi et al. 2019 (arXiv:1909.08053), section 3: attention is cut by heads, the MLP by hidden
units, embedding and head by tokens. What is small stays whole on every rank: LayerNorms, position
embeddings, the biases of the layers that add to the stream.
"""

from functools import partial

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
        ValueError: if heads or hidden units cannot be shared out equally; nothing is changed.
    """
    check_divisible(model, dist.get_world_size(group))
    agree(model, group)
    for block in model.blocks:
        parallelise_block(block, group)
    tied = model.head.weight is model.token_embedding.weight
    model.token_embedding = vocab_parallel.VocabEmbedding(model.token_embedding, group)
    model.head = vocab_parallel.VocabHead(model.head, group)
    if tied:
        model.head.weight = model.token_embedding.weight


def loss(model: GPT, idx: Tensor, targets: Tensor) -> Tensor:
    """`next_token_loss` of a GPT that is cut: the mean, the same on all ranks of its group."""
    logits = model.head(model.hidden(idx))
    return vocab_parallel.cross_entropy(logits, targets, model.head.group)


def parallelise_block(block: Block, group: Group = None) -> None:
    """Cut one block: its heads and its hidden units; one all-reduce for each, each way."""
    parallelise_attention(block.attention, group)
    block.mlp.up = ColumnLinear(block.mlp.up, group)
    block.mlp.down = RowLinear(block.mlp.down, group)


def parallelise_attention(attention: Attention, group: Group = None) -> None:
    """Keep this rank's heads. Queries, keys and values share one f, hence one all-reduce."""
    attention.register_forward_pre_hook(partial(_enter, group))
    for layer in (attention.q, attention.k, attention.v):
        layer.weight = nn.Parameter(shard(layer.weight, 0, group))
        layer.bias = nn.Parameter(shard(layer.bias, 0, group))
        layer.out_features = len(layer.weight)
    attention.proj = RowLinear(attention.proj, group)


def _enter(group: Group, module: nn.Module, args: tuple[Tensor]) -> tuple[Tensor]:
    return (f(args[0], group),)


def check_divisible(model: GPT, n: int) -> None:
    """Raise a ValueError if n ranks cannot have equal shares of the heads (and hidden units)."""
    if model.config.n_head % n:
        raise ValueError(f"{model.config.n_head} heads cannot be shared out equally to {n} ranks")


def agree(model: nn.Module, group: Group = None) -> None:
    """Make parameters and the stream of random numbers those of the group's first rank."""
    parameters = list(model.parameters())
    for p in parameters:
        dist.broadcast(p.data, group=group, group_src=0)
    seed = torch.randint(2**62, (1,)).to(parameters[0].device)
    dist.broadcast(seed, group=group, group_src=0)
    torch.manual_seed(int(seed))
