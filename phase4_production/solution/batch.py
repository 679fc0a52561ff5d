"""The tokens of one step, those of all sequences laid end to end: nothing is padded.

A step mixes prompts that are being read, of hundreds of tokens, with answers that grow by one.
Side by side they would be mostly padding; end to end the model sees N real tokens, and only
attention, the cache and the choice of rows need to know where one sequence ends.
"""

from dataclasses import dataclass

from torch import Tensor


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
