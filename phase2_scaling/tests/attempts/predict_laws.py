"""The guesses of `mistakes/predict_laws.py`, as others would write them."""

from shared.mistakes import attempt


@attempt("guess_tenth_linear")
def _():
    return 1 + 0.1


@attempt("guess_tenth_ten")
def _():
    return 1e1


@attempt("guess_tenth_exponent_not_turned")
def _():
    return 0.9**-0.05


@attempt("guess_tenth_twenty")
def _():
    return 1 / 0.05


@attempt("guess_tenth_of_the_other_end")
def _():
    return 1.1**20


@attempt("guess_tenth_square_root")
def _():
    return 0.9**-2


@attempt("guess_slope_of_the_term")
def _():
    return 0.340


@attempt("guess_slope_of_kaplan")
def _():
    return 7.6e-2


@attempt("guess_slope_in_nats")
def _():
    return 2.044 - 1.852


@attempt("guess_slope_of_one_axis")
def _():
    return 9.87e-2


@attempt("guess_slope_falling")
def _():
    return -4.29e-2


@attempt("guess_slope_flat")
def _():
    return 0.0


@attempt("guess_growth_all_parameters")
def _():
    return 10.0**2


@attempt("guess_growth_of_kaplan")
def _():
    return 100**0.73


@attempt("guess_growth_twenty")
def _():
    return 2e1


@attempt("guess_growth_half")
def _():
    return 100 / 2


@attempt("guess_growth_with_beta")
def _():
    return 5.4


@attempt("guess_growth_cube_root")
def _():
    return 100 ** (1 / 3)


@attempt("guess_half_size_for_free")
def _():
    return 0.5 * 2


@attempt("guess_half_size_twice_the_work")
def _():
    return 4 / 2


@attempt("guess_half_size_tokens")
def _():
    return 5 / 2


@attempt("guess_half_size_half_the_work")
def _():
    return 1 / 2


@attempt("guess_half_size_half_more")
def _():
    return 3 / 2
