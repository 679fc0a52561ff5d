"""The gradients of keys and values as a Triton kernel.

Dao 2023 (arXiv:2307.08691), algorithm 2. A program holds one tile of keys and walks over the
queries that see it, those of all query heads that share it. Each tile of probabilities is worked
out again, P = exp(S - L), which L has normalised already, and from it dS = P * (dP - D).

It works on S^T = K Q^T, so that P^T and dS^T lie in registers as the next two products need them,
dV += P^T dO and dK += dS^T Q.
"""

import triton
import triton.language as tl

from phase4_production.project.triton_flash import KEY, LOG2E, tiles


@triton.jit
def _walk_queries(
    dk,
    dv,
    k,
    v,
    Q,
    dO,
    L,
    Delta,
    columns,
    begin,
    end,
    offset,
    T_q,
    scale_log2,
    D: tl.constexpr,
    CUT: tl.constexpr,
    CAUSAL: tl.constexpr,
    BLOCK_Q: tl.constexpr,
):
    """Add to dk and dv what the queries from `begin` to `end` of one head give."""
    features = tl.arange(0, D)
    for start in range(begin, end, BLOCK_Q):
        rows = start + tl.arange(0, BLOCK_Q)
        at = rows[:, None] * D + features[None, :]
        if CUT:  # a query that is not there has dO = 0, and so adds nothing
            inside = rows < T_q
            q = tl.load(Q + at, mask=inside[:, None], other=0.0)
            do = tl.load(dO + at, mask=inside[:, None], other=0.0)
            shift = tl.load(L + rows, mask=inside, other=0.0) * LOG2E
            delta = tl.load(Delta + rows, mask=inside, other=0.0)
        else:
            q = tl.load(Q + at)
            do = tl.load(dO + at)
            shift = tl.load(L + rows) * LOG2E
            delta = tl.load(Delta + rows)
        s_t = tl.dot(k, tl.trans(q), input_precision="ieee")
        p_t = tl.math.exp2(tl.fma(s_t, scale_log2, -shift[None, :]))
        if CUT and CAUSAL:
            p_t = tl.where(columns[:, None] <= rows[None, :] + offset, p_t, 0.0)
        dv = tl.dot(p_t.to(do.dtype), do, dv, input_precision="ieee")
        dp_t = tl.dot(v, tl.trans(do), input_precision="ieee")
        ds_t = p_t * (dp_t - delta[None, :])
        dk = tl.dot(ds_t.to(q.dtype), q, dk, input_precision="ieee")
    return dk, dv


@triton.jit
def query_ranges(
    start, offset, T_q, CAUSAL: tl.constexpr, BLOCK_Q: tl.constexpr, BLOCK_K: tl.constexpr
):
    """Where queries begin to see a tile; where whole tiles that see all of it begin, and end."""
    begin, whole = 0, 0
    if CAUSAL:
        begin = tl.maximum(start - offset, 0) // BLOCK_Q * BLOCK_Q
        whole = tl.cdiv(tl.maximum(start + BLOCK_K - 1 - offset, 0), BLOCK_Q) * BLOCK_Q
    return begin, whole, tl.maximum(whole, T_q // BLOCK_Q * BLOCK_Q)


@triton.autotune(
    tiles(
        [
            (64, 128, 8, 2),
            (64, 128, 8, 3),
            (32, 128, 8, 3),
            (64, 64, 4, 2),
            (64, 64, 4, 3),
            (32, 64, 4, 4),
        ]
    ),
    KEY,
)
@triton.jit
def keys_kernel(
    Q,
    K,
    V,
    dO,
    L,
    Delta,
    dK,
    dV,
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
    """Write dK and dV of one tile of keys."""
    # Under a causal mask the first tiles of keys are seen by most queries; they start first.
    kv_head = tl.program_id(1).to(tl.int64)
    start = tl.program_id(0) * BLOCK_K
    columns = start + tl.arange(0, BLOCK_K)
    at = kv_head * T_k * D + columns[:, None] * D + tl.arange(0, D)[None, :]
    inside = columns[:, None] < T_k
    k = tl.load(K + at, mask=inside, other=0.0)
    v = tl.load(V + at, mask=inside, other=0.0)
    dk = tl.zeros([BLOCK_K, D], tl.float32)
    dv = tl.zeros([BLOCK_K, D], tl.float32)

    offset = T_k - T_q
    scale_log2 = scale * LOG2E
    begin, whole, end = query_ranges(start, offset, T_q, CAUSAL, BLOCK_Q, BLOCK_K)
    cut = tl.minimum(whole, T_q)
    for member in range(GROUP):
        row = (kv_head * GROUP + member) * T_q
        q, do, l_rows, delta = Q + row * D, dO + row * D, L + row, Delta + row
        if CAUSAL:
            dk, dv = _walk_queries(
                dk,
                dv,
                k,
                v,
                q,
                do,
                l_rows,
                delta,
                columns,
                begin,
                cut,
                offset,
                T_q,
                scale_log2,
                D,
                True,
                CAUSAL,
                BLOCK_Q,
            )
        dk, dv = _walk_queries(
            dk,
            dv,
            k,
            v,
            q,
            do,
            l_rows,
            delta,
            columns,
            whole,
            end,
            offset,
            T_q,
            scale_log2,
            D,
            False,
            CAUSAL,
            BLOCK_Q,
        )
        dk, dv = _walk_queries(
            dk,
            dv,
            k,
            v,
            q,
            do,
            l_rows,
            delta,
            columns,
            end,
            T_q,
            offset,
            T_q,
            scale_log2,
            D,
            True,
            CAUSAL,
            BLOCK_Q,
        )
    tl.store(dK + at, (dk * scale).to(dK.dtype.element_ty), mask=inside)
    tl.store(dV + at, dv.to(dV.dtype.element_ty), mask=inside)
