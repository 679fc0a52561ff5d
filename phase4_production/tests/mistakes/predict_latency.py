"""Classic wrong guesses for `solution/predict_latency.py`."""

from shared.mistakes import mistake


@mistake(
    "4.22",
    "predict_latency.p95_of_two_servers",
    "A mean of percentiles is the percentile of nothing: merge the requests, then look.",
)
def guess_two_servers_mean():
    return 500


@mistake(
    "4.22",
    "predict_latency.p95_of_two_servers",
    "Nine of ten requests are fast, but the 95th of a hundred is among the slow ones.",
)
def guess_two_servers_fast():
    return 100


@mistake(
    "4.22",
    "predict_latency.p95_of_two_servers",
    "Weighted by their requests it is still a mean, and the mean of all latencies at that.",
)
def guess_two_servers_weighted():
    return 180


@mistake(
    "4.22",
    "predict_latency.p95_of_two_servers",
    "There is nothing between 100 and 900 ms: a percentile is one of the latencies here.",
)
def guess_two_servers_stretched():
    return 860


@mistake(
    "4.22",
    "predict_latency.p95_through_a_pause",
    "One request in ten arrives in the pause; the slowest 5 % are among those.",
)
def guess_pause_nothing():
    return 0


@mistake(
    "4.22",
    "predict_latency.p95_through_a_pause",
    "Only the one that came first waits through the whole pause.",
)
def guess_pause_whole():
    return 10


@mistake(
    "4.22",
    "predict_latency.p95_through_a_pause",
    "That is the p95 of those that came in the pause; nine of ten came at other times.",
)
def guess_pause_of_the_late():
    return 9.5


@mistake(
    "4.22",
    "predict_latency.p95_through_a_pause",
    "That is the mean of all requests: a tenth of them wait 5 s on average.",
)
def guess_pause_mean():
    return 0.5


@mistake(
    "4.22",
    "predict_latency.p95_through_a_pause",
    "From the end of the pause, half of the late ones are the slowest 5 % of all, not a tenth.",
)
def guess_pause_ninety():
    return 9


@mistake(
    "4.22",
    "predict_latency.late_requests_of_a_closed_loop",
    "While it waits the client sends nothing: those that would have come are never counted.",
)
def guess_closed_loop_all():
    return 1000


@mistake(
    "4.22",
    "predict_latency.late_requests_of_a_closed_loop",
    "One request meets the pause, and it waits to its end.",
)
def guess_closed_loop_none():
    return 0


@mistake(
    "4.22",
    "predict_latency.late_requests_of_a_closed_loop",
    "That would be those that wait longer than half of the pause, if requests kept coming.",
)
def guess_closed_loop_half():
    return 500


@mistake(
    "4.22",
    "predict_latency.late_requests_of_a_closed_loop",
    "It does not ask once a second in the pause: it waits for its answer.",
)
def guess_closed_loop_per_second():
    return 10


@mistake(
    "4.22",
    "predict_latency.answers_in_flight",
    "As many arrive each second, but each stays for longer than one.",
)
def guess_in_flight_arrivals():
    return 4


@mistake(
    "4.22",
    "predict_latency.answers_in_flight",
    "An answer is in flight until its last token, not until its first.",
)
def guess_in_flight_first_token():
    return 2


@mistake(
    "4.22",
    "predict_latency.answers_in_flight",
    "The half second to the first token belongs to an answer's stay, too.",
)
def guess_in_flight_decode_only():
    return 10


@mistake(
    "4.22",
    "predict_latency.answers_in_flight",
    "That is how long one stays; four arrive in each of these seconds.",
)
def guess_in_flight_stay():
    return 3


@mistake(
    "4.22",
    "predict_latency.answers_in_flight",
    "Arrivals per second times seconds: the unit says that it is a product.",
)
def guess_in_flight_divided():
    return 1.333


@mistake(
    "4.22",
    "predict_latency.p95_from_buckets",
    "The histogram has forgotten it: it only knows that all are between 0.25 and 0.5 s.",
)
def guess_buckets_truth():
    return 0.26


@mistake(
    "4.22",
    "predict_latency.p95_from_buckets",
    "Prometheus goes only 95 % of the way to the upper bound.",
)
def guess_buckets_upper():
    return 0.5


@mistake(
    "4.22",
    "predict_latency.p95_from_buckets",
    "It does not take the middle: it goes as far into the bucket as the rank is.",
)
def guess_buckets_middle():
    return 0.375


@mistake(
    "4.22",
    "predict_latency.p95_from_buckets",
    "That is where the bucket begins; 95 of its 100 observations lie before the rank.",
)
def guess_buckets_lower():
    return 0.25


@mistake(
    "4.22",
    "predict_latency.p95_from_buckets",
    "The way begins at the bucket's lower bound, not at 0.",
)
def guess_buckets_from_zero():
    return 0.475


@mistake(
    "4.22",
    "predict_latency.pages_with_a_slow_part",
    "That is one server; a page is as slow as the slowest of twenty.",
)
def guess_pages_one():
    return 0.05


@mistake(
    "4.22",
    "predict_latency.pages_with_a_slow_part",
    "Chances do not add up: some pages meet several slow servers, others none.",
)
def guess_pages_sum():
    return 1


@mistake(
    "4.22",
    "predict_latency.pages_with_a_slow_part",
    "That is the share of pages that meet no slow server.",
)
def guess_pages_complement():
    return 0.358


@mistake(
    "4.22",
    "predict_latency.pages_with_a_slow_part",
    "One slow server is enough; they need not all be slow.",
)
def guess_pages_all_slow():
    return 0


@mistake(
    "4.22",
    "predict_latency.pages_with_a_slow_part",
    "Near, but count it: all twenty have to be fast.",
)
def guess_pages_half():
    return 0.5


@mistake(
    "4.22",
    "predict_latency.wait_when_busier",
    "5 % more load are not free: each idle moment that is lost was needed to catch up.",
)
def guess_busier_same():
    return 1


@mistake(
    "4.22",
    "predict_latency.wait_when_busier",
    "The time goes with 1 / (1 - load), not with the load.",
)
def guess_busier_proportional():
    return 1.056


@mistake(
    "4.22",
    "predict_latency.wait_when_busier",
    "The idle share halves, from 10 % to 5 %. What does that do to the time?",
)
def guess_busier_more_than_half():
    return 1.5


@mistake(
    "4.22",
    "predict_latency.wait_when_busier",
    "That is the wait alone; the request is served after it, too.",
)
def guess_busier_waiting_only():
    return 1.9


@mistake(
    "4.22",
    "predict_latency.wait_when_busier",
    "That is how many requests are there, on average; asked is how long each takes.",
)
def guess_busier_in_queue():
    return 19
