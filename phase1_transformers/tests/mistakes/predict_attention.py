"""Classic wrong guesses for `solution/predict_attention.py`."""

from shared.mistakes import mistake


@mistake(
    "1.10",
    "predict_attention.variance_of_scores",
    "Each of the 64 products has variance 1, but they are added up, and so are their variances.",
)
def guess_variance_one():
    return 1.0


@mistake(
    "1.10",
    "predict_attention.variance_of_scores",
    "That is the standard deviation, which is what one divides by; the question is the variance.",
)
def guess_standard_deviation():
    return 8.0


@mistake(
    "1.10",
    "predict_attention.variance_of_scores",
    "Independent numbers add their variances; only a number that is added to itself 64 times gets 64 squared.",
)
def guess_variance_squared():
    return 4096.0


@mistake(
    "1.10",
    "predict_attention.variance_of_scores",
    "A product of two N(0, 1) numbers has variance 1 * 1, not 1 + 1; count one for each of the 64.",
)
def guess_variance_of_both():
    return 128.0


@mistake(
    "1.10",
    "predict_attention.keys_in_view",
    "So many if all weigh the same; these scores lie up to 20 apart, and softmax takes e to the power of that.",
)
def guess_all_keys():
    return 64.0


@mistake(
    "1.10",
    "predict_attention.keys_in_view",
    "About so many *with* the division, 64 / sqrt(e), for scores of standard deviation 1; here that is 8.",
)
def guess_scaled_keys():
    return 39.0


@mistake(
    "1.10",
    "predict_attention.keys_in_view",
    "Nearly, but now and then the second-best key comes close to the best, and the mean notices.",
)
def guess_one_key():
    return 1.0


@mistake(
    "1.10",
    "predict_attention.keys_in_view",
    "sqrt(D) is how far the scores spread; the best of 64 such scores leaves the others further behind than that suggests.",
)
def guess_sqrt_keys():
    return 8.0


@mistake(
    "1.10",
    "predict_attention.allowed_pairs",
    "That is the triangle among the four new tokens; they may also look at the six old ones.",
)
def guess_new_tokens_only():
    return 10


@mistake(
    "1.10",
    "predict_attention.allowed_pairs",
    "That is every query with every key; the first of the new tokens must not see those after it.",
)
def guess_no_mask():
    return 40


@mistake(
    "1.10",
    "predict_attention.allowed_pairs",
    "That is the whole triangle of ten tokens; the six old ones ask nothing any more.",
)
def guess_whole_triangle():
    return 55


@mistake(
    "1.10",
    "predict_attention.allowed_pairs",
    "Each token may look at itself, too.",
)
def guess_without_itself():
    return 30


@mistake(
    "1.10",
    "predict_attention.allowed_pairs",
    "That is what is forbidden; the question is what is left of 4 * 10.",
)
def guess_forbidden():
    return 6


@mistake(
    "1.10",
    "predict_attention.bytes_of_weights",
    "That is how many weights there are; a float32 takes four bytes.",
)
def guess_weights_not_bytes():
    return 100_663_296


@mistake(
    "1.10",
    "predict_attention.bytes_of_weights",
    "Each head has a table of its own; that is what one head needs.",
)
def guess_one_head():
    return 33_554_432


@mistake(
    "1.10",
    "predict_attention.bytes_of_weights",
    "That is one sequence; a batch has 8.",
)
def guess_one_sequence():
    return 50_331_648


@mistake(
    "1.10",
    "predict_attention.bytes_of_weights",
    "A masked weight is 0, and a 0 takes as many bytes as any other number: the table stays square.",
)
def guess_half_a_table():
    return 201_326_592


@mistake(
    "1.10",
    "predict_attention.bytes_of_weights",
    "That is the size of the queries, T by D for each head; the weights are T by T.",
)
def guess_bytes_of_queries():
    return 25_165_824


@mistake(
    "1.10",
    "predict_attention.last_token_after_a_shuffle",
    "Next to it means nothing to attention: a weighted average has no order. Which part of the sum would know?",
)
def guess_neighbours_matter():
    return "A"


@mistake(
    "1.10",
    "predict_attention.last_token_after_a_shuffle",
    "It is the tokens that change places, not their channels; each output channel is a sum over tokens.",
)
def guess_channels_move():
    return "C"


@mistake(
    "1.10",
    "predict_attention.last_token_after_a_shuffle",
    "The last token comes after all of them, in whatever order: its row of the mask is all True.",
)
def guess_mask_moves():
    return "D"
