"""The guesses of `mistakes/predict_attention.py`, as others would write them."""

import math

from shared.mistakes import attempt


@attempt("guess_variance_one")
def _():
    return 1


@attempt("guess_standard_deviation")
def _():
    return math.sqrt(64)


@attempt("guess_variance_squared")
def _():
    return 64**2


@attempt("guess_variance_of_both")
def _():
    return 64 + 64


@attempt("guess_all_keys")
def _():
    return 64


@attempt("guess_scaled_keys")
def _():
    return 39


@attempt("guess_one_key")
def _():
    return 1


@attempt("guess_sqrt_keys")
def _():
    return 64**0.5


@attempt("guess_new_tokens_only")
def _():
    return 1 + 2 + 3 + 4


@attempt("guess_no_mask")
def _():
    return 4 * 10


@attempt("guess_whole_triangle")
def _():
    return sum(range(11))


@attempt("guess_without_itself")
def _():
    return 6 + 7 + 8 + 9


@attempt("guess_forbidden")
def _():
    return 3 + 2 + 1


@attempt("guess_weights_not_bytes")
def _():
    return 8 * 12 * 1024**2


@attempt("guess_one_head")
def _():
    return 8 * 1024 * 1024 * 4


@attempt("guess_one_sequence")
def _():
    return 12 * 1024 * 1024 * 4


@attempt("guess_half_a_table")
def _():
    return 8 * 12 * 1024 * 1024 * 4 // 2


@attempt("guess_bytes_of_queries")
def _():
    return 8 * 1024 * 768 * 4


@attempt("guess_neighbours_matter")
def _():
    return "a"


@attempt("guess_channels_move")
def _():
    return "C "


@attempt("guess_mask_moves")
def _():
    return "d"
