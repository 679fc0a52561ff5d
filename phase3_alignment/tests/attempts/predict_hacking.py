"""The guesses of `mistakes/predict_hacking.py`, as others would write them."""

import math

from shared.mistakes import attempt


@attempt("guess_three_nats_without_the_fraction")
def _():
    return round(math.exp(3))


@attempt("guess_three_nats_three_bits")
def _():
    return 2**3


@attempt("guess_three_nats_in_bits")
def _():
    return 16.0


@attempt("guess_three_nats_decades")
def _():
    return 10**3


@attempt("guess_gain_linear")
def _():
    return 2 * 16


@attempt("guess_gain_square_root")
def _():
    return 4 * 16


@attempt("guess_gain_logarithm")
def _():
    return 16**2


@attempt("guess_gain_of_huge_n")
def _():
    return 16**4


@attempt("guess_gold_in_d")
def _():
    return 1.2 / 0.4


@attempt("guess_gold_where_it_is_gone")
def _():
    return (1.2 / 0.2) ** 2


@attempt("guess_gold_where_it_is_gone_in_d")
def _():
    return 1.2 / 0.2


@attempt("guess_gold_height")
def _():
    return 3 * (1.2 - 0.2 * 3)


@attempt("guess_gold_halfway_in_nats")
def _():
    return 36 / 2


@attempt("guess_rl_in_d")
def _():
    return math.exp(1.5)


@attempt("guess_rl_where_gold_is_gone")
def _():
    return math.exp(2.5) ** 2


@attempt("guess_rl_where_gold_is_gone_in_d")
def _():
    return math.exp(1 / 0.4)


@attempt("guess_rl_log_d")
def _():
    return 1 / 0.4 - 1


@attempt("guess_rl_as_best_of_n")
def _():
    return (1 / 0.8) ** 2


@attempt("guess_rl_base_ten")
def _():
    return 100 ** (2.5 - 1 / math.log(10))


@attempt("guess_penalty_leads_around")
def _():
    return "a"


@attempt("guess_penalty_costs")
def _():
    return "b"


@attempt("guess_penalty_cures")
def _():
    return " D"
