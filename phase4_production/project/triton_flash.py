"""FlashAttention's forward pass as a Triton kernel: FlashAttention-2's loop order.

Dao 2023 (arXiv:2307.08691), algorithm 1. One program holds one tile of queries in registers, walks
over the tiles of keys and values, and divides once at the end. What makes it fast, beside that
order:

- exp(x) costs the chip exp2(x log2(e)) anyway, so log2(e) is folded into the scale of the scores,
  and the largest score is taken off by the same instruction that scales (an fma).
- Only tiles that the causal edge or the end of the keys cuts need a mask. They come last, in a
  loop of their own, and the loop before it knows of no mask.
- Under a causal mask the last query tiles read most keys, so they are started first.
- The sizes of the tiles, the warps, and how many tiles are on their way from memory at once are
  measured on the GPU at hand, at first use (`triton.autotune`).

With TRITON_INTERPRET=1, set before Triton is imported, the same code runs on a CPU, slowly.
"""

import math

import torch
import triton
import triton.language as tl
from torch import Tensor

LOG2E = tl.constexpr(math.log2(math.e))
LN2 = tl.constexpr(math.log(2.0))

INTERPRETED = triton.knobs.runtime.interpret


def tiles(sizes: list[tuple[int, int, int, int]]) -> list[triton.Config]:
    """Make configs to choose from, out of (BLOCK_Q, BLOCK_K, warps, stages).

    The interpreter has no time to choose by: it takes small unequal tiles, which cut every edge.
    """
    if INTERPRETED:
        return [triton.Config({"BLOCK_Q": 32, "BLOCK_K": 16})]
    return [
        triton.Config({"BLOCK_Q": q, "BLOCK_K": k}, num_warps=warps, num_stages=stages)
        for q, k, warps, stages in sizes
    ]


# A kernel is tuned anew for each of these; lengths are told apart by their power of two.
KEY = ["D", "CAUSAL", "GROUP", "LENGTH_CLASS"]


@triton.jit
def visible(rows, columns, offset, T_k, CAUSAL: tl.constexpr):
    """Which keys each query sees: those that exist, and none after its own place."""
    seen = (columns < T_k)[None, :]
    if CAUSAL:
        seen = seen & (columns[None, :] <= rows[:, None] + offset)
    return seen


@triton.jit
def key_ranges(
    start, offset, T_k, CAUSAL: tl.constexpr, BLOCK_Q: tl.constexpr, BLOCK_K: tl.constexpr
):
    """Where the whole tiles of keys end that all queries of a tile see, and where the cut ones."""
    whole, end = T_k, T_k
    if CAUSAL:
        whole = tl.minimum(tl.maximum(start + offset + 1, 0), T_k)
        end = tl.minimum(tl.maximum(start + offset + BLOCK_Q, 0), T_k)
    return whole // BLOCK_K * BLOCK_K, end


@triton.jit
def _walk(
    o,
    total,
    m,
    q,
    K,
    V,
    rows,
    begin,
    end,
    offset,
    T_k,
    scale_log2,
    D: tl.constexpr,
    CAUSAL: tl.constexpr,
    CUT: tl.constexpr,
    BLOCK_K: tl.constexpr,
):
    """Take the keys from `begin` to `end` into o, total and m; the online softmax, in base 2."""
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
        if CUT:
            s = tl.where(visible(rows, columns, offset, T_k, CAUSAL), s, -float("inf"))
        m_new = tl.maximum(m, tl.max(s, 1) * scale_log2)
        shift = m_new
        if CUT:  # a row that has seen no key yet: -inf less -inf is no number
            shift = tl.where(m_new == -float("inf"), 0.0, m_new)
        p = tl.math.exp2(tl.fma(s, scale_log2, -shift[:, None]))
        correction = tl.math.exp2(m - shift)
        total = total * correction + tl.sum(p, 1)
        o = tl.dot(p.to(v.dtype), v, o * correction[:, None], input_precision="ieee")
        m = m_new
    return o, total, m


