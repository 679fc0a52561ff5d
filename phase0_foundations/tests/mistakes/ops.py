"""Classic wrong answers for `solution/ops.py`."""

import numpy as np

from phase0_foundations.solution.tensor import unbroadcast
from shared.mistakes import mistake


@mistake(
    "0.10",
    "ops.matmul_backward",
    "Nothing is transposed: a row of `a` met the columns of `b`, so going back each column returns as a row.",
)
def matmul_backward_not_transposed(grad, a, b):
    return grad @ b, a @ grad


@mistake(
    "0.10",
    "ops.matmul_backward",
    "The other operand stands on the wrong side: shapes of non-square matrices tell where it belongs.",
)
def matmul_backward_wrong_side(grad, a, b):
    return b.T @ grad, grad @ a.T


@mistake(
    "0.10",
    "ops.matmul_backward",
    "The two gradients are returned in the wrong order: da has the shape of a and comes first.",
)
def matmul_backward_exchanged(grad, a, b):
    return a.T @ grad, grad @ b.T


@mistake(
    "0.10",
    "ops.matmul_backward",
    "`.T` reverses all axes, the batch too; of a stack of matrices only the last two change places.",
)
def matmul_backward_reverses_batch(grad, a, b):
    da = grad @ b.T
    db = a.T @ grad
    return unbroadcast(da, a.shape), unbroadcast(db, b.shape)


@mistake(
    "0.10",
    "ops.matmul_backward",
    "The batch is not summed: a matrix shared by the whole batch gets the sum of all its gradients.",
)
def matmul_backward_batch_not_summed(grad, a, b):
    rows = a[None, :] if a.ndim == 1 else a
    columns = b[:, None] if b.ndim == 1 else b
    if b.ndim == 1:
        grad = grad[..., None]
    if a.ndim == 1:
        grad = grad[..., None, :]
    return grad @ np.swapaxes(columns, -1, -2), np.swapaxes(rows, -1, -2) @ grad


@mistake(
    "0.10",
    "ops.matmul_backward",
    "The gradient of a vector comes back as a matrix: the axis that was lent to it must go again.",
)
def matmul_backward_vector_stays_matrix(grad, a, b):
    rows = a[None, :] if a.ndim == 1 else a
    columns = b[:, None] if b.ndim == 1 else b
    if b.ndim == 1:
        grad = grad[..., None]
    if a.ndim == 1:
        grad = grad[..., None, :]
    da = grad @ np.swapaxes(columns, -1, -2)
    db = np.swapaxes(rows, -1, -2) @ grad
    return unbroadcast(da, rows.shape), unbroadcast(db, columns.shape)
