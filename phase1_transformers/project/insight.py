"""What goes on inside a trained GPT, as numbers; `pictures.py` draws them.

Nothing here trains, prints or draws, and the model is left as it was.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from phase1_transformers.solution.gpt import GPT

BATCH_TOKENS = 2**12  # in one forward pass
POOLS = 4  # of positions, for each doubling of the context


# -- attention --------------------------------------------------------------------------------


@torch.no_grad()
def attention_maps(model: GPT, idx: Tensor) -> Tensor:
    """Return how much each token looks at each token, in every head.

    Args:
        model: in evaluation mode.
        idx: (T,) token ids.

    Returns:
        (n_layer, H, T, T); row i of a map holds the weights of query i, which sum to 1.
    """
    with recorded_attention(model) as maps:
        model(idx[None])
    return torch.stack(maps)[:, 0]


@contextmanager
def recorded_attention(model: GPT) -> Iterator[list[Tensor]]:
    """Within the block, keep the attention weights of each layer, (B, H, T, T), as it computes.

    The weights are what attention gives if the values are the rows of the identity matrix, so
    whatever operation the model uses is asked for them itself.
    """
    maps: list[Tensor] = []
    layers = [block.attention for block in model.blocks]
    before = [layer.ops for layer in layers]

    def recording(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        identity = torch.eye(k.shape[-2], dtype=v.dtype, device=v.device)
        maps.append(attend(q, k, identity.expand(*k.shape[:-2], -1, -1)))
        return attend(q, k, v)

    attend = model.ops.causal_attention
    try:
        for layer in layers:
            layer.ops = replace(layer.ops, causal_attention=recording)
        yield maps
    finally:
        for layer, ops in zip(layers, before):
            layer.ops = ops


def habits(maps: Tensor) -> dict[str, Tensor]:
    """Measure what each head looks at in the mean: itself, the token before, the first token.

    Args:
        maps: (n_layer, H, T, T) attention weights, T at least 3.

    Returns:
        Three tensors (n_layer, H), the mean over the queries from the third one on, for which the
        three are different tokens.
    """
    late = maps[:, :, 2:]
    return {
        "itself": late.diagonal(2, dim1=-2, dim2=-1).mean(dim=-1),
        "the token before": late.diagonal(1, dim1=-2, dim2=-1).mean(dim=-1),
        "the first token": late[..., 0].mean(dim=-1),
    }


def odd_one(found: dict[str, Tensor]) -> tuple[int, int]:
    """Return layer and head of the head that the three `habits` explain least."""
    explained = sum(found.values())
    return divmod(int(explained.argmin()), explained.shape[1])


# -- the residual stream ----------------------------------------------------------------------


@torch.no_grad()
def logit_lens(model: GPT, idx: Tensor) -> Tensor:
    """Read the residual stream after every layer as if it were the last.

    nostalgebraist 2020, *interpreting GPT: the logit lens*.

    Args:
        model: in evaluation mode.
        idx: (T,) token ids.

    Returns:
        (n_layer + 1, T, V) logits: of the embeddings, then after each block; the last ones are the
        model's own.
    """
    streams: list[Tensor] = []
    hooks = [model.blocks[0].register_forward_pre_hook(lambda _, args: streams.append(args[0]))]
    for block in model.blocks:
        hooks.append(block.register_forward_hook(lambda _, args, x: streams.append(x)))
    try:
        model(idx[None])
    finally:
        for hook in hooks:
            hook.remove()
    return model.head(model.norm(torch.cat(streams)))


# -- embeddings -------------------------------------------------------------------------------


@torch.no_grad()
def neighbours(table: Tensor, ids: Sequence[int], n: int) -> tuple[Tensor, Tensor]:
    """Find the tokens whose embeddings point most nearly where those of `ids` do.

    Args:
        table: (V, C) embeddings.
        ids: tokens to look at.
        n: neighbours of each, the token itself not counted; at most V - 1.

    Returns:
        Their ids and cosines, (len(ids), n) each, the nearest first.
    """
    directions = torch.nn.functional.normalize(table.float(), dim=-1)
    cosines = directions[torch.as_tensor(ids)] @ directions.T
    cosines.scatter_(1, torch.as_tensor(ids)[:, None], -torch.inf)
    nearest = cosines.topk(n, dim=-1)
    return nearest.indices, nearest.values


@torch.no_grad()
def principal_plane(table: Tensor, ids: Sequence[int]) -> Tensor:
    """Lay some tokens' embeddings flat, with as little loss as a plane allows.

    Args:
        table: (V, C) embeddings; only their directions count, as in `neighbours`.
        ids: the tokens, three at least.

    Returns:
        (len(ids), 2) coordinates along the two principal components, around 0.
    """
    directions = torch.nn.functional.normalize(table[torch.as_tensor(ids)].float(), dim=-1)
    U, S, _ = torch.linalg.svd(directions - directions.mean(dim=0), full_matrices=False)
    return U[:, :2] * S[:2]


# -- the context ------------------------------------------------------------------------------


@torch.no_grad()
def loss_by_position(model: GPT, tokens: np.ndarray, stride: int | None = None) -> Tensor:
    """Measure how surprising each token of a window is, in the order in which they come.

    Args:
        model: in evaluation mode.
        tokens: a text as ids.
        stride: tokens from the beginning of a window to that of the next; by default block_size.
            With less, windows overlap, and a token is guessed with several lengths of context.

    Returns:
        (windows, block_size) nats; column t holds the losses of tokens that are guessed from t + 1
        tokens before them. What is left of the text behind the last window is left out.

    Raises:
        ValueError: if the text is shorter than one window.
    """
    T = model.config.block_size
    if len(tokens) <= T:
        raise ValueError(f"{len(tokens)} tokens are too few for one window of {T}")
    device = next(model.parameters()).device
    starts = np.arange(0, len(tokens) - T, stride or T)
    losses = []
    for some in np.array_split(starts, -(-len(starts) * T // BATCH_TOKENS)):
        rows = np.stack([tokens[start : start + T + 1] for start in some]).astype(np.int64)
        rows = torch.from_numpy(rows).to(device)
        logits, _ = model(rows[:, :-1])
        targets = rows[:, 1:].flatten()
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets, reduction="none")
        losses.append(loss.view(-1, T).cpu())
    return torch.cat(losses)


def pooled(losses: Tensor, overlap: float = 1.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Average `loss_by_position` over neighbouring positions, over more of them farther out.

    Args:
        losses: (windows, T) nats.
        overlap: how often a token of the text was in a window.

    Returns:
        How many tokens of context a pool has in the (geometric) mean, its mean loss, and the
        standard error of that, each (pools,). A window counts as one observation of a pool, because
        its tokens are not independent, and windows that overlap as fewer.
    """
    T = losses.shape[1]
    edges = np.geomspace(1, T + 1, 1 + round(POOLS * np.log2(T + 1)))
    edges = np.unique(edges.round().astype(int))
    pools = [losses[:, a - 1 : b - 1].mean(dim=1).numpy() for a, b in pairwise(edges)]
    contexts = np.sqrt(edges[:-1] * (edges[1:] - 1.0))
    means, spreads = ([function(pool) for pool in pools] for function in (np.mean, np.std))
    return contexts, np.array(means), np.array(spreads) / np.sqrt(len(losses) / overlap)
