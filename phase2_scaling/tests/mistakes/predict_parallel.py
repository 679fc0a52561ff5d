"""Classic wrong guesses for `solution/predict_parallel.py`."""

from shared.mistakes import mistake


@mistake(
    "2.17",
    "predict_parallel.bytes_sent_when_sharded",
    "That is what replicas send in an all-reduce: two walks around the ring. How many walks are there here?",
)
def guess_sent_like_replicas():
    return 1.5e9


@mistake(
    "2.17",
    "predict_parallel.bytes_sent_when_sharded",
    "That is one walk around the ring; parameters are gathered twice, and gradients walk as well.",
)
def guess_sent_in_one_walk():
    return 0.75e9


@mistake(
    "2.17",
    "predict_parallel.bytes_sent_when_sharded",
    "The whole once would be for a GPU that sends its quarter to four others, once; count the walks, three chunks each.",
)
def guess_sent_parameters_alone():
    return 1e9


@mistake(
    "2.17",
    "predict_parallel.bytes_sent_when_sharded",
    "Three walks it is; but of four chunks each sends three, for its own need not travel to itself.",
)
def guess_sent_four_chunks():
    return 3e9


@mistake(
    "2.17",
    "predict_parallel.bytes_sent_when_sharded",
    "That is what all four send together; the question is about one.",
)
def guess_sent_by_all_together():
    return 9e9


@mistake(
    "2.17",
    "predict_parallel.bytes_sent_when_sharded",
    "Count in chunks of a quarter: three for each walk, and parameters, let go after the forward pass, are gathered again.",
)
def guess_sent_no_second_gather():
    return 1.25e9


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
