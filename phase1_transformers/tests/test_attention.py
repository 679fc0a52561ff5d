"""Attention against PyTorch's, the definition in loops, and the laws that it must obey."""

import math

import pytest
import torch
import torch.nn.functional as F

from phase1_transformers.solution import attention
from phase1_transformers.tests.random_tensors import (
    check_arguments_are_left,
    check_dtype,
    check_shape,
    gradients,
    normal,
)
from shared import checks

EXACT = {"rtol": 1e-10, "atol": 1e-10}
LOWER = torch.ones(6, 6, dtype=torch.bool).tril()


def qkv(T_q=5, T_k=7, lead=(2, 3), D=4, D_v=4, dtype=torch.float64):
    shapes = (T_q, D), (T_k, D), (T_k, D_v)
    return [normal(*lead, *shape, seed=i, dtype=dtype) for i, shape in enumerate(shapes)]


def some_mask(*shape):
    """Draw a mask in which every query may look at one key at least."""
    mask = normal(*shape, seed=3) > 0
    mask[..., 0] |= ~mask.any(dim=-1)
    return mask


# -- attention --------------------------------------------------------------------------------

# The dot products are 2 ln 3 and 0, divided by sqrt(4) they are ln 3 and 0: weights 3/4 and 1/4.
Q = torch.tensor([[2 * math.log(3), 0.0, 0.0, 0.0]], dtype=torch.float64)
K = torch.tensor([[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0]], dtype=torch.float64)
V = torch.tensor([[4.0], [8.0]], dtype=torch.float64)


@pytest.mark.exercise("1.8")
def test_attention_by_hand():
    expected = torch.tensor([[5.0]], dtype=torch.float64)  # 3/4 * 4 + 1/4 * 8
    checks.close(attention.attention(Q, K, V), expected, "one query that weighs two keys 3 : 1")


@pytest.mark.exercise("1.8")
def test_attention_leaves_its_arguments():
    q, k, v = qkv(6, 6)
    check_arguments_are_left(attention.attention, "attention", q=q, k=k, v=v, mask=LOWER)


@pytest.mark.exercise("1.8")
def test_masked_attention_by_hand():
    q, mask = Q.repeat(3, 1), torch.tensor([[True, False], [False, True], [True, True]])
    expected = torch.tensor([[4.0], [8.0], [5.0]], dtype=torch.float64)
    actual = attention.attention(q, K, V, mask)
    checks.close(actual, expected, "queries that may look at the first key, the second, both")


@pytest.mark.exercise("1.8")
def test_weights_of_a_query_sum_to_one():
    q, k, _ = qkv(D=16)
    v = torch.full((2, 3, 7, 2), 2.5, dtype=torch.float64)
    for mask, name in ((None, "no mask"), (some_mask(5, 7), "a mask")):
        actual = attention.attention(q, k, v, mask)
        checks.close(actual, v[:, :, :5], f"values that are all 2.5, {name}", **EXACT)


@pytest.mark.exercise("1.8")
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(
    ("T_q", "T_k", "mask_shape"),
    [(7, 7, None), (3, 7, None), (5, 7, (5, 7)), (5, 7, (2, 1, 1, 7)), (1, 9, (2, 3, 1, 9))],
)
def test_attention_is_torchs(T_q, T_k, mask_shape, dtype):
    q, k, v = qkv(T_q, T_k, D=6, D_v=5, dtype=dtype)
    mask = mask_shape and some_mask(*mask_shape)
    actual = attention.attention(q, k, v, mask)
    check_dtype(actual, dtype, f"dtype of attention for {dtype}")
    expected = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
    checks.close(actual, expected, f"{T_q} queries, {T_k} keys, mask {mask_shape}")


@pytest.mark.exercise("1.8")
def test_attention_is_the_definition():
    q, k, v = qkv(3, 4, lead=(), D=2, D_v=3)
    mask = some_mask(3, 4)
    expected = torch.zeros(3, 3, dtype=torch.float64)
    for i in range(3):
        seen = [j for j in range(4) if mask[i, j]]
        odds = [math.exp(float(q[i] @ k[j]) / math.sqrt(2)) for j in seen]
        for j, odd in zip(seen, odds):
            expected[i] += odd / sum(odds) * v[j]
    actual = attention.attention(q, k, v, mask)
    checks.close(actual, expected, "3 queries, 4 keys, a mask, against sums in a loop", **EXACT)


@pytest.mark.exercise("1.8")
def test_the_mask_beats_any_score():
    q, k = torch.tensor([[-1e6]]), torch.tensor([[1e6], [0.0]])
    v, mask = torch.tensor([[4.0], [8.0]]), torch.tensor([[True, False]])
    actual = attention.attention(q, k, v, mask)
    name = "a query that may look at the first key only, where the scores are -1e12 and 0"
    checks.close(actual, torch.tensor([[4.0]]), name)


