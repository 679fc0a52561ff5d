import math

import pytest

from phase1_transformers.solution import predict_model
from shared import checks
from shared.checks import Near, Sealed


@pytest.mark.exercise("1.17")
def test_loss_before_training():
    answer = Near(math.log(50257), rtol=0.01)
    actual = predict_model.loss_before_training()
    checks.guess(actual, answer, "loss of an untrained GPT, V = 50257")


@pytest.mark.exercise("1.17")
def test_loss_with_a_wide_table():
    answer = Sealed("table", "b2d849ec1dee4b0b")
    actual = predict_model.loss_with_a_wide_table()
    checks.guess(actual, answer, "loss with a tied token table from N(0, 1)")


@pytest.mark.exercise("1.17")
def test_positions_that_notice():
    answer = Sealed("positions", "c941adfa3e74925a")
    actual = predict_model.positions_that_notice()
    checks.guess(actual, answer, "positions whose logits change with token 3 of 10")


@pytest.mark.exercise("1.17")
def test_depth_that_sees_the_order():
    answer = Sealed("order", "c0ca7c64b686604e")
    actual = predict_model.depth_that_sees_the_order()
    checks.guess(actual, answer, "models that see the order without positions")


@pytest.mark.exercise("1.17")
def test_share_of_the_token_table():
    # 50257 * 768 of 124,439,808, the count that every account of GPT-2 small gives.
    answer = Near(50257 * 768 / 124_439_808, rtol=0.05)
    actual = predict_model.share_of_the_token_table()
    checks.guess(actual, answer, "share of the token table in GPT-2 small")
