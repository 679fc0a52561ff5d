"""NF4 on the CPU, `fast_nf4` against bitsandbytes: the same bits, in how much time.

The work: matrices of 4096 x 4096 and of 768 x 3072 random float32 numbers, blocks of 64, one scale
a block in float32. To quantise is `quantize` against `quantize_4bit`; to dequantise is `dequantize`
against `dequantize_4bit`, each into memory of its own at every call, as a four-bit layer does it
forward and backward. In the rows called "again" ours writes into memory that it is given, as one
may who is done with the last result; bitsandbytes cannot do that on the CPU. Before the clock
starts both must give the same bits.

A rate counts the bytes of the matrix in float32. Run `make phase3-bench`, or `python -m
phase3_alignment.project.bench_nf4` for these rows alone.
"""

import importlib.util
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from phase3_alignment.project import fast_nf4
from phase3_alignment.solution.nf4 import BLOCK
from shared.bench import Contender, Row, interleave, rows_with_threads
from shared.machine import usable_cores

MODULE = "phase3_alignment.project.bench_nf4"
PEER = "bitsandbytes"
SHAPES = ((4096, 4096), (768, 3072))
TURNS = 15
CALL_SECONDS = 0.03  # of one turn at least, if it takes several calls
GOALS = {"quantize": 5.0, "dequantize": 1.0, "again": None}

Work = Callable[[], Tensor]  # what one call gives


@dataclass(frozen=True)
class Pair:
    """The same job done by us and, where it is installed, by bitsandbytes."""

    job: str
    ours: Work
    theirs: Work | None


def jobs(weight: Tensor) -> list[Pair]:
    """Set all jobs up on one matrix.

    Raises:
        AssertionError: if the two sides do not give the same bits.
    """
    codes, absmax = fast_nf4.quantize(weight)
    memory = torch.empty(2 * codes.numel())

    def quantize() -> Tensor:
        return fast_nf4.quantize(weight)[0]

    def dequantize() -> Tensor:
        return fast_nf4.dequantize(codes, absmax, weight.shape)

    def again() -> Tensor:
        return fast_nf4.dequantize(codes, absmax, weight.shape, out=memory)

    theirs = bitsandbytes_jobs(weight) if importlib.util.find_spec(PEER) else {}
    works = {"quantize": quantize, "dequantize": dequantize, "again": again}
    pairs = [Pair(job, work, theirs.get(job)) for job, work in works.items()]
    for pair in pairs:
        require_same(pair)
    return pairs


def bitsandbytes_jobs(weight: Tensor) -> dict[str, Work]:
    """Do the same as the functional interface of bitsandbytes does it."""
    from bitsandbytes import functional

    codes, state = functional.quantize_4bit(weight, blocksize=BLOCK, quant_type="nf4")

    def quantize() -> Tensor:
        return functional.quantize_4bit(weight, blocksize=BLOCK, quant_type="nf4")[0]

    def dequantize() -> Tensor:
        return functional.dequantize_4bit(codes, state)

    return {"quantize": quantize, "dequantize": dequantize, "again": dequantize}


def require_same(pair: Pair) -> None:
    """Check that both sides give the same bits.

    Raises:
        AssertionError: if they do not.
    """
    if pair.theirs is not None:
        ours, theirs = pair.ours(), pair.theirs()
        assert torch.equal(ours.flatten(), theirs.flatten()), f"{pair.job} gives other bits"


def rows() -> list[Row]:
    """Time with one thread and with two, in processes of their own."""
    counts = (1, 2) if usable_cores() > 1 else (1,)
    return [row for threads in counts for row in rows_with_threads(MODULE, "rows_here", threads)]


def rows_here() -> list[Row]:
    """Time with the number of threads that this process was started with."""
    return [row for shape in SHAPES for row in rows_of(shape)]


def rows_of(shape: Sequence[int]) -> list[Row]:
    """Time all jobs on a matrix of one shape, both sides in turns."""
    weight = torch.randn(*shape, generator=torch.Generator().manual_seed(0))
    gigabytes = weight.nbytes / 1e9
    found = []
    for pair in jobs(weight):
        sides = [Contender("ours", pair.ours)]
        sides += [Contender("peer", pair.theirs)] * (pair.theirs is not None)
        number = max(1, round(CALL_SECONDS / (gigabytes / 2)))  # at about 2 GB/s
        rates = {
            name: gigabytes * timing.per_second
            for name, timing in interleave(sides, turns=TURNS, number=number).items()
        }
        threads = torch.get_num_threads()
        found.append(
            Row.compare(
                f"3-nf4-{pair.job}-{'x'.join(map(str, shape))}-t{threads}",
                f"NF4, {pair.job}, {shape[0]} x {shape[1]}, {threads} thread(s)",
                "GB/s",
                rates["ours"],
                PEER,
                rates.get("peer"),
                higher_is_better=True,
                goal=GOALS[pair.job],
                runs=TURNS,
            )
        )
    return found


def main() -> None:
    """Print these rows alone."""
    for row in rows():
        values = f"{row.ours:7.3f} against {row.peer_value or 0:7.3f} {row.unit}"
        print(f"{row.id:34} {values}, {row.ratio or 0:5.2f} x")


if __name__ == "__main__":
    main()
