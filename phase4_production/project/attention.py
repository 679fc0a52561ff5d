"""Which attention a runner takes: the fastest that its device has and that is installed.

Each is made once a step and called once a layer:

    look = make(batch, block_size)
    found = look(q, k_cache, v_cache)
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from phase4_production.project.pages import Pages
from phase4_production.project.torch_attention import TorchAttention
from phase4_production.solution import paged_attention
from phase4_production.solution.batch import Batch
from shared.blocks import are_mine

Look = Callable[[Tensor, Pages, Pages], Tensor]
MakeAttention = Callable[[Batch, int], Look]

TRITON_WIDTHS = (16, 32, 64, 128)
NATIVE_CACHES = (torch.float32, torch.bfloat16, torch.int8)


def fastest(
    device: torch.device, dtype: torch.dtype, cache_dtype: torch.dtype, head_dim: int
) -> MakeAttention:
    """Choose for queries and a cache of some dtypes on a device; PyTorch's own can do everything.

    Where your own blocks are in use it is the clear version, so that they are.
    """
    if are_mine() and cache_dtype.is_floating_point:
        return clear
    if device.type == "cuda" and head_dim in TRITON_WIDTHS and cache_dtype.is_floating_point:
        return _on_gpu() or TorchAttention
    if device.type == "cpu" and dtype == torch.float32 and cache_dtype in NATIVE_CACHES:
        return _on_cpu() or TorchAttention
    return TorchAttention


def clear(batch: Batch, block_size: int) -> Look:
    """Attend by the solution's own few lines, whatever the block size."""
    return lambda q, k_cache, v_cache: paged_attention.attend(q, k_cache, v_cache, batch)


def _on_cpu() -> MakeAttention | None:
    """Take our kernel; None where no compiler can make it."""
    from phase4_production.project import native
    from phase4_production.project.native_attention import NativeAttention

    return NativeAttention if native.available() else None


def _on_gpu() -> MakeAttention | None:
    """Take our kernels for steps that only write; None without Triton."""
    try:
        from phase4_production.project.triton_paged import PagedAttention
    except ImportError:
        return None

    def make(batch: Batch, block_size: int) -> Look:
        # Told by shapes alone, which asks the GPU for nothing: a CUDA graph can hold such a step.
        only_writes = len(batch.ids) == len(batch.lengths)
        return (PagedAttention if only_writes else TorchAttention)(batch, block_size)

    return make
