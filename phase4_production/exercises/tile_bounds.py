"""Which tiles of the matrix of scores have to be read at all, and which of them an edge cuts.

The scores of T_q queries and T_k keys are cut into tiles of block_q x block_k; the last row and the
last column of tiles may be smaller. Under a causal mask nearly half of the tiles hold nothing that
anybody may see, and under a sliding window nearly all: Dao 2023 (arXiv:2307.08691), section 3.1.1
("causal masking"); Jiang et al. 2023 (arXiv:2310.06825), section 2, for the window.
"""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Tiling:
    """The matrix of scores, what may be seen of it, and how it is cut.

    The last query stands at the last key: query r has the position r + T_k - T_q, as in a step of
    decoding, where one query comes after all of the cache.

    Attributes:
        T_q, T_k: queries and keys.
        causal: a query sees the keys up to its own position; else it sees all.
        window: it sees the last `window` of those only, keys in (position - window, position].
        block_q, block_k: rows and columns of a tile.

    Raises:
        ValueError: if a size is below 1, or there is a window without causal.
    """

    T_q: int
    T_k: int
    causal: bool = False
    window: int | None = None
    block_q: int = 64
    block_k: int = 64

    def __post_init__(self) -> None:
        window = 1 if self.window is None else self.window
        if min(self.T_q, self.T_k, self.block_q, self.block_k, window) < 1:
            raise ValueError(f"every size must be at least 1: {self}")
        if self.window is not None and not self.causal:
            raise ValueError("a sliding window needs causal=True")

    @property
    def n_query_tiles(self) -> int:
        """Rows of tiles."""
        return -(-self.T_q // self.block_q)

    @property
    def n_key_tiles(self) -> int:
        """Columns of tiles."""
        return -(-self.T_k // self.block_k)

    def rows(self, i: int) -> slice:
        """Return the queries of query tile i."""
        return slice(i * self.block_q, min((i + 1) * self.block_q, self.T_q))

    def columns(self, j: int) -> slice:
        """Return the keys of key tile j."""
        return slice(j * self.block_k, min((j + 1) * self.block_k, self.T_k))

    def visible(self, i: int, j: int, device: torch.device | None = None) -> Tensor:
        """Return (rows, columns) bool: which keys of tile j each query of tile i sees."""
        rows, columns = self.rows(i), self.columns(j)
        position = torch.arange(rows.start, rows.stop, device=device)[:, None] + self.T_k - self.T_q
        distance = position - torch.arange(columns.start, columns.stop, device=device)
        if not self.causal:
            return torch.ones_like(distance, dtype=torch.bool)
        seen = distance >= 0
        return seen if self.window is None else seen & (distance < self.window)


def key_tiles(tiling: Tiling, i: int) -> range:
    """Return the key tiles in which some query of tile i sees some key.

    They are neighbours, so the first and the last say all; found by a few whole-number operations
    that do not look at any tile.

    Args:
        tiling: the matrix.
        i: a query tile, from 0 to tiling.n_query_tiles - 1.

    Returns:
        range(first, last + 1); empty if these queries see nothing, which happens to early ones
        when T_q is larger than T_k.

    Raises:
        IndexError: if there is no such query tile.
    """
    if not 0 <= i < tiling.n_query_tiles:
        raise IndexError(f"query tile {i} of {tiling.n_query_tiles}")
    # TODO 4.3: The range of key tiles in which a query tile sees anything; causal, window, T_q and
    # T_k of any sizes.
    raise NotImplementedError("exercise 4.3: key_tiles")


def needs_mask(tiling: Tiling, i: int, j: int) -> bool:
    """Say whether an edge cuts this tile: some query of tile i does not see some key of tile j.

    All other tiles that are read skip the mask. A last tile that is smaller is not cut by that.

    Args:
        tiling: the matrix.
        i, j: a query tile and a key tile that exist. `key_tiles` need not hold j; a tile of which
            nothing is seen needs its mask, too.

    Returns:
        True or False.
    """
    # TODO 4.3: Whether some query of the tile does not see some key of it.
    raise NotImplementedError("exercise 4.3: needs_mask")
