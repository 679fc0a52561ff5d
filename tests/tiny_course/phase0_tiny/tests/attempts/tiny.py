"""The mistakes in another style."""

from shared.mistakes import attempt


@attempt("wrong_axis")
def _(matrix):
    total = 0
    for row in matrix:
        total = total + row
    return total / len(matrix)


@attempt("not_divided")
def _(matrix):
    return np.array([sum(row) for row in matrix])  # noqa: F821


@attempt("forgets")
def _(self, x):
    self.value = x + 0
    return x


@attempt("no_guard")
def _(matrix):
    return matrix.mean(-1)


@attempt("climbs")
def _(steps=50, lr=0.2):
    at = [0.0]
    while len(at) <= steps:
        at.append(at[-1] + 2 * lr * (at[-1] - 3))
    return at[1:]


@attempt("adds")
def _():
    return 2 + 3
