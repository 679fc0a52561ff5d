"""Classic wrong guesses for `solution/predict_model.py`."""

from shared.mistakes import mistake


@mistake(
    "1.17",
    "predict_model.loss_before_training",
    "That is the logarithm to base 2, so bits; nats have the natural logarithm.",
)
def guess_untrained_loss_in_bits():
    return 15.62


@mistake(
    "1.17",
    "predict_model.loss_before_training",
    "That is log10 of the vocabulary; nats have the natural logarithm.",
)
def guess_untrained_loss_in_log10():
    return 4.7


@mistake(
    "1.17",
    "predict_model.loss_before_training",
    "That is ln 65, the loss of characters; here the model chooses among 50257 tokens.",
)
def guess_untrained_loss_of_characters():
    return 4.17


@mistake(
    "1.17",
    "predict_model.loss_before_training",
    "That is V itself, the perplexity; the loss is its logarithm.",
)
def guess_untrained_perplexity():
    return 50257


@mistake(
    "1.17",
    "predict_model.loss_with_a_wide_table",
    "The last norm sizes what goes into the head, not the head: its scores are sums over 256 products with numbers of size 1.",
)
def guess_norm_saves_the_head():
    return "a"


@mistake(
    "1.17",
    "predict_model.loss_with_a_wide_table",
    "More than that: what is the score of the token that was read, if the stream is still nearly its own row of the table?",
)
def guess_wide_table_half_more():
    return "b"


@mistake(
    "1.17",
    "predict_model.loss_with_a_wide_table",
    "It does find the token that it read, and is very sure of it; but the target is the next one.",
)
def guess_table_finds_the_token():
    return "d"


@mistake(
    "1.17",
    "predict_model.positions_that_notice",
    "The later tokens look back at it: what they gather changes, too.",
)
def guess_only_its_own_position():
    return 1


@mistake(
    "1.17",
    "predict_model.positions_that_notice",
    "Those before it cannot see it: the mask hides the future.",
)
def guess_all_positions():
    return 10


@mistake(
    "1.17",
    "predict_model.positions_that_notice",
    "The later ones, right; and a token sees itself.",
)
def guess_later_positions():
    return 6


@mistake(
    "1.17",
    "predict_model.positions_that_notice",
    "That is how many come before it and never see it; the question is about the others.",
)
def guess_earlier_positions():
    return 3


@mistake(
    "1.17",
    "predict_model.depth_that_sees_the_order",
    "True for one block. But after the first block, what has the first token seen, and what the second?",
)
def guess_never_sees_order():
    return "a"


@mistake(
    "1.17",
    "predict_model.depth_that_sees_the_order",
    "In one block c weighs the same two vectors in either order, and a sum does not care. What differs reaches c only through a second block.",
)
def guess_mask_tells_at_once():
    return "c"


@mistake(
    "1.17",
    "predict_model.share_of_the_token_table",
    "Larger than that: write out 50257 times 768, and remember that the whole is 124 million.",
)
def guess_small_share():
    return 0.05


@mistake(
    "1.17",
    "predict_model.share_of_the_token_table",
    "The table was counted twice; the head is the same table and costs nothing more.",
)
def guess_share_of_both_tables():
    return 0.47


@mistake(
    "1.17",
    "predict_model.share_of_the_token_table",
    "That is the share of all the rest; the question is about the table.",
)
def guess_share_of_the_rest():
    return 0.69


@mistake(
    "1.17",
    "predict_model.share_of_the_token_table",
    "That is the table over the rest; a share is the part over the whole.",
)
def guess_table_over_the_rest():
    return 0.45
