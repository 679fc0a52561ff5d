"""Compile `native.cpp` on this machine, once, and call it.

The compiler that is found (the variable CXX, g++ or clang++) makes a library for this very
processor; it is kept under a name made of the source, the flags and the processor. There is no
Python header in it, so it compiles in seconds and is called through ctypes. Where there is no
compiler the engine takes PyTorch's own operators, and says so.

OpenMP is the one that PyTorch has loaded: two of them would keep two teams of threads, which wait
for each other's processors.
"""

from __future__ import annotations

import ctypes
import functools
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
from torch import Tensor

from phase4_production.project.pages import Int8Pages, Pages
from shared import machine
from shared.runs import RUNS

SOURCE = Path(__file__).with_name("native.cpp")
# No flag lets the compiler reorder a sum: where vector instructions need that, `omp simd reduction`
# says so. -ffast-math would allow it everywhere, and a row of a batch would be rounded otherwise
# than a row alone; NaN would be overlooked; and every tiny number of the whole process would become
# 0, for GCC links a start-up routine for that into a library.
FLAGS = ("-O3", "-march=native", "-std=c++17", "-shared", "-fPIC", "-fopenmp")
FLAGS += ("-ffp-contract=fast", "-fno-trapping-math", "-fno-math-errno")
TIMEOUT_S = 120

Pointer, Int, Long, Float = ctypes.c_void_p, ctypes.c_int, ctypes.c_int64, ctypes.c_float
SIGNATURES = {
    "native_linear_f32": (*[Pointer] * 4, *[Long] * 3, Int),
    "native_linear_bf16": (*[Pointer] * 4, *[Long] * 3, Int),
    "native_linear_int8": (*[Pointer] * 3, Long, *[Pointer] * 2, *[Long] * 3, Int),
    "native_linear_int4": (*[Pointer] * 6, *[Long] * 3, Int),
    "native_attend": (
        Pointer, Long, Int, *[Pointer] * 5, Long, Pointer, Pointer, *[Long] * 5, Float, Int
    ),
}  # fmt: skip


class NotBuilt(RuntimeError):
    """The kernels cannot be had here; the message says why in one line."""


def available() -> bool:
    """Whether the kernels can be had; the first time that they cannot, this says why."""
    try:
        library()
    except NotBuilt as error:
        _say_once(str(error))
        return False
    return True


@functools.cache
def _say_once(why: str) -> None:
    print(f"no kernels of our own: {why}; PyTorch's take their place", file=sys.stderr)


@functools.cache
def library(*extra_flags: str) -> ctypes.CDLL:
    """Return the compiled kernels.

    Args:
        extra_flags: for the compiler; "-DPORTABLE" leaves the processor's special instructions out.

    Raises:
        NotBuilt: there is no compiler, or it fails, or what it makes cannot be kept.
    """
    if platform.system() not in ("Linux", "Darwin"):
        raise NotBuilt(f"they have not been tried on {platform.system()}")
    compiler = next(
        filter(None, map(shutil.which, (os.environ.get("CXX", ""), "g++", "clang++"))), None
    )
    if compiler is None:
        raise NotBuilt("no C++ compiler was found")
    flags = (*FLAGS, *extra_flags)
    path = RUNS / "native" / f"{_key(compiler, flags)}.so"
    if not path.is_file():
        _compile(compiler, flags, path)
    try:
        loaded = ctypes.CDLL(str(path))
    except OSError as error:
        raise NotBuilt(f"{path.name} does not load: {error}") from None
    for name, types in SIGNATURES.items():
        function = getattr(loaded, name)
        function.argtypes, function.restype = types, None
    return loaded


def _key(compiler: str, flags: tuple[str, ...]) -> str:
    """Name a build by all that it depends on."""
    parts = (SOURCE.read_text(encoding="utf-8"), compiler, *flags, machine.cpu_name())
    return hashlib.sha256("\n".join((*parts, torch.__version__)).encode()).hexdigest()[:16]


def _compile(compiler: str, flags: tuple[str, ...], path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent) as folder:
            made = Path(folder) / path.name
            _call([compiler, *flags, str(SOURCE), "-o", str(made), *_openmp()])
            made.replace(path)  # two processes that compile at once end with the same whole file
    except OSError as error:  # a folder of somebody else's, or a full disk
        raise NotBuilt(f"they cannot be kept: {error}") from None


