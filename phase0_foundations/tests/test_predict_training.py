import math

import numpy as np
import pytest

from phase0_foundations.solution import predict_training
from shared import checks
from shared.checks import Near, Sealed


@pytest.mark.exercise("0.13")
def test_loss_before_training():
    answer = Near(math.log(10), rtol=0.01)
    checks.guess(predict_training.loss_before_training(), answer, "loss before training")


@pytest.mark.exercise("0.13")
def test_size_after_ten_layers():
    answer = Near(2**-5, rtol=0.3)
    actual = predict_training.size_after_ten_layers()
    checks.guess(actual, answer, "root mean square after ten relu layers without gain")


@pytest.mark.exercise("0.13")
def test_different_hidden_units():
    answer = Sealed("units", "4f052458a88f8952")
    actual = predict_training.different_hidden_units()
    checks.guess(actual, answer, "distinct hidden units after equal initial weights")


@pytest.mark.exercise("0.18")
def test_bytes_of_training():
    answer = Sealed("bytes", "858450a7d10d98d1")
    actual = predict_training.bytes_of_training_with_adamw()
    checks.guess(actual, answer, "bytes of weights, gradients and AdamW's averages")


@pytest.mark.exercise("0.18")
def test_steps_of_ten_epochs():
    answer = Sealed("steps", "77ac160fcee516a7")
    actual = predict_training.steps_of_ten_epochs()
    checks.guess(actual, answer, "steps of ten epochs, 1000 pictures by 64")


@pytest.mark.exercise("0.18")
def test_rows_of_the_last_batch():
    answer = Sealed("rows", "306f83ff1cb10451")
    actual = predict_training.rows_of_the_last_batch()
    checks.guess(actual, answer, "rows of the last batch, 1000 pictures by 64")


def test_answers_are_whole_numbers_where_they_should_be():
    for question in ("bytes_of_training_with_adamw", "steps_of_ten_epochs"):
        answer = getattr(predict_training, question)()
        checks.law(isinstance(answer, int | np.integer), f"{question} is a whole number", answer)
