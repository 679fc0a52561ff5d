"""Mini-batches: every example once an epoch, in an order that the seed and the epoch decide.

Because the order is a function of (seed, epoch), a loader has no hidden state: to go on after a
crash it needs two integers, the epoch and the number of batches already taken.
"""

from collections.abc import Iterator

import numpy as np


def batches(
    arrays: tuple[np.ndarray, ...],
    batch_size: int,
    *,
    seed: int = 0,
    epoch: int = 0,
    shuffle: bool = True,
    drop_last: bool = False,
    start: int = 0,
) -> Iterator[tuple[np.ndarray, ...]]:
    """Yield one epoch of mini-batches, row i of every array always in the same batch and place.

    The order is a permutation drawn from `np.random.default_rng([seed, epoch])`: the same for the
    same pair, another one for another epoch.

    Args:
        arrays: arrays with one length N along axis 0, for example (images, labels).
        batch_size: rows in a batch; the last batch has what is left of N.
        seed: decides, with `epoch`, the order of the rows.
        epoch: number of the pass over the data, from 0.
        shuffle: keep the given order when False.
        drop_last: leave out a last batch that is not full.
        start: number of batches to leave out at the front, to go on after an interruption.

    Yields:
        One tuple for each batch, with one array of at most `batch_size` rows for each of `arrays`.

    Raises:
        ValueError: if the lengths differ or `batch_size` is not positive.
    """
    lengths = {len(array) for array in arrays}
    if len(lengths) != 1:
        raise ValueError(f"arrays need one length; got {[len(array) for array in arrays]}")
    if batch_size < 1:
        raise ValueError(f"batch_size must be at least 1; got {batch_size}")
    # TODO 0.17: In an epoch every row comes exactly once, together with its row of every other
    # array, in an order that seed and epoch decide; `start` and `drop_last` leave out whole batches
    # at the front and a partial one at the end.
    raise NotImplementedError("exercise 0.17: batches")


class DataLoader:
    """Iterates over mini-batches, a new order each epoch, and can be stopped and resumed.

    Each `for` over the loader runs to the end of the current epoch, the next `for` takes the next
    epoch. `state_dict()` counts a batch as taken as soon as it was handed out.

    Args:
        arrays: arrays with one length along axis 0.
        batch_size: rows in a batch.
        seed: decides the order of every epoch.
        shuffle: keep the given order when False.
        drop_last: leave out a last batch that is not full.
    """

    def __init__(
        self,
        *arrays: np.ndarray,
        batch_size: int,
        seed: int = 0,
        shuffle: bool = True,
        drop_last: bool = False,
    ):
        self.arrays = arrays
        self.batch_size, self.seed = batch_size, seed
        self.shuffle, self.drop_last = shuffle, drop_last
        self.epoch = 0
        self.taken = 0  # batches of this epoch already handed out

    def __len__(self) -> int:
        """Count the batches of one epoch."""
        full, rest = divmod(len(self.arrays[0]), self.batch_size)
        return full + (rest > 0 and not self.drop_last)

    def __iter__(self) -> Iterator[tuple[np.ndarray, ...]]:
        """Yield what is left of the current epoch, then turn to the next."""
        left = batches(
            self.arrays,
            self.batch_size,
            seed=self.seed,
            epoch=self.epoch,
            shuffle=self.shuffle,
            drop_last=self.drop_last,
            start=self.taken,
        )
        for batch in left:
            self.taken += 1
            yield batch
        self.epoch, self.taken = self.epoch + 1, 0

    def state_dict(self) -> dict[str, int]:
        """Return the two integers that say how far the loader has come."""
        return {"epoch": self.epoch, "taken": self.taken}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go on where `state_dict()` was taken."""
        self.epoch, self.taken = state["epoch"], state["taken"]
