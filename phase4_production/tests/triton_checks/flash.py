"""The forward kernel against float64 and against scaled_dot_product_attention."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch.testing import assert_close

from phase4_production.project import triton_flash
from phase4_production.tests.triton_checks.attention_oracle import (
    DEVICE,
    HALF,
    SHAPES,
    draw,
    exact,
    sees,
    worst,
)


@pytest.mark.parametrize(("B", "H", "H_kv", "T_q", "T_k", "D", "causal"), SHAPES)
def test_it_is_attention(B, H, H_kv, T_q, T_k, D, causal):
    q, k, v, _ = draw(B, H, H_kv, T_q, T_k, D)
    o, L = triton_flash.forward(q, k, v, causal=causal)
    o_exact, L_exact = exact(q, k, v, causal)
    assert_close(o, o_exact.float())
    assert_close(L, L_exact.float())
    seen = sees(T_q, T_k, causal)
    rows = seen.any(1)  # what SDPA gives for a row without a key is its own affair
    theirs = F.scaled_dot_product_attention(q, k, v, attn_mask=seen, enable_gqa=H_kv != H)
    assert_close(o[:, :, rows], theirs[:, :, rows])


def test_no_score_is_too_large():
    q, k, v, _ = draw(1, 1, 1, 40, 40, 16)
    o, L = triton_flash.forward(100 * q, 100 * k, v, causal=True)
    o_exact, L_exact = exact(100 * q, 100 * k, v, True)
    # A score of 1e5 is rounded to 1e-2 in float32, which its weight, exp of it, shows in full.
    assert_close(o, o_exact.float(), rtol=0, atol=3e-2)
    assert_close(L, L_exact.float())


def test_a_scale_of_ones_own():
    q, k, v, _ = draw(1, 1, 1, 20, 20, 16)
    o, _ = triton_flash.forward(q, k, v, scale=0.7)
    assert_close(o, exact(q, k, v, False, scale=0.7)[0].float())


def test_half_precision_costs_no_more_than_anybody_elses():
    q, k, v, _ = draw(1, 2, 2, 70, 70, 64, HALF)
    o, _ = triton_flash.forward(q, k, v, causal=True)
    assert o.dtype == HALF
    right = exact(q, k, v, True)[0]
    theirs = F.scaled_dot_product_attention(q, k, v, is_causal=True)
    assert worst(o, right) <= 2 * worst(theirs, right)


def test_heads_may_lie_between_tokens():
    q, k, v, _ = draw(1, 2, 2, 40, 40, 16)
    views = [t.transpose(1, 2).contiguous().transpose(1, 2) for t in (q, k, v)]
    assert not views[0].is_contiguous()
    assert_close(triton_flash.forward(*views)[0], triton_flash.forward(q, k, v)[0], rtol=0, atol=0)


@pytest.mark.parametrize(
    ("shape", "scale", "says"),
    [
        ((1, 2, 5, 24), None, "16, 32, 64 or 128 features, got 24"),
        ((1, 3, 5, 16), None, "k and v"),
        ((1, 2, 5, 16), 0.0, "scale must be above 0"),
        ((1, 2, 5, 16), -1.0, "scale must be above 0"),
    ],
)
def test_what_it_cannot_take_is_refused(shape, scale, says):
    q = torch.zeros(shape)
    k = torch.zeros(1, 2, 5, shape[-1])
    with pytest.raises(ValueError, match=says):
        triton_flash.forward(q, k, k, scale=scale)


def test_a_query_without_a_key_finds_nothing():
    q, k, v, _ = draw(1, 1, 1, 50, 21, 16)
    o, L = triton_flash.forward(q, k, v, causal=True)
    assert (o[:, :, :29] == 0).all()
    assert (L[:, :, :29] == -math.inf).all()
    assert (o[:, :, 29:] != 0).any(-1).all()


@pytest.mark.skipif(DEVICE == "cuda", reason="the GPU multiplies bfloat16")
def test_the_interpreter_refuses_bfloat16():
    q, k, v, _ = draw(1, 1, 1, 16, 16, 16, torch.bfloat16)
    with pytest.raises(ValueError, match="bfloat16"):
        triton_flash.forward(q, k, v)
