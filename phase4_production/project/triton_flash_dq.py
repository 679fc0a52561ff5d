"""The gradient of queries as a Triton kernel.

Dao 2023 (arXiv:2307.08691), algorithm 2, as a walk of its own: a program holds one tile of queries
and walks over the keys, as in the forward. P = exp(S - L), dS = P * (dP - D), dQ += dS K.
"""

import triton
import triton.language as tl

from phase4_production.project.triton_flash import KEY, LOG2E, key_ranges, tiles, visible


@triton.jit
def _walk_keys(
    dq,
    q,
    do,
    shift,
    delta,
    K,
    V,
    rows,
    begin,
    end,
    offset,
    T_k,
    scale_log2,
    D: tl.constexpr,
    CUT: tl.constexpr,
    CAUSAL: tl.constexpr,
    BLOCK_K: tl.constexpr,
):
    """Add to dq what the keys from `begin` to `end` give."""
    features = tl.arange(0, D)
    for start in range(begin, end, BLOCK_K):
        columns = start + tl.arange(0, BLOCK_K)
        at = columns[:, None] * D + features[None, :]
        if CUT:
            k = tl.load(K + at, mask=columns[:, None] < T_k, other=0.0)
            v = tl.load(V + at, mask=columns[:, None] < T_k, other=0.0)
        else:
            k = tl.load(K + at)
            v = tl.load(V + at)
        s = tl.dot(q, tl.trans(k), input_precision="ieee")
        p = tl.math.exp2(tl.fma(s, scale_log2, -shift[:, None]))
        if CUT:
            p = tl.where(visible(rows, columns, offset, T_k, CAUSAL), p, 0.0)
        dp = tl.dot(do, tl.trans(v), input_precision="ieee")
        ds = p * (dp - delta[:, None])
        dq = tl.dot(ds.to(k.dtype), k, dq, input_precision="ieee")
    return dq


@triton.autotune(
    tiles(
        [
            (128, 64, 8, 2),
            (128, 64, 8, 3),
            (128, 32, 8, 3),
            (128, 32, 4, 3),
            (128, 128, 8, 2),
            (64, 64, 4, 2),
            (64, 64, 4, 3),
            (64, 32, 4, 4),
        ]
    ),
    KEY,
)
@triton.jit
def queries_kernel(
    Q,
    K,
    V,
    dO,
    L,
    Delta,
    dQ,
    T_q,
    T_k,
    scale,
    LENGTH_CLASS,
    GROUP: tl.constexpr,
    D: tl.constexpr,
    CAUSAL: tl.constexpr,
    BLOCK_Q: tl.constexpr,
    BLOCK_K: tl.constexpr,
):
    """Write dQ of one tile of queries."""
    tile = tl.program_id(0)
    if CAUSAL:
        tile = tl.num_programs(0) - 1 - tile
    head = tl.program_id(1).to(tl.int64)
    K += head // GROUP * T_k * D
    V += head // GROUP * T_k * D

    start = tile * BLOCK_Q
    rows = start + tl.arange(0, BLOCK_Q)
    inside = rows < T_q
    at = head * T_q * D + rows[:, None] * D + tl.arange(0, D)[None, :]
    q = tl.load(Q + at, mask=inside[:, None], other=0.0)
    do = tl.load(dO + at, mask=inside[:, None], other=0.0)
    shift = tl.load(L + head * T_q + rows, mask=inside, other=0.0) * LOG2E
    delta = tl.load(Delta + head * T_q + rows, mask=inside, other=0.0)
    dq = tl.zeros([BLOCK_Q, D], tl.float32)

    offset = T_k - T_q
    scale_log2 = scale * LOG2E
    whole, end = key_ranges(start, offset, T_k, CAUSAL, BLOCK_Q, BLOCK_K)
    dq = _walk_keys(
        dq,
        q,
        do,
        shift,
        delta,
        K,
        V,
        rows,
        0,
        whole,
        offset,
        T_k,
        scale_log2,
        D,
        False,
        CAUSAL,
        BLOCK_K,
    )
    dq = _walk_keys(
        dq,
        q,
        do,
        shift,
        delta,
        K,
        V,
        rows,
        whole,
        end,
        offset,
        T_k,
        scale_log2,
        D,
        True,
        CAUSAL,
        BLOCK_K,
    )
    tl.store(dQ + at, (dq * scale).to(dQ.dtype.element_ty), mask=inside[:, None])
