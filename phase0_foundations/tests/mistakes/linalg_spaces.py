"""Classic wrong answers for `solution/linalg.py`: projections, eigenvectors, the SVD."""

import numpy as np

from phase0_foundations.solution.linalg import power_iteration
from shared.mistakes import mistake


# -- 0.4 --------------------------------------------------------------------------------------


@mistake(
    "0.4",
    "linalg.project",
    "A Aᵀb counts each column by its squared length; (AᵀA)⁻¹ in the middle is what undoes that.",
)
def project_without_the_gram_inverse(b, A):
    return A @ (A.T @ b)


@mistake(
    "0.4",
    "linalg.project",
    "This is the error b - p, the part at right angles to the columns; the projection is p itself.",
)
def project_returns_the_error(b, A):
    Q, _ = np.linalg.qr(A)
    return b - Q @ (Q.T @ b)


@mistake(
    "0.4",
    "linalg.project",
    "These are the coefficients of the combination, n numbers; the point itself is A times them.",
)
def project_returns_the_coefficients(b, A):
    return np.linalg.solve(A.T @ A, A.T @ b)


@mistake(
    "0.4",
    "linalg.project",
    "Projecting on each column alone and adding up counts shared directions twice: they overlap.",
)
def project_column_by_column(b, A):
    p = np.zeros_like(b)
    for a in A.T:
        p = p + a * (a @ b) / (a @ a)
    return p


@mistake(
    "0.4",
    "linalg.least_squares",
    "Solving AᵀA x = Aᵀb squares the condition number and throws half the digits away; use A = QR.",
)
def least_squares_by_normal_equations(A, b):
    return np.linalg.solve(A.T @ A, A.T @ b)


@mistake(
    "0.4",
    "linalg.least_squares",
    "Solving AᵀA x = Aᵀb squares the condition number and throws half the digits away; use A = QR.",
)
def least_squares_by_the_inverse(A, b):
    return np.linalg.inv(A.T @ A) @ A.T @ b


@mistake(
    "0.4",
    "linalg.least_squares",
    "This fits the first n points exactly and never looks at the others.",
)
def least_squares_of_the_first_rows(A, b):
    n = A.shape[1]
    return np.linalg.solve(A[:n], b[:n])


@mistake(
    "0.4",
    "linalg.least_squares",
    "This is the projection, m numbers; asked for are the n coefficients that produce it.",
)
def least_squares_returns_the_projection(A, b):
    Q, _ = np.linalg.qr(A)
    return Q @ (Q.T @ b)


@mistake(
    "0.4",
    "linalg.least_squares",
    "Qᵀb are coordinates along the columns of Q; R still has to be solved for those along A's.",
)
def least_squares_forgets_r(A, b):
    Q, _ = np.linalg.qr(A)
    return Q.T @ b


# -- 0.5 --------------------------------------------------------------------------------------


@mistake(
    "0.5",
    "linalg.power_iteration",
    "The length is set to 1 only at the end, so on the way it overflows: normalise in every step.",
)
def power_normalised_at_the_end(A, v, n_steps):
    for _ in range(n_steps):
        v = A @ v
    length = np.linalg.norm(v)
    v = v / length if length > 0 else v
    return float(v @ A @ v), v


@mistake(
    "0.5",
    "linalg.power_iteration",
    "The length of A v is |λ|, it cannot be negative; the Rayleigh quotient vᵀAv knows the sign.",
)
def power_eigenvalue_without_sign(A, v, n_steps):
    v = v / np.linalg.norm(v)
    for _ in range(n_steps):
        stretched = A @ v
        if not stretched.any():
            break
        v = stretched / np.linalg.norm(stretched)
    return float(np.linalg.norm(A @ v)), v


@mistake(
    "0.5",
    "linalg.power_iteration",
    "Dividing by the sum of the entries does not make a unit vector; its length is the 2-norm.",
)
def power_divides_by_the_sum(A, v, n_steps):
    v = v / np.abs(v).sum()
    for _ in range(n_steps):
        stretched = A @ v
        if not stretched.any():
            break
        v = stretched / np.abs(stretched).sum()
    return float(v @ A @ v / (v @ v)), v


@mistake(
    "0.5",
    "linalg.power_iteration",
    "The eigenvalue is that of the vector one step earlier; take vᵀAv after the last step.",
)
def power_eigenvalue_one_step_late(A, v, n_steps):
    v = v / np.linalg.norm(v)
    value = float(v @ A @ v)
    for _ in range(n_steps):
        value = float(v @ A @ v)
        stretched = A @ v
        if not stretched.any():
            break
        v = stretched / np.linalg.norm(stretched)
    return value, v


