"""Classic wrong guesses for `solution/predict_cache.py`."""

from shared.mistakes import mistake


@mistake(
    "1.22",
    "predict_cache.bytes_of_gpt2_cache",
    "Half of it: a token leaves a key and also a value behind, and a number of float32 takes four bytes.",
)
def guess_cache_without_values():
    return 37_748_736


@mistake(
    "1.22",
    "predict_cache.bytes_of_gpt2_cache",
    "Those are the numbers in the cache; a float32 has four bytes.",
)
def guess_cache_in_numbers():
    return 18_874_368


@mistake(
    "1.22",
    "predict_cache.bytes_of_gpt2_cache",
    "That is one layer; each of the twelve has keys and values of its own.",
)
def guess_cache_of_one_layer():
    return 6_291_456


@mistake(
    "1.22",
    "predict_cache.bytes_of_gpt2_cache",
    "The heads were counted twice: the 768 channels are the twelve heads of 64 side by side.",
)
def guess_cache_times_heads():
    return 905_969_664


@mistake(
    "1.22",
    "predict_cache.bytes_of_gpt2_cache",
    "Attention's weights between all pairs of tokens are not kept; what is kept grows with T, not with its square.",
)
def guess_cache_of_weights():
    return 603_979_776


@mistake(
    "1.22",
    "predict_cache.tokens_in_a_gibibyte",
    "That is with a key and a value for each query head; here four queries share one, which is the point of sharing.",
)
def guess_gibibyte_without_groups():
    return 2048


@mistake(
    "1.22",
    "predict_cache.tokens_in_a_gibibyte",
    "Half of it: bfloat16 takes two bytes, not four.",
)
def guess_gibibyte_in_float32():
    return 4096


@mistake(
    "1.22",
    "predict_cache.tokens_in_a_gibibyte",
    "Twice too many: each token leaves a key and also a value in each layer.",
)
def guess_gibibyte_without_values():
    return 16_384


@mistake(
    "1.22",
    "predict_cache.tokens_in_a_gibibyte",
    "That is one layer's share; all 32 keep keys and values.",
)
def guess_gibibyte_of_one_layer():
    return 262_144


@mistake(
    "1.22",
    "predict_cache.tokens_in_a_gibibyte",
    "Those are the bytes of one token; how many such fit into 2^30?",
)
def guess_bytes_of_one_token():
    return 131_072


@mistake(
    "1.22",
    "predict_cache.tokens_read_without_cache",
    "That is with a cache: the prompt once, then each new token once. Without one, all is read again for each.",
)
def guess_read_with_cache():
    return 199


@mistake(
    "1.22",
    "predict_cache.tokens_read_without_cache",
    "Each of the 100 passes reads the prompt and also the new tokens so far.",
)
def guess_read_prompt_only():
    return 10_000


@mistake(
    "1.22",
    "predict_cache.tokens_read_without_cache",
    "The text grows from pass to pass; it has 200 tokens only at the very end.",
)
def guess_read_full_length():
    return 20_000


@mistake(
    "1.22",
    "predict_cache.tokens_read_without_cache",
    "The first pass reads the 100 of the prompt alone, and the last new token is never read.",
)
def guess_read_one_later():
    return 15_050


@mistake(
    "1.22",
    "predict_cache.tokens_read_without_cache",
    "That is the length of the text at the end; how often was each token read on the way?",
)
def guess_read_once():
    return 200


@mistake(
    "1.22",
    "predict_cache.flops_of_a_cached_token",
    "A weight costs a multiplication and an addition: two operations.",
)
def guess_one_flop_per_weight():
    return 142_406_400


@mistake(
    "1.22",
    "predict_cache.flops_of_a_cached_token",
    "The blocks without the head: 50257 scores of 768 products each are more than a quarter of the work.",
)
def guess_flops_without_head():
    return 207_618_048


@mistake(
    "1.22",
    "predict_cache.flops_of_a_cached_token",
    "The weights alone: the query still meets 1024 keys and values in each of the 12 layers.",
)
def guess_flops_without_attention():
    return 247_063_296


@mistake(
    "1.22",
    "predict_cache.flops_of_a_cached_token",
    "That is the forward pass over all 1024 tokens; the cache is there so that only one goes through.",
)
def guess_flops_of_all_tokens():
    return 291_648_307_200


@mistake(
    "1.22",
    "predict_cache.flops_of_a_cached_token",
    "Six operations a weight is training; generating has no backward pass.",
)
def guess_flops_of_training():
    return 854_438_400


@mistake(
    "1.22",
    "predict_cache.tokens_per_s_at_most",
    "That takes a byte a weight; a float32 has four.",
)
def guess_speed_of_one_byte():
    return 20e9 / 124.4e6


@mistake(
    "1.22",
    "predict_cache.tokens_per_s_at_most",
    "That takes two bytes a weight, as in bfloat16; a float32 has four.",
)
def guess_speed_of_bfloat16():
    return 20e9 / (2 * 124.4e6)


@mistake(
    "1.22",
    "predict_cache.tokens_per_s_at_most",
    "Those are seconds for a token, or milliseconds; the question is how many tokens come in a second.",
)
def guess_seconds_per_token():
    return 4 * 124.4e6 / 20e9


@mistake(
    "1.22",
    "predict_cache.tokens_per_s_at_most",
    "Eight bytes a weight is reading each of them twice, or float64; once is enough for one text.",
)
def guess_speed_of_reading_twice():
    return 20e9 / (8 * 124.4e6)


@mistake(
    "1.22",
    "predict_cache.flops_of_a_cached_token",
    "Two a parameter is a good start, and leaves out what grows with the text: a query meets 1024 keys and values in each layer.",
)
def guess_flops_two_a_parameter():
    return 2 * 124.4e6


@mistake(
    "1.22",
    "predict_cache.tokens_per_s_at_most",
    "A gigabyte is 10^9 bytes here; 2^30 is a gibibyte.",
)
def guess_speed_of_gibibytes():
    return 20 * 2**30 / (4 * 124.4e6)
