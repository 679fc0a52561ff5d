"""The guesses of `mistakes/predict_curves.py`, as others would write them."""

from shared.mistakes import attempt


@attempt("guess_advantage_lambda_1")
def _():
    return 1 / 2


@attempt("guess_advantage_lambda_0")
def _():
    return 0.0


@attempt("guess_advantage_of_the_reward")
def _():
    return 1 / 4


@attempt("guess_advantage_one_step_too_many")
def _():
    return 1 / 16


@attempt("guess_advantage_without_next_value")
def _():
    return -5 / 8


@attempt("guess_return_right")
def _():
    return 1.0


@attempt("guess_return_is_advantage")
def _():
    return 7 / 2


@attempt("guess_return_value_twice")
def _():
    return 9 / 2


@attempt("guess_return_only_padding")
def _():
    return 3.0


@attempt("guess_first_is_right")
def _():
    return "A"


@attempt("guess_first_is_temperature")
def _():
    return "C"


@attempt("guess_first_is_sign")
def _():
    return "D"


@attempt("guess_first_is_strangers")
def _():
    return "E"


@attempt("guess_first_is_entropy")
def _():
    return "F"


@attempt("guess_second_is_right")
def _():
    return "A"


@attempt("guess_second_is_renewed")
def _():
    return "B"


@attempt("guess_second_is_temperature")
def _():
    return "C"


@attempt("guess_second_is_sign")
def _():
    return "D"


@attempt("guess_second_is_entropy")
def _():
    return "F"


@attempt("guess_third_is_right")
def _():
    return "A"


@attempt("guess_third_is_renewed")
def _():
    return "B"


@attempt("guess_third_is_sign")
def _():
    return "D"


@attempt("guess_third_is_strangers")
def _():
    return "E"


@attempt("guess_third_is_entropy")
def _():
    return "F"
