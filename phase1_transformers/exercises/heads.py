"""Heads: the same attention several times side by side, on slices of the width.

Vaswani et al. 2017 (arXiv:1706.03762), section 3.2.2; sharing of keys and values by groups of
queries from Ainslie et al. 2023 (arXiv:2305.13245).
"""

from torch import Tensor

from phase1_transformers.solution.attention import causal_attention


def split_heads(x: Tensor, n_head: int) -> Tensor:
    """Give each head its own slice of the channels: (B, T, H * D) to (B, H, T, D).

    Head h of a token holds its channels h * D .. (h + 1) * D - 1. Nothing else moves: token t of
    every head is made of token t.

    Raises:
        ValueError: if the channels do not divide into n_head equal parts.
    """
    B, T, C = x.shape
    if C % n_head:
        raise ValueError(f"{C} channels do not divide into {n_head} heads")
    # TODO 1.9: Head h holds channels h D to (h + 1) D - 1 of every token, as (B, H, T, D).
    raise NotImplementedError("exercise 1.9: split_heads")


def merge_heads(x: Tensor) -> Tensor:
    """Put the heads of each token side by side: (B, H, T, D) to (B, T, H * D).

    The inverse of `split_heads`.
    """
    # TODO 1.9: The heads of a token lie side by side again, as (B, T, H * D): the inverse of
    # split_heads.
    raise NotImplementedError("exercise 1.9: merge_heads")


def repeat_kv(x: Tensor, n_head: int) -> Tensor:
    """Let neighbouring query heads share a key or value head: (B, H_kv, T, D) to (B, H, T, D).

    Query heads 0 .. H / H_kv - 1 get key head 0, the next as many get key head 1, and so on.

    Raises:
        ValueError: if n_head is not a multiple of H_kv.
    """
    if n_head % x.shape[1]:
        raise ValueError(f"{n_head} query heads cannot share {x.shape[1]} key heads evenly")
    # TODO 1.9: Query head h finds its key head at index h; neighbours share one, n_head / H_kv of
    # them each.
    raise NotImplementedError("exercise 1.9: repeat_kv")


def grouped_attention(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Causal attention of many query heads to few key and value heads.

    Args:
        q: (B, H, T_q, D).
        k, v: (B, H_kv, T_k, D), each shared by H / H_kv query heads.

    Returns:
        (B, H, T_q, D), the dtype of q.
    """
    H = q.shape[1]
    return causal_attention(q, repeat_kv(k, H), repeat_kv(v, H))