@mistake(
    "0.5",
    "linalg.power_iteration",
    "v /= ... writes into the caller's array; v = v / ... makes a new one and leaves theirs alone.",
)
def power_in_place(A, v, n_steps):
    v /= np.linalg.norm(v)
    for _ in range(n_steps):
        stretched = A @ v
        if not stretched.any():
            break
        v = stretched / np.linalg.norm(stretched)
    return float(v @ A @ v), v


@mistake(
    "0.5",
    "linalg.truncated_svd",
    "`rest = A` copies nothing, so `rest -= ...` empties the caller's A: rest = rest - ... makes a new one.",
)
def svd_deflates_in_place(A, rank, rng, n_steps=200):
    m, n = A.shape
    U, S, Vt = np.empty((m, rank)), np.empty(rank), np.empty((rank, n))
    rest = A
    for i in range(rank):
        _, v = power_iteration(rest.T @ rest, rng.standard_normal(n), n_steps)
        layer = rest @ v
        S[i] = np.linalg.norm(layer)
        U[:, i], Vt[i] = layer / S[i], v
        rest -= np.outer(layer, v)
    return U, S, Vt


@mistake(
    "0.5",
    "linalg.truncated_svd",
    "Without deflation every round finds the first direction again: take the found layer away.",
)
def svd_without_deflation(A, rank, rng, n_steps=200):
    m, n = A.shape
    U, S, Vt = np.empty((m, rank)), np.empty(rank), np.empty((rank, n))
    for i in range(rank):
        _, v = power_iteration(A.T @ A, rng.standard_normal(n), n_steps)
        layer = A @ v
        S[i] = np.linalg.norm(layer)
        U[:, i], Vt[i] = layer / S[i], v
    return U, S, Vt


@mistake(
    "0.5",
    "linalg.truncated_svd",
    "The eigenvalues of AᵀA are the *squares* of the singular values; the root is missing.",
)
def svd_squared(A, rank, rng, n_steps=200):
    m, n = A.shape
    U, S, Vt = np.empty((m, rank)), np.empty(rank), np.empty((rank, n))
    rest = A
    for i in range(rank):
        S[i], v = power_iteration(rest.T @ rest, rng.standard_normal(n), n_steps)
        layer = rest @ v
        U[:, i], Vt[i] = layer / np.linalg.norm(layer), v
        rest = rest - np.outer(layer, v)
    return U, S, Vt


@mistake(
    "0.5",
    "linalg.truncated_svd",
    "The layer taken away is u vᵀ, without its σ, so most of the found direction stays behind.",
)
def svd_deflates_without_sigma(A, rank, rng, n_steps=200):
    m, n = A.shape
    U, S, Vt = np.empty((m, rank)), np.empty(rank), np.empty((rank, n))
    rest = A
    for i in range(rank):
        _, v = power_iteration(rest.T @ rest, rng.standard_normal(n), n_steps)
        layer = rest @ v
        S[i] = np.linalg.norm(layer)
        U[:, i], Vt[i] = layer / S[i], v
        rest = rest - np.outer(U[:, i], v)
    return U, S, Vt


@mistake(
    "0.5",
    "linalg.truncated_svd",
    "The right singular vectors stand in columns here; Vt holds one in each row.",
)
def svd_returns_v_untransposed(A, rank, rng, n_steps=200):
    m, n = A.shape
    U, S, V = np.empty((m, rank)), np.empty(rank), np.empty((n, rank))
    rest = A
    for i in range(rank):
        _, v = power_iteration(rest.T @ rest, rng.standard_normal(n), n_steps)
        layer = rest @ v
        S[i] = np.linalg.norm(layer)
        U[:, i], V[:, i] = layer / S[i], v
        rest = rest - np.outer(layer, v)
    return U, S, V


@mistake(
    "0.5",
    "linalg.truncated_svd",
    "The layers already carry their σ, and S carries it again: the columns of U must be unit vectors.",
)
def svd_counts_sigma_twice(A, rank, rng, n_steps=200):
    m, n = A.shape
    U, S, Vt = np.empty((m, rank)), np.empty(rank), np.empty((rank, n))
    rest = A
    for i in range(rank):
        _, v = power_iteration(rest.T @ rest, rng.standard_normal(n), n_steps)
        layer = rest @ v
        U[:, i], S[i], Vt[i] = layer, np.linalg.norm(layer), v
        rest = rest - np.outer(layer, v)
    return U, S, Vt
