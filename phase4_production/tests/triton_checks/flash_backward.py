"""The backward kernels against autograd in float64."""

import pytest
import torch
from torch.testing import assert_close

from phase4_production.project import triton_flash_backward
from phase4_production.tests.triton_checks.attention_oracle import HALF, SHAPES, draw, exact, worst


def ours(q, k, v, do, **options):
    leaves = [t.clone().requires_grad_() for t in (q, k, v)]
    o = triton_flash_backward.attention(*leaves, **options)
    return torch.autograd.grad(o, leaves, do)


def right(q, k, v, do, causal, scale=None):
    leaves = [t.double().requires_grad_() for t in (q, k, v)]
    o, _ = exact(*leaves, causal, scale)
    return torch.autograd.grad(o, leaves, do.double())


@pytest.mark.parametrize(("B", "H", "H_kv", "T_q", "T_k", "D", "causal"), SHAPES)
def test_the_gradients_are_those_of_attention(B, H, H_kv, T_q, T_k, D, causal):
    q, k, v, do = draw(B, H, H_kv, T_q, T_k, D)
    if T_q > T_k and causal:  # in the oracle a row without a key has no gradient but nan
        empty = T_q - T_k
        dq, dk, dv = right(q[:, :, empty:], k, v, do[:, :, empty:], causal)
        dq = torch.cat([torch.zeros_like(q[:, :, :empty]).double(), dq], 2)
    else:
        dq, dk, dv = right(q, k, v, do, causal)
    for found, wanted in zip(ours(q, k, v, do, causal=causal), (dq, dk, dv)):
        assert wanted.abs().max() > 0 or T_k == 1  # a single key: its weight is 1 whatever q is
        assert_close(found, wanted.float())


def test_the_scale_is_in_all_of_them():
    q, k, v, do = draw(1, 2, 1, 40, 40, 16)
    for found, wanted in zip(ours(q, k, v, do, scale=0.7), right(q, k, v, do, False, 0.7)):
        assert_close(found, wanted.float())


def test_a_gradient_that_is_one_number_repeated():
    q, k, v, _ = draw(1, 1, 1, 40, 40, 16)
    leaf = v.clone().requires_grad_()
    triton_flash_backward.attention(q, k, leaf).sum().backward()  # dO has strides of 0
    assert_close(leaf.grad, right(q, k, v, torch.ones_like(q), False)[2].float())


def test_nothing_comes_from_the_future():
    q, k, v, do = draw(1, 1, 1, 48, 48, 16)
    do[:, :, 20:] = 0
    dq, dk, dv = ours(q, k, v, do, causal=True)
    for gradient in (dq, dk, dv):
        assert (gradient[:, :, 20:] == 0).all()
        assert (gradient[:, :, 1:20] != 0).any(-1).all()


def test_half_precision_costs_no_more_than_anybody_elses():
    q, k, v, do = draw(1, 2, 2, 70, 70, 32, HALF)
    leaves = [t.clone().requires_grad_() for t in (q, k, v)]
    o = torch.nn.functional.scaled_dot_product_attention(*leaves, is_causal=True)
    theirs = torch.autograd.grad(o, leaves, do)
    wanted = right(q, k, v, do, True)
    for found, other, exactly in zip(ours(q, k, v, do, causal=True), theirs, wanted):
        assert found.dtype == HALF
        assert worst(found, exactly) <= 2 * worst(other, exactly)
