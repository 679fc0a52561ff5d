"""Attention: every token takes a weighted average of what the tokens before it have to give.

Vaswani et al. 2017 (arXiv:1706.03762), section 3.2.1. Heads are in `heads.py`.
"""

import math

import torch
from torch import Tensor


def attention(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None) -> Tensor:
    """Weigh the values by how well each key answers the query: softmax(q k^T / sqrt(D)) v.

    Vaswani et al. 2017 (arXiv:1706.03762), equation 1.

    Args:
        q: (..., T_q, D), what each token looks for.
        k: (..., T_k, D), what each token offers.
        v: (..., T_k, D), what each token gives to those who choose it.
        mask: boolean, broadcastable to (..., T_q, T_k); True where a query may look at a key.
            A key that it may not look at weighs exactly 0, whatever the scores. Every query must
            be allowed at least one key: an average of nothing is undefined, and here NaN.

    Returns:
        (..., T_q, D), the dtype of q. The width of v may differ from D; the result has v's.

    Raises:
        ValueError: if D differs between q and k, or T_k between k and v.
    """
    if q.shape[-1] != k.shape[-1] or k.shape[-2] != v.shape[-2]:
        raise ValueError(
            "q (..., T_q, D), k (..., T_k, D), v (..., T_k, D) do not fit: "
            f"{tuple(q.shape)}, {tuple(k.shape)}, {tuple(v.shape)}"
        )
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])  # (..., T_q, T_k)
    if mask is not None:
        scores = scores.masked_fill(~mask, float("-inf"))
    return scores.softmax(dim=-1) @ v


def causal_mask(T_q: int, T_k: int, device: torch.device | None = None) -> Tensor:
    """Say who may look at whom when the queries are the last T_q of T_k tokens.

    With T_q = T_k this is the lower triangle, the diagonal included. With a key-value cache the
    queries are only the newest tokens, and the first of them may already see T_k - T_q others.

    Args:
        T_q, T_k: numbers of queries and of keys, T_q <= T_k.
        device: of the result.

    Returns:
        (T_q, T_k) boolean, True at (i, j) if query i may look at key j: at itself and before.

    Raises:
        ValueError: if there are more queries than keys.
    """
    if T_q > T_k:
        raise ValueError(f"{T_q} queries cannot be the last of {T_k} keys")
    queries = torch.arange(T_k - T_q, T_k, device=device)  # positions among the keys
    return torch.arange(T_k, device=device) <= queries[:, None]


def causal_attention(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """`attention` to the present and the past; the queries are the last T_q of the T_k tokens."""
    return attention(q, k, v, causal_mask(q.shape[-2], k.shape[-2], q.device))
