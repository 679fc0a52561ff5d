"""The wrong guesses of `mistakes/predict_gradients.py` again, as another learner would write them."""

from shared.mistakes import attempt


@attempt("reuse_last_path_only")
def _():
    return 1


@attempt("reuse_product_only")
def _():
    from_the_product = 2 * 3.0
    return from_the_product


@attempt("reuse_product_once")
def _():
    return 3.0 + 1.0


@attempt("reuse_value_of_y")
def _():
    x = 3
    return x * x + x


@attempt("diamonds_added")
def _():
    return 10 * 2


@attempt("diamonds_one_path")
def _():
    gradient = 1
    return gradient


@attempt("diamonds_off_by_one")
def _():
    return 2.0 * 256


@attempt("diamonds_squared")
def _():
    return 10**2


@attempt("twice_nothing_adds_up")
def _():
    b, x = 12, 24
    return x, b


@attempt("twice_everything_adds_up")
def _():
    return 2 * 24.0, 2 * 12.0


@attempt("twice_interior_flows_again")
def _():
    return [72, 24]


@attempt("twice_swapped")
def _():
    b, x = 12, 48
    return b, x
