"""Attention over a paged cache as Triton kernels: what a GPU runs for each token that it writes.

One query reads a whole cache, so nothing counts but bytes, and one program a head would leave most
of the chip idle. As in Flash-Decoding (Dao et al. 2023), the keys of a sequence are split among
programs, each gives its own O and L, and a second kernel merges them. The query heads that share a
kv head stand together in one program, so that each byte of the cache is read once.

A split always has the same number of keys, whatever else is in the batch. So a token's result does
not depend on its neighbours, to the last bit.
"""

import math

import torch
import triton
import triton.language as tl
from torch import Tensor

from phase4_production.project.triton_flash import LOG2E, require_multipliable
from phase4_production.solution.batch import Batch

SPLIT = 256  # keys of a program: 64 KiB of bfloat16 keys at D = 128, and as many of values
TILE = 64  # keys on their way at once
MERGED = 16  # splits that are merged at once


# -- writing ----------------------------------------------------------------------------------


@triton.jit
def _write(
    K,
    V,
    KCache,
    VCache,
    Slots,
    row_stride,
    block_stride,
    token_stride,
    BLOCK_SIZE: tl.constexpr,
    WIDTH: tl.constexpr,
    PADDED: tl.constexpr,
):
    row = tl.program_id(0).to(tl.int64)
    slot = tl.load(Slots + row)
    to = slot // BLOCK_SIZE * block_stride + slot % BLOCK_SIZE * token_stride
    column = tl.arange(0, PADDED)
    inside = column < WIDTH
    k = tl.load(K + row * row_stride + column, mask=inside)
    v = tl.load(V + row * row_stride + column, mask=inside)
    tl.store(KCache + to + column, k.to(KCache.dtype.element_ty), mask=inside)
    tl.store(VCache + to + column, v.to(VCache.dtype.element_ty), mask=inside)


def write(k_cache: Tensor, v_cache: Tensor, slots: Tensor, k: Tensor, v: Tensor) -> None:
    """Put the keys and values of new tokens into their slots, in place, in one launch.

    Args:
        k_cache, v_cache: (n_blocks, block_size, H_kv, D), strides alike, a token's values adjacent.
        slots: (N,) int64, all different.
        k, v: (N, H_kv, D), stored in the caches' dtype.

    Raises:
        ValueError: if the two caches lie in memory in different ways, or a token's values apart.
    """
    _require_rows(k_cache, v_cache)
    k, v = k.contiguous(), v.contiguous()
    width = k.shape[1] * k.shape[2]
    _write[(len(slots),)](
        *(k, v, k_cache, v_cache, slots, width, *k_cache.stride()[:2]),
        BLOCK_SIZE=k_cache.shape[1],
        WIDTH=width,
        PADDED=triton.next_power_of_2(width),
    )


def _require_rows(k_cache: Tensor, v_cache: Tensor) -> None:
    strides = k_cache.stride()
    if strides != v_cache.stride() or strides[2:] != (k_cache.shape[3], 1):
        raise ValueError(f"caches of other strides: {strides} and {v_cache.stride()}")


# -- attention --------------------------------------------------------------------------------


