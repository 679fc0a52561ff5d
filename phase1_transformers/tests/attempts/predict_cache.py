"""The guesses of `mistakes/predict_cache.py`, as others would write them."""

from shared.mistakes import attempt


@attempt("guess_cache_without_values")
def _():
    return 12 * 1024 * 768 * 4


@attempt("guess_cache_in_numbers")
def _():
    return 2 * 12 * 768 * 2**10


@attempt("guess_cache_of_one_layer")
def _():
    keys = 768 * 1024
    return 4 * (keys + keys)


@attempt("guess_cache_times_heads")
def _():
    return 2 * 12 * 12 * 1024 * 768 * 4


@attempt("guess_cache_of_weights")
def _():
    return 1024**2 * 12 * 12 * 4


@attempt("guess_gibibyte_without_groups")
def _():
    return 2**30 // (2 * 32 * 32 * 128 * 2)


@attempt("guess_gibibyte_in_float32")
def _():
    return 2**30 / (4 * 2 * 32 * 8 * 128)


@attempt("guess_gibibyte_without_values")
def _():
    per_token = 32 * 8 * 128 * 2
    return 1024**3 // per_token


@attempt("guess_gibibyte_of_one_layer")
def _():
    return 2**18


@attempt("guess_bytes_of_one_token")
def _():
    return 2 * 2 * 32 * 8 * 128


@attempt("guess_read_with_cache")
def _():
    return 100 + 99


@attempt("guess_read_prompt_only")
def _():
    return 100**2


@attempt("guess_read_full_length")
def _():
    return 100 * (100 + 100)


@attempt("guess_read_one_later")
def _():
    return sum(range(101, 201))


@attempt("guess_read_once")
def _():
    return 100 * 2


@attempt("guess_one_flop_per_weight")
def _():
    return 12 * (12 * 768**2 + 2 * 768 * 1024) + 768 * 50257


@attempt("guess_flops_without_head")
def _():
    return 12 * (24 * 768**2 + 4 * 768 * 1024)


@attempt("guess_flops_without_attention")
def _():
    return 12 * 24 * 768 * 768 + 2 * 768 * 50257


@attempt("guess_flops_of_all_tokens")
def _():
    return 1024 * (12 * (24 * 768**2 + 4 * 768 * 1024) + 2 * 768 * 50257)


@attempt("guess_flops_of_training")
def _():
    return 3 * (12 * (24 * 768**2 + 4 * 768 * 1024) + 2 * 768 * 50257)


@attempt("guess_speed_of_one_byte")
def _():
    return 20_000 / 124.4


@attempt("guess_speed_of_bfloat16")
def _():
    return 20e9 / 124.4e6 / 2


@attempt("guess_seconds_per_token")
def _():
    return 1 / (20e9 / (124.4e6 * 4))


@attempt("guess_speed_of_reading_twice")
def _():
    return 2500e6 / 124.4e6


@attempt("guess_flops_two_a_parameter")
def _():
    return 248_800_000


@attempt("guess_speed_of_gibibytes")
def _():
    return 1024**3 / 124.4e6 * 5
