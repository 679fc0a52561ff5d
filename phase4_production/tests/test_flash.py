"""Attention with both passes: gradcheck, what is saved, lengths, dropout."""

from itertools import pairwise

import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention

from phase4_production.solution import flash
from phase4_production.solution.tile_bounds import Tiling
from phase4_production.solution.tile_dropout import TileDropout
from shared import checks


def make(T_q, T_k, H=4, H_kv=2, D=8, dtype=torch.float32, seed=0):
    g = torch.Generator().manual_seed(seed)
    q = torch.randn(2, H, T_q, D, generator=g, dtype=dtype)
    k, v = torch.randn(2, 2, H_kv, T_k, D, generator=g, dtype=dtype)
    return [t.requires_grad_() for t in (q, k, v)]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"causal": True},
        {"causal": True, "window": 3, "scale": 0.7},
        {"causal": True, "dropout": 0.4},
    ],
    ids=str,
)
def test_gradients_are_differences(options):
    """Two kv heads for four query heads, five queries after two cached keys."""

    def attend(q, k, v):
        g = torch.Generator().manual_seed(1)
        return flash.attention(q, k, v, generator=g, block_q=2, block_k=3, **options)

    assert torch.autograd.gradcheck(attend, make(5, 7, D=3, dtype=torch.float64), fast_mode=True)


def test_only_what_grows_with_length_is_saved():
    saved = []
    q, k, v = make(96, 96)
    with torch.autograd.graph.saved_tensors_hooks(lambda t: saved.append(t) or t, lambda t: t):
        out = flash.attention(q, k, v, causal=True, block_q=16, block_k=16)
    shapes = [tuple(t.shape) for t in (q, k, v, out)] + [tuple(q.shape[:-1])]
    checks.equal([tuple(t.shape) for t in saved], shapes, "saved: q, k, v, O, L")


def test_sequences_end_to_end():
    g = torch.Generator().manual_seed(2)
    starts_q, starts_k = torch.tensor([0, 3, 4, 12]), torch.tensor([0, 3, 10, 18])
    q = torch.randn(12, 4, 8, generator=g, requires_grad=True)
    k, v = (torch.randn(18, 2, 8, generator=g, requires_grad=True) for _ in range(2))
    found = flash.varlen_attention(q, k, v, starts_q, starts_k, causal=True, block_q=4, block_k=4)
    sequence_q = torch.repeat_interleave(torch.arange(3), starts_q.diff())
    sequence_k = torch.repeat_interleave(torch.arange(3), starts_k.diff())
    from_end_q = starts_q[1:][sequence_q] - torch.arange(12)
    from_end_k = starts_k[1:][sequence_k] - torch.arange(18)
    mask = (sequence_q[:, None] == sequence_k) & (from_end_k >= from_end_q[:, None])
    heads = (t.transpose(0, 1)[None] for t in (q, k, v))
    expected = scaled_dot_product_attention(*heads, attn_mask=mask, enable_gqa=True)
    expected = expected[0].transpose(0, 1)
    checks.close(found, expected, "O")
    dO = torch.randn(found.shape, generator=g)
    pairs = zip(*(torch.autograd.grad(o, (q, k, v), dO) for o in (found, expected)), strict=True)
    for name, (got, want) in zip("qkv", pairs, strict=True):
        checks.close(got, want, f"d{name}")
    with pytest.raises(ValueError, match="starts from"):
        flash.varlen_attention(q, k, v, starts_q, starts_q)


def test_dropout_of_the_whole_matrix():
    """The factors of all tiles, put together, on the naive softmax."""
    q, k, v = make(10, 10, H_kv=4)
    g = torch.Generator().manual_seed(3)
    found = flash.attention(q, k, v, dropout=0.3, generator=g, block_q=4, block_k=4)
    g = torch.Generator().manual_seed(3)
    dropout = TileDropout(0.3, torch.randint(2**48, (), generator=g).item())
    tiling = Tiling(10, 10, block_q=4, block_k=4)
    factors = torch.empty(2, 4, 10, 10)
    for i in range(3):
        for j in range(3):
            tile = factors[..., tiling.rows(i), tiling.columns(j)]
            tile.copy_(dropout.factors(tiling, i, j, tile[:, :, None])[:, :, 0])
    P = (q @ k.mT / 8**0.5).softmax(-1)
    checks.close(found, (P * factors) @ v, "O")


def test_the_share_that_is_dropped():
    tiling = Tiling(400, 400, block_q=100, block_k=100)
    like = torch.empty(100, 100)
    tiles = [TileDropout(0.25, 7).factors(tiling, i, j, like) for i in range(4) for j in range(4)]
    factors = torch.stack(tiles)
    checks.equal(sorted(factors.unique().tolist()), [0.0, torch.tensor(4 / 3).item()], "factors")
    # A share of 160,000 draws has a standard deviation of 0.0011.
    checks.close((factors == 0).double().mean(), 0.25, "share", atol=0.005, rtol=0.0)
    checks.law(not any(torch.equal(a, b) for a, b in pairwise(tiles)), "tiles differ")


def test_settings_that_make_no_sense():
    q, k, v = make(4, 4)
    with pytest.raises(ValueError, match="0 <= p < 1"):
        flash.attention(q, k, v, dropout=1.0)
    with pytest.raises(ValueError, match="needs causal"):
        flash.attention(q, k, v, window=2)