@triton.jit
def _attend_split(
    Q,
    KCache,
    VCache,
    Tables,
    Owners,
    Lengths,
    Part,
    PartL,
    scale_log2,
    table_width,
    block_stride,
    token_stride,
    H_kv,
    n_splits,
    BLOCK_SIZE: tl.constexpr,
    GROUP: tl.constexpr,
    ROWS: tl.constexpr,
    D: tl.constexpr,
    SPLIT: tl.constexpr,
    TILE: tl.constexpr,
):
    row = tl.program_id(0).to(tl.int64)
    kv_head, split = tl.program_id(1), tl.program_id(2)
    length = tl.load(Lengths + row)
    begin = split * SPLIT
    if begin >= length:
        return
    Tables += tl.load(Owners + row) * table_width

    member, features = tl.arange(0, ROWS), tl.arange(0, D)
    head = (row * H_kv + kv_head) * GROUP + member
    there = member < GROUP  # a product takes 16 rows at least
    q = tl.load(Q + head[:, None] * D + features[None, :], mask=there[:, None], other=0.0)
    o = tl.zeros([ROWS, D], tl.float32)
    total = tl.zeros([ROWS], tl.float32)
    m = tl.full([ROWS], -float("inf"), tl.float32)
    for start in range(begin, tl.minimum(begin + SPLIT, length), TILE):
        column = start + tl.arange(0, TILE)
        known = column < length
        block = tl.load(Tables + column // BLOCK_SIZE, mask=known, other=0).to(tl.int64)
        slot = block * block_stride + column % BLOCK_SIZE * token_stride + kv_head * D
        at = slot[:, None] + features[None, :]
        k = tl.load(KCache + at, mask=known[:, None], other=0.0).to(q.dtype)
        v = tl.load(VCache + at, mask=known[:, None], other=0.0).to(q.dtype)
        s = tl.dot(q, tl.trans(k), input_precision="ieee") * scale_log2
        s = tl.where(known[None, :], s, -float("inf"))
        m_new = tl.maximum(m, tl.max(s, 1))  # finite: the first key of a tile is there
        p = tl.math.exp2(s - m_new[:, None])
        correction = tl.math.exp2(m - m_new)
        total = total * correction + tl.sum(p, 1)
        o = tl.dot(p.to(v.dtype), v, o * correction[:, None], input_precision="ieee")
        m = m_new
    to = head * n_splits + split
    tl.store(Part + to[:, None] * D + features[None, :], o / total[:, None], mask=there[:, None])
    tl.store(PartL + to, m + tl.math.log2(total), mask=there)


@triton.jit
def _merge(
    Part,
    PartL,
    Lengths,
    Out,
    H,
    n_splits,
    D: tl.constexpr,
    SPLIT: tl.constexpr,
    MERGED: tl.constexpr,
):
    row, features = tl.program_id(0).to(tl.int64), tl.arange(0, D)
    head = row * H + tl.program_id(1)
    n_written = tl.cdiv(tl.load(Lengths + row), SPLIT)
    o = tl.zeros([D], tl.float32)
    total, m = 0.0, -float("inf")
    for start in range(0, n_written, MERGED):
        split = start + tl.arange(0, MERGED)
        written = split < n_written
        at = head * n_splits + split
        L = tl.load(PartL + at, mask=written, other=-float("inf"))
        part = tl.load(Part + at[:, None] * D + features[None, :], mask=written[:, None], other=0.0)
        m_new = tl.maximum(m, tl.max(L, 0))
        weight = tl.math.exp2(L - m_new)
        correction = tl.math.exp2(m - m_new)
        total = total * correction + tl.sum(weight, 0)
        o = o * correction + tl.sum(part * weight[:, None], 0)
        m = m_new
    o = o / tl.where(total == 0.0, 1.0, total)
    tl.store(Out + head * D + features, o.to(Out.dtype.element_ty))


def attend(
    q: Tensor,
    k_cache: Tensor,
    v_cache: Tensor,
    block_tables: Tensor,
    owners: Tensor,
    lengths: Tensor,
    scale: float | None = None,
) -> Tensor:
    """Let each new token attend to the first tokens of its own sequence.

    A step that only writes answers has a row for each sequence. A row of a prompt is right too, but
    reads its keys alone, where a tile of queries would share them.

    Args:
        q: (N, H, D); D is 16, 32, 64 or 128.
        k_cache, v_cache: (n_blocks, block_size, H_kv, D), the new tokens' already written, strides
            alike, a token's values adjacent; H is a multiple of H_kv.
        block_tables: (S, max_blocks) int32, the blocks of each sequence in order.
        owners: (N,) int32, which sequence each row belongs to.
        lengths: (N,) integers, how many keys each row sees: its position + 1.
        scale: of the scores; 1 / sqrt(D) if None.

    Returns:
        (N, H, D), the dtype of q.

    Raises:
        ValueError: if the two caches lie in memory in different ways, or a token's values apart;
            for bfloat16 under the interpreter.
    """
    require_multipliable(q.dtype)
    _require_rows(k_cache, v_cache)
    q, block_tables = q.contiguous(), block_tables.contiguous()
    N, H, D = q.shape
    block_size, H_kv = k_cache.shape[1:3]
    group = H // H_kv
    n_splits = triton.cdiv(block_tables.shape[1] * block_size, SPLIT)  # no length is asked for
    part = torch.empty(N, H, n_splits, D, dtype=torch.float32, device=q.device)
    part_L = torch.empty(N, H, n_splits, dtype=torch.float32, device=q.device)
    scale_log2 = (1 / math.sqrt(D) if scale is None else scale) * LOG2E.value
    _attend_split[(N, H_kv, n_splits)](
        *(q, k_cache, v_cache, block_tables, owners, lengths, part, part_L, scale_log2),
        *(block_tables.shape[1], *k_cache.stride()[:2], H_kv, n_splits),
        BLOCK_SIZE=block_size,
        GROUP=group,
        ROWS=max(16, triton.next_power_of_2(group)),
        D=D,
        SPLIT=SPLIT,
        TILE=TILE,
    )
    out = torch.empty_like(q)
    _merge[(N, H)](part, part_L, lengths, out, H, n_splits, D=D, SPLIT=SPLIT, MERGED=MERGED)
    return out


class PagedAttention:
    """These kernels as a `Runner` takes them: what must be known of a step once, for all layers.

    Nothing here waits for the GPU or asks it for a number, so that a CUDA graph can hold it.

    Args:
        batch: of this step, on the GPU.
        block_size: of the cache; it is read off the cache itself.
    """

    def __init__(self, batch: Batch, block_size: int) -> None:
        rows = torch.arange(len(batch.ids), device=batch.starts.device, dtype=torch.int32)
        owners = torch.searchsorted(batch.starts, rows, right=True, out_int32=True) - 1
        self._whose = (batch.block_tables, owners, batch.positions + 1)

    def __call__(self, q: Tensor, k_cache: Tensor, v_cache: Tensor) -> Tensor:
        """Attend as `solution.paged_attention.attend` does; (N, H, D) to (N, H, D)."""
        return attend(q, k_cache, v_cache, *self._whose)
