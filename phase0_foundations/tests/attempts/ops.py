"""The mistakes of `mistakes/ops.py`, as another learner would write them."""

import numpy as np

from phase0_foundations.solution.tensor import unbroadcast
from shared.mistakes import attempt


@attempt("matmul_backward_not_transposed")
def _(grad, a, b):
    grad_a = np.matmul(grad, b)
    grad_b = np.matmul(a, grad)
    return (grad_a, grad_b)


@attempt("matmul_backward_wrong_side")
def _(grad, a, b):
    da = np.matmul(np.transpose(b), grad)
    db = np.matmul(grad, np.transpose(a))
    return da, db


@attempt("matmul_backward_exchanged")
def _(grad, a, b):
    wrt_b = np.dot(np.transpose(a), grad)
    wrt_a = np.dot(grad, np.transpose(b))
    return wrt_b, wrt_a


@attempt("matmul_backward_reverses_batch")
def _(grad, a, b):
    at, bt = np.transpose(a), np.transpose(b)
    return unbroadcast(np.matmul(grad, bt), a.shape), unbroadcast(np.matmul(at, grad), b.shape)


@attempt("matmul_backward_batch_not_summed")
def _(grad, a, b):
    da = np.einsum("...mn,...kn->...mk", grad, b)
    db = np.einsum("...mk,...mn->...kn", a, grad)
    return da, db


@attempt("matmul_backward_vector_stays_matrix")
def _(grad, a, b):
    if a.ndim == 1:
        a = a.reshape(1, -1)
        grad = np.expand_dims(grad, -1 if b.ndim == 1 else -2)
    if b.ndim == 1:
        b = b.reshape(-1, 1)
        grad = np.expand_dims(grad, -1)
    da, db = grad @ np.moveaxis(b, -1, -2), np.moveaxis(a, -1, -2) @ grad
    return unbroadcast(da, a.shape), unbroadcast(db, b.shape)
