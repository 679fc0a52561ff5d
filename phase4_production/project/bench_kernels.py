"""The CPU kernels alone: products with one row, and attention over a long cache in pages.

A product reads each weight once, so its bytes a second are compared with those of a sum over an
array that no cache holds; the two take turns. Attention is compared with PyTorch's on keys and
values that lie in one piece, which spares PyTorch the gathering.

Run `make phase4-bench`, or `python -m phase4_production.project.bench_kernels` for these rows
alone.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from phase4_production.project import native, native_linears
from phase4_production.project.linears import Dense, Linear
from phase4_production.project.quantized_linears import Quantized
from phase4_production.solution.quantized import Int4, Int8
from shared.bench import Contender, Row, interleave, rows_with_threads
from shared.machine import usable_cores

MODULE = "phase4_production.project.bench_kernels"  # also where this file runs as __main__
TURNS = 15
OUT, IN = 32_768, 4096  # four-bit weights of this size are 80 MiB, more than most caches
LENGTHS = (2048, 8192)
HEADS, WIDTH, PAGE = 12, 64, 16  # GPT-2's
NAIVE = "two products and a softmax"
GOALS = {"float32": 0.55, "int8": 0.45}  # shares of the read bandwidth


def rows() -> list[Row]:
    """Time everything with all cores, in a process of its own."""
    return rows_with_threads(MODULE, "speed_rows", usable_cores())


def speed_rows() -> list[Row]:
    """Time with the number of threads that this process was started with."""
    if not native.available():
        return []
    found = product_rows(OUT, IN, TURNS)
    for length in LENGTHS:
        found += attention_rows(length, TURNS)
    return found


# -- products -------------------------------------------------------------------------------------


def layers(weight: Tensor) -> dict[str, Linear]:
    """Keep one float32 weight, (out, in), in every form that the kernels know."""
    return {
        "float32": native_linears.of(Dense(weight)),
        "bfloat16": native_linears.of(Dense(weight.bfloat16())),
        "int8": native_linears.of(Quantized(Int8.of(weight))),
        "int4": native_linears.of(Quantized(Int4.of(weight, 64))),
    }


def product_rows(n_out: int, n_in: int, turns: int) -> list[Row]:
    """Time one row times a matrix: bytes a second beside reading, seconds beside PyTorch."""
    source = torch.Generator().manual_seed(0)
    weight, x = (torch.randn(n, n_in, generator=source) for n in (n_out, 1))
    made = layers(weight)
    timings = interleave(
        [
            Contender("read", weight.sum),
            Contender("PyTorch", lambda: F.linear(x, weight)),
            *(Contender(name, lambda layer=layer: layer(x)) for name, layer in made.items()),
        ],
        turns=turns,
    )
    reading = weight.nbytes * timings["read"].per_second / 1e9
    what, found = f"1 x {n_in} times {n_out} x {n_in}", []
    for name, layer in made.items():
        rate = layer.nbytes * timings[name].per_second / 1e9
        found.append(
            Row.compare(
                f"4-kernel-{name}-rate", f"weights read, {what}, {name}", "GB/s", rate,
                "a sum over float32", reading, higher_is_better=True, goal=GOALS.get(name),
                limit=reading, runs=turns,
            )
        )  # fmt: skip
        found.append(
            Row.compare(
                f"4-kernel-{name}-time", f"{what}, {name}", "ms", 1e3 * timings[name].median,
                "PyTorch float32", 1e3 * timings["PyTorch"].median, higher_is_better=False,
                runs=turns,
            )
        )  # fmt: skip
    return found


# -- attention ------------------------------------------------------------------------------------


def ways(length: int) -> dict[str, Callable[[], Tensor]]:
    """Let one query attend to `length` tokens; each way gives (H, D), and all give the same."""
    source = torch.Generator().manual_seed(0)
    n_pages = -(-length // PAGE)
    q = torch.randn(1, HEADS, WIDTH, generator=source)
    k_cache, v_cache = (
        torch.randn(n_pages, PAGE, HEADS, WIDTH, generator=source) for _ in range(2)
    )
    table = torch.randperm(n_pages, generator=source).int()[None]
    lengths = torch.tensor([length], dtype=torch.int32)
    k, v = (
        cache[table[0].long()].flatten(0, 1)[:length].transpose(0, 1).contiguous()
        for cache in (k_cache, v_cache)
    )
    row = q.transpose(0, 1)  # (H, 1, D)

    def naive() -> Tensor:
        scores = row @ k.transpose(1, 2) * WIDTH**-0.5
        return (scores.softmax(-1) @ v)[:, 0]

    return {
        "ours": lambda: native.attend(q, k_cache, v_cache, table, lengths)[0],
        "PyTorch's fused attention": lambda: F.scaled_dot_product_attention(
            row[None], k[None], v[None]
        )[0, :, 0],
        NAIVE: naive,
    }


def attention_rows(length: int, turns: int) -> list[Row]:
    """Time one query over a long past, in scattered pages for us and in one piece for PyTorch."""
    timings = interleave(
        [Contender(name, run) for name, run in ways(length).items()], turns=turns, number=10
    )
    ours = 1e3 * timings.pop("ours").median
    return [
        Row.compare(
            f"4-kernel-attention-{length}-{'naive' if name == NAIVE else 'fused'}",
            f"one query over {length} tokens in pages, {HEADS} heads of {WIDTH}", "ms", ours,
            name, 1e3 * timing.median, higher_is_better=False, goal=1.0, runs=turns,
        )
        for name, timing in timings.items()
    ]  # fmt: skip


if __name__ == "__main__":
    for row in rows():
        print(row)
