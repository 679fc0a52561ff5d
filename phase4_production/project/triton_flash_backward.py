"""FlashAttention's backward pass in Triton, and the whole as one differentiable function.

Dao 2023 (arXiv:2307.08691), algorithm 2, in three passes. Nothing is kept of the forward but its
inputs, O and L.

1. D = rowsum(dO * O), a number for each query: what the softmax takes from each gradient of P.
2. dK and dV: `triton_flash_dkdv.py`, a walk over the queries for each tile of keys.
3. dQ: `triton_flash_dq.py`, a walk over the keys for each tile of queries.

Algorithm 2 itself makes one walk and adds up dQ in memory, from many programs at once. Two walks
need seven matrix products in place of five, but no atomic additions: the same numbers every time.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor

from phase4_production.project import triton_flash
from phase4_production.project.triton_flash_dkdv import keys_kernel
from phase4_production.project.triton_flash_dq import queries_kernel


@triton.jit
def _row_sums(dO, Out, Delta, n_rows, D: tl.constexpr, BLOCK: tl.constexpr):
    rows = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    at = rows.to(tl.int64)[:, None] * D + tl.arange(0, D)[None, :]
    inside = rows[:, None] < n_rows
    do = tl.load(dO + at, mask=inside, other=0.0).to(tl.float32)
    o = tl.load(Out + at, mask=inside, other=0.0).to(tl.float32)
    tl.store(Delta + rows, tl.sum(do * o, 1), mask=rows < n_rows)


def backward(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    o: Tensor,
    L: Tensor,
    do: Tensor,
    *,
    causal: bool = False,
    scale: float | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Return dQ, dK and dV; arguments as `triton_flash.forward` took and gave them.

    Args:
        q, k, v: what the forward took.
        o, L: what it gave.
        do: (B, H, T_q, D), the gradient of O, in the dtype of q.
        causal, scale: as in the forward.
    """
    scale = triton_flash.check(q, k, v, scale)
    q, k, v, o, do = (tensor.contiguous() for tensor in (q, k, v, o, do))
    B, H, T_q, D = q.shape
    H_kv, T_k = k.shape[1:3]
    delta = torch.empty_like(L)
    dq, dk, dv = torch.empty_like(q), torch.empty_like(k), torch.empty_like(v)
    _row_sums[(triton.cdiv(delta.numel(), 64),)](do, o, delta, delta.numel(), D=D, BLOCK=64)
    numbers = (T_q, T_k, scale, triton_flash.length_class(max(T_q, T_k)))
    kind = {"GROUP": H // H_kv, "D": D, "CAUSAL": causal}
    keys_kernel[lambda config: (triton.cdiv(T_k, config["BLOCK_K"]), B * H_kv)](
        *(q, k, v, do, L, delta, dk, dv), *numbers, **kind
    )
    queries_kernel[lambda config: (triton.cdiv(T_q, config["BLOCK_Q"]), B * H)](
        *(q, k, v, do, L, delta, dq), *numbers, **kind
    )
    return dq, dk, dv


class _Attention(torch.autograd.Function):
    @staticmethod
    def forward(ctx, q, k, v, causal, scale):
        o, L = triton_flash.forward(q, k, v, causal=causal, scale=scale)
        ctx.save_for_backward(q, k, v, o, L)
        ctx.options = {"causal": causal, "scale": scale}
        return o

    @staticmethod
    def backward(ctx, do):
        return *backward(*ctx.saved_tensors, do, **ctx.options), None, None


def attention(
    q: Tensor, k: Tensor, v: Tensor, *, causal: bool = False, scale: float | None = None
) -> Tensor:
    """Attend; differentiable in q, k and v. Arguments and O as in `triton_flash.forward`."""
    return _Attention.apply(q, k, v, causal, scale)
