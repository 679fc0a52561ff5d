"""The guesses of `mistakes/predict_memory.py`, as others would write them."""

from shared.mistakes import attempt


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


@attempt("guess_block_its_input_alone")
def _():
    return 1.0


@attempt("guess_block_each_layer_input")
def _():
    return 2 + 2


@attempt("guess_block_weights")
def _():
    return 6 + 6


@attempt("guess_block_34_bytes")
def _():
    return 17 * 2


@attempt("guess_block_without_norms")
def _():
    return 4 + 2 + 8
