import pytest

from phase1_transformers.solution import predict_tokens
from shared import checks
from shared.checks import Sealed


@pytest.mark.exercise("1.4")
def test_pieces_of_a_number():
    answer = Sealed("number", "598649171abafb7f")
    actual = predict_tokens.pieces_of_a_number()
    checks.guess(actual, answer, "pre-tokens of 1234567890")


@pytest.mark.exercise("1.4")
def test_pieces_after_a_space():
    answer = Sealed("space", "a7a567bb28ed5981")
    actual = predict_tokens.pieces_after_a_space()
    checks.guess(actual, answer, 'pre-tokens of "Hello " and "world"')


@pytest.mark.exercise("1.4")
def test_tokens_of_a_foreign_word():
    answer = Sealed("foreign", "71610c17c700d934")
    actual = predict_tokens.tokens_of_a_foreign_word()
    checks.guess(actual, answer, "tokens of 日本語 after English only")


@pytest.mark.exercise("1.4")
def test_tokens_after_three_merges():
    answer = Sealed("merges", "88d30a02c4f4e6c6")
    actual = predict_tokens.tokens_after_three_merges()
    checks.guess(actual, answer, "tokens of 100 times a, after three merges")


@pytest.mark.exercise("1.4")
def test_better_model():
    answer = Sealed("better", "967459048f4f429f")
    checks.guess(predict_tokens.better_model(), answer, "the model that predicts better")


def test_answers_are_whole_numbers():
    for question in ("pieces_of_a_number", "tokens_of_a_foreign_word", "pieces_after_a_space"):
        answer = getattr(predict_tokens, question)()
        checks.law(isinstance(answer, int), f"{question} is a whole number", answer)
