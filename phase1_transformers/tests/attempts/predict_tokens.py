"""The guesses of `mistakes/predict_tokens.py`, as others would write them."""

from shared.mistakes import attempt


@attempt("guess_one_number")
def _():
    return len(["1234567890"])


@attempt("guess_digit_by_digit")
def _():
    return len("1234567890")


@attempt("guess_full_groups_only")
def _():
    return 10 // 3


@attempt("guess_as_if_joined")
def _():
    return len(["Hello", " world"])


@attempt("guess_every_letter")
def _():
    return len("Hello ") + len("world")


@attempt("guess_four_pieces")
def _():
    return 2 + 2


@attempt("guess_token_per_character")
def _():
    return len("日本語")


@attempt("guess_unknown_token")
def _():
    return 1.0


@attempt("guess_two_bytes_each")
def _():
    return 2 * len("日本語")


@attempt("guess_four_bytes_each")
def _():
    return len("日本語".encode("utf-32-le"))


@attempt("guess_one_less_each")
def _():
    return 100 - 3


@attempt("guess_tokens_grow_by_one")
def _():
    return 100 // 4


@attempt("guess_rounded_down")
def _():
    return 100 // 8


@attempt("guess_one_merge")
def _():
    return 100 / 2


@attempt("guess_smaller_loss")
def _():
    return "B"
