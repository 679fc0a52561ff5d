"""The predictions about attention, against closed forms and sealed answers."""

import pytest

from phase1_transformers.solution import predict_attention
from shared import checks
from shared.checks import Near, Sealed


@pytest.mark.exercise("1.10")
def test_variance_of_scores():
    answer = Near(8.0**2, rtol=0.05)
    actual = predict_attention.variance_of_scores()
    checks.guess(actual, answer, "variance of the dot product of two vectors of 64 numbers")


@pytest.mark.exercise("1.10")
def test_keys_in_view():
    answer = Near(2.05, rtol=0.25)  # measured with 4 million scores; no closed form is known
    actual = predict_attention.keys_in_view()
    checks.guess(actual, answer, "keys in view, of 64, when scores are not divided")


@pytest.mark.exercise("1.10")
def test_allowed_pairs():
    answer = Sealed("pairs", "d70d5cd5bd13f7da")
    actual = predict_attention.allowed_pairs()
    checks.guess(actual, answer, "pairs that the mask allows, 4 new tokens after 6 old ones")


@pytest.mark.exercise("1.10")
def test_bytes_of_weights():
    answer = Sealed("weights", "7fb472fc208b8205")
    actual = predict_attention.bytes_of_weights()
    checks.guess(actual, answer, "bytes of one layer's attention weights")


@pytest.mark.exercise("1.10")
def test_last_token_after_a_shuffle():
    answer = Sealed("shuffle", "1d532613908c0e63")
    actual = predict_attention.last_token_after_a_shuffle()
    checks.guess(actual, answer, "the last token's output after a shuffle of the others")
