"""Classic wrong answers for `solution/linalg.py`: products and shapes."""

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
