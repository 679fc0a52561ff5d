"""The guesses of `mistakes/predict_model.py`, as others would write them."""

import math

from shared.mistakes import attempt


@attempt("guess_untrained_loss_in_bits")
def _():
    return round(math.log2(50257), 2)


@attempt("guess_untrained_loss_in_log10")
def _():
    return round(math.log10(50257), 1)


@attempt("guess_untrained_loss_of_characters")
def _():
    return round(math.log(65), 2)


@attempt("guess_untrained_perplexity")
def _():
    return 50257.0


@attempt("guess_norm_saves_the_head")
def _():
    return "A"


@attempt("guess_wide_table_half_more")
def _():
    return " b"


@attempt("guess_table_finds_the_token")
def _():
    return "D"


@attempt("guess_only_its_own_position")
def _():
    return 1.0


@attempt("guess_all_positions")
def _():
    return 2 * 5


@attempt("guess_later_positions")
def _():
    return 10 - 4


@attempt("guess_earlier_positions")
def _():
    return len(range(3))


@attempt("guess_never_sees_order")
def _():
    return "A"


@attempt("guess_mask_tells_at_once")
def _():
    return "C"


@attempt("guess_small_share")
def _():
    return 5 / 100


@attempt("guess_share_of_both_tables")
def _():
    return 0.47


@attempt("guess_share_of_the_rest")
def _():
    return 1 - 0.31


@attempt("guess_table_over_the_rest")
def _():
    return 9 / 20
