"""Dropout that can be played again: each tile's factors come from a seed of its own.

Attention drops entries of the softmax, a (T_q, T_k) matrix that nobody keeps. So that the backward
pass drops the same ones, it draws them anew: Dao et al. 2022 (arXiv:2205.14135), appendix B.3 and
B.4, save the state of the generator. One seed for each tile does the same in any order of tiles.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from phase4_production.solution.tile_bounds import Tiling


@dataclass(frozen=True)
class TileDropout:
    """Which entries of the softmax are dropped.

    Attributes:
        p: the share that is dropped, from 0 to less than 1.
        seed: of the whole matrix.
    """

    p: float
    seed: int

    def __post_init__(self) -> None:
        if not 0 <= self.p < 1:
            raise ValueError(f"dropout needs 0 <= p < 1, got {self.p}")

    def factors(self, tiling: Tiling, i: int, j: int, like: Tensor) -> Tensor:
        """Return 0 for what is dropped in tile (i, j) and 1 / (1 - p) for what is kept.

        Args:
            tiling: the matrix.
            i, j: the tile.
            like: whose shape, dtype and device the factors have: the scores of the tile.
        """
        g = torch.Generator(like.device)
        g.manual_seed(self.seed + i * tiling.n_key_tiles + j)
        kept = torch.rand(like.shape, generator=g, device=like.device) >= self.p
        return kept.to(like.dtype) / (1 - self.p)
