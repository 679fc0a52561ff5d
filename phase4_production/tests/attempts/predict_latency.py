"""The guesses of `mistakes/predict_latency.py`, as others would write them."""

from shared.mistakes import attempt


@attempt("guess_two_servers_mean")
def _():
    return (100 + 900) / 2


@attempt("guess_two_servers_fast")
def _():
    return 100.0


@attempt("guess_two_servers_weighted")
def _():
    return 0.9 * 100 + 0.1 * 900


@attempt("guess_two_servers_stretched")
def _():
    return 100 + 0.95 * 800


@attempt("guess_pause_nothing")
def _():
    return 0.0


@attempt("guess_pause_whole")
def _():
    return 60 - 50


@attempt("guess_pause_of_the_late")
def _():
    return 0.95 * 10


@attempt("guess_pause_mean")
def _():
    return 0.1 * 5


@attempt("guess_pause_ninety")
def _():
    return 0.9 * 10


@attempt("guess_closed_loop_all")
def _():
    return 10 * 100


@attempt("guess_closed_loop_none")
def _():
    return int(0.5)


@attempt("guess_closed_loop_half")
def _():
    return 1000 // 2


@attempt("guess_closed_loop_per_second")
def _():
    return 60 - 50


@attempt("guess_in_flight_arrivals")
def _():
    return 4.0


@attempt("guess_in_flight_first_token")
def _():
    return 4 * 0.5


@attempt("guess_in_flight_decode_only")
def _():
    return 4 * 100 * 0.025


@attempt("guess_in_flight_stay")
def _():
    return 0.5 + 2.5


@attempt("guess_in_flight_divided")
def _():
    return 4 / 3


@attempt("guess_buckets_truth")
def _():
    return 260 / 1000


@attempt("guess_buckets_upper")
def _():
    return 1 / 2


@attempt("guess_buckets_middle")
def _():
    return (0.25 + 0.5) / 2


@attempt("guess_buckets_lower")
def _():
    return 1 / 4


@attempt("guess_buckets_from_zero")
def _():
    return 0.95 * 0.5


@attempt("guess_pages_one")
def _():
    return 5 / 100


@attempt("guess_pages_sum")
def _():
    return 20 * 0.05


@attempt("guess_pages_complement")
def _():
    return 0.95**20


@attempt("guess_pages_all_slow")
def _():
    return 0.0


@attempt("guess_pages_half")
def _():
    return 1 / 2


@attempt("guess_busier_same")
def _():
    return 1.0


@attempt("guess_busier_proportional")
def _():
    return 0.95 / 0.9


@attempt("guess_busier_more_than_half")
def _():
    return 3 / 2


@attempt("guess_busier_waiting_only")
def _():
    return 2 - 0.1


@attempt("guess_busier_in_queue")
def _():
    return 0.95 / 0.05
