"""Classic wrong guesses for `solution/predict_adapters.py`."""

from shared.mistakes import mistake


@mistake(
    "3.4",
    "predict_adapters.parameters_of_c_attn",
    "That is one block; GPT-2 has twelve.",
)
def guess_parameters_of_one_block():
    return 12288


@mistake(
    "3.4",
    "predict_adapters.parameters_of_c_attn",
    "c_attn gives query, key and value at once: it has three times as many outputs as inputs.",
)
def guess_parameters_of_a_square():
    return 73728


@mistake(
    "3.4",
    "predict_adapters.parameters_of_c_attn",
    "A alone; B is trained as well.",
)
def guess_parameters_of_a_alone():
    return 36864


@mistake(
    "3.4",
    "predict_adapters.parameters_of_c_attn",
    "B alone; A is trained as well.",
)
def guess_parameters_of_b_alone():
    return 110592


@mistake(
    "3.4",
    "predict_adapters.parameters_of_c_attn",
    "Those are the frozen weights of c_attn; the correction is two thin matrices, 4 wide.",
)
def guess_parameters_of_the_matrix():
    return 21233664


@mistake(
    "3.4",
    "predict_adapters.parameters_of_c_attn",
    "The sizes are multiplied with each other; A and B stand side by side, so they add.",
)
def guess_parameters_times_r():
    return 84934656


@mistake(
    "3.4",
    "predict_adapters.parameters_of_c_attn",
    "That is rank 8; here it is 4.",
)
def guess_parameters_of_rank_8():
    return 294912


@mistake(
    "3.4",
    "predict_adapters.parameters_of_c_attn",
    "Query, key and value apart would be three corrections of 768 to 768; c_attn is one layer, with one A.",
)
def guess_parameters_of_three_squares():
    return 221184


@mistake(
    "3.4",
    "predict_adapters.gradient_at_the_first_step",
    "A's gradient is a product with B, and B is zero.",
)
def guess_gradient_in_both():
    return "a"


@mistake(
    "3.4",
    "predict_adapters.gradient_at_the_first_step",
    "It is the other way round: A's gradient is a product with B, B's one with A x.",
)
def guess_gradient_in_a():
    return "b"


@mistake(
    "3.4",
    "predict_adapters.gradient_at_the_first_step",
    "The product is zero, its slope is not: B's gradient is a product with A x.",
)
def guess_gradient_nowhere():
    return "d"


@mistake(
    "3.4",
    "predict_adapters.rank_of_two_adapters",
    "The sum's rank is not the larger one: the two corrections point in different directions.",
)
def guess_rank_of_the_larger():
    return 8


@mistake(
    "3.4",
    "predict_adapters.rank_of_two_adapters",
    "A sum can reach every direction that one of its terms reaches, so it is not limited to the smaller rank.",
)
def guess_rank_of_the_smaller():
    return 4


@mistake(
    "3.4",
    "predict_adapters.rank_of_two_adapters",
    "Ranks of a sum add at most; they do not multiply.",
)
def guess_rank_multiplied():
    return 32


@mistake(
    "3.4",
    "predict_adapters.rank_of_two_adapters",
    "768 is what the layer could have; each correction has columns for its own few directions only.",
)
def guess_rank_full():
    return 768


@mistake(
    "3.4",
    "predict_adapters.bytes_of_adam",
    "Gradients and both moments shrink alike: the ratio is that of the numbers that train, with no further factor of 3.",
)
def guess_bytes_of_the_moments():
    return 281.3


@mistake(
    "3.4",
    "predict_adapters.bytes_of_adam",
    "That counts the frozen weights; the question is about gradients and moments alone.",
)
def guess_bytes_with_weights():
    return 3.98


@mistake(
    "3.4",
    "predict_adapters.bytes_of_adam",
    "In full fine-tuning all layers train, not the twelve c_attn alone.",
)
def guess_bytes_of_c_attn():
    return 144


@mistake(
    "3.4",
    "predict_adapters.bytes_of_adam",
    "The correction is counted as if c_attn were square; it has 2304 outputs.",
)
def guess_bytes_of_a_half():
    return 1687.8


@mistake(
    "3.4",
    "predict_adapters.bits_of_a_weight",
    "The codes alone; the scales of the blocks must be stored, too.",
)
def guess_bits_without_scales():
    return 4


@mistake(
    "3.4",
    "predict_adapters.bits_of_a_weight",
    "Scales in float32, 32 bits for 64 weights: double quantisation stores them in 8 bits.",
)
def guess_bits_without_double():
    return 4.5


@mistake(
    "3.4",
    "predict_adapters.bits_of_a_weight",
    "32 bits are shared by 256 scales, and so by 256 * 64 weights.",
)
def guess_bits_of_the_second_scale():
    return 4.25


@mistake(
    "3.4",
    "predict_adapters.bits_of_a_weight",
    "The scales' own scale is missing: 32 bits for 256 of them.",
)
def guess_bits_without_the_second_scale():
    return 4.125


@mistake(
    "3.4",
    "predict_adapters.bits_of_a_weight",
    "Those are bytes.",
)
def guess_bits_in_bytes():
    return 0.516


@mistake(
    "3.4",
    "predict_adapters.bits_of_a_weight",
    "That is the weight before it is quantised.",
)
def guess_bits_of_bfloat16():
    return 16
