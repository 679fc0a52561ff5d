"""Classic wrong guesses for `solution/predict_parallel.py`."""

from shared.mistakes import mistake


@mistake(
    "2.17",
    "predict_parallel.bytes_sent_by_a_rank",
    "The whole tensor once is not enough to both add up and tell; go through both rounds of the ring, chunk by chunk.",
)
def guess_sent_once():
    return 1e9


@mistake(
    "2.17",
    "predict_parallel.bytes_sent_by_a_rank",
    "That is the whole tensor to each of three others; around a ring only chunks of a quarter travel.",
)
def guess_sent_to_everyone():
    return 3e9


@mistake(
    "2.17",
    "predict_parallel.bytes_sent_by_a_rank",
    "Twice the tensor is what many ranks come close to; four of them send a chunk three times in each round, not four.",
)
def guess_sent_twice():
    return 2e9


@mistake(
    "2.17",
    "predict_parallel.bytes_sent_by_a_rank",
    "That is the first round, after which each has a quarter of the sum; it still has to be told to the others.",
)
def guess_sent_in_one_round():
    return 0.75e9


@mistake(
    "2.17",
    "predict_parallel.bytes_sent_by_a_rank",
    "That is what all four send together; the question is about one.",
)
def guess_sent_by_all():
    return 6e9


@mistake(
    "2.17",
    "predict_parallel.bytes_sent_by_a_rank",
    "That is one chunk; each rank sends three of them in each of two rounds.",
)
def guess_sent_one_chunk():
    return 0.25e9


@mistake(
    "2.17",
    "predict_parallel.idle_share_of_a_pipeline",
    "That is the idle time over the working time; a step is both together.",
)
def guess_idle_over_working():
    return 7 / 24


@mistake(
    "2.17",
    "predict_parallel.idle_share_of_a_pipeline",
    "1F1B has GPipe's bubble; what it saves is memory.",
)
def guess_idle_none():
    return 0


@mistake(
    "2.17",
    "predict_parallel.idle_share_of_a_pipeline",
    "Stages over micro-batches: the first stage starts at once, so p - 1 slots are empty, out of m + p - 1.",
)
def guess_idle_stages_over_micro():
    return 8 / 24


@mistake(
    "2.17",
    "predict_parallel.idle_share_of_a_pipeline",
    "Eight of 32 slots: the first stage does not wait for anyone, so it is one fewer of each.",
)
def guess_idle_one_too_many():
    return 8 / 32


@mistake(
    "2.17",
    "predict_parallel.idle_share_of_a_pipeline",
    "That is without micro-batches: one GPU works, seven wait. The second micro-batch enters while the first moves on.",
)
def guess_idle_without_micro():
    return 7 / 8


@mistake(
    "2.17",
    "predict_parallel.idle_share_of_a_pipeline",
    "That is the share of the time in which it works.",
)
def guess_idle_is_working():
    return 24 / 31


@mistake(
    "2.17",
    "predict_parallel.idle_share_of_a_pipeline",
    "Half of the bubble: it comes at the beginning and again at the end, (p - 1) (t_f + t_b) in all.",
)
def guess_idle_one_end():
    return 3.5 / 31
