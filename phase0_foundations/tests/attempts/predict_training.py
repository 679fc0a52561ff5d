"""The guesses of `mistakes/predict_training.py`, as others would write them."""

import math

from shared.mistakes import attempt


@attempt("guess_loss_is_error_rate")
def _():
    return 1 - 1 / 10


@attempt("guess_loss_in_bits")
def _():
    return round(math.log2(10), 2)


@attempt("guess_loss_in_log10")
def _():
    return math.log10(10)


@attempt("guess_loss_zero")
def _():
    return 0


@attempt("guess_size_stays")
def _():
    return 1


@attempt("guess_mean_square")
def _():
    return 0.5**10


@attempt("guess_size_grows")
def _():
    return 2**5


@attempt("guess_units_part")
def _():
    units = 32
    return units


@attempt("guess_units_like_outputs")
def _():
    return 3.0


@attempt("guess_no_units")
def _():
    return 32 - 32


@attempt("guess_number_of_parameters")
def _():
    return 784 * 128 + 128 + 128 * 10 + 10


@attempt("guess_weights_only")
def _():
    return 4 * (785 * 128 + 129 * 10)


@attempt("guess_without_averages")
def _():
    weights = 785 * 128 + 129 * 10
    return (weights + weights) * 4


@attempt("guess_one_average")
def _():
    return 3 * 4 * 101_770


@attempt("guess_without_biases")
def _():
    return 16 * (784 * 128 + 128 * 10)


@attempt("guess_full_batches_only")
def _():
    return 10 * (1000 // 64)


@attempt("guess_one_long_row")
def _():
    return math.ceil(10 * 1000 / 64)


@attempt("guess_one_epoch")
def _():
    return math.ceil(1000 / 64)


@attempt("guess_last_batch_is_full")
def _():
    return 2**6


@attempt("guess_rows_missing")
def _():
    return 64 - 1000 % 64
