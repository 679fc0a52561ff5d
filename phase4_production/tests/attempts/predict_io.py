"""The guesses of `mistakes/predict_io.py`, as others would write them."""

from shared.mistakes import attempt


@attempt("io_naive_matrix_once")
def _():
    return 4096 * 4096 * 2 / 1e6


@attempt("io_naive_matrix_twice")
def _():
    return 2 * 33.55


@attempt("io_naive_matrix_three_times")
def _():
    return 3 * 33.55


@attempt("io_naive_in_float32")
def _():
    return 2 * 136.3


@attempt("io_naive_inputs_only")
def _():
    return 4 * 4096 * 64 * 2 / 1e6


@attempt("io_naive_numbers")
def _():
    return 136.3 / 2


@attempt("io_tiles_inputs_only")
def _():
    return 4 * 4096 * 64 * 2 / 1e6


@attempt("io_tiles_by_key_tiles")
def _():
    return 2 * (64 * 2 + 2) * 4096 * 64 / 1e6


@attempt("io_tiles_keys_only")
def _():
    return 2 * (32 + 2) * 4096 * 64 / 1e6


@attempt("io_tiles_numbers")
def _():
    return 34.6 / 2


@attempt("io_tiles_with_the_matrix")
def _():
    return 2 * (4 * 4096**2 + 4 * 4096 * 64) / 1e6


@attempt("io_tiles_queries_too")
def _():
    return 2 * (32 * 3 + 2) * 4096 * 64 / 1e6


@attempt("io_key_tiles_half")
def _():
    return 1 / 2


@attempt("io_key_tiles_double")
def _():
    return 2.0


@attempt("io_key_tiles_quarter")
def _():
    return 1 / 4


@attempt("io_key_tiles_root")
def _():
    return 2**-0.5


@attempt("io_head_double")
def _():
    return 2.0


@attempt("io_head_same")
def _():
    return 1.0


@attempt("io_head_eight")
def _():
    return 2**3


@attempt("io_head_root")
def _():
    return 2**0.5


@attempt("io_head_half")
def _():
    return 1 / 2


@attempt("io_causal_half")
def _():
    return 512 // 2


@attempt("io_causal_all")
def _():
    return 16 * 32


@attempt("io_causal_square")
def _():
    return 16 * 17 // 2


@attempt("io_causal_by_key")
def _():
    return 32 * 33 / 2


@attempt("io_causal_without_diagonal")
def _():
    return 256 - 16


@attempt("io_causal_one_of_two")
def _():
    return 256 + 1


@attempt("io_kept_inputs")
def _():
    return 3 * 1024 * 64 * 4 / 1e6


@attempt("io_kept_with_matrix")
def _():
    return 1.05 + 4.19


@attempt("io_kept_matrix_only")
def _():
    return 1024**2 * 4 / 1e6


@attempt("io_kept_half")
def _():
    return 1.0527 / 2


@attempt("io_kept_nothing")
def _():
    return 0.0


@attempt("io_decode_one")
def _():
    return 1.0


@attempt("io_decode_of_32")
def _():
    return 32.0


@attempt("io_decode_two")
def _():
    return 2.0


@attempt("io_decode_eight")
def _():
    return 8.0


@attempt("io_decode_of_head")
def _():
    return 128.0


@attempt("io_decode_by_length")
def _():
    return 4096.0
