"""A text as bytes in windows, and who gets which of them in which step.

The loader is no DataLoader: the bytes are in memory and a window is a slice. What matters is the
order, which is a function of seed and step. So there is nothing to save and nothing to fast-forward
when a run goes on in the middle of an epoch, on however many processes.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from phase2_scaling.solution.model import IGNORED
from phase2_scaling.solution.sampling import shard_indices
from shared.data import load

VALIDATION_SHARE = 0.1  # the end of a text whose publisher keeps nothing apart


@dataclass(frozen=True)
class Windows:
    """A text cut into windows of T bytes; each byte but the first is the target of one of them.

    Attributes:
        text: (N,) uint8.
        block_size: T.
    """

    text: np.ndarray
    block_size: int

    def __len__(self) -> int:
        return -(-self.n_targets // self.block_size)

    @property
    def n_targets(self) -> int:
        """Bytes to predict in an epoch."""
        return len(self.text) - 1

    def batch(self, indices: Tensor, rows: int) -> tuple[Tensor, Tensor]:
        """Cut some windows out, and add empty ones up to a number of rows.

        Ranks that work in step need batches of one shape, though their shares may differ. A target
        that only fills up is `IGNORED`: at the end of the last window and in an empty one.

        Args:
            indices: (R,) the windows, R <= rows.
            rows: B.

        Returns:
            x and y, (B, T) int64.
        """
        x = torch.zeros(rows, self.block_size, dtype=torch.int64)
        y = torch.full_like(x, IGNORED)
        for row, index in enumerate(indices.tolist()):
            begin = index * self.block_size
            piece = torch.from_numpy(self.text[begin : begin + self.block_size + 1].astype(int))
            x[row, : len(piece) - 1], y[row, : len(piece) - 1] = piece[:-1], piece[1:]
        return x, y


def read_windows(data: str, block_size: int) -> tuple[Windows, Windows, str]:
    """Find a text and cut it: windows to train on, windows for validation, and the source.

    Raises:
        ValueError: there is no such text, or too little of it.
    """
    found = load(data)
    whole, apart = (np.frombuffer(t.encode(), np.uint8) for t in (found.text, found.validation))
    if not len(apart):
        cut = len(whole) - int(len(whole) * VALIDATION_SHARE)
        whole, apart = whole[:cut], whole[cut:]
    if min(len(whole), len(apart)) <= 1:
        raise ValueError(f"{data} is too short to train on and to hold a part of it back")
    return Windows(whole, block_size), Windows(apart, block_size), found.source


def steps_per_epoch(n: int, batch_size: int) -> int:
    """Steps that an epoch of n samples takes; the last one may have a smaller batch."""
    return -(-n // batch_size)


def shares(
    n: int, batch_size: int, rank: int, world_size: int, seed: int, step: int
) -> Iterator[tuple[Tensor, int]]:
    """Yield a rank's share of each global batch, from the one of `step` on, for ever.

    The k-th global batch of an epoch is the same set of samples for every world size that divides
    `batch_size`: ranks are dealt samples in turn.

    Args:
        n: samples in an epoch.
        batch_size: of the global batch, a multiple of world_size.
        rank, world_size: who asks.
        seed: of the run.
        step: steps that were done before.

    Yields:
        the samples (R,), and the largest R of any rank in this step.
    """
    epoch, done = divmod(step, steps_per_epoch(n, batch_size))
    share = batch_size // world_size
    while True:
        start = done * batch_size
        mine = shard_indices(n, rank, world_size, epoch, seed, start=start)
        largest = -(-(n - start) // world_size)  # rank 0's
        for begin in range(0, largest, share):
            yield mine[begin : begin + share], min(share, largest - begin)
        epoch, done = epoch + 1, 0
