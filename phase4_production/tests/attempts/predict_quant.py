"""The guesses of `mistakes/predict_quant.py`, as others would write them."""

from shared.mistakes import attempt


@attempt("guess_bits_without_scales")
def _():
    return 4.0


@attempt("guess_bits_without_zeros")
def _():
    return 4 + 32 / 64


@attempt("guess_bits_of_halves")
def _():
    return 4 + 16 / 64


@attempt("guess_bits_of_a_byte")
def _():
    return 2.0**3


@attempt("guess_bits_of_a_scale_each")
def _():
    return 4 + 2 * 32


@attempt("guess_outlier_leaves_all")
def _():
    return 2 * 127 + 1


@attempt("guess_outlier_leaves_two")
def _():
    return 2.0


@attempt("guess_outlier_leaves_one")
def _():
    return 1.0


@attempt("guess_outlier_leaves_five")
def _():
    return 5.0


@attempt("guess_outlier_leaves_254")
def _():
    return 255 - 1


@attempt("guess_relu_uses_all")
def _():
    return 2**8 - 1


@attempt("guess_relu_forgets_zero")
def _():
    return 254 / 2


@attempt("guess_relu_has_256")
def _():
    return 2.0**8


@attempt("guess_relu_has_129")
def _():
    return 258 // 2


@attempt("guess_groups_by_their_size")
def _():
    return 1 / 64


@attempt("guess_groups_by_the_root")
def _():
    return 8 / 64


@attempt("guess_groups_halve")
def _():
    return 1 / 2


@attempt("guess_groups_change_nothing")
def _():
    return 1.0


@attempt("guess_groups_grow")
def _():
    return 3 / 2


@attempt("guess_overflow_with_minus_128")
def _():
    return 2**31 // 128**2 - 1


@attempt("guess_overflow_without_a_sign")
def _():
    return 2**32 // 127**2


@attempt("guess_overflow_of_int16")
def _():
    return 32767 // 127**2


@attempt("guess_overflow_of_codes")
def _():
    return (2**31 - 1) // 127


@attempt("guess_overflow_by_bits")
def _():
    return 2 ** (32 - 16)


@attempt("guess_uniform_suits_nf4")
def _():
    return "A"


@attempt("guess_uniform_suits_both")
def _():
    return chr(99)