@triton.autotune(
    tiles(
        [
            (128, 128, 8, 2),
            (128, 128, 8, 3),
            (128, 64, 8, 3),
            (128, 64, 4, 3),
            (128, 64, 4, 4),
            (128, 32, 4, 4),
            (64, 128, 4, 3),
            (64, 64, 4, 3),
            (64, 32, 4, 4),
        ]
    ),
    KEY,
)
@triton.jit
def _forward(
    Q,
    K,
    V,
    Out,
    L,
    T_q,
    T_k,
    scale_log2,
    LENGTH_CLASS,
    GROUP: tl.constexpr,
    D: tl.constexpr,
    CAUSAL: tl.constexpr,
    BLOCK_Q: tl.constexpr,
    BLOCK_K: tl.constexpr,
):
    tile = tl.program_id(0)
    if CAUSAL:
        tile = tl.num_programs(0) - 1 - tile
    head = tl.program_id(1).to(tl.int64)  # of all heads of all sequences
    kv_head = head // GROUP
    Q += head * T_q * D
    Out += head * T_q * D
    K += kv_head * T_k * D
    V += kv_head * T_k * D

    start = tile * BLOCK_Q
    rows = start + tl.arange(0, BLOCK_Q)
    at = rows[:, None] * D + tl.arange(0, D)[None, :]
    q = tl.load(Q + at, mask=rows[:, None] < T_q, other=0.0)
    o = tl.zeros([BLOCK_Q, D], tl.float32)
    total = tl.zeros([BLOCK_Q], tl.float32)
    m = tl.full([BLOCK_Q], -float("inf"), tl.float32)

    offset = T_k - T_q
    whole, end = key_ranges(start, offset, T_k, CAUSAL, BLOCK_Q, BLOCK_K)
    o, total, m = _walk(
        o, total, m, q, K, V, rows, 0, whole, offset, T_k, scale_log2, D, CAUSAL, False, BLOCK_K
    )
    o, total, m = _walk(
        o, total, m, q, K, V, rows, whole, end, offset, T_k, scale_log2, D, CAUSAL, True, BLOCK_K
    )

    total = tl.where(total == 0.0, 1.0, total)  # no key seen: o stays 0, and m -inf
    o = o / total[:, None]
    tl.store(Out + at, o.to(Out.dtype.element_ty), mask=rows[:, None] < T_q)
    tl.store(L + head * T_q + rows, (m + tl.math.log2(total)) * LN2, mask=rows < T_q)


def length_class(T: int) -> int:
    """Power of two up to which a length is tuned together with others."""
    return triton.next_power_of_2(T)


def require_multipliable(dtype: torch.dtype) -> None:
    """Refuse what would go wrong in silence.

    Raises:
        ValueError: for bfloat16 under the interpreter, which multiplies its bits as integers.
    """
    if INTERPRETED and dtype == torch.bfloat16:
        raise ValueError("Triton's interpreter cannot multiply bfloat16: use float16 or float32")


def check(q: Tensor, k: Tensor, v: Tensor, scale: float | None) -> float:
    """Return the scale.

    Raises:
        ValueError: if the kernels cannot take these tensors, or the scale is not above 0.
    """
    (B, H, _, D), H_kv = q.shape, k.shape[1]
    if k.shape != v.shape or k.shape[0] != B or k.shape[3] != D or H % H_kv:
        shapes = ", ".join(str(tuple(tensor.shape)) for tensor in (q, k, v))
        raise ValueError(f"q (B, H, T_q, D), k and v (B, H_kv, T_k, D) expected, got {shapes}")
    if D not in (16, 32, 64, 128):
        raise ValueError(f"a head must have 16, 32, 64 or 128 features, got {D}")
    require_multipliable(q.dtype)
    scale = 1 / math.sqrt(D) if scale is None else scale
    if scale <= 0:  # the largest score times the scale must be the largest of the scaled ones
        raise ValueError(f"scale must be above 0, got {scale}")
    return scale


def forward(
    q: Tensor, k: Tensor, v: Tensor, *, causal: bool = False, scale: float | None = None
) -> tuple[Tensor, Tensor]:
    """Attend in tiles; no matrix of scores is written.

    Args:
        q: (B, H, T_q, D), float32, bfloat16 or float16; D is 16, 32, 64 or 128.
        k, v: (B, H_kv, T_k, D) of the same dtype; query head h uses kv head h // (H / H_kv).
        causal: the last query sees every key, the one before it all but the last, and so on.
        scale: of the scores, above 0; 1 / sqrt(D) if None.

    Returns:
        O (B, H, T_q, D) in the dtype of q, and L (B, H, T_q) float32, the natural logarithm of each
        row's sum of exp(scaled score). A query that sees no key gets O = 0 and L = -inf.
    """
    scale = check(q, k, v, scale)
    q, k, v = q.contiguous(), k.contiguous(), v.contiguous()
    B, H, T_q, D = q.shape
    T_k = k.shape[2]
    o = torch.empty_like(q)
    L = torch.empty(B, H, T_q, dtype=torch.float32, device=q.device)
    _forward[lambda config: (triton.cdiv(T_q, config["BLOCK_Q"]), B * H)](
        *(q, k, v, o, L, T_q, T_k, scale * LOG2E.value, length_class(max(T_q, T_k))),
        GROUP=H // k.shape[1],
        D=D,
        CAUSAL=causal,
    )
    return o, L
