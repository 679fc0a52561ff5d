"""The guesses of `mistakes/predict_parallel.py`, as others would write them."""

from shared.mistakes import attempt


@attempt("guess_sent_like_replicas")
def _():
    return 2 * 0.75e9


@attempt("guess_sent_in_one_walk")
def _():
    return 1e9 * 3 / 4


@attempt("guess_sent_parameters_alone")
def _():
    return 1000000000


@attempt("guess_sent_four_chunks")
def _():
    return 3 * 1e9


@attempt("guess_sent_by_all_together")
def _():
    return 4 * 2.25e9


@attempt("guess_sent_no_second_gather")
def _():
    return 5 * 0.25e9


@attempt("guess_idle_over_working")
def _():
    return 0.292


@attempt("guess_idle_none")
def _():
    return 0.0


@attempt("guess_idle_stages_over_micro")
def _():
    return 1 / 3


@attempt("guess_idle_one_too_many")
def _():
    return 0.25


@attempt("guess_idle_without_micro")
def _():
    return 0.875


@attempt("guess_idle_is_working")
def _():
    return 1 - 7 / 31


@attempt("guess_idle_one_end")
def _():
    return 7 / 62
