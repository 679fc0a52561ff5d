"""The tokens of one step, those of all sequences laid end to end: nothing is padded.

A step mixes prompts that are being read, of hundreds of tokens, with answers that grow by one.
Side by side they would be mostly padding; end to end the model sees N real tokens, and only
attention, the cache and the choice of rows need to know where one sequence ends.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate

import torch
from torch import Tensor

from phase4_production.solution import paged_cache
from phase4_production.solution.sequence import Sequence


@dataclass(frozen=True)
class Batch:
    """What a model needs to run N new tokens of S sequences over a paged cache.

    Attributes:
        ids: (N,) int64, the new tokens.
        positions: (N,) int64, each token's place in its own sequence, from 0.
        slots: (N,) int64, block * block_size + offset: where its key and value go.
        block_tables: (S, max_blocks) int32, the blocks of each sequence in order, then 0s.
        starts: (S + 1,) int32; rows starts[s] to starts[s + 1] belong to sequence s.
        lengths: (S,) int32, tokens in the cache after this step, the new ones counted.
        wanted: (M,) int64, the rows whose logits are wanted, in ascending order.
    """

    ids: Tensor
    positions: Tensor
    slots: Tensor
    block_tables: Tensor
    starts: Tensor
    lengths: Tensor
    wanted: Tensor


def lay_out(chunks: Mapping[Sequence, int], block_size: int) -> Batch:
    """Lay the next tokens of some sequences end to end, on the CPU.

    The rows whose logits are wanted are those of the newest token, and of the guesses after it:
    what comes after a token in the middle of a prompt is known.

    Args:
        chunks: how many of the tokens that it has left each sequence takes part with, at least 1.
        block_size: tokens of a block.
    """
    starts = [0, *accumulate(chunks.values())]
    width = max(len(sequence.blocks) for sequence in chunks)
    ids, rows, positions, lengths, tables, wanted = [], [], [], [], [], []
    for row, (sequence, n) in enumerate(chunks.items()):
        begin, end = sequence.n_cached, sequence.n_cached + n
        known = len(sequence.ids)
        ids += sequence.ids[begin:end] + sequence.drafts[: max(end - known, 0)]
        positions += range(begin, end)
        rows += [row] * n
        lengths.append(end)
        tables.append(sequence.blocks + [0] * (width - len(sequence.blocks)))
        wanted += range(starts[row] + max(known - 1 - begin, 0), starts[row + 1])
    block_tables, at = torch.tensor(tables, dtype=torch.int32), torch.tensor(positions)
    # All tables in a row are one long table, in which sequence s begins at place s * width.
    places = at + torch.tensor(rows) * width * block_size
    return Batch(
        ids=torch.tensor(ids),
        positions=at,
        slots=paged_cache.slots(block_tables.flatten(), places, block_size),
        block_tables=block_tables,
        starts=torch.tensor(starts, dtype=torch.int32),
        lengths=torch.tensor(lengths, dtype=torch.int32),
        wanted=torch.tensor(wanted, dtype=torch.int64),
    )
