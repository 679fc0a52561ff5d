"""Classic wrong guesses for `solution/predict_memory.py`."""

from shared.mistakes import mistake


@mistake(
    "2.6",
    "predict_memory.bytes_of_a_sharded_optimiser",
    "Sixteen bytes for each parameter is one GPU without sharding: the optimiser's twelve are divided by eight.",
)
def guess_states_unsharded():
    return 112e9


@mistake(
    "2.6",
    "predict_memory.bytes_of_a_sharded_optimiser",
    "That shards everything, which is ZeRO-3; in stage 1 each GPU keeps all weights and gradients.",
)
def guess_states_all_sharded():
    return 14e9


@mistake(
    "2.6",
    "predict_memory.bytes_of_a_sharded_optimiser",
    "That shards the gradients as well, which is ZeRO-2.",
)
def guess_states_of_stage_two():
    return 26.25e9


@mistake(
    "2.6",
    "predict_memory.bytes_of_a_sharded_optimiser",
    "The float32 copy of the weights is missing: the optimiser keeps twelve bytes a parameter, not eight.",
)
def guess_states_without_copy():
    return 35e9


@mistake(
    "2.6",
    "predict_memory.bytes_of_a_sharded_optimiser",
    "Weights and gradients alone; each GPU also has its eighth of the optimiser.",
)
def guess_states_without_optimiser():
    return 28e9


@mistake(
    "2.6",
    "predict_memory.bytes_of_a_sharded_optimiser",
    "Gradients are missing: two bytes a parameter, on every GPU in stage 1.",
)
def guess_states_without_gradients():
    return 24.5e9


@mistake(
    "2.6",
    "predict_memory.bytes_of_a_sharded_optimiser",
    "Weights and gradients are bfloat16, two bytes each; that counts four.",
)
def guess_states_in_float32():
    return 66.5e9


@mistake(
    "2.6",
    "predict_memory.times_its_input",
    "That is what recomputation leaves. A product's weight gradient needs the product's input: count those.",
)
def guess_block_its_input_alone():
    return 1


@mistake(
    "2.6",
    "predict_memory.times_its_input",
    "Only two pairs of inputs; follow q, k, v, attention's output and the MLP's four-fold width one by one.",
)
def guess_block_each_layer_input():
    return 4


@mistake(
    "2.6",
    "predict_memory.times_its_input",
    "Twelve is the block's weights, in C^2, or GELU counted once: both its input and its output are kept, each four wide.",
)
def guess_block_weights():
    return 12


@mistake(
    "2.6",
    "predict_memory.times_its_input",
    "34 is bytes for each number of the input (Korthikanti et al., masks included); two of them are the number itself.",
)
def guess_block_34_bytes():
    return 34


@mistake(
    "2.6",
    "predict_memory.times_its_input",
    "Norms keep their input, and the layers after them the normalised copy: two times two.",
)
def guess_block_without_norms():
    return 14
