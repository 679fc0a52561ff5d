"""The guesses of `mistakes/predict_parallel.py`, as others would write them."""

from shared.mistakes import attempt


@attempt("guess_sent_once")
def _():
    return 10**9


@attempt("guess_sent_to_everyone")
def _():
    return 3 * 10**9


@attempt("guess_sent_twice")
def _():
    return 2 * 10**9


@attempt("guess_sent_in_one_round")
def _():
    return 3 / 4 * 1e9


@attempt("guess_sent_by_all")
def _():
    return 4 * 1.5e9


@attempt("guess_sent_one_chunk")
def _():
    return 1e9 / 4


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
