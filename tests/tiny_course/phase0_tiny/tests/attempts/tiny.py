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
