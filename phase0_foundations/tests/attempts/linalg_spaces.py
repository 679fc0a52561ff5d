"""The mistakes of `mistakes/linalg.py` again, as another learner would write them."""

import numpy as np

from phase0_foundations.solution import linalg
from shared.mistakes import attempt


@attempt("project_without_the_gram_inverse")
def _(b, A):
    point = 0 * b
    for j in range(A.shape[1]):
        point = point + np.sum(A[:, j] * b) * A[:, j]
    return point


@attempt("project_returns_the_error")
def _(b, A):
    coefficients, *_ = np.linalg.lstsq(A, b, rcond=None)
    return b - A.dot(coefficients)


@attempt("project_returns_the_coefficients")
def _(b, A):
    return np.linalg.lstsq(A, b, rcond=None)[0]


@attempt("project_column_by_column")
def _(b, A):
    units = A / np.sqrt((A**2).sum(axis=0))
    return units @ (units.T @ b)


@attempt("least_squares_by_normal_equations")
def _(A, b):
    gram = np.einsum("ij,ik->jk", A, A)
    right = np.einsum("ij,i->j", A, b)
    return np.linalg.solve(gram, right)


@attempt("least_squares_by_the_inverse")
def _(A, b):
    gram = np.dot(A.transpose(), A)
    right = np.dot(A.transpose(), b)
    return np.dot(np.linalg.inv(gram), right)


@attempt("least_squares_of_the_first_rows")
def _(A, b):
    rows, columns = A.shape
    return np.linalg.inv(A[:columns, :]) @ b[:columns]


@attempt("least_squares_returns_the_projection")
def _(A, b):
    x = np.linalg.lstsq(A, b, rcond=None)[0]
    return np.dot(A, x)


@attempt("least_squares_forgets_r")
def _(A, b):
    basis = np.linalg.qr(A).Q
    x = [float(np.dot(basis[:, j], b)) for j in range(basis.shape[1])]
    return np.array(x)


@attempt("power_normalised_at_the_end")
def _(A, v, n_steps):
    w = v.copy()
    while n_steps > 0:
        w, n_steps = A.dot(w), n_steps - 1
    if w.any():
        w = w / np.sqrt(np.sum(w * w))
    return float(np.dot(w, A.dot(w))), w


@attempt("power_eigenvalue_without_sign")
def _(A, v, n_steps):
    w = v / np.sqrt(v.dot(v))
    for _ in range(n_steps):
        w_next = np.dot(A, w)
        if np.sqrt(w_next.dot(w_next)) == 0:
            return 0.0, w
        w = w_next / np.sqrt(w_next.dot(w_next))
    Aw = A.dot(w)
    return np.sqrt(Aw.dot(Aw)), w


@attempt("power_divides_by_the_sum")
def _(A, v, n_steps):
    w = v * (1 / np.linalg.norm(v, ord=1))
    for _ in range(n_steps):
        Aw = A @ w
        if np.linalg.norm(Aw, ord=1) == 0:
            break
        w = Aw * (1 / np.linalg.norm(Aw, ord=1))
    return (w @ A @ w) / (w @ w), w


@attempt("power_eigenvalue_one_step_late")
def _(A, v, n_steps):
    w = v / np.linalg.norm(v)
    eigenvalue = w.dot(A).dot(w)
    for _ in range(n_steps):
        Aw = A.dot(w)
        eigenvalue = w.dot(Aw)
        if np.linalg.norm(Aw) == 0:
            return eigenvalue, w
        w = Aw / np.linalg.norm(Aw)
    return eigenvalue, w


@attempt("power_in_place")
def _(A, v, n_steps):
    np.divide(v, np.sqrt(v.dot(v)), out=v)
    w = v.copy()
    while n_steps > 0 and np.any(A.dot(w)):
        w = A.dot(w)
        w, n_steps = w / np.sqrt(w.dot(w)), n_steps - 1
    return w.dot(A).dot(w), w


@attempt("svd_deflates_in_place")
def _(A, rank, rng, n_steps=200):
    left, sizes, right = np.zeros((len(A), rank)), np.zeros(rank), np.zeros((rank, A.shape[1]))
    for t in range(rank):
        start = rng.standard_normal(A.shape[1])
        right[t] = linalg.power_iteration(np.dot(A.T, A), start, n_steps)[1]
        image = A.dot(right[t])
        sizes[t] = np.sqrt(image.dot(image))
        left[:, t] = image / sizes[t]
        A[:] = A - image[:, None] * right[[t]]
    return left, sizes, right


@attempt("svd_without_deflation")
def _(A, rank, rng, n_steps=200):
    left, sizes, right = [], [], []
    gram = A.T.dot(A)
    for _ in range(rank):
        w = linalg.power_iteration(gram, rng.standard_normal(A.shape[1]), n_steps)[1]
        sizes.append(np.sqrt(np.sum(A.dot(w) ** 2)))
        left.append(A.dot(w) / sizes[-1])
        right.append(w)
    shape = (rank, A.shape[0])
    return np.reshape(left, shape).T, np.array(sizes), np.reshape(right, (rank, A.shape[1]))


@attempt("svd_squared")
def _(A, rank, rng, n_steps=200):
    gram = A.T @ A
    left, sizes, right = np.zeros((len(A), rank)), np.zeros(rank), np.zeros((rank, A.shape[1]))
    for t in range(rank):
        size, w = linalg.power_iteration(gram, rng.standard_normal(A.shape[1]), n_steps)
        gram = gram - size * np.outer(w, w)
        sizes[t], right[t] = size, w
        left[:, t] = A @ w / np.sqrt(size)
    return left, sizes, right


@attempt("svd_deflates_without_sigma")
def _(A, rank, rng, n_steps=200):
    remaining = A.copy()
    left, sizes, right = np.zeros((len(A), rank)), np.zeros(rank), np.zeros((rank, A.shape[1]))
    for t in range(rank):
        start = rng.standard_normal(A.shape[1])
        right[t] = linalg.power_iteration(remaining.T.dot(remaining), start, n_steps)[1]
        image = remaining.dot(right[t])
        sizes[t] = np.sqrt(image.dot(image))
        left[:, t] = image / sizes[t]
        remaining -= left[:, [t]] * right[[t]]
    return left, sizes, right


@attempt("svd_returns_v_untransposed")
def _(A, rank, rng, n_steps=200):
    remaining = A.copy()
    left, sizes, right = np.zeros((len(A), rank)), np.zeros(rank), np.zeros((rank, A.shape[1]))
    for t in range(rank):
        start = rng.standard_normal(A.shape[1])
        right[t] = linalg.power_iteration(remaining.T.dot(remaining), start, n_steps)[1]
        image = remaining.dot(right[t])
        sizes[t] = np.sqrt(image.dot(image))
        left[:, t] = image / sizes[t]
        remaining -= np.outer(image, right[t])
    return left, sizes, np.transpose(right)


@attempt("svd_counts_sigma_twice")
def _(A, rank, rng, n_steps=200):
    layers, sizes, right = [], [], []
    remaining = A
    for _ in range(rank):
        start = rng.standard_normal(A.shape[1])
        w = linalg.power_iteration(np.dot(remaining.T, remaining), start, n_steps)[1]
        layers.append(remaining @ w)
        sizes.append(np.linalg.norm(remaining @ w))
        right.append(w)
        remaining = remaining - layers[-1][:, None] * w
    left = np.array(layers).reshape(rank, len(A)).T
    return left, np.array(sizes), np.array(right).reshape(rank, A.shape[1])
