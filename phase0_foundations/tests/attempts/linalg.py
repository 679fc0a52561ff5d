"""The mistakes of `mistakes/linalg.py` again, as another learner would write them."""

import numpy as np

from phase0_foundations.solution import linalg
from shared.mistakes import attempt


@attempt("loops_keep_the_last_term")
def _(A, B):
    m, inner = A.shape
    n = B.shape[1]
    out = np.zeros([m, n], dtype=np.promote_types(A.dtype, B.dtype))
    for row in range(m):
        for col in range(n):
            total = 0
            for t in range(inner):
                total = A[row, t] * B[t, col]
            out[row, col] = total
    return out


@attempt("loops_transpose_b")
def _(A, B):
    out = np.zeros((len(A), B.shape[1]), np.result_type(A, B))
    for p in range(A.shape[1]):
        for q in range(B.shape[1]):
            for r in range(len(A)):
                out[r][q] = out[r][q] + B[q][p] * A[r][p]
    return out


@attempt("loops_always_float64")
def _(A, B):
    table = [[0.0] * B.shape[1] for _ in A]
    for i, row in enumerate(A):
        for k, a in enumerate(row):
            for j, b in enumerate(B[k]):
                table[i][j] += a * b
    return np.array(table, dtype=float).reshape(len(A), B.shape[1])


@attempt("columns_by_rows")
def _(A, B):
    size = A.shape[0], B.shape[1]
    out = np.zeros(size, np.result_type(A, B))
    for r, c in np.ndindex(size):
        out[r, c] = np.dot(B[c, :], A.T[r])
    return out


@attempt("rows_by_rows")
def _(A, B):
    out = np.zeros((A.shape[0], B.shape[1]), np.result_type(A, B))
    for c, other in enumerate(B):
        for r in range(A.shape[0]):
            out[r, c] = sum(A[r] * other)
    return out


@attempt("entry_by_entry")
def _(A, B):
    out = np.zeros((A.shape[0], B.shape[1]), np.result_type(A, B))
    for r in range(A.shape[0]):
        for c in range(B.shape[1]):
            out[r, c] = B[r, c] * A[r, c]
    return out


@attempt("outer_keeps_the_last_layer")
def _(A, B):
    total = np.zeros((len(A), B.shape[1]), np.result_type(A, B))
    for t in range(len(B)):
        total[:] = A[:, [t]] * B[[t], :]
    return total


@attempt("outer_of_rows")
def _(A, B):
    layers = [A[t][:, None] * B[t][None, :] for t in range(len(B))]
    return np.sum(layers, axis=0)


@attempt("outer_transposed")
def _(A, B):
    total = np.zeros((A.shape[0], B.shape[1]), np.result_type(A, B))
    for column, row in zip(A.T, B):
        total = total + column[None, :] * row[:, None]
    return total


@attempt("shape_aligned_left")
def _(*shapes):
    longest = max([len(s) for s in shapes] or [0])
    out = []
    for axis in range(longest):
        size = 1
        for s in shapes:
            here = s[axis] if axis < len(s) else 1
            if here != 1:
                if size not in (1, here):
                    raise ValueError("these shapes do not go together")
                size = here
        out.append(size)
    return tuple(out)


@attempt("shape_largest_wins")
def _(*shapes):
    out = []
    longest = max([len(s) for s in shapes] or [0])
    for axis in range(-longest, 0):
        here = [s[axis] if len(s) >= -axis else 1 for s in shapes]
        biggest = max(here)
        for size in here:
            if size > 1 and size != biggest:
                raise ValueError(f"{size} and {biggest}")
        if biggest > 1 and 0 in here:
            raise ValueError("0 does not stretch")
        out.append(biggest)
    return tuple(out)


@attempt("shape_never_objects")
def _(*shapes):
    result = ()
    for shape in shapes:
        width = max(len(result), len(shape))
        one = (1,) * (width - len(result)) + result
        two = (1,) * (width - len(shape)) + tuple(shape)
        result = tuple(b if a == 1 else a for a, b in zip(one, two))
    return result


@attempt("shape_cut_to_the_shortest")
def _(*shapes):
    shortest = min([len(s) for s in shapes] or [0])
    out = []
    for axis in range(1, shortest + 1):
        here = set(s[-axis] for s in shapes) - {1}
        if len(here) >= 2:
            raise ValueError("no")
        out.insert(0, here.pop() if here else 1)
    return tuple(out)


@attempt("batched_by_np_dot")
def _(A, B):
    product = A.dot(B)
    return product


@attempt("batched_transposed_b")
def _(A, B):
    return np.matmul(A, np.swapaxes(B, -1, -2))


@attempt("batched_summed_over_the_batch")
def _(A, B):
    total = 0
    for a, b in zip(A, B):
        total = total + a @ b
    return total


@attempt("batched_by_zip")
def _(A, B):
    if max(A.ndim, B.ndim) == 2:
        return np.matmul(A, B)
    n = min(len(A), len(B))
    return np.array([np.matmul(A[i], B[i]) for i in range(n)])
