"""Linear algebra against torch in float64, NumPy's own rules, and cases worked by hand."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import mutually_broadcastable_shapes

from phase0_foundations.solution import linalg
from phase0_foundations.tests.arrays import check_arguments_are_left, check_shape, normal
from shared import checks

PRODUCTS = ["matmul_loops", "matmul_rows_by_columns", "matmul_outer_products"]
SIZES = st.integers(0, 4)


@pytest.mark.exercise("0.1")
@pytest.mark.parametrize("name", PRODUCTS)
def test_product_by_hand(name):
    A, B = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[5.0, 6.0], [7.0, 8.0]])
    # 1*5 + 2*7 = 19, 1*6 + 2*8 = 22, 3*5 + 4*7 = 43, 3*6 + 4*8 = 50
    expected = np.array([[19.0, 22.0], [43.0, 50.0]])
    checks.close(getattr(linalg, name)(A, B), expected, f"{name}, 2x2 by 2x2")


@pytest.mark.exercise("0.1")
@pytest.mark.parametrize("name", PRODUCTS)
def test_product_leaves_its_arguments(name):
    A, B = normal(2, 3), normal(3, 2, seed=1)
    check_arguments_are_left(getattr(linalg, name), name, A=A, B=B)


@pytest.mark.exercise("0.1")
@pytest.mark.parametrize("name", PRODUCTS)
def test_product_of_a_row_and_a_column(name):
    row, column = np.array([[1.0, 2.0, 3.0]]), np.array([[4.0], [5.0], [6.0]])
    product = getattr(linalg, name)
    checks.close(product(row, column), np.array([[32.0]]), f"{name}, row by column")
    checks.close(product(column, row), column * row, f"{name}, column by row")


@pytest.mark.exercise("0.1")
@pytest.mark.parametrize("name", PRODUCTS)
@given(SIZES, SIZES, SIZES)
def test_product_matches_torch(name, m, k, n):
    A, B = normal(m, k), normal(k, n, seed=1)
    expected = (torch.from_numpy(A) @ torch.from_numpy(B)).numpy()
    actual = getattr(linalg, name)(A, B)
    checks.close(actual, expected, f"{name}, {m}x{k} by {k}x{n}", rtol=1e-10, atol=1e-10)


@pytest.mark.exercise("0.1")
@pytest.mark.parametrize("name", PRODUCTS)
def test_product_of_views(name):
    A, B = normal(4, 6)[::-1, ::-2], normal(5, 3, seed=1).T
    actual = getattr(linalg, name)(A, B)
    checks.close(actual, np.ascontiguousarray(A) @ B.copy(), f"{name}, reversed and transposed")


@pytest.mark.exercise("0.1")
@pytest.mark.parametrize("name", PRODUCTS)
@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        ("int64", "int64", "int64"),
        ("float32", "float32", "float32"),
        ("int32", "float64", "float64"),
    ],
)
def test_product_dtype(name, left, right, expected):
    actual = getattr(linalg, name)(np.ones((2, 3), left), np.ones((3, 2), right))
    dtype = str(getattr(actual, "dtype", type(actual).__name__))
    checks.equal(dtype, expected, f"{name}, dtype of {left} times {right}")


@pytest.mark.exercise("0.1")
@pytest.mark.parametrize("name", PRODUCTS)
def test_product_distributes_over_addition(name):
    A, B, C = normal(3, 4), normal(4, 2, seed=1), normal(4, 2, seed=2)
    product = getattr(linalg, name)
    checks.close(product(A, B + C), product(A, B) + product(A, C), f"{name}, A(B + C) = AB + AC")


@pytest.mark.exercise("0.1")
@pytest.mark.parametrize("name", PRODUCTS)
@pytest.mark.parametrize("shapes", [((2, 3), (2, 3)), ((3,), (3, 1)), ((1, 2, 3), (3, 1))])
def test_product_refuses_what_does_not_fit(name, shapes):
    A, B = map(np.ones, shapes)
    checks.raises(lambda: getattr(linalg, name)(A, B), ValueError, f"{name} of shapes {shapes}")


# -- 0.3 --------------------------------------------------------------------------------------


@pytest.mark.exercise("0.3")
@pytest.mark.parametrize(
    ("shapes", "expected"),
    [
        (((2, 3), (2, 3)), (2, 3)),
        (((4, 1, 3), (1, 3)), (4, 1, 3)),
        (((2, 3), (3,)), (2, 3)),
        (((3,), (2, 3)), (2, 3)),
        (((3, 1), (4,)), (3, 4)),
        (((5, 1, 2), (1, 4, 1), (2,)), (5, 4, 2)),
        (((), (7,)), (7,)),
        (((0,), (1,)), (0,)),
        (((1, 3), (0, 3)), (0, 3)),
        (((), ()), ()),
        ((), ()),
    ],
)
def test_broadcast_shape_by_hand(shapes, expected):
    check_shape(linalg.broadcast_shape(*shapes), expected, f"broadcast_shape of {shapes}")


@pytest.mark.exercise("0.3")
@pytest.mark.parametrize(
    "shapes", [((3,), (4,)), ((2, 3), (2,)), ((0,), (3,)), ((1, 2), (1, 1), (1, 3))]
)
def test_broadcast_shape_refuses_a_conflict(shapes):
    checks.raises(lambda: linalg.broadcast_shape(*shapes), ValueError, f"broadcasting {shapes}")


@pytest.mark.exercise("0.3")
@given(mutually_broadcastable_shapes(num_shapes=3, min_side=0, max_side=4, max_dims=4))
def test_broadcast_shape_matches_numpy(drawn):
    shapes = drawn.input_shapes
    expected = np.broadcast_shapes(*shapes)
    check_shape(linalg.broadcast_shape(*shapes), expected, f"broadcast_shape of {shapes}")


@pytest.mark.exercise("0.3")
def test_batched_matmul_leaves_its_arguments():
    A, B = normal(5, 2, 2), normal(5, 2, 2, seed=1)
    check_arguments_are_left(linalg.batched_matmul, "batched_matmul", A=A, B=B)


@pytest.mark.exercise("0.3")
def test_batched_matmul_by_hand():
    A = np.array([[[1.0, 2.0], [3.0, 4.0]], [[0.0, 1.0], [1.0, 0.0]]])
    B = np.array([[[5.0, 6.0], [7.0, 8.0]], [[1.0, 2.0], [3.0, 4.0]]])
    expected = np.array([[[19.0, 22.0], [43.0, 50.0]], [[3.0, 4.0], [1.0, 2.0]]])
    checks.close(linalg.batched_matmul(A, B), expected, "two products in one batch")


@pytest.mark.exercise("0.3")
@pytest.mark.parametrize(
    "shapes",
    [
        ((2, 3), (3, 4)),
        ((5, 2, 3), (5, 3, 4)),
        ((1, 2, 3), (5, 3, 4)),
        ((5, 2, 3), (3, 4)),
        ((2, 3), (5, 3, 4)),
        ((5, 1, 2, 3), (6, 3, 4)),
        ((0, 2, 3), (1, 3, 4)),
        ((5, 2, 0), (5, 0, 4)),
        ((5, 1, 1), (5, 1, 1)),
    ],
)
def test_batched_matmul_matches_torch(shapes):
    A, B = normal(*shapes[0]), normal(*shapes[1], seed=1)
    expected = torch.matmul(torch.from_numpy(A), torch.from_numpy(B)).numpy()
    name = f"batched_matmul, {shapes[0]} by {shapes[1]}"
    checks.close(linalg.batched_matmul(A, B), expected, name, rtol=1e-10, atol=1e-10)


@pytest.mark.exercise("0.3")
def test_batched_matmul_of_views():
    A, B = normal(3, 4, 2)[::-1, :, ::-1], normal(3, 5, 2, seed=1).swapaxes(1, 2)
    expected = np.stack([a @ b for a, b in zip(A.copy(), B.copy())])
    checks.close(linalg.batched_matmul(A, B), expected, "batched_matmul, reversed and transposed")


@pytest.mark.exercise("0.3")
def test_batched_matmul_refuses_what_does_not_fit():
    A, B = np.ones((2, 2, 3)), np.ones((2, 2, 3))
    checks.raises(lambda: linalg.batched_matmul(A, B), ValueError, "inner sizes 3 and 2")
