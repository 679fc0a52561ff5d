"""Tiles backward: by hand, against autograd through the whole matrix in float64."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from phase4_production.solution import tiled_backward
from phase4_production.solution.tile_bounds import Tiling
from phase4_production.tests.whole_matrix import Largest, Thirds, visible
from shared import checks

NAMES = ("dQ", "dK", "dV")


def make(T_q=7, T_k=7, H=2, H_kv=2, D=5, seed=0, dtype=torch.float64, B=2):
    """dO, q, k, v."""
    g = torch.Generator().manual_seed(seed)
    dO, q = torch.randn(2, B, H, T_q, D, generator=g, dtype=dtype)
    return dO, q, *torch.randn(2, B, H_kv, T_k, D, generator=g, dtype=dtype)


def whole(q, k, v, tiling, scale=None, kept=1.0):
    """O and L from the whole matrix of scores, for autograd to differentiate."""
    scale = q.shape[-1] ** -0.5 if scale is None else scale
    k, v = (t.repeat_interleave(q.shape[1] // t.shape[1], dim=1) for t in (k, v))
    scores = (q @ k.mT * scale).masked_fill(~visible(tiling), -torch.inf)
    blind = ~visible(tiling).any(-1)  # softmax of such a row is NaN, and so would its gradient be
    P = scores.masked_fill(blind[:, None], 0.0).softmax(-1).masked_fill(blind[:, None], 0.0)
    return (P * kept) @ v, scores.detach().logsumexp(-1)


def by_autograd(dO, q, k, v, tiling, scale=None, kept=1.0):
    """(O, L), then (dQ, dK, dV)."""
    leaves = [t.detach().requires_grad_() for t in (q, k, v)]
    O, L = whole(*leaves, tiling, scale, kept)  # noqa: E741
    return (O.detach(), L), torch.autograd.grad(O, leaves, dO)


def gradients(*arguments):
    """`backward`, once it is known to return three."""
    found = tiled_backward.backward(*arguments)
    law = isinstance(found, tuple) and len(found) == 3
    checks.law(law, "backward returns dQ, dK and dV", found)
    return found


def check(tensors, tiling, what, scale=None):
    forward, expected = by_autograd(*tensors, tiling, scale)
    found = gradients(*tensors, *forward, tiling, scale)
    # dV first: it needs P alone, and dQ and dK need everything.
    for i in (2, 0, 1):
        checks.close(found[i], expected[i], f"{NAMES[i]} of {what}")


# -- by hand ------------------------------------------------------------------------------------


@pytest.mark.exercise("4.4")
def test_two_keys_by_hand():
    """One query, scores ln 3 and 0, so P = (3/4, 1/4); dO = 1 everywhere.

    v = (8, 0) and (0, 4), so dP = (8, 4), O = (6, 1), and rowsum(dO * O) = 7 = P . dP. Then
    dS = (3/4 * 1, 1/4 * -3), dQ = 3/4 k_1 - 3/4 k_2, dK = dS q, all with a scale of 1.
    """
    ln3 = math.log(3)
    q, dO = torch.tensor([[[[ln3, 2.0]]]]), torch.ones(1, 1, 1, 2)
    k, v = torch.tensor([[[[1.0, 0.0], [0.0, 0.0]]]]), torch.tensor([[[[8.0, 0.0], [0.0, 4.0]]]])
    O, L = torch.tensor([[[[6.0, 1.0]]]]), torch.full((1, 1, 1), math.log(4))  # noqa: E741
    arguments = [dO, q, k, v, O, L]
    kept = [t.clone() for t in arguments]
    dQ, dK, dV = gradients(*arguments, Tiling(1, 2, block_k=1), 1.0)
    checks.close(dV, torch.tensor([[[[0.75, 0.75], [0.25, 0.25]]]]), "dV of one query, two keys")
    checks.close(dQ, torch.tensor([[[[0.75, 0.0]]]]), "dQ of one query, two keys")
    expected = 0.75 * torch.tensor([[[[ln3, 2.0], [-ln3, -2.0]]]])
    checks.close(dK, expected, "dK of one query, two keys")
    checks.equal(arguments, kept, "the arguments, which stay as they were")


@pytest.mark.exercise("4.4")
@pytest.mark.parametrize(("block_q", "block_k"), [(7, 7), (64, 64), (1, 1), (2, 3), (3, 2), (7, 4)])
def test_any_blocks(block_q, block_k):
    tiling = Tiling(7, 7, block_q=block_q, block_k=block_k)
    check(make(), tiling, f"7 queries and keys in tiles of {block_q} x {block_k}")


@pytest.mark.exercise("4.4")
@pytest.mark.parametrize("scale", [0.3, 2.0])
def test_scale(scale):
    check(make(), Tiling(7, 7, block_q=3, block_k=3), f"a scale of {scale}", scale)


@pytest.mark.exercise("4.4")
@pytest.mark.parametrize(
    ("T_q", "T_k", "window"), [(8, 8, None), (3, 9, None), (1, 9, None), (8, 8, 3), (4, 11, 5)]
)
def test_causal(T_q, T_k, window):
    tiling = Tiling(T_q, T_k, True, window, block_q=3, block_k=2)
    check(make(T_q, T_k), tiling, f"{T_q} queries, {T_k} keys, causal, window {window}")


@pytest.mark.exercise("4.4")
def test_grouped_heads():
    tensors = make(H=6, H_kv=2)
    check(tensors, Tiling(7, 7, True, block_q=3, block_k=2), "6 query heads on 2 kv heads")


@pytest.mark.exercise("4.4")
def test_queries_that_see_nothing():
    tensors = make(7, 4)
    check(tensors, Tiling(7, 4, True, block_q=2, block_k=2), "7 queries, 4 keys, causal")


@pytest.mark.exercise("4.4")
def test_where_gradients_are_zero_and_where_not():
    """Two queries with a window of 2 over six keys: the first three keys are seen by nobody."""
    tensors = make(2, 6, B=1)
    tiling = Tiling(2, 6, True, 2, block_q=2, block_k=2)
    forward, _ = by_autograd(*tensors, tiling)
    dQ, dK, dV = gradients(*tensors, *forward, tiling)
    for name, t in [("dK", dK), ("dV", dV)]:
        unseen = torch.zeros_like(tensors[2][..., :3, :])
        checks.equal(t[..., :3, :], unseen, f"{name} of keys that no query sees")
        checks.law((t[..., 3:, :] != 0).all(), f"{name} of keys that are seen is not zero", t)
    checks.law((dQ != 0).all(), "dQ is not zero", dQ)
    blind = Tiling(7, 4, True, block_q=2, block_k=2)
    tensors = make(7, 4)
    forward, _ = by_autograd(*tensors, blind)
    dQ, *_ = gradients(*tensors, *forward, blind)
    unseen = torch.zeros_like(dQ[..., :3, :])
    checks.equal(dQ[..., :3, :], unseen, "dQ of queries that see no key")


@pytest.mark.exercise("4.4")
def test_large_scores():
    dO, q, k, v = make(dtype=torch.float64)
    check((dO, 30 * q, 30 * k, v), Tiling(7, 7, True, block_q=3, block_k=2), "scores near 1000")


@pytest.mark.exercise("4.4")
def test_the_matrix_is_never_there():
    tensors = make(128, 128, H=1, H_kv=1, D=8, B=1)
    tiling = Tiling(128, 128, block_q=32, block_k=16)
    forward, _ = by_autograd(*tensors, tiling)
    with Largest() as largest:
        gradients(*tensors, *forward, tiling)
    checks.at_most(largest.numel, 128 * 8, "numbers in the largest tensor made; dQ has 1024")


@pytest.mark.exercise("4.4")
def test_tiles_that_nobody_sees_are_not_read():
    dO, q, k, v = make(8, 8)
    tiling = Tiling(8, 8, True, block_q=2, block_k=2)
    forward, (expected, *_) = by_autograd(dO, q, k, v, tiling)
    k, v = k.clone(), v.clone()
    v[..., 4:, :] = torch.nan
    dQ, *_ = gradients(dO, q, k, v, *forward, tiling)
    first = slice(0, 4)
    name = "dQ of the first four, NaN in later values"
    checks.close(dQ[..., first, :], expected[..., first, :], name)


@pytest.mark.exercise("4.4")
def test_fewer_bits():
    tensors = [t.bfloat16() for t in make(64, 64, dtype=torch.float32)]
    tiling = Tiling(64, 64, block_q=8, block_k=8)
    forward, expected = by_autograd(*(t.double() for t in tensors), tiling)
    found = gradients(*tensors, forward[0].bfloat16(), forward[1].float(), tiling)
    checks.equal([t.dtype for t in found], [torch.bfloat16] * 3, "dtypes of dQ, dK, dV, bfloat16")
    for name, got, want in zip(NAMES, found, expected, strict=True):
        # O comes rounded to 8 bits, so D is wrong by up to 2^-8 of terms of size 1, P weighs 1/64.
        checks.close(got, want, f"{name} in bfloat16", rtol=2**-7, atol=4e-3)


@pytest.mark.exercise("4.4")
def test_rowsum_of_few_bits_is_summed_in_many():
    """One key, so P = 1 and dS = dO v - rowsum(dO * O), which is 0, as O = v to the last bit."""
    dO, q, k, v = (t.bfloat16() for t in make(1, 1, H=1, H_kv=1, D=64, B=1, dtype=torch.float32))
    L = (q.float() * k.float()).sum(-1) / 8
    dQ, dK, _ = gradients(dO, q, k, v, v.clone(), L, Tiling(1, 1))
    zero = torch.zeros_like(dQ)
    # Two sums of 64 products in float32, in two orders, by numbers of size 1.
    checks.close(dQ, zero, "dQ of one key, bfloat16: the only weight cannot move", atol=1e-4)
    checks.close(dK, zero, "dK of one key, bfloat16: the only weight cannot move", atol=1e-4)


@pytest.mark.exercise("4.4")
def test_dropout_is_played_again():
    tensors = make(4, 6, H=4)
    tiling = Tiling(4, 6, block_q=2, block_k=3)
    kept = Thirds().whole(tiling, 2, 2, 2, torch.float64)
    forward, expected = by_autograd(*tensors, tiling, None, kept)
    found = gradients(*tensors, *forward, tiling, None, Thirds())
    for i in (2, 0, 1):
        checks.close(found[i], expected[i], f"{NAMES[i]} with dropout")


@st.composite
def cases(draw):
    window = draw(st.none() | st.integers(1, 12))
    T_q, T_k = draw(st.integers(1, 9)), draw(st.integers(1, 9))
    blocks = draw(st.integers(1, 5)), draw(st.integers(1, 5))
    return Tiling(T_q, T_k, window is not None or draw(st.booleans()), window, *blocks)


@pytest.mark.exercise("4.4")
@settings(max_examples=15)
@given(cases(), st.sampled_from([1, 2, 4]))
def test_any_tiling(tiling, H_kv):
    check(make(tiling.T_q, tiling.T_k, H=4, H_kv=H_kv, D=3, B=1), tiling, f"{tiling}")


# -- proofs -------------------------------------------------------------------------------------


def test_scaled_dot_product_attention_agrees():
    dO, q, k, v = make(100, 150, H=4, H_kv=2, D=32, dtype=torch.float32)
    tiling = Tiling(100, 150, True, 40, block_q=32, block_k=16)
    leaves = [t.requires_grad_() for t in (q, k, v)]
    mask = visible(tiling)
    O = torch.nn.functional.scaled_dot_product_attention(  # noqa: E741
        *leaves, attn_mask=mask, enable_gqa=True
    )
    expected = torch.autograd.grad(O, leaves, dO)
    with torch.no_grad():
        _, L = whole(q, k, v, tiling)
        found = tiled_backward.backward(dO, q, k, v, O, L, tiling)
    for name, got, want in zip(NAMES, found, expected, strict=True):
        checks.close(got, want, name)


def test_what_does_not_fit_is_named():
    tensors = make()
    (O, L), _ = by_autograd(*tensors, Tiling(7, 7))  # noqa: E741
    with pytest.raises(ValueError, match="dO, O and L"):
        tiled_backward.backward(*tensors, O, L[..., None], Tiling(7, 7))
    with pytest.raises(ValueError, match="the tiling is of"):
        tiled_backward.backward(*tensors, O, L, Tiling(7, 8))