def _call(command: list[str]) -> None:
    compiler = Path(command[0]).name
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotBuilt(f"{compiler}: {error}") from None
    if done.returncode:
        said = next((line for line in done.stderr.splitlines() if "error" in line), "it failed")
        raise NotBuilt(f"{compiler}: {said}")


def _openmp() -> list[str]:
    """Find the OpenMP library that PyTorch brings, to link with that and no other."""
    folders = [Path(torch.__file__).parent / "lib", Path(torch.__file__).parents[1] / "torch.libs"]
    found = [path for folder in folders for path in folder.glob("lib*omp*") if path.is_file()]
    return [str(found[0])] if found else []


# -- calls ----------------------------------------------------------------------------------------


def linear_float(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Return x W^T + bias for float32 x, (M, K), and a float32 or bfloat16 weight, (N, K)."""
    (M, K), N = x.shape, len(weight)
    y = x.new_empty(M, N)
    kernels = library()
    if weight.dtype == torch.bfloat16:
        call, weights = kernels.native_linear_bf16, _at(weight)
    else:
        call, weights = kernels.native_linear_f32, _floats(weight)
    call(_floats(x), weights, _floats(bias), _at(y), M, N, K, torch.get_num_threads())
    return y


def linear_int8(x: Tensor, codes: Tensor, scale: Tensor, bias: Tensor | None, N: int) -> Tensor:
    """Return x W^T + bias; for codes and scale see `native_linears.EightBit`."""
    M, K = x.shape
    y = x.new_empty(M, N)
    library().native_linear_int8(
        _floats(x), _at(codes), _floats(scale), scale.shape[1], _floats(bias), _at(y), M, N, K,
        torch.get_num_threads(),
    )  # fmt: skip
    return y


def linear_int4(
    x: Tensor, codes: Tensor, scale: Tensor, shift: Tensor, bias: Tensor | None, N: int
) -> Tensor:
    """Return x W^T + bias; for the weight's parts see `native_linears.FourBit`."""
    M, K = x.shape
    y = x.new_empty(M, N)
    library().native_linear_int4(
        _floats(x), _at(codes), _floats(scale), _floats(shift), _floats(bias), _at(y), M, N, K,
        torch.get_num_threads(),
    )  # fmt: skip
    return y


def attend(q: Tensor, k_cache: Pages, v_cache: Pages, tables: Tensor, lengths: Tensor) -> Tensor:
    """Let one token of each sequence attend to its own past.

    Args:
        q: (S, H, D) float32; each row contiguous, the rows anywhere.
        k_cache, v_cache: (n_blocks, block_size, H_kv, D) float32, bfloat16 or `Int8Pages`,
            contiguous and of one kind.
        tables: (S, width) int32, contiguous.
        lengths: (S,) int32, each at least 1.

    Returns:
        (S, H, D).
    """
    (S, H, D), (_, block_size, H_kv, _) = q.shape, k_cache.shape
    assert q.dtype == torch.float32, f"a kernel takes float32, got {q.dtype}"
    assert q.stride()[1:] == (D, 1) or q[:1].is_contiguous(), "a kernel reads a row as it lies"
    assert tables.dtype == lengths.dtype == torch.int32, "a kernel takes int32"
    (keys, k_scale), (values, v_scale) = _cells(k_cache), _cells(v_cache)
    assert keys.dtype == values.dtype, "keys and values are of one kind"
    out = q.new_empty(S, H, D)
    library().native_attend(
        q.data_ptr(), q.stride(0), keys.itemsize, _at(keys), _at(k_scale), _at(values),
        _at(v_scale), _at(tables), tables.shape[1], _at(lengths), _at(out), S, block_size, H, H_kv,
        D, D**-0.5, torch.get_num_threads(),
    )  # fmt: skip
    return out


def _cells(cache: Pages) -> tuple[Tensor, Tensor | None]:
    if isinstance(cache, Int8Pages):
        return cache.codes, cache.scale
    assert cache.dtype in (torch.float32, torch.bfloat16), f"no kernel for {cache.dtype}"
    return cache, None


def _at(tensor: Tensor | None) -> int | None:
    """Give a kernel the address of numbers that lie row by row; it believes what it is told."""
    if tensor is None:
        return None
    assert tensor.is_contiguous(), "a kernel reads row by row"
    return tensor.data_ptr()


def _floats(x: Tensor | None) -> int | None:
    assert x is None or x.dtype == torch.float32, f"a kernel takes float32, got {x.dtype}"
    return _at(x)
