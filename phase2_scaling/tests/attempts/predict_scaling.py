"""The guesses of `mistakes/predict_scaling.py`, as others would write them."""

from shared.mistakes import attempt


@attempt("guess_growth_all_parameters")
def _():
    return 10.0**2


@attempt("guess_growth_of_kaplan")
def _():
    return 100**0.73


@attempt("guess_growth_twenty")
def _():
    return 2e1


@attempt("guess_growth_half")
def _():
    return 100 / 2


@attempt("guess_growth_with_beta")
def _():
    return 5.4


@attempt("guess_growth_cube_root")
def _():
    return 100 ** (1 / 3)


@attempt("guess_half_size_for_free")
def _():
    return 0.5 * 2


@attempt("guess_half_size_twice_the_work")
def _():
    return 4 / 2


@attempt("guess_half_size_tokens")
def _():
    return 5 / 2


@attempt("guess_half_size_half_the_work")
def _():
    return 1 / 2


@attempt("guess_half_size_half_more")
def _():
    return 3 / 2


@attempt("guess_states_unsharded")
def _():
    return 7e9 * (2 + 2 + 4 + 4 + 4)


@attempt("guess_states_all_sharded")
def _():
    return 16 * 7 * 10**9 // 8


@attempt("guess_states_of_stage_two")
def _():
    return 7e9 * (2 + 14 / 8)


@attempt("guess_states_without_copy")
def _():
    return 7e9 * (4 + 8 / 8)


@attempt("guess_states_without_optimiser")
def _():
    return 4 * 7 * 10**9


@attempt("guess_states_without_gradients")
def _():
    return 7e9 * (2 + 12 / 8)


@attempt("guess_states_in_float32")
def _():
    return 7e9 * (4 + 4 + 12 / 8)


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
