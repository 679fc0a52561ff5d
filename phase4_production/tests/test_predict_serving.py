import pytest
import torch

from phase4_production.solution import predict_serving
from shared import checks
from shared.checks import Near, Sealed


@pytest.mark.exercise("4.19")
def test_bytes_of_a_token():
    answer = Sealed("4.19-bytes", "cec4f943672d7f7a")
    checks.guess(predict_serving.bytes_of_a_token(), answer, "bytes of a token in the cache")


@pytest.mark.exercise("4.19")
def test_idle_places():
    answer = Sealed("4.19-idle", "ad9befb01a029a01")
    checks.guess(predict_serving.idle_places(), answer, "places without a token")


@pytest.mark.exercise("4.19")
def test_fastest_decoding():
    answer = Near(20e9 / 124e6, rtol=0.05)
    checks.guess(predict_serving.fastest_decoding(), answer, "tokens per second at most")


@pytest.mark.exercise("4.19")
def test_blocks_of_ten_chats():
    answer = Sealed("4.19-chats", "9068622263bf901c")
    checks.guess(predict_serving.blocks_of_ten_chats(), answer, "blocks of ten chats")


@pytest.mark.exercise("4.19")
def test_steps_to_the_first_token():
    answer = Sealed("4.19-steps", "7019cdeb45791eda")
    actual = predict_serving.steps_to_the_first_token()
    checks.guess(actual, answer, "the step of the first token")


@pytest.mark.exercise("4.19")
def test_tokens_read_again():
    answer = Sealed("4.19-again", "280e1d5a2f07197c")
    actual = predict_serving.tokens_read_again()
    checks.guess(actual, answer, "tokens that are run after the preemption")


@pytest.mark.exercise("4.19")
def test_tokens_of_a_step_with_guesses():
    # A geometric sum, as in equation 1 of Leviathan et al. 2023.
    answer = Near((1 - 0.8**5) / (1 - 0.8), rtol=0.02)
    actual = predict_serving.tokens_of_a_step_with_guesses()
    checks.guess(actual, answer, "tokens of a step with four guesses")


# -- the answers are those of the real thing ----------------------------------------------------


def test_tokens_of_a_step_by_throwing_coins():
    g = torch.Generator().manual_seed(0)
    right = torch.rand(200_000, 4, generator=g) < 0.8
    n = right.long().cumprod(1).sum(1) + 1
    # The standard error of the mean is 0.0034.
    expected = predict_serving.tokens_of_a_step_with_guesses()
    checks.close(n.double().mean().item(), expected, "tokens a step", rtol=0, atol=0.014)


def test_the_others_by_counting():
    checks.equal(predict_serving.bytes_of_a_token(), 16 * 2 * 8 * 64 * 2, "bytes of a token")
    checks.equal(predict_serving.idle_places(), 15 + 0 + 12, "idle places")
    checks.equal(predict_serving.blocks_of_ten_chats(), 6 + 10 * 2, "blocks of ten chats")
    checks.equal(predict_serving.steps_to_the_first_token(), 1000 // 200, "steps")
    checks.equal(predict_serving.tokens_read_again(), 70 - 4 * 16, "tokens read again")
