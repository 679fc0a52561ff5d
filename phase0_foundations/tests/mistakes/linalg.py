"""Classic wrong answers for `solution/linalg.py`."""

import numpy as np

from phase0_foundations.solution.linalg import power_iteration
from shared.mistakes import mistake

# -- 0.1 --------------------------------------------------------------------------------------


@mistake(
    "0.1",
    "linalg.matmul_loops",
    "Each k overwrites the one before, so only the last product survives: entry (i, j) is a sum.",
)
def loops_keep_the_last_term(A, B):
    C = np.zeros((A.shape[0], B.shape[1]), np.result_type(A, B))
    for i in range(A.shape[0]):
        for j in range(B.shape[1]):
            for k in range(A.shape[1]):
                C[i, j] = A[i, k] * B[k, j]
    return C


@mistake(
    "0.1",
    "linalg.matmul_loops",
    "B is read along its rows, which gives A Bᵀ: the running index k belongs to B's first axis.",
)
def loops_transpose_b(A, B):
    C = np.zeros((A.shape[0], B.shape[1]), np.result_type(A, B))
    for i in range(A.shape[0]):
        for j in range(B.shape[1]):
            for k in range(A.shape[1]):
                C[i, j] += A[i, k] * B[j, k]
    return C


@mistake(
    "0.1",
    "linalg.matmul_loops",
    "This is float64 even for integers: ask np.result_type(A, B); np.common_type is always floating.",
)
def loops_always_float64(A, B):
    C = np.zeros((A.shape[0], B.shape[1]))
    for i in range(A.shape[0]):
        for j in range(B.shape[1]):
            for k in range(A.shape[1]):
                C[i, j] += A[i, k] * B[k, j]
    return C


@mistake(
    "0.1",
    "linalg.matmul_rows_by_columns",
    "The other way round: this dots columns of A with rows of B. It is rows of A, columns of B.",
)
def columns_by_rows(A, B):
    C = np.empty((A.shape[0], B.shape[1]), np.result_type(A, B))
    for i in range(A.shape[0]):
        for j in range(B.shape[1]):
            C[i, j] = A[:, i] @ B[j]
    return C


@mistake(
    "0.1",
    "linalg.matmul_rows_by_columns",
    "Looping over B walks its rows, so this is A Bᵀ; the columns of B are the rows of B.T.",
)
def rows_by_rows(A, B):
    C = np.empty((A.shape[0], B.shape[1]), np.result_type(A, B))
    for i, row in enumerate(A):
        for j, column in enumerate(B):
            C[i, j] = row @ column
    return C


@mistake(
    "0.1",
    "linalg.matmul_rows_by_columns",
    "This multiplies entry by entry (the Hadamard product); a matrix product dots row with column.",
)
def entry_by_entry(A, B):
    return A * B


@mistake(
    "0.1",
    "linalg.matmul_outer_products",
    "Each outer product replaces the last one; the product of the matrices is their sum.",
)
def outer_keeps_the_last_layer(A, B):
    C = np.zeros((A.shape[0], B.shape[1]), np.result_type(A, B))
    for k in range(A.shape[1]):
        C = np.outer(A[:, k], B[k])
    return C


@mistake(
    "0.1",
    "linalg.matmul_outer_products",
    "Rows of A with rows of B add up to Aᵀ B; layer k pairs *column* k of A with row k of B.",
)
def outer_of_rows(A, B):
    C = np.zeros((A.shape[0], B.shape[1]), np.result_type(A, B))
    for a, b in zip(A, B):
        C += np.outer(a, b)
    return C


@mistake(
    "0.1",
    "linalg.matmul_outer_products",
    "Row times column in that order gives (AB)ᵀ: the column of A has to run down the rows.",
)
def outer_transposed(A, B):
    C = np.zeros((A.shape[0], B.shape[1]), np.result_type(A, B))
    for k in range(A.shape[1]):
        C += np.outer(B[k], A[:, k])
    return C


# -- 0.3 --------------------------------------------------------------------------------------


@mistake(
    "0.3",
    "linalg.broadcast_shape",
    "Shapes are aligned at their first axis here; NumPy aligns them at the last one.",
)
def shape_aligned_left(*shapes):
    ndim = max((len(shape) for shape in shapes), default=0)
    padded = [tuple(shape) + (1,) * (ndim - len(shape)) for shape in shapes]
    result = []
    for sizes in zip(*padded):
        others = {size for size in sizes if size != 1}
        if len(others) > 1:
            raise ValueError(f"cannot broadcast {shapes}")
        result.append(others.pop() if others else 1)
    return tuple(result)


@mistake(
    "0.3",
    "linalg.broadcast_shape",
    "The largest size is not always the one that wins: 0 against 1 gives 0, and nothing is left.",
)
def shape_largest_wins(*shapes):
    ndim = max((len(shape) for shape in shapes), default=0)
    padded = [(1,) * (ndim - len(shape)) + tuple(shape) for shape in shapes]
    for sizes in zip(*padded):
        if len({size for size in sizes if size != 1}) > 1:
            raise ValueError(f"cannot broadcast {shapes}")
    return tuple(max(sizes) for sizes in zip(*padded))


@mistake(
    "0.3",
    "linalg.broadcast_shape",
    "Two sizes disagree and nobody objects: only a 1 may be stretched, all else is an error.",
)
def shape_never_objects(*shapes):
    ndim = max((len(shape) for shape in shapes), default=0)
    padded = [(1,) * (ndim - len(shape)) + tuple(shape) for shape in shapes]
    result = []
    for sizes in zip(*padded):
        others = [size for size in sizes if size != 1]
        result.append(others[0] if others else 1)
    return tuple(result)


@mistake(
    "0.3",
    "linalg.broadcast_shape",
    "zip stops at the shortest shape, so the leading axes of the longer ones get lost.",
)
def shape_cut_to_the_shortest(*shapes):
    result = []
    for sizes in zip(*(reversed(shape) for shape in shapes)):
        others = {size for size in sizes if size != 1}
        if len(others) > 1:
            raise ValueError(f"cannot broadcast {shapes}")
        result.append(others.pop() if others else 1)
    return tuple(reversed(result))


@mistake(
    "0.3",
    "linalg.batched_matmul",
    "np.dot pairs every matrix of A with every matrix of B; a batch pairs them one to one.",
)
def batched_by_np_dot(A, B):
    return np.dot(A, B)


@mistake(
    "0.3",
    "linalg.batched_matmul",
    "The matrices of B are read transposed: k is the last axis of A and the *last but one* of B.",
)
def batched_transposed_b(A, B):
    return np.einsum("...mk,...nk->...mn", A, B)


@mistake(
    "0.3",
    "linalg.batched_matmul",
    "The batch axis is missing after the arrow, so einsum sums over it and adds all products up.",
)
def batched_summed_over_the_batch(A, B):
    batch = np.einsum("...mk,...kn->...mn", A, B)
    return batch.sum(axis=0)


@mistake(
    "0.3",
    "linalg.batched_matmul",
    "Pairing the two batches item by item stops at the shorter one; a batch of 1 has to stretch.",
)
def batched_by_zip(A, B):
    if A.ndim == B.ndim == 2:
        return A @ B
    return np.stack([a @ b for a, b in zip(A, B)])


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
