"""Heads: the same attention several times side by side, on slices of the width.

Vaswani et al. 2017 (arXiv:1706.03762), section 3.2.2; sharing of keys and values by groups of
queries from Ainslie et al. 2023 (arXiv:2305.13245).
"""

from torch import Tensor


def split_heads(x: Tensor, n_head: int) -> Tensor:
    """Give each head its own slice of the channels: (B, T, H * D) to (B, H, T, D).

    Raises:
        ValueError: if the channels do not divide into n_head equal parts.
    """
    B, T, C = x.shape
    if C % n_head:
        raise ValueError(f"{C} channels do not divide into {n_head} heads")
    return x.view(B, T, n_head, C // n_head).transpose(1, 2)


def merge_heads(x: Tensor) -> Tensor:
    """Undo `split_heads`: (B, H, T, D) to (B, T, H * D)."""
    B, H, T, D = x.shape
    return x.transpose(1, 2).reshape(B, T, H * D)


def repeat_kv(x: Tensor, n_head: int) -> Tensor:
    """Let neighbouring query heads share a key or value head: (B, H_kv, T, D) to (B, H, T, D).

    Query heads 0 .. H / H_kv - 1 get key head 0, the next as many get key head 1, and so on.

    Raises:
        ValueError: if n_head is not a multiple of H_kv.
    """
    if n_head % x.shape[1]:
        raise ValueError(f"{n_head} query heads cannot share {x.shape[1]} key heads evenly")
    return x.repeat_interleave(n_head // x.shape[1], dim=1)
