"""The wrong guesses of `mistakes/predict_shapes.py` again, as another learner would write them."""

from shared.mistakes import attempt


@attempt("sum_aligned_left")
def _():
    shape = [5, 1, 4]
    return tuple(shape)


@attempt("sum_of_one_axis_each")
def _():
    return 5, 3, 1


@attempt("sum_loses_the_first_axis")
def _():
    rows, columns = 3, 4
    return (rows, columns)


@attempt("sum_concatenated")
def _():
    return (5, 1, 4) + (3, 1)


@attempt("errors_one_per_point")
def _():
    n_points = 100
    return n_points


@attempt("errors_as_a_shape")
def _():
    n_points = 100
    return [n_points, n_points]


@attempt("errors_side_by_side")
def _():
    return 100 + 100


@attempt("errors_none")
def _():
    return int(0)


@attempt("fails_column_and_row")
def _():
    answer = "A"
    return answer


@attempt("fails_empty")
def _():
    letter = "B"
    return letter


@attempt("fails_scalar")
def _():
    return str("D")
