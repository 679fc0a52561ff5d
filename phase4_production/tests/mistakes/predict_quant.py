"""Classic wrong guesses for `solution/predict_quant.py`."""

from shared.mistakes import mistake


@mistake(
    "4.12",
    "predict_quant.bits_of_a_weight",
    "The codes alone take that; scales and zero points are stored, too.",
)
def guess_bits_without_scales():
    return 4


@mistake(
    "4.12",
    "predict_quant.bits_of_a_weight",
    "A scale for each group is counted; its zero point is stored in another 32 bits.",
)
def guess_bits_without_zeros():
    return 4.5


@mistake(
    "4.12",
    "predict_quant.bits_of_a_weight",
    "That would be a scale of 16 bits and nothing else: here are two numbers of 32.",
)
def guess_bits_of_halves():
    return 4.25


@mistake(
    "4.12",
    "predict_quant.bits_of_a_weight",
    "Two codes share a byte; that is what packing is for.",
)
def guess_bits_of_a_byte():
    return 8


@mistake(
    "4.12",
    "predict_quant.bits_of_a_weight",
    "A scale and a zero point serve 64 weights, not one.",
)
def guess_bits_of_a_scale_each():
    return 68


@mistake(
    "4.12",
    "predict_quant.codes_beside_an_outlier",
    "The step is set by the outlier, 100 / 127; how many steps lie between -1 and 1?",
)
def guess_outlier_leaves_all():
    return 255


@mistake(
    "4.12",
    "predict_quant.codes_beside_an_outlier",
    "Right that it is few: but what becomes of the numbers near zero?",
)
def guess_outlier_leaves_two():
    return 2


@mistake(
    "4.12",
    "predict_quant.codes_beside_an_outlier",
    "Were the step larger than 2, all would be zero; it is 100 / 127, and 1 is more than half of it.",
)
def guess_outlier_leaves_one():
    return 1


@mistake(
    "4.12",
    "predict_quant.codes_beside_an_outlier",
    "Codes 2 and -2 begin at one and a half steps, which is 1.18.",
)
def guess_outlier_leaves_five():
    return 5


@mistake(
    "4.12",
    "predict_quant.codes_beside_an_outlier",
    "The outlier does not only take a code for itself: it makes every step a hundred times as wide.",
)
def guess_outlier_leaves_254():
    return 254


@mistake(
    "4.12",
    "predict_quant.codes_of_a_relu",
    "Codes below zero stand for negative numbers, and a ReLU has none.",
)
def guess_relu_uses_all():
    return 255


@mistake(
    "4.12",
    "predict_quant.codes_of_a_relu",
    "Zero has a code of its own, beside those of the positive numbers.",
)
def guess_relu_forgets_zero():
    return 127


@mistake(
    "4.12",
    "predict_quant.codes_of_a_relu",
    "That is uint8 with a zero point; symmetric int8 keeps half of its codes for negative numbers.",
)
def guess_relu_has_256():
    return 256


@mistake(
    "4.12",
    "predict_quant.codes_of_a_relu",
    "From 0 to 127 there are 128 codes.",
)
def guess_relu_has_129():
    return 129


@mistake(
    "4.12",
    "predict_quant.error_of_smaller_groups",
    "The error does not go with the size of a group but with its largest number, which grows very slowly.",
)
def guess_groups_by_their_size():
    return 0.0156


@mistake(
    "4.12",
    "predict_quant.error_of_smaller_groups",
    "A square root belongs to averages; what counts here is the largest number of a group.",
)
def guess_groups_by_the_root():
    return 0.125


@mistake(
    "4.12",
    "predict_quant.error_of_smaller_groups",
    "The largest of 64 normal numbers is smaller than that of 4096, but not by half.",
)
def guess_groups_halve():
    return 0.5


@mistake(
    "4.12",
    "predict_quant.error_of_smaller_groups",
    "The largest of 64 normal numbers is smaller than the largest of 4096, and steps with it.",
)
def guess_groups_change_nothing():
    return 1


@mistake(
    "4.12",
    "predict_quant.error_of_smaller_groups",
    "That is the first error over the second; asked for is the second over the first.",
)
def guess_groups_grow():
    return 1.5


@mistake(
    "4.12",
    "predict_quant.inputs_until_overflow",
    "Codes end at -127 here, so that the largest product is 127 * 127.",
)
def guess_overflow_with_minus_128():
    return 131071


@mistake(
    "4.12",
    "predict_quant.inputs_until_overflow",
    "One of the 32 bits is the sign: sums end at 2^31 - 1.",
)
def guess_overflow_without_a_sign():
    return 266289


@mistake(
    "4.12",
    "predict_quant.inputs_until_overflow",
    "That is where an int16 ends; an int32 goes 65,536 times as far.",
)
def guess_overflow_of_int16():
    return 2


@mistake(
    "4.12",
    "predict_quant.inputs_until_overflow",
    "What is added up are products of two codes, 127 * 127, not codes.",
)
def guess_overflow_of_codes():
    return 16909320


@mistake(
    "4.12",
    "predict_quant.inputs_until_overflow",
    "That counts bits: two times 8 of 32. Codes have 7 bits and a sign.",
)
def guess_overflow_by_bits():
    return 65536


@mistake(
    "4.12",
    "predict_quant.closer_on_uniform_weights",
    "NF4 puts its levels near zero, where a bell curve has its weights, and these have not.",
)
def guess_uniform_suits_nf4():
    return "a"


@mistake(
    "4.12",
    "predict_quant.closer_on_uniform_weights",
    "The number of levels is the same; what counts is whether they lie where the weights are.",
)
def guess_uniform_suits_both():
    return "c"
