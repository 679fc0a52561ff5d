"""Tiles forward: by hand, against the whole matrix in float64, and what is read and kept."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import scaled_dot_product_attention

from phase4_production.solution import tiled_attention
from phase4_production.solution.tile_bounds import Tiling
from phase4_production.tests.whole_matrix import Largest, Thirds, visible
from shared import checks


def make(T_q=7, T_k=7, H=2, H_kv=2, D=6, seed=0, dtype=torch.float64, B=2):
    g = torch.Generator().manual_seed(seed)
    q = torch.randn(B, H, T_q, D, generator=g, dtype=dtype)
    return q, *torch.randn(2, B, H_kv, T_k, D, generator=g, dtype=dtype)


def whole(q, k, v, tiling, scale=None):
    """O and L from the whole matrix of scores."""
    scale = q.shape[-1] ** -0.5 if scale is None else scale
    k, v = (t.repeat_interleave(q.shape[1] // t.shape[1], dim=1) for t in (k, v))
    scores = torch.einsum("bhqd,bhkd->bhqk", q, k) * scale
    scores = scores.masked_fill(~visible(tiling), -torch.inf)
    return scores.softmax(-1).nan_to_num(0.0) @ v, scores.logsumexp(-1)


def attend(q, k, v, tiling, *options):
    """`forward`, once it is known to return a pair."""
    found = tiled_attention.forward(q, k, v, tiling, *options)
    checks.law(isinstance(found, tuple) and len(found) == 2, "forward returns O and L", found)
    return found


def check(q, k, v, tiling, what, scale=None):
    """Compare O, then L."""
    O, L = attend(q, k, v, tiling, scale)  # noqa: E741
    expected_o, expected_l = whole(q, k, v, tiling, scale)
    checks.close(O, expected_o, f"O of {what}")
    checks.close(L, expected_l, f"L of {what}")


# -- one tile of scores -------------------------------------------------------------------------


@pytest.mark.exercise("4.2")
def test_scores_by_hand():
    q = torch.tensor([[1.0, 2.0], [0.0, 1.0]])
    k = torch.tensor([[3.0, 0.0], [1.0, 1.0], [0.0, 5.0]])
    tiling = Tiling(2, 6, block_q=2, block_k=3)
    found = tiled_attention.scores(q, k, tiling, 0, 1, 0.5)
    expected = torch.tensor([[1.5, 1.5, 5.0], [0.0, 0.5, 2.5]])
    checks.close(found, expected, "a tile of scores that no edge cuts, scale 1/2")
    tiling = Tiling(2, 6, causal=True, block_q=2, block_k=3)  # the queries stand at keys 4 and 5
    found = tiled_attention.scores(q, k, tiling, 0, 1, 0.5)
    expected = torch.tensor([[1.5, 1.5, -torch.inf], [0.0, 0.5, 2.5]])
    checks.close(found, expected, "a tile of scores that the causal edge cuts")


@pytest.mark.exercise("4.2")
def test_scores_of_a_window():
    q, k, _ = make(T_q=6, T_k=6, B=1, H=1, H_kv=1)
    tiling = Tiling(6, 6, causal=True, window=3, block_q=3, block_k=2)
    for i, j in [(0, 0), (1, 0), (1, 1), (1, 2)]:
        rows, columns = slice(3 * i, 3 * i + 3), slice(2 * j, 2 * j + 2)
        found = tiled_attention.scores(q[..., rows, :], k[..., columns, :], tiling, i, j, 0.3)
        expected = (q @ k.mT * 0.3).masked_fill(~visible(tiling), -torch.inf)[..., rows, columns]
        checks.close(found, expected, f"scores of tile ({i}, {j}), window of 3")


@pytest.mark.exercise("4.2")
def test_tiles_that_no_edge_cuts_are_not_masked():
    asked = []

    class Spy(Tiling):
        def visible(self, i, j, device=None):
            asked.append((i, j))
            return super().visible(i, j, device)

    q, k, _ = make(T_q=6, T_k=6, B=1, H=1, H_kv=1)
    tiling = Spy(6, 6, causal=True, block_q=2, block_k=2)
    for i, j in [(1, 0), (1, 1), (2, 0), (2, 1), (2, 2)]:
        rows, columns = tiling.rows(i), tiling.columns(j)
        tiled_attention.scores(q[..., rows, :], k[..., columns, :], tiling, i, j, 0.3)
    checks.equal(asked, [(1, 1), (2, 2)], "tiles whose mask is asked for, of five causal ones")


@pytest.mark.exercise("4.2")
def test_scores_are_wide():
    q, k, _ = make(D=64, dtype=torch.float32)
    q, k = q.bfloat16(), k.bfloat16()
    found = tiled_attention.scores(q, k, Tiling(7, 7), 0, 0, 0.125)
    checks.equal(found.dtype, torch.float32, "dtype of scores of bfloat16 queries")
    expected = q.double() @ k.double().mT * 0.125
    checks.close(found, expected.float(), "scores of bfloat16 queries", rtol=1e-5)


# -- forward ------------------------------------------------------------------------------------


@pytest.mark.exercise("4.2")
def test_two_tiles_by_hand():
    """Scores 0, ln 2 | ln 3, ln 2, values 1 to 4 in each column: weights of 1, 2, 3, 2 eighths."""
    k = torch.tensor([1.0, 2.0, 3.0, 2.0]).log().view(1, 1, 4, 1) * torch.tensor([1.0, 0.0])
    v = torch.tensor([8.0, 16.0, 24.0, 32.0]).view(1, 1, 4, 1) * torch.tensor([1.0, -1.0])
    q = torch.tensor([[[[1.0, 7.0]]]])
    kept = [t.clone() for t in (q, k, v)]
    O, L = attend(q, k, v, Tiling(1, 4, block_q=1, block_k=2), 1.0)  # noqa: E741
    checks.close(O, torch.tensor([[[[22.0, -22.0]]]]), "O of one query, two tiles of two keys")
    checks.close(L, torch.tensor([[[math.log(8)]]]), "L of one query, two tiles of two keys")
    checks.equal([q, k, v], kept, "q, k and v, which stay as they were")


@pytest.mark.exercise("4.2")
@pytest.mark.parametrize(("block_q", "block_k"), [(7, 7), (64, 64), (1, 1), (2, 3), (3, 2), (4, 7)])
def test_any_blocks(block_q, block_k):
    """Seven rows and columns: most blocks leave a smaller last tile."""
    tiling = Tiling(7, 7, block_q=block_q, block_k=block_k)
    check(*make(), tiling, f"7 queries and keys in tiles of {block_q} x {block_k}")


@pytest.mark.exercise("4.2")
@pytest.mark.parametrize(
    ("T_q", "T_k", "window"), [(8, 8, None), (3, 9, None), (1, 9, None), (8, 8, 3), (4, 11, 5)]
)
def test_causal(T_q, T_k, window):
    tiling = Tiling(T_q, T_k, True, window, block_q=3, block_k=2)
    check(*make(T_q, T_k), tiling, f"{T_q} queries, {T_k} keys, causal, window {window}")


@pytest.mark.exercise("4.2")
def test_queries_that_see_nothing():
    check(*make(7, 4), Tiling(7, 4, True, block_q=2, block_k=2), "7 queries, 4 keys, causal")


@pytest.mark.exercise("4.2")
def test_grouped_heads():
    tensors = make(H=6, H_kv=2)
    check(*tensors, Tiling(7, 7, block_q=3, block_k=3), "6 query heads on 2 kv heads")


@pytest.mark.exercise("4.2")
def test_scale():
    tensors = make(D=5)
    check(*tensors, Tiling(7, 7, block_k=3), "a scale of 0.7", scale=0.7)
    check(*tensors, Tiling(7, 7, block_k=3), "a scale of 0: all keys alike", scale=0.0)
    tiling = Tiling(7, 7, causal=True, block_k=3)
    check(*tensors, tiling, "a scale of 0, causal: all keys that are seen alike", scale=0.0)


@pytest.mark.exercise("4.2")
def test_large_scores():
    q, k, v = make(dtype=torch.float32)
    tiling = Tiling(7, 7, True, block_q=3, block_k=2)
    found, L = attend(100 * q, 100 * k, v, tiling)
    expected, expected_l = whole(100 * q.double(), 100 * k.double(), v.double(), tiling)
    # Scores of size 1e4 have a rounding of 1e-3 in float32, and that is an error of the exponent.
    checks.close(found, expected.float(), "O of scores in the thousands", rtol=5e-3, atol=5e-3)
    checks.close(L, expected_l.float(), "L of scores in the thousands", atol=5e-3)


@pytest.mark.exercise("4.2")
def test_very_negative_scores():
    """A mask of -1e6 would win over them."""
    q, k, v = make(dtype=torch.float64, B=1)
    q, k = q.abs() * 1e4, -k.abs() * 1e4
    check(q, k, v, Tiling(7, 7, True, block_q=3, block_k=2), "scores near -1e8, causal")


@pytest.mark.exercise("4.2")
def test_tiles_that_nobody_sees_are_not_read():
    q, k, v = make(8, 8)
    expected, _ = whole(q, k, v, Tiling(8, 8, True))
    v[..., 4:, :] = torch.nan  # 0 * NaN is NaN: whoever multiplies, has read
    O, _ = attend(q, k, v, Tiling(8, 8, True, block_q=2, block_k=2))  # noqa: E741
    checks.close(O[..., :4, :], expected[..., :4, :], "O of the first four, NaN in later values")


@pytest.mark.exercise("4.2")
def test_the_matrix_is_never_there():
    q, k, v = make(256, 256, H=1, H_kv=1, D=8, B=1)
    with Largest() as largest:
        attend(q, k, v, Tiling(256, 256, block_q=32, block_k=16))
    checks.at_most(largest.numel, 256 * 8, "numbers in the largest tensor made; O has 2048")


@pytest.mark.exercise("4.2")
def test_fewer_bits():
    q, k, v = (t.bfloat16() for t in make(64, 64, dtype=torch.float32))
    tiling = Tiling(64, 64, block_q=16, block_k=8)
    O, L = attend(q, k, v, tiling)  # noqa: E741
    checks.equal([O.dtype, L.dtype], [torch.bfloat16, torch.float32], "dtypes of O, L in bfloat16")
    expected, expected_l = whole(q.double(), k.double(), v.double(), tiling)
    # O is rounded once, when it is stored; the sums are in float32.
    checks.close(O, expected, "O in bfloat16", rtol=2**-8, atol=1e-4)
    checks.close(L, expected_l.float(), "L in bfloat16")


@pytest.mark.exercise("4.2")
def test_dropout_leaves_out_terms():
    q, k, v = make(4, 6, H=4)
    tiling = Tiling(4, 6, block_q=2, block_k=3)
    O, L = attend(q, k, v, tiling, None, Thirds())  # noqa: E741
    kv = k.repeat_interleave(2, 1), v.repeat_interleave(2, 1)
    scores = q @ kv[0].mT / math.sqrt(6)
    kept = Thirds().whole(tiling, 2, 2, 2, q.dtype)
    checks.close(O, (scores.softmax(-1) * kept) @ kv[1], "O with dropout")
    checks.close(L, scores.logsumexp(-1), "L with dropout, which does not change it")


@st.composite
def cases(draw):
    window = draw(st.none() | st.integers(1, 12))
    T_q, T_k = draw(st.integers(1, 9)), draw(st.integers(1, 9))
    blocks = draw(st.integers(1, 5)), draw(st.integers(1, 5))
    return Tiling(T_q, T_k, window is not None or draw(st.booleans()), window, *blocks)


@pytest.mark.exercise("4.2")
@settings(max_examples=20)
@given(cases(), st.sampled_from([1, 2, 4]))
def test_any_tiling(tiling, H_kv):
    check(*make(tiling.T_q, tiling.T_k, H=4, H_kv=H_kv, D=3, B=1), tiling, f"{tiling}")


# -- proofs -------------------------------------------------------------------------------------


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("window", [None, 50])
@pytest.mark.parametrize("T_q", [1, 130, 200])
def test_scaled_dot_product_attention_agrees(causal, window, T_q):
    q, k, v = make(T_q, 200, H=4, H_kv=2, D=32, dtype=torch.float32)
    tiling = Tiling(T_q, 200, causal, window if causal else None)
    mask = visible(tiling)
    expected = scaled_dot_product_attention(q, k, v, attn_mask=mask, enable_gqa=True)
    checks.close(tiled_attention.forward(q, k, v, tiling)[0], expected, "O")


def test_what_does_not_fit_is_named():
    q, k, v = make()
    with pytest.raises(ValueError, match="the tiling is of 7 x 8"):
        tiled_attention.forward(q, k, v, Tiling(7, 8))
    with pytest.raises(ValueError, match="multiple of H_kv"):
        tiled_attention.forward(q, *make(H_kv=3)[1:], Tiling(7, 7))
    with pytest.raises(ValueError, match="expected q"):
        tiled_attention.forward(q[0], k, v, Tiling(7, 7))
