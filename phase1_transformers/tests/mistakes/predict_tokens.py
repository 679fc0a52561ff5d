"""Classic wrong guesses for `solution/predict_tokens.py`."""

from shared.mistakes import mistake


@mistake(
    "1.4",
    "predict_tokens.pieces_of_a_number",
    "That is how GPT-2's pattern sees it; GPT-4's limits the digits of a piece. Look for the braces.",
)
def guess_one_number():
    return 1


@mistake(
    "1.4",
    "predict_tokens.pieces_of_a_number",
    "Not digit by digit, as some later models do it: GPT-4's pattern takes up to a certain number of them.",
)
def guess_digit_by_digit():
    return 10


@mistake(
    "1.4",
    "predict_tokens.pieces_of_a_number",
    "The digits left over at the end are a piece too.",
)
def guess_full_groups_only():
    return 3


@mistake(
    "1.4",
    "predict_tokens.pieces_after_a_space",
    "Together they would be cut before the space; apart, the space has no letters behind it to go with.",
)
def guess_as_if_joined():
    return 2


@mistake(
    "1.4",
    "predict_tokens.pieces_after_a_space",
    "GPT-2's pattern cuts at classes of characters; no merge has been applied yet, but no letter stands alone either.",
)
def guess_every_letter():
    return 11


@mistake(
    "1.4",
    "predict_tokens.pieces_after_a_space",
    "One too many: each of the two words is a single piece.",
)
def guess_four_pieces():
    return 4


@mistake(
    "1.4",
    "predict_tokens.tokens_of_a_foreign_word",
    "One for each character would need these in the vocabulary; the tokenizer has seen English only. What has it always?",
)
def guess_token_per_character():
    return 3


@mistake(
    "1.4",
    "predict_tokens.tokens_of_a_foreign_word",
    'There is no "unknown" token: a byte-level tokenizer writes every text, at a price.',
)
def guess_unknown_token():
    return 1


@mistake(
    "1.4",
    "predict_tokens.tokens_of_a_foreign_word",
    "Two bytes a character is UTF-16, or UTF-8 below U+0800; these lie above.",
)
def guess_two_bytes_each():
    return 6


@mistake(
    "1.4",
    "predict_tokens.tokens_of_a_foreign_word",
    "Four bytes of UTF-8 are for what lies above U+FFFF, such as emoji.",
)
def guess_four_bytes_each():
    return 12


@mistake(
    "1.4",
    "predict_tokens.tokens_after_three_merges",
    "A merge does not take one token away, but one for each occurrence of its pair.",
)
def guess_one_less_each():
    return 97


@mistake(
    "1.4",
    "predict_tokens.tokens_after_three_merges",
    "The second merge joins what the first one made, not one more a to it: the commonest pair is (aa, aa).",
)
def guess_tokens_grow_by_one():
    return 25


@mistake(
    "1.4",
    "predict_tokens.tokens_after_three_merges",
    "What is left over at the end does not fill a longest token, but it is there.",
)
def guess_rounded_down():
    return 12


@mistake(
    "1.4",
    "predict_tokens.tokens_after_three_merges",
    "That is after one merge; there are three.",
)
def guess_one_merge():
    return 50


@mistake(
    "1.4",
    "predict_tokens.better_model",
    "A smaller number per token is no better if the tokens are smaller: divide by the bytes of a token first.",
)
def guess_smaller_loss():
    return "b"