@pytest.mark.exercise("1.8")
@pytest.mark.parametrize("scale", [1.0, 1e4])
def test_scores_of_any_size(scale):
    q, k, v = qkv(6, 6, D=8)
    actual = attention.attention(q * scale, k, v, LOWER)
    expected = F.scaled_dot_product_attention(q * scale, k, v, attn_mask=LOWER)
    checks.close(actual, expected, f"queries of size {scale:g}, causal mask", **EXACT)


@pytest.mark.exercise("1.8")
def test_the_future_leaves_no_trace():
    q, k, v = qkv(6, 6)
    before = attention.attention(q, k, v, LOWER)
    check_shape(before, (2, 3, 6, 4), "shape of attention")
    k[:, :, 4:], v[:, :, 4:] = 30.0, -1e6
    after = attention.attention(q, k, v, LOWER)[:, :, :4]
    checks.equal(after, before[:, :, :4], "outputs 0 to 3 after keys and values 4, 5 have changed")


@pytest.mark.exercise("1.8")
def test_keys_have_no_order():
    (q, k, v), mask = qkv(), some_mask(5, 7)
    order = torch.tensor([3, 0, 6, 1, 5, 2, 4])
    shuffled = attention.attention(q, k[:, :, order], v[:, :, order], mask[:, order])
    expected = attention.attention(q, k, v, mask)
    checks.close(shuffled, expected, "keys, values and mask in another order", **EXACT)


@pytest.mark.exercise("1.8")
def test_attention_gradients_are_torchs():
    mask = some_mask(5, 7)
    mask[:, 6] = False  # nobody may look at the last key
    ours = gradients(lambda *x: attention.attention(*x, mask), *qkv())
    torchs = gradients(lambda *x: F.scaled_dot_product_attention(*x, attn_mask=mask), *qkv())
    for name, actual, expected in zip("qkv", ours, torchs):
        checks.close(actual, expected, f"gradient of {name}", **EXACT)
    for name, actual in zip("kv", ours[1:]):
        zeros = torch.zeros(2, 3, 4, dtype=torch.float64)
        checks.equal(actual[:, :, 6], zeros, f"gradient of {name} where nobody may look")


def test_attention_refuses_what_does_not_fit():
    q, k, v = qkv()
    checks.raises(
        lambda: attention.attention(q[..., :3], k, v), ValueError, "D", match="do not fit"
    )
    short = v[..., :6, :]
    checks.raises(lambda: attention.attention(q, k, short), ValueError, "T_k", match="do not fit")


# -- causal mask ------------------------------------------------------------------------------


def causal(T_q, T_k):
    """Call causal_mask, after checking that it returns booleans."""
    mask = attention.causal_mask(T_q, T_k)
    check_dtype(mask, torch.bool, "dtype of causal_mask")
    return mask


@pytest.mark.exercise("1.8")
def test_causal_mask_by_hand():
    expected = torch.tensor([[1, 0, 0], [1, 1, 0], [1, 1, 1]]) > 0
    checks.equal(causal(3, 3), expected, "causal_mask(3, 3)")


@pytest.mark.exercise("1.8")
def test_causal_mask_with_a_past():
    # Two new tokens after three old ones: the first sees those and itself, the second all five.
    expected = torch.tensor([[1, 1, 1, 1, 0], [1, 1, 1, 1, 1]]) > 0
    checks.equal(causal(2, 5), expected, "causal_mask(2, 5)")
    checks.equal(causal(1, 4), torch.ones(1, 4) > 0, "causal_mask(1, 4), the newest token")
    checks.equal(causal(1, 1), torch.ones(1, 1) > 0, "causal_mask(1, 1)")


@pytest.mark.exercise("1.8")
def test_causal_mask_is_the_end_of_the_triangle():
    for T_q in range(1, 7):
        name = f"causal_mask({T_q}, 6) against the last rows of a (6, 6) triangle"
        checks.equal(causal(T_q, 6), LOWER[6 - T_q :], name)


def test_causal_mask_lies_where_it_is_asked_to():
    mask = attention.causal_mask(2, 3, device=torch.device("meta"))
    checks.equal(mask.device.type, "meta", "device of causal_mask(2, 3, device='meta')")


def test_causal_mask_refuses_queries_without_keys():
    checks.raises(lambda: attention.causal_mask(4, 3), ValueError, "T_q > T_k", match="4 queries")


@pytest.mark.parametrize(("T_q", "T_k"), [(6, 6), (2, 6), (1, 6)])
def test_causal_attention_is_the_end_of_the_whole(T_q, T_k):
    q, k, v = qkv(T_k, T_k)
    whole = F.scaled_dot_product_attention(q, k, v, is_causal=True)
    actual = attention.causal_attention(q[..., T_k - T_q :, :], k, v)
    checks.close(actual, whole[..., T_k - T_q :, :], f"the last {T_q} of {T_k} queries", **EXACT)
