"""Attention of one step over a paged cache: gather, then softmax, one sequence after another.

Kwon et al. 2023 (arXiv:2309.06180), section 4.1. This is the clear version, and what the kernels
are tested against; they read the blocks where they lie instead of gathering them.
"""

import math

import torch
from torch import Tensor

from phase4_production.solution import paged_cache
from phase4_production.solution.batch import Batch


def attend(
    q: Tensor, k_cache: Tensor, v_cache: Tensor, batch: Batch, scale: float | None = None
) -> Tensor:
    """Let each new token attend to its own sequence, itself and what came before.

    Args:
        q: (N, H, D), the queries of the new tokens, laid end to end.
        k_cache, v_cache: (n_blocks, block_size, H_kv, D), the new tokens' already written; H is a
            multiple of H_kv.
        batch: who is where.
        scale: of the scores; 1 / sqrt(D) if None.

    Returns:
        (N, H, D), the dtype of q.
    """
    scale = 1 / math.sqrt(q.shape[-1]) if scale is None else scale
    starts, lengths = batch.starts.tolist(), batch.lengths.tolist()
    outputs = []
    for s, length in enumerate(lengths):
        k = paged_cache.gather(k_cache, batch.block_tables[s], length)
        v = paged_cache.gather(v_cache, batch.block_tables[s], length)
        outputs.append(_causal(q[starts[s] : starts[s + 1]], k, v, scale))
    return torch.cat(outputs)


def _causal(q: Tensor, k: Tensor, v: Tensor, scale: float) -> Tensor:
    """Attend, aligned at the end: the last query sees every key."""
    T_q, H, D = q.shape
    T_k, H_kv, _ = k.shape
    grouped = q.view(T_q, H_kv, H // H_kv, D)
    scores = torch.einsum("qhgd,khd->hgqk", grouped, k.to(q.dtype)) * scale
    future = torch.ones(T_q, T_k, dtype=torch.bool, device=q.device).triu(T_k - T_q + 1)
    weights = scores.masked_fill(future, float("-inf")).softmax(-1)
    return torch.einsum("hgqk,khd->qhgd", weights, v.to(q.dtype)).reshape(T_q, H, D)
