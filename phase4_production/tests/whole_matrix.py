"""What the tests of tiled attention share: the mask of the whole matrix, a spy, a plain dropout."""

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode


def visible(tiling) -> Tensor:
    """Return (T_q, T_k) bool from the definition, for all tiles at once."""
    position = torch.arange(tiling.T_q)[:, None] + tiling.T_k - tiling.T_q
    key = torch.arange(tiling.T_k)
    window = tiling.window or tiling.T_q + tiling.T_k
    seen = (key <= position) & (key > position - window)
    return seen if tiling.causal else torch.ones_like(seen)


class Largest(TorchFunctionMode):
    """Remembers the size of the largest tensor that an operation returns."""

    def __init__(self):
        super().__init__()
        self.numel = 0

    def __torch_function__(self, func, types, args=(), kwargs=None):
        """Run the operation and look at what it returns."""
        out = func(*args, **kwargs or {})
        for t in out if isinstance(out, tuple | list) else [out]:
            if isinstance(t, Tensor):
                self.numel = max(self.numel, t.numel())
        return out


class Thirds:
    """A dropout without chance: every third number of a tile is dropped."""

    def factors(self, tiling, i, j, like):
        """Return 0 for every third number and 3/2 for the others."""
        kept = (torch.arange(like.numel()).view(like.shape) + i + 2 * j) % 3 > 0
        return kept.to(like.dtype) * 1.5

    def whole(self, tiling, B, H_kv, groups, dtype):
        """Return the factors of all tiles, (B, H, T_q, T_k)."""
        kept = torch.empty(B, H_kv, groups, tiling.T_q, tiling.T_k, dtype=dtype)
        for i in range(tiling.n_query_tiles):
            for j in range(tiling.n_key_tiles):
                tile = kept[..., tiling.rows(i), tiling.columns(j)]
                tile.copy_(self.factors(tiling, i, j, tile))
        return kept.flatten(1, 2)
