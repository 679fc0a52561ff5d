"""Attention that can be differentiated, with memory linear in T: tiles forward, tiles backward.

FlashAttention's two passes behind one function, with what its kernels offer: causal masks, sliding
windows, grouped heads, sequences of different lengths laid end to end, dropout. Between the passes
it keeps q, k, v, O and L, and one number for the dropout; naive attention keeps the matrix.
"""

from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from phase4_production.solution import tiled_attention, tiled_backward
from phase4_production.solution.tile_bounds import Tiling
from phase4_production.solution.tile_dropout import TileDropout


class Flash(torch.autograd.Function):
    """The pair of passes; call `attention`."""

    @staticmethod
    def forward(ctx: Any, q: Tensor, k: Tensor, v: Tensor, *options: Any) -> tuple[Tensor, Tensor]:
        """Return O and L; the options are tiling, scale and dropout of `tiled_attention`."""
        out, L = tiled_attention.forward(q, k, v, *options)
        ctx.save_for_backward(q, k, v, out, L)
        ctx.options = options
        ctx.mark_non_differentiable(L)
        return out, L

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, dout: Tensor, _: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients by q, k and v."""
        gradients = tiled_backward.backward(dout, *ctx.saved_tensors, *ctx.options)
        return *gradients, *[None] * len(ctx.options)


def attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    *,
    causal: bool = False,
    window: int | None = None,
    scale: float | None = None,
    dropout: float = 0.0,
    generator: torch.Generator | None = None,
    block_q: int = 64,
    block_k: int = 64,
) -> Tensor:
    """Return softmax(scale q k^T) v, ready for a backward pass.

    Args:
        q: (B, H, T_q, D).
        k, v: (B, H_kv, T_k, D), H a multiple of H_kv.
        causal, window, block_q, block_k: as in `Tiling`; the last query stands at the last key.
        scale: 1 / sqrt(D) if None.
        dropout: the share of the softmax that is left out.
        generator: where dropout's seed comes from: one draw, on the CPU. None is torch's own.

    Returns:
        (B, H, T_q, D), the dtype of q.

    Raises:
        ValueError: if the shapes or the settings do not fit.
    """
    tiling = Tiling(q.shape[-2], k.shape[-2], causal, window, block_q, block_k)
    dropped = None
    if dropout:
        seed = torch.randint(2**48, (), generator=generator).item()
        dropped = TileDropout(dropout, int(seed))
    return Flash.apply(q, k, v, tiling, scale, dropped)[0]


def varlen_attention(
    q: Tensor, k: Tensor, v: Tensor, starts_q: Tensor, starts_k: Tensor, **options: Any
) -> Tensor:
    """Attend within each of several sequences that are laid end to end, without padding.

    Args:
        q: (N_q, H, D), the queries of all sequences.
        k, v: (N_k, H_kv, D).
        starts_q, starts_k: (S + 1,) whole numbers; sequence s has the queries from starts_q[s] to
            before starts_q[s + 1], and keys likewise. The `cu_seqlens` of the flash-attn package.
        options: of `attention`.

    Returns:
        (N_q, H, D).

    Raises:
        ValueError: if the starts do not run from 0 to the number of queries or keys.
    """
    ends = (starts_q[0], starts_k[0], starts_q[-1], starts_k[-1])
    if ends != (0, 0, len(q), len(k)) or len(starts_q) != len(starts_k):
        raise ValueError(
            f"starts from {ends[:2]} to {ends[2:]} for {len(q)} queries, {len(k)} keys"
        )
    found = []
    for rows, columns in zip(pairwise(starts_q.tolist()), pairwise(starts_k.tolist()), strict=True):
        one = (t[slice(*ends)].transpose(0, 1)[None] for t, ends in
               ((q, rows), (k, columns), (v, columns)))  # fmt: skip
        found.append(attention(*one, **options)[0].transpose(0, 1))
    return torch.cat(found)
