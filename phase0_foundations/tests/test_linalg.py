"""Linear algebra against torch in float64, NumPy's own rules, and cases worked by hand."""

import functools

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import mutually_broadcastable_shapes

from phase0_foundations.solution import linalg
from shared import checks

PRODUCTS = ["matmul_loops", "matmul_rows_by_columns", "matmul_outer_products"]
SIZES = st.integers(0, 4)


def normal(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def check_arguments_are_left(call, name, **arrays):
    """Check that a call leaves the arrays that it is given as they were."""
    given = {key: array.copy() for key, array in arrays.items()}
    with np.errstate(all="ignore"):
        call(**given)
    for key, array in arrays.items():
        checks.equal(given[key], array, f"{name} leaves {key} as it was")


def check_shape(actual, expected, name):
    """Compare shapes as texts, so that a difference reads: got '(3,)', expected '(3, 2)'."""
    checks.equal(str(actual), str(expected), name)


# -- 0.1 --------------------------------------------------------------------------------------


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


# -- 0.4 --------------------------------------------------------------------------------------

# Strang's line through three points (lecture 16): the best fit is 5 - 3t, the errors (1, -2, 1).
LINE = np.array([[1.0, 0.0], [1.0, 1.0], [1.0, 2.0]])
HEIGHTS = np.array([6.0, 0.0, 0.0])


@pytest.mark.exercise("0.4")
def test_project_leaves_its_arguments():
    check_arguments_are_left(linalg.project, "project", b=HEIGHTS, A=LINE)


@pytest.mark.exercise("0.4")
def test_projection_onto_one_column_is_the_mean():
    actual = linalg.project(np.array([1.0, 2.0, 6.0]), np.ones((3, 1)))
    checks.close(actual, np.array([3.0, 3.0, 3.0]), "(1, 2, 6) projected onto (1, 1, 1)")


@pytest.mark.exercise("0.4")
def test_projection_by_hand():
    expected = np.array([5.0, 2.0, -1.0])
    checks.close(linalg.project(HEIGHTS, LINE), expected, "(6, 0, 0) projected onto a plane")


@pytest.mark.exercise("0.4")
@pytest.mark.parametrize(("m", "n"), [(1, 1), (4, 1), (6, 3), (5, 5), (4, 0)])
def test_projection_obeys_its_laws(m, n):
    A, b = normal(m, n), normal(m, seed=1)
    p = linalg.project(b, A)
    checks.close(p, (torch.from_numpy(A) @ pinv_solve(A, b)).numpy(), f"projection, A {m}x{n}")
    checks.close(A.T @ (b - p), np.zeros(n), f"b - p against the columns, A {m}x{n}")
    checks.close(linalg.project(p, A), p, f"projected twice, A {m}x{n}")


def pinv_solve(A, b):
    return torch.linalg.pinv(torch.from_numpy(A)) @ torch.from_numpy(b)


@pytest.mark.exercise("0.4")
def test_least_squares_leaves_its_arguments():
    check_arguments_are_left(linalg.least_squares, "least_squares", A=LINE, b=HEIGHTS)


@pytest.mark.exercise("0.4")
def test_least_squares_by_hand():
    expected = np.array([5.0, -3.0])
    checks.close(linalg.least_squares(LINE, HEIGHTS), expected, "the line nearest to three points")


@pytest.mark.exercise("0.4")
@pytest.mark.parametrize(("m", "n"), [(1, 1), (4, 1), (6, 3), (5, 5), (4, 0)])
def test_least_squares_matches_torch(m, n):
    A, b = normal(m, n), normal(m, seed=1)
    expected = pinv_solve(A, b).numpy()
    checks.close(linalg.least_squares(A, b), expected, f"least squares, A {m}x{n}", 1e-10, 1e-10)


@pytest.mark.exercise("0.4")
def test_least_squares_of_views():
    A, b = normal(3, 8)[:, ::-1].T, normal(16)[::-2]
    checks.close(linalg.least_squares(A, b), pinv_solve(A.copy(), b.copy()).numpy(), "A transposed")


@pytest.mark.exercise("0.4")
def test_least_squares_keeps_its_digits():
    # Powers of t up to t⁹: condition number 4e6, so AᵀA has 1e13. QR keeps 9 digits, AᵀA 3. They
    # are counted, for what is left of them in AᵀA is rounding, and differs from style to style.
    A = np.vander(np.linspace(0, 1, 20), 10)
    x = np.arange(1.0, 11.0)
    error = np.abs(linalg.least_squares(A, A @ x) / x - 1).max()
    digits = np.round(-np.log10(max(error, 1e-16)))
    checks.at_least(digits, 7, "right digits of the coefficients of nearly dependent columns")


@pytest.mark.exercise("0.4")
def test_projection_and_least_squares_refuse_what_does_not_fit():
    A, b = np.ones((3, 2)), np.ones(2)
    checks.raises(lambda: linalg.project(b, A), ValueError, "project, b of 2 onto columns of 3")
    checks.raises(lambda: linalg.least_squares(A, b), ValueError, "least_squares, b of 2, 3 rows")


# -- 0.5 --------------------------------------------------------------------------------------


def with_singular_values(m, n, values, seed=0):
    """A matrix whose singular values are known, because it was built from them."""
    U, _ = np.linalg.qr(normal(m, len(values), seed=seed))
    V, _ = np.linalg.qr(normal(n, len(values), seed=seed + 1))
    return U * np.array(values) @ V.T


def eigenpair(A, v, n_steps, name):
    """Call power_iteration and orient its vector: an eigenvector has no sign of its own."""
    with np.errstate(all="ignore"):
        answer = linalg.power_iteration(A, v, n_steps)
    checks.law(isinstance(answer, tuple) and len(answer) == 2, f"{name}: a pair", answer)
    value, vector = answer
    first = np.flatnonzero(np.abs(vector) > 1e-8)
    return value, vector * np.sign(vector[first[0]]) if first.size else vector


@pytest.mark.exercise("0.5")
def test_power_iteration_leaves_its_arguments():
    A, v = np.diag([2.0, 1.0]), np.array([3.0, 4.0])
    call = functools.partial(linalg.power_iteration, n_steps=5)
    check_arguments_are_left(call, "power_iteration", A=A, v=v)


@pytest.mark.exercise("0.5")
def test_power_iteration_by_hand():
    # [[2, 1], [1, 2]] has the eigenvalues 3, along (1, 1), and 1, along (1, -1).
    A, v = np.array([[2.0, 1.0], [1.0, 2.0]]), np.array([1.0, 0.0])
    value, vector = eigenpair(A, v, 60, "power_iteration of [[2, 1], [1, 2]]")
    checks.close(vector, np.full(2, 0.5**0.5), "eigenvector of [[2, 1], [1, 2]]")
    checks.close(value, 3.0, "eigenvalue of [[2, 1], [1, 2]]")


@pytest.mark.exercise("0.5")
def test_power_iteration_takes_the_steps_it_is_told():
    A, v = np.diag([2.0, 1.0]), np.array([3.0, 4.0])
    value, vector = eigenpair(A, v, 1, "one step")
    checks.close(vector, np.array([6.0, 4.0]) / 52**0.5, "vector after one step")
    checks.close(value, (2 * 36 + 16) / 52, "Rayleigh quotient after one step")
    checks.close(eigenpair(A, v, 0, "no step")[1], v / 5, "vector after no step")


@pytest.mark.exercise("0.5")
def test_power_iteration_knows_the_sign():
    value, _ = eigenpair(np.diag([-3.0, 1.0]), np.ones(2), 60, "dominant eigenvalue -3")
    checks.close(value, -3.0, "eigenvalue of diag(-3, 1)")


@pytest.mark.exercise("0.5")
def test_power_iteration_of_large_numbers():
    A = 1e3 * np.array([[2.0, 1.0], [1.0, 2.0]])
    value, vector = eigenpair(A, np.array([1.0, 0.5]), 200, "eigenvalue 3000, 200 steps")
    checks.close(vector, np.full(2, 0.5**0.5), "eigenvector when lengths grow by 3000 a step")
    checks.close(value, 3e3, "eigenvalue when lengths grow by 3000 a step")


@pytest.mark.exercise("0.5")
@pytest.mark.parametrize("n", [1, 2, 5])
def test_power_iteration_matches_torch(n):
    Q, _ = np.linalg.qr(normal(n, n))
    A = Q * (2.0 ** -np.arange(n)) @ Q.T
    value, vector = eigenpair(A, normal(n, seed=2)[::-1], 100, f"{n}x{n}")
    values, vectors = torch.linalg.eigh(torch.from_numpy(A))
    expected = vectors[:, -1].numpy()
    checks.close(value, values[-1].item(), f"dominant eigenvalue, {n}x{n}", 1e-10, 1e-10)
    checks.close(np.abs(vector), np.abs(expected), f"dominant eigenvector, {n}x{n}", 1e-10, 1e-10)


@pytest.mark.exercise("0.5")
def test_power_iteration_of_zeros():
    value, vector = eigenpair(np.zeros((2, 2)), np.array([0.0, 2.0]), 5, "the zero matrix")
    checks.close(value, 0.0, "eigenvalue of zeros")
    checks.close(vector, np.array([0.0, 1.0]), "vector for zeros")


def svd(A, rank, name):
    """Call truncated_svd and check the shapes of what comes back."""
    with np.errstate(all="ignore"):
        answer = linalg.truncated_svd(A, rank, np.random.default_rng(0))
    checks.law(isinstance(answer, tuple) and len(answer) == 3, f"{name}: U, S, Vt", answer)
    shapes = {"U": (A.shape[0], rank), "S": (rank,), "Vt": (rank, A.shape[1])}
    for part, (key, shape) in zip(answer, shapes.items()):
        check_shape(np.shape(part), shape, f"{name}: the shape of {key}")
    return answer


@pytest.mark.exercise("0.5")
def test_svd_leaves_its_argument():
    call = functools.partial(linalg.truncated_svd, rank=1, rng=np.random.default_rng(0))
    A = np.array([[3.0, 0.0], [0.0, 2.0], [0.0, 0.0]])
    check_arguments_are_left(call, "truncated_svd", A=A)


@pytest.mark.exercise("0.5")
def test_svd_by_hand():
    A = np.array([[3.0, 0.0], [0.0, 2.0], [0.0, 0.0]])
    U, S, Vt = svd(A, 2, "diagonal 3, 2")
    checks.close(S, np.array([3.0, 2.0]), "singular values 3, 2")
    checks.close(U * S @ Vt, A, "U diag(S) Vt of a diagonal 3x2 matrix", atol=1e-7)


@pytest.mark.exercise("0.5")
@pytest.mark.parametrize(
    ("m", "n", "rank"), [(4, 4, 2), (7, 4, 3), (3, 6, 3), (5, 1, 1), (1, 5, 1)]
)
def test_svd_matches_torch(m, n, rank):
    A = with_singular_values(m, n, 3.0 ** -np.arange(min(m, n)))
    U, S, Vt = svd(A, rank, f"{m}x{n}, rank {rank}")
    full = torch.linalg.svd(torch.from_numpy(A), full_matrices=False)
    best = (full.U[:, :rank] * full.S[:rank] @ full.Vh[:rank]).numpy()
    checks.close(S, full.S[:rank].numpy(), f"singular values, {m}x{n}", 1e-10, 1e-10)
    checks.close(U * S @ Vt, best, f"best rank-{rank} approximation, {m}x{n}", 1e-10, 1e-10)


@pytest.mark.exercise("0.5")
def test_svd_obeys_its_laws():
    values = np.array([8.0, 4.0, 2.0, 1.0])
    A = with_singular_values(6, 5, values)[::-1, ::-1]
    U, S, Vt = svd(A, 2, "6x5, rank 2")
    checks.close(U.T @ U, np.eye(2), "columns of U are orthonormal")
    checks.close(Vt @ Vt.T, np.eye(2), "rows of Vt are orthonormal")
    # Eckart and Young: what is missing is exactly the other singular values.
    checks.close(np.linalg.norm(A - U * S @ Vt), 5**0.5, "error of the best rank-2 approximation")


@pytest.mark.exercise("0.5")
def test_svd_of_rank_zero_is_empty():
    U, S, Vt = svd(normal(3, 2), 0, "rank 0")
    checks.close(U * S @ Vt, np.zeros((3, 2)), "the empty sum")


@pytest.mark.exercise("0.5")
def test_power_iteration_and_svd_refuse_what_does_not_fit():
    rng = np.random.default_rng(0)
    A = np.ones((2, 3))
    checks.raises(lambda: linalg.power_iteration(A, np.ones(3), 5), ValueError, "A of shape (2, 3)")
    checks.raises(
        lambda: linalg.power_iteration(np.eye(2), np.zeros(2), 5), ValueError, "a start of zeros"
    )
    checks.raises(lambda: linalg.truncated_svd(A, 3, rng), ValueError, "rank 3 of a 2x3 matrix")
