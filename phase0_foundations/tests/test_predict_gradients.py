"""The predictions about reused nodes, against sealed answers."""

import pytest

from phase0_foundations.solution import predict_gradients
from shared import checks


@pytest.mark.exercise("0.9")
def test_gradient_of_a_reused_node():
    answer = checks.Sealed(salt="gradient_of_a_reused_node", digest="249b4afb82afffa4")
    guess = predict_gradients.gradient_of_a_reused_node()
    checks.guess(guess, answer, "x.grad in y = x * x + x")


@pytest.mark.exercise("0.9")
def test_gradient_through_ten_diamonds():
    answer = checks.Sealed(salt="gradient_through_ten_diamonds", digest="843764e479239092")
    guess = predict_gradients.gradient_through_ten_diamonds()
    checks.guess(guess, answer, "x.grad below ten diamonds")


@pytest.mark.exercise("0.9")
def test_gradients_after_two_calls():
    answer = checks.Sealed(salt="gradients_after_two_calls", digest="aa8d492e81b517ed")
    guess = predict_gradients.gradients_after_two_calls()
    checks.guess(guess, answer, "(x.grad, b.grad) after two backward calls")
