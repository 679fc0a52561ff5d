"""Classic wrong guesses for `solution/predict_hacking.py`."""

from shared.mistakes import mistake


@mistake(
    "3.23",
    "predict_hacking.samples_for_three_nats",
    "That is e^3: the (n - 1) / n, nearly one nat, has to be paid back by more samples.",
)
def guess_three_nats_without_the_fraction():
    return 20


@mistake(
    "3.23",
    "predict_hacking.samples_for_three_nats",
    "Eight answers are three bits; the formula is in nats, and takes off (n - 1) / n.",
)
def guess_three_nats_three_bits():
    return 8


@mistake(
    "3.23",
    "predict_hacking.samples_for_three_nats",
    "With a logarithm to base 2 sixteen answers come to three; nats take the natural one.",
)
def guess_three_nats_in_bits():
    return 16


@mistake(
    "3.23",
    "predict_hacking.samples_for_three_nats",
    "That is a logarithm to base 10; nats take the natural one.",
)
def guess_three_nats_decades():
    return 1000


@mistake(
    "3.23",
    "predict_hacking.samples_for_twice_the_gain",
    "Twice the samples do not gain twice as much: the best of 32 is 17 % above the best of 16.",
)
def guess_gain_linear():
    return 32


@mistake(
    "3.23",
    "predict_hacking.samples_for_twice_the_gain",
    "Four times the samples is for what grows with a square root; the best grows more slowly than any power of n.",
)
def guess_gain_square_root():
    return 64


@mistake(
    "3.23",
    "predict_hacking.samples_for_twice_the_gain",
    "The square of 16 doubles the logarithm; the gain grows about with its square root.",
)
def guess_gain_logarithm():
    return 256


@mistake(
    "3.23",
    "predict_hacking.samples_for_twice_the_gain",
    "16^4 is what sqrt(2 log n) asks for; that is right for huge n, and 16 is not huge: the best of 16 is well below it.",
)
def guess_gain_of_huge_n():
    return 65536


@mistake(
    "3.23",
    "predict_hacking.nats_of_the_best_gold",
    "That is d; the question is about the KL, its square.",
)
def guess_gold_in_d():
    return 3


@mistake(
    "3.23",
    "predict_hacking.nats_of_the_best_gold",
    "There gold is back where it began; it turns halfway, in d.",
)
def guess_gold_where_it_is_gone():
    return 36


@mistake(
    "3.23",
    "predict_hacking.nats_of_the_best_gold",
    "That is the d at which gold is back at zero; it turns halfway there, and the question is about d squared.",
)
def guess_gold_where_it_is_gone_in_d():
    return 6


@mistake(
    "3.23",
    "predict_hacking.nats_of_the_best_gold",
    "That is how high gold gets; the question is where.",
)
def guess_gold_height():
    return 1.8


@mistake(
    "3.23",
    "predict_hacking.nats_of_the_best_gold",
    "Gold is back at zero at 36 nats, but halfway is meant in d, the root of the KL.",
)
def guess_gold_halfway_in_nats():
    return 18


@mistake(
    "3.23",
    "predict_hacking.nats_of_the_best_gold_by_rl",
    "That is d; the question is about the KL, its square.",
)
def guess_rl_in_d():
    return 4.48


@mistake(
    "3.23",
    "predict_hacking.nats_of_the_best_gold_by_rl",
    "There gold is back where it began: 1 = 0.4 log d. Where is its slope zero?",
)
def guess_rl_where_gold_is_gone():
    return 148


@mistake(
    "3.23",
    "predict_hacking.nats_of_the_best_gold_by_rl",
    "That is the d at which gold is back where it began; set the slope to zero, then square.",
)
def guess_rl_where_gold_is_gone_in_d():
    return 12.2


@mistake(
    "3.23",
    "predict_hacking.nats_of_the_best_gold_by_rl",
    "That is log d at the top; d is its exponential, and the KL is d squared.",
)
def guess_rl_log_d():
    return 1.5


@mistake(
    "3.23",
    "predict_hacking.nats_of_the_best_gold_by_rl",
    "That is the curve of the best of n with these numbers; with a logarithm in it gold falls far more slowly.",
)
def guess_rl_as_best_of_n():
    return 1.5625


@mistake(
    "3.23",
    "predict_hacking.nats_of_the_best_gold_by_rl",
    "With a logarithm to base 10; the formula has the natural one.",
)
def guess_rl_base_ten():
    return 13500


@mistake(
    "3.23",
    "predict_hacking.what_the_penalty_buys",
    "The penalty does not know flattery from a good answer: it makes every nat cost the same, whatever it is spent on.",
)
def guess_penalty_leads_around():
    return "A"


@mistake(
    "3.23",
    "predict_hacking.what_the_penalty_buys",
    "It costs proxy reward at the end of the run; but compare the two runs at the same KL.",
)
def guess_penalty_costs():
    return "B"


@mistake(
    "3.23",
    "predict_hacking.what_the_penalty_buys",
    "A small price lets the policy go nearly as far as no price: gold turns at the same KL, and the run goes on beyond it.",
)
def guess_penalty_cures():
    return "D"
