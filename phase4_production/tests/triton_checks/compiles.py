"""Each kernel compiled for an H100 or H200, which needs no GPU: the interpreter takes more Python
than the compiler does, and knows nothing of registers or shared memory.
"""

import pytest
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from phase4_production.project import (
    triton_flash,
    triton_flash_backward,
    triton_flash_dkdv,
    triton_flash_dq,
    triton_paged,
)

HOPPER = GPUTarget("cuda", 90, 32)
SHARED_BYTES = 227 * 1024  # that a program may have there
BF16 = ("Q", "K", "V", "Out", "dO", "dQ", "dK", "dV", "KCache", "VCache")
FLOAT32 = ("L", "Delta", "Part", "PartL")
TYPES = (
    dict.fromkeys(BF16, "*bf16")
    | dict.fromkeys(FLOAT32, "*fp32")
    | {"Slots": "*i64", "Lengths": "*i64", "Tables": "*i32", "Owners": "*i32"}
    | {"scale": "fp32", "scale_log2": "fp32"}
)
TUNED = {
    "forward": triton_flash._forward,
    "dK and dV": triton_flash_dkdv.keys_kernel,
    "dQ": triton_flash_dq.queries_kernel,
}


def compiled(kernel, constants, **options):
    """Compile with every pointer and number a multiple of 16, as those of a model are."""
    signature = {
        name: "constexpr" if name in constants else TYPES.get(name, "i32")
        for name in kernel.arg_names
    }
    aligned = {
        (place,): [["tt.divisibility", 16]]
        for place, name in enumerate(kernel.arg_names)
        if signature[name] not in ("constexpr", "fp32")
    }
    source = ASTSource(kernel, signature, constants, aligned)
    return triton.compile(source, target=HOPPER, options=options)


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("name", TUNED)
def test_attention_multiplies_by_tensor_cores(name, causal):
    tuner = TUNED[name]
    config = tuner.configs[0]
    constants = {"D": 128, "GROUP": 2, "CAUSAL": causal, **config.kwargs}
    kernel = compiled(tuner.fn, constants, num_warps=config.num_warps, num_stages=config.num_stages)
    assert kernel.asm["ptx"].count("wgmma.mma_async") > 0
    assert "cp.async" in kernel.asm["ptx"]  # tiles come in while others are multiplied
    assert kernel.metadata.shared <= SHARED_BYTES


def test_row_sums():
    compiled(triton_flash_backward._row_sums, {"D": 64, "BLOCK": 64})


@pytest.mark.parametrize(("group", "D"), [(1, 64), (4, 128)])
def test_paged(group, D):
    constants = {"BLOCK_SIZE": 16, "GROUP": group, "ROWS": 16, "D": D, "SPLIT": 256, "TILE": 64}
    compiled(triton_paged._attend_split, constants)
    compiled(triton_paged._merge, {"D": D, "SPLIT": 256, "MERGED": 16})
    compiled(triton_paged._write, {"BLOCK_SIZE": 16, "WIDTH": 12 * D, "PADDED": 16 * D})
