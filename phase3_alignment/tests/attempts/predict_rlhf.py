"""The guesses of `mistakes/predict_rlhf.py`, as others would write them."""

from shared.mistakes import attempt


@attempt("guess_equal_scores_nothing")
def _():
    return 1 - 1


@attempt("guess_equal_scores_a_half")
def _():
    return 1 / 2


@attempt("guess_equal_scores_a_bit")
def _():
    return 1.0


@attempt("guess_equal_scores_squared")
def _():
    return 0.5**2


@attempt("guess_equal_scores_summed")
def _():
    return 8 * 0.6931


@attempt("guess_best_of_16_log")
def _():
    return 2.7726


@attempt("guess_best_of_16_bits")
def _():
    return 4.0


@attempt("guess_best_of_16_times")
def _():
    return 2**4


@attempt("guess_best_of_16_correction")
def _():
    return 15 / 16


@attempt("guess_best_of_16_nothing")
def _():
    return 0.0


@attempt("guess_best_of_16_other_way")
def _():
    return 12.227


@attempt("guess_first_minibatch_sign")
def _():
    return 2 / 4


@attempt("guess_first_minibatch_nothing")
def _():
    return 0.0


@attempt("guess_first_minibatch_summed")
def _():
    return -(3 - 1 + 1 - 1)


@attempt("guess_first_minibatch_clipped")
def _():
    return -1.2 * 0.5


@attempt("guess_first_minibatch_absolute")
def _():
    return -(3 + 1 + 1 + 1) / 4


@attempt("guess_first_minibatch_positive")
def _():
    return -(3 + 1) / 4


@attempt("guess_out_of_range_nothing")
def _():
    return 0.0


@attempt("guess_out_of_range_without_ratio")
def _():
    return 2.0


@attempt("guess_out_of_range_clipped")
def _():
    return 2 * 1.2


@attempt("guess_out_of_range_sign")
def _():
    return -2 * 1.3


@attempt("guess_out_of_range_ratio")
def _():
    return 1.30


@attempt("guess_dpo_start_nothing")
def _():
    return 0.0


@attempt("guess_dpo_start_without_sigmoid")
def _():
    return -1 / 10


@attempt("guess_dpo_start_without_beta")
def _():
    return -1 / 2


@attempt("guess_dpo_start_sign")
def _():
    return 0.1 / 2


@attempt("guess_dpo_start_loss")
def _():
    return 0.6931


@attempt("guess_growth_adds")
def _():
    return 1 + 100 * 0.02


@attempt("guess_growth_unclipped")
def _():
    return 1.2**100


@attempt("guess_growth_wrong_way")
def _():
    return 0.98**100


@attempt("guess_growth_one_step")
def _():
    return 1 + 0.1 * 0.2


@attempt("guess_growth_ten_percent")
def _():
    return 1.1**100
