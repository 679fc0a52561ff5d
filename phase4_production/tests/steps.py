"""A step over a paged cache whose blocks lie in no order, as a busy engine leaves them."""

from dataclasses import dataclass, fields

import torch

from phase4_production.solution import paged_cache
from phase4_production.solution.batch import Batch


@dataclass(frozen=True)
class Step:
    batch: Batch
    n_blocks: int
    block_size: int


def draw_step(lengths, new, block_size, device="cpu"):
    """Sequences of these lengths, the last `new` tokens of each being this step's."""
    generator = torch.Generator().manual_seed(0)
    counts = [-(-length // block_size) for length in lengths]
    n_blocks = sum(counts) + 2
    order = torch.randperm(n_blocks, generator=generator, dtype=torch.int32)
    tables = torch.zeros(len(lengths), max(counts), dtype=torch.int32)
    for table, count, blocks in zip(tables, counts, order[: sum(counts)].split(counts)):
        table[:count] = blocks
    places = [torch.arange(length - n, length) for length, n in zip(lengths, new)]
    ends = torch.tensor([0, *new]).cumsum(0)
    batch = Batch(
        ids=torch.randint(200, (sum(new),), generator=generator),
        positions=torch.cat(places),
        slots=torch.cat(
            [paged_cache.slots(table, at, block_size) for table, at in zip(tables, places)]
        ),
        block_tables=tables,
        starts=ends.int(),
        lengths=torch.tensor(lengths, dtype=torch.int32),
        wanted=ends[1:] - 1,
    )
    on_device = {f.name: getattr(batch, f.name).to(device) for f in fields(batch)}
    return Step(Batch(**on_device), n_blocks, block_size)
