"""Decoding by CUDA graphs: the hundreds of launches of a step, recorded once and replayed as one.

A step that writes a token for each of a few sequences is over sooner than Python can ask for it: a
launch costs some microseconds of the CPU, and a model of twelve blocks has hundreds. A graph is
asked for once. But it always reads the same addresses and has the same shapes. So there is one for
each of a few batch sizes, a batch is copied to where its graph reads, and one of another size is
filled up with repetitions of its last sequence. These write what that one writes, where it does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Protocol

import torch
from torch import Tensor

from phase4_production.project.runner import moved
from phase4_production.solution.batch import Batch

SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256)

Step = Callable[[], Tensor]


class RunsBatches(Protocol):
    """What the engine asks of a runner."""

    def run(self, batch: Batch) -> Tensor:
        """Return the wanted logits, (M, V) float32."""


class CudaRecorder:
    """Records steps as CUDA graphs that share their scratch memory, since none runs beside another.

    A step must not wait for the GPU, and must find all its inputs where it found them before.
    """

    def __init__(self) -> None:
        self._pool = torch.cuda.graph_pool_handle()

    def __call__(self, step: Step) -> Step:
        """Run a step until its kernels are compiled and tuned; then record it, and return that."""
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(2):
                step()
        torch.cuda.current_stream().wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=self._pool):
            found = step()

        def replay() -> Tensor:
            graph.replay()
            return found

        return replay


@dataclass(frozen=True)
class _Recorded:
    inputs: Batch
    replay: Step


class GraphedRunner:
    """A runner whose decoding steps are replayed; all other steps run as they would without it.

    The logits of a replayed step lie where the next replay of its size writes: use them before.

    Args:
        runner: what is recorded. Its `run` must not wait for the GPU (`triton_paged.PagedAttention`
            does not).
        max_blocks: of the longest sequence; a wider block table runs unrecorded.
        sizes: sequences of a recorded step, in ascending order. Each is recorded at first use.
        device: of the runner.
        record: makes a replay of a step.
    """

    def __init__(
        self,
        runner: RunsBatches,
        max_blocks: int,
        sizes: tuple[int, ...] = SIZES,
        device: str | torch.device = "cuda",
        record: Callable[[Step], Step] | None = None,
    ) -> None:
        self._runner, self._max_blocks, self._sizes = runner, max_blocks, sizes
        self._device = torch.device(device)
        self._record = record or CudaRecorder()
        self._recorded: dict[int, _Recorded] = {}

    def run(self, batch: Batch) -> Tensor:
        """Return the wanted logits, (M, V) float32, as the runner would."""
        size = self._size(batch)
        if size is None:
            return self._runner.run(moved(batch, self._device))
        filled = fill_up(batch, size, self._max_blocks)
        if size in self._recorded:
            copy_into(self._recorded[size].inputs, filled)
        else:  # it runs while it is recorded, on real inputs, and so writes nothing wrong
            inputs = moved(filled, self._device)
            self._recorded[size] = _Recorded(inputs, self._record(lambda: self._runner.run(inputs)))
        return self._recorded[size].replay()[: len(batch.ids)]

    def _size(self, batch: Batch) -> int | None:
        """Find the recorded size for a batch in which every sequence writes one token."""
        n = len(batch.ids)
        one_each = n == len(batch.lengths) == len(batch.wanted)
        if not one_each or batch.block_tables.shape[1] > self._max_blocks:
            return None
        return next((size for size in self._sizes if size >= n), None)


def fill_up(batch: Batch, size: int, max_blocks: int) -> Batch:
    """Bring a step of one token each to `size` sequences and `max_blocks` columns of block table.

    Args:
        batch: of at most `size` sequences; it stays as it is.
        size: sequences of the result; those too many repeat the last one.
        max_blocks: the result's block table is padded to it with 0.
    """
    device = batch.ids.device
    last = len(batch.ids) - 1
    rows = torch.arange(size, device=device).clamp(max=last)
    wider = (0, max_blocks - batch.block_tables.shape[1])
    return Batch(
        ids=batch.ids[rows],
        positions=batch.positions[rows],
        slots=batch.slots[rows],
        block_tables=torch.nn.functional.pad(batch.block_tables, wider)[rows],
        starts=torch.arange(size + 1, device=device, dtype=batch.starts.dtype),
        lengths=batch.lengths[rows],
        wanted=torch.arange(size, device=device),
    )


def copy_into(inputs: Batch, batch: Batch) -> None:
    """Copy a batch to where a recorded step reads, in place."""
    for field in fields(batch):
        getattr(inputs, field.name).copy_(getattr(batch, field.name), non_blocking=True)
