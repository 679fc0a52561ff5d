"""Gradients in their operands' shapes: first un-broadcasting, then the matmul that needs it."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis.extra.numpy import mutually_broadcastable_shapes

from phase0_foundations.solution import ops, tensor
from phase0_foundations.tests.draw import to_torch
from shared import checks

GRAD = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])


# Exercise 0.10: the backward of broadcasting


@pytest.mark.exercise("0.10")
def test_a_row_that_was_added_to_every_row():
    # (3,) -> (2, 3): element j was used in both rows, so its gradient is the column's sum.
    got = tensor.unbroadcast(GRAD, (3,))
    checks.close(got, np.array([5.0, 7.0, 9.0]), "unbroadcast: gradient (2, 3) of a row (3,)")


@pytest.mark.exercise("0.10")
def test_a_column_that_was_added_to_every_column():
    # (2, 1) -> (2, 3): 1 + 2 + 3 and 4 + 5 + 6.
    got = tensor.unbroadcast(GRAD, (2, 1))
    checks.close(got, np.array([[6.0], [15.0]]), "unbroadcast: gradient (2, 3) of a column (2, 1)")


@pytest.mark.exercise("0.10")
def test_a_number_that_was_added_everywhere():
    got = tensor.unbroadcast(GRAD, ())
    checks.close(got, 21.0, "unbroadcast: gradient (2, 3) of a single number ()")
    got = tensor.unbroadcast(GRAD, (1, 1))
    checks.close(got, np.array([[21.0]]), "unbroadcast: gradient (2, 3) of a number (1, 1)")


@pytest.mark.exercise("0.10")
def test_without_broadcasting_nothing_changes():
    got = tensor.unbroadcast(GRAD, (2, 3))
    checks.equal(got, GRAD, "unbroadcast: gradient (2, 3) of an array (2, 3)")


@pytest.mark.exercise("0.10")
def test_new_axes_and_stretched_axes_at_once():
    grad = np.arange(24.0).reshape(2, 3, 4)
    expected = grad.transpose(1, 0, 2).reshape(3, 8).sum(axis=1)[:, None]
    got = tensor.unbroadcast(grad, (3, 1))
    checks.close(got, expected, "unbroadcast: gradient (2, 3, 4) of an array (3, 1)")


@pytest.mark.exercise("0.10")
@given(mutually_broadcastable_shapes(num_shapes=2, max_dims=4, max_side=4))
def test_unbroadcast_is_the_transpose_of_expand(drawn):
    shape, result = drawn.input_shapes[0], drawn.result_shape
    grad = np.random.default_rng(len(result)).standard_normal(result)
    leaf = torch.zeros(shape, dtype=torch.float64, requires_grad=True)
    leaf.expand(result).backward(torch.from_numpy(grad))
    got = tensor.unbroadcast(grad, shape)
    checks.close(got, leaf.grad, f"unbroadcast: gradient {result} of an array {shape}")


# Exercise 0.10: the backward of matmul


@pytest.mark.exercise("0.10")
def test_one_entry_of_a_product():
    # Only C[0, 1] = sum over k of a0k bk1 counts: row 0 of da is b's column 1, and the other way.
    a, b = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]), np.arange(7.0, 19.0).reshape(3, 4)
    grad = np.zeros((2, 4))
    grad[0, 1] = 1.0
    da, db = np.zeros((2, 3)), np.zeros((3, 4))
    da[0], db[:, 1] = [8.0, 12.0, 16.0], [1.0, 2.0, 3.0]
    name = "(da, db) of a (2, 3) @ b (3, 4), where only C[0, 1] counts"
    checks.close(ops.matmul_backward(grad, a, b), (da, db), name)


@pytest.mark.exercise("0.10")
@pytest.mark.parametrize(
    ("shape_a", "shape_b"),
    [
        ((2, 3), (3, 4)),
        ((3, 3), (3, 3)),  # here a wrong transpose still fits
        ((0, 3), (3, 2)),
        ((5, 2, 3), (5, 3, 4)),  # a batch
        ((3, 3, 3), (3, 3, 3)),
        ((5, 2, 3), (3, 4)),  # a batch that broadcasts
        ((2, 1, 3, 4), (5, 4, 2)),
        ((2, 3), (3,)),  # 1-d operands
        ((3,), (3, 4)),
        ((3,), (3,)),
        ((5, 2, 3), (3,)),
        ((3,), (5, 3, 2)),
    ],
)
def test_matmul_backward_agrees_with_torch(shape_a, shape_b):
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal(shape_a), rng.standard_normal(shape_b)
    grad = rng.standard_normal(np.shape(a @ b))
    left, right = to_torch(a), to_torch(b)
    (left @ right).backward(torch.tensor(grad))
    got = ops.matmul_backward(grad, a, b)
    checks.close(got, (left.grad, right.grad), f"(da, db) of a {shape_a} @ b {shape_b}")


@pytest.mark.exercise("0.10")
@given(mutually_broadcastable_shapes(signature="(m,k),(k,n)->(m,n)", max_dims=2, max_side=3))
def test_matmul_backward_is_the_adjoint_of_a_small_change(drawn):
    # The product is linear in a and in b: moving a by v moves sum(grad * C) by exactly sum(da * v).
    rng = np.random.default_rng(len(drawn.result_shape))
    a, b, v, w = (rng.standard_normal(shape) for shape in (*drawn.input_shapes,) * 2)
    grad = rng.standard_normal(drawn.result_shape)
    da, db = ops.matmul_backward(grad, a, b)
    checks.equal((np.shape(da), np.shape(db)), (a.shape, b.shape), "shapes of (da, db)")
    checks.close((da * v).sum(), (grad * (v @ b)).sum(), f"a {a.shape} moved")
    checks.close((db * w).sum(), (grad * (a @ w)).sum(), f"b {b.shape} moved")
