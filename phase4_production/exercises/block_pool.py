"""Who holds a block: reference counts, and a memory of what unheld blocks still contain.

Kwon et al. 2023 (arXiv:2309.06180), sections 4.2 to 4.5. A block is in one of three states:

    held     by one sequence, or by several that share a prefix: its count says how many
    cached   by nobody, but its content has a name, so that a later sequence may want it back
    empty    by nobody, and nobody could find it

A block that is wanted comes from the empty ones; only when there is none is a cached one evicted,
the one that has been out of use for longest.
"""

from collections import OrderedDict


class BlockPool:
    """The blocks of one cache, by number.

    Attributes:
        counts: for each block how many sequences hold it.
        empty: unheld blocks without a name; the last one is taken first.
        cached: unheld blocks with a name, as keys; the first has been out of use for longest.
        names: the name of each block that has one, held or cached.
        blocks: the block of each name: the inverse of `names`.
    """

    def __init__(self, n_blocks: int) -> None:
        self.counts = [0] * n_blocks
        self.empty = list(reversed(range(n_blocks)))
        self.cached: OrderedDict[int, None] = OrderedDict()
        self.names: dict[int, bytes] = {}
        self.blocks: dict[bytes, int] = {}

    @property
    def n_free(self) -> int:
        """Blocks that can be taken."""
        return len(self.empty) + len(self.cached)

    @property
    def n_used(self) -> int:
        """Blocks that somebody holds."""
        return len(self.counts) - self.n_free

    def take(self) -> int:
        """Hand out a block to write into: an empty one, else the cached one longest out of use.

        The block is held once, by the caller. A cached block is evicted: it loses its name, for
        its content will be overwritten.

        Raises:
            ValueError: if every block is held.
        """
        if not self.n_free:
            raise ValueError(f"all {len(self.counts)} blocks are held")
        # TODO 4.15: A block held once by the caller: an empty one, else the cached one longest out
        # of use, without its name.
        raise NotImplementedError("exercise 4.15: BlockPool.take")

    def share(self, name: bytes) -> int | None:
        """Find the block with this name and hold it once more.

        Returns:
            The block, which others may hold as well, or which was cached and is held again now;
            None if no block has this name, and then nothing changes.
        """
        # TODO 4.15: The block of that name held once more, or None and nothing changed.
        raise NotImplementedError("exercise 4.15: BlockPool.share")

    def release(self, block: int) -> None:
        """Let go of a block once.

        If nobody else holds it, it becomes free: cached if it has a name, as the one that was in
        use last; otherwise empty, and the next to be taken.

        Raises:
            ValueError: if nobody holds it; nothing changes then.
        """
        if self.counts[block] == 0:
            raise ValueError(f"block {block} is released, and nobody holds it")
        # TODO 4.15: Held once less; at 0 it is cached if it has a name, and empty otherwise.
        raise NotImplementedError("exercise 4.15: BlockPool.release")

    def publish(self, block: int, name: bytes) -> None:
        """Name a held block that is full, unless another one already has this name."""
        if name not in self.blocks and block not in self.names:
            self.names[block], self.blocks[name] = name, block

    def forget(self, block: int) -> None:
        """Take a block's name away, if it has one, so that nobody finds it any more."""
        if block in self.names:
            del self.blocks[self.names.pop(block)]
