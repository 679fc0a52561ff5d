"""The guesses of `mistakes/predict_serving.py`, as others would write them."""

from shared.mistakes import attempt


@attempt("guess_bytes_halves")
def _():
    return 16 * 8 * 64 * 2


@attempt("guess_bytes_query_heads")
def _():
    return 16 * 32 * 64 * 2 * 2


@attempt("guess_bytes_one_layer")
def _():
    return 2 * 8 * 64 * 2


@attempt("guess_bytes_float32")
def _():
    return 4 * 2 * 16 * 512


@attempt("guess_idle_nothing")
def _():
    return 27 - 27


@attempt("guess_idle_one_block_each")
def _():
    return 3 * 16


@attempt("guess_idle_another_block")
def _():
    return 15 + 16 + 12


@attempt("guess_idle_at_most")
def _():
    return 3 * (16 - 1)


@attempt("guess_idle_packed")
def _():
    return 160 - 149


@attempt("guess_idle_leftover")
def _():
    return 1 + 4


@attempt("guess_fastest_bits")
def _():
    return 161.29 / 8


@attempt("guess_fastest_float32")
def _():
    return 20e9 / (4 * 124e6)


@attempt("guess_fastest_bfloat16")
def _():
    return 161.29 / 2


@attempt("guess_fastest_half_bytes")
def _():
    return 20e9 / 62e6


@attempt("guess_fastest_milliseconds")
def _():
    return 1000 / 161.29


@attempt("guess_chats_nothing_shared")
def _():
    return 10 * 8


@attempt("guess_chats_one_more")
def _():
    return 7 + 10 * 2


@attempt("guess_chats_shares_partial")
def _():
    return 7 + 10


@attempt("guess_chats_forgets_partial")
def _():
    return 6 + 10


@attempt("guess_chats_all_shared")
def _():
    return 2**3


@attempt("guess_chats_one_own")
def _():
    return 5 + 20


@attempt("guess_steps_alone")
def _():
    return 1024 // 256


@attempt("guess_steps_at_once")
def _():
    return 5 // 5


@attempt("guess_steps_shared_alike")
def _():
    return 1000 // 4.5 + 1


@attempt("guess_steps_extra_step")
def _():
    return 1000 // 200 + 1


@attempt("guess_steps_waits")
def _():
    return 56 + 1


@attempt("guess_again_all")
def _():
    return 40 + 30


@attempt("guess_again_seen")
def _():
    return 70 - 1


@attempt("guess_again_one")
def _():
    return 3 - 2


@attempt("guess_again_answer")
def _():
    return 70 - 40


@attempt("guess_again_prompt_only")
def _():
    return 70 - 2 * 16


@attempt("guess_again_misses_the_newest")
def _():
    return 69 - 64


@attempt("guess_guesses_mean")
def _():
    return 1 + 4 * 0.8


@attempt("guess_guesses_without_bonus")
def _():
    return 0.8 + 0.64 + 0.512 + 0.4096


@attempt("guess_guesses_all")
def _():
    return 4 + 1


@attempt("guess_guesses_all_or_nothing")
def _():
    return 1 + 4 * 0.8**4


@attempt("guess_guesses_four_fifths")
def _():
    return 4 * 4 / 5


@attempt("guess_fastest_seconds")
def _():
    return 124e6 / 20e9
