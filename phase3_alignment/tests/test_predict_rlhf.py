import math

import pytest
import torch

from phase3_alignment.solution import predict_rlhf
from shared import checks
from shared.checks import Near


@pytest.mark.exercise("3.15")
def test_loss_at_equal_scores():
    answer = Near(math.log(2), rtol=0.02)
    checks.guess(predict_rlhf.loss_at_equal_scores(), answer, "nats per pair at equal scores")


@pytest.mark.exercise("3.15")
def test_divergence_of_best_of_16():
    answer = Near(math.log(16) - 15 / 16, rtol=0.03)
    actual = predict_rlhf.divergence_of_best_of_16()
    checks.guess(actual, answer, "nats between the best of 16 and the model")


@pytest.mark.exercise("3.15")
def test_loss_of_the_first_minibatch():
    answer = Near(-(3 - 1 + 1 - 1) / 4, rtol=0.02)
    actual = predict_rlhf.loss_of_the_first_minibatch()
    checks.guess(actual, answer, "policy loss of the first minibatch")


@pytest.mark.exercise("3.15")
def test_pull_on_a_token_out_of_range():
    # For A < 0 the smaller of ratio A and clip(ratio) A is ratio A: no clip, and d ratio = ratio.
    answer = Near(2 * 1.3, rtol=0.02)
    actual = predict_rlhf.pull_on_a_token_out_of_range()
    checks.guess(actual, answer, "gradient by the log-probability of a token with a ratio of 1.3")


@pytest.mark.exercise("3.15")
def test_pull_at_the_start_of_dpo():
    answer = Near(-0.1 / 2, rtol=0.02)
    actual = predict_rlhf.pull_at_the_start_of_dpo()
    checks.guess(actual, answer, "gradient by the log-probability of the chosen answer")


@pytest.mark.exercise("3.15")
def test_growth_of_the_coefficient():
    answer = Near(1.02**100, rtol=0.04)
    actual = predict_rlhf.growth_of_the_coefficient()
    checks.guess(actual, answer, "times as large a coefficient after a hundred batches")


# -- the answers are those of the real thing ----------------------------------------------------


def test_best_of_16_by_drawing():
    """Rank the best of 16 draws from 64 answers; the histogram's KL, of 400,000 rounds."""
    g = torch.Generator().manual_seed(0)
    best = torch.randint(64, (400_000, 16), generator=g).amax(dim=1)
    share = torch.bincount(best, minlength=64).double() / len(best)
    found = (share * (64 * share).clamp(min=1e-300).log()).sum()
    # 64 answers are few: two of 16 draws are often one, which takes 0.02 nats off.
    expected = predict_rlhf.divergence_of_best_of_16()
    checks.close(found, torch.tensor(expected).double(), "KL", rtol=0.02)
