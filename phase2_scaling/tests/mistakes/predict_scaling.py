"""Classic wrong guesses for `solution/predict_scaling.py`."""

from shared.mistakes import mistake


@mistake(
    "2.6",
    "predict_scaling.growth_of_the_model",
    "All into the model, on the same tokens: then the data's term stays as it is and soon outweighs the other.",
)
def guess_growth_all_parameters():
    return 100


@mistake(
    "2.6",
    "predict_scaling.growth_of_the_model",
    "That is Kaplan et al.'s exponent, 0.73, found on small models without their embeddings.",
)
def guess_growth_of_kaplan():
    return 28.8


@mistake(
    "2.6",
    "predict_scaling.growth_of_the_model",
    "Twenty is a rule for tokens per parameter; it says nothing of how both grow.",
)
def guess_growth_twenty():
    return 20


@mistake(
    "2.6",
    "predict_scaling.growth_of_the_model",
    "Half of it for the model and half for the data: growth multiplies, and ten times ten is a hundred.",
)
def guess_growth_half():
    return 50


@mistake(
    "2.6",
    "predict_scaling.growth_of_the_model",
    "That is 100^beta: the exponent of the best size is beta / (alpha + beta), about a half.",
)
def guess_growth_with_beta():
    return 5.4


@mistake(
    "2.6",
    "predict_scaling.growth_of_the_model",
    "A third power would be for three things growing alike; here there are two, N and D.",
)
def guess_growth_cube_root():
    return 4.64


@mistake(
    "2.6",
    "predict_scaling.work_of_half_the_size",
    "Twice the tokens on half the size is the same work, and a little too few tokens: you are off the optimum, so it costs more.",
)
def guess_half_size_for_free():
    return 1


@mistake(
    "2.6",
    "predict_scaling.work_of_half_the_size",
    "Twice the work is far too much: near its lowest point a valley is flat.",
)
def guess_half_size_twice_the_work():
    return 2


@mistake(
    "2.6",
    "predict_scaling.work_of_half_the_size",
    "That is how many times the tokens; each of them costs half as much.",
)
def guess_half_size_tokens():
    return 2.5


@mistake(
    "2.6",
    "predict_scaling.work_of_half_the_size",
    "Half the work is the same tokens on half the size; that model is worse, it has to read more.",
)
def guess_half_size_half_the_work():
    return 0.5


@mistake(
    "2.6",
    "predict_scaling.work_of_half_the_size",
    "A half more is too much: the size's own term grows by a quarter only, and the loss counts both terms.",
)
def guess_half_size_half_more():
    return 1.5


@mistake(
    "2.6",
    "predict_scaling.bytes_of_a_sharded_optimiser",
    "Sixteen bytes for each parameter is one GPU without sharding: the optimiser's twelve are divided by eight.",
)
def guess_states_unsharded():
    return 112e9


@mistake(
    "2.6",
    "predict_scaling.bytes_of_a_sharded_optimiser",
    "That shards everything, which is ZeRO-3; in stage 1 each GPU keeps all weights and gradients.",
)
def guess_states_all_sharded():
    return 14e9


@mistake(
    "2.6",
    "predict_scaling.bytes_of_a_sharded_optimiser",
    "That shards the gradients as well, which is ZeRO-2.",
)
def guess_states_of_stage_two():
    return 26.25e9


@mistake(
    "2.6",
    "predict_scaling.bytes_of_a_sharded_optimiser",
    "The float32 copy of the weights is missing: the optimiser keeps twelve bytes a parameter, not eight.",
)
def guess_states_without_copy():
    return 35e9


@mistake(
    "2.6",
    "predict_scaling.bytes_of_a_sharded_optimiser",
    "Weights and gradients alone; each GPU also has its eighth of the optimiser.",
)
def guess_states_without_optimiser():
    return 28e9


@mistake(
    "2.6",
    "predict_scaling.bytes_of_a_sharded_optimiser",
    "Gradients are missing: two bytes a parameter, on every GPU in stage 1.",
)
def guess_states_without_gradients():
    return 24.5e9


@mistake(
    "2.6",
    "predict_scaling.bytes_of_a_sharded_optimiser",
    "Weights and gradients are bfloat16, two bytes each; that counts four.",
)
def guess_states_in_float32():
    return 66.5e9


@mistake(
    "2.6",
    "predict_scaling.bytes_sent_by_a_rank",
    "The whole tensor once is not enough to both add up and tell; go through both rounds of the ring, chunk by chunk.",
)
def guess_sent_once():
    return 1e9


@mistake(
    "2.6",
    "predict_scaling.bytes_sent_by_a_rank",
    "That is the whole tensor to each of three others; around a ring only chunks of a quarter travel.",
)
def guess_sent_to_everyone():
    return 3e9


@mistake(
    "2.6",
    "predict_scaling.bytes_sent_by_a_rank",
    "Twice the tensor is what many ranks come close to; four of them send a chunk three times in each round, not four.",
)
def guess_sent_twice():
    return 2e9


@mistake(
    "2.6",
    "predict_scaling.bytes_sent_by_a_rank",
    "That is the first round, after which each has a quarter of the sum; it still has to be told to the others.",
)
def guess_sent_in_one_round():
    return 0.75e9


@mistake(
    "2.6",
    "predict_scaling.bytes_sent_by_a_rank",
    "That is what all four send together; the question is about one.",
)
def guess_sent_by_all():
    return 6e9


@mistake(
    "2.6",
    "predict_scaling.bytes_sent_by_a_rank",
    "That is one chunk; each rank sends three of them in each of two rounds.",
)
def guess_sent_one_chunk():
    return 0.25e9


@mistake(
    "2.6",
    "predict_scaling.idle_share_of_a_pipeline",
    "That is the idle time over the working time; a step is both together.",
)
def guess_idle_over_working():
    return 7 / 24


@mistake(
    "2.6",
    "predict_scaling.idle_share_of_a_pipeline",
    "1F1B has GPipe's bubble; what it saves is memory.",
)
def guess_idle_none():
    return 0


@mistake(
    "2.6",
    "predict_scaling.idle_share_of_a_pipeline",
    "Stages over micro-batches: the first stage starts at once, so p - 1 slots are empty, out of m + p - 1.",
)
def guess_idle_stages_over_micro():
    return 8 / 24


@mistake(
    "2.6",
    "predict_scaling.idle_share_of_a_pipeline",
    "Eight of 32 slots: the first stage does not wait for anyone, so it is one fewer of each.",
)
def guess_idle_one_too_many():
    return 8 / 32


@mistake(
    "2.6",
    "predict_scaling.idle_share_of_a_pipeline",
    "That is without micro-batches: one GPU works, seven wait. The second micro-batch enters while the first moves on.",
)
def guess_idle_without_micro():
    return 7 / 8


@mistake(
    "2.6",
    "predict_scaling.idle_share_of_a_pipeline",
    "That is the share of the time in which it works.",
)
def guess_idle_is_working():
    return 24 / 31


@mistake(
    "2.6",
    "predict_scaling.idle_share_of_a_pipeline",
    "Half of the bubble: it comes at the beginning and again at the end, (p - 1) (t_f + t_b) in all.",
)
def guess_idle_one_end():
    return 3.5 / 31
