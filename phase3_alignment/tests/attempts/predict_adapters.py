"""The wrong guesses of `mistakes/predict_adapters.py`, as others would write them."""

from shared.mistakes import attempt


@attempt("guess_parameters_of_one_block")
def _():
    return int(1.2288e4)


@attempt("guess_parameters_of_a_square")
def _():
    return 12 * 4 * 2 * 768


@attempt("guess_parameters_of_a_alone")
def _():
    return 12 * 4 * 768


@attempt("guess_parameters_of_b_alone")
def _():
    return 12 * 4 * 2304


@attempt("guess_parameters_of_the_matrix")
def _():
    return 12 * 768 * 2304


@attempt("guess_parameters_times_r")
def _():
    return 4 * 12 * 768 * 2304


@attempt("guess_gradient_in_both")
def _():
    return "A"


@attempt("guess_gradient_in_a")
def _():
    return "B".lower()


@attempt("guess_gradient_nowhere")
def _():
    return " D"


@attempt("guess_rank_of_the_larger")
def _():
    return max(4, 8)


@attempt("guess_rank_of_the_smaller")
def _():
    return 8 - 4


@attempt("guess_rank_multiplied")
def _():
    return 4 * 8


@attempt("guess_rank_full")
def _():
    return min(768, 2304)


@attempt("guess_bytes_of_the_moments")
def _():
    return 843.9 / 3


@attempt("guess_bytes_with_weights")
def _():
    return 16 / 4.02


@attempt("guess_bytes_of_c_attn")
def _():
    return 21233664 / 147456


@attempt("guess_bytes_of_a_half")
def _():
    return 124439808 / 73728


@attempt("guess_bits_without_scales")
def _():
    return 8 / 2


@attempt("guess_bits_without_double")
def _():
    return 4 + 32 / 64


@attempt("guess_bits_of_the_second_scale")
def _():
    return 4 + 8 / 64 + 32 / 256


@attempt("guess_bits_in_bytes")
def _():
    return 4.127 / 8


@attempt("guess_bits_of_bfloat16")
def _():
    return 2 * 8


@attempt("guess_parameters_of_rank_8")
def _():
    return 12 * 8 * (768 + 2304)


@attempt("guess_parameters_of_three_squares")
def _():
    return 3 * 12 * 4 * (768 + 768)


@attempt("guess_bits_without_the_second_scale")
def _():
    return 4 + 1 / 8
