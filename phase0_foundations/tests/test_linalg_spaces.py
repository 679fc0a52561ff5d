"""Projections, least squares and the SVD against torch in float64, laws, and cases by hand."""

import functools

import numpy as np
import pytest
import torch

from phase0_foundations.solution import linalg
from phase0_foundations.tests.arrays import check_arguments_are_left, check_shape, normal
from shared import checks

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
