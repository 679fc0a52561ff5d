import numpy as np
import pytest
import torch

from phase0_kinds.solution import kinds
from shared import checks


@pytest.mark.exercise("0.1")
def test_standardise():
    x = np.random.default_rng(0).normal(3.0, 2.0, size=(20, 3))
    y = kinds.standardise(x)
    checks.close(y, (x - np.mean(x, 0)) / np.std(x, 0), "standardised columns")


@pytest.mark.exercise("0.2")
def test_softmax():
    logits = torch.randn(4, 3, generator=torch.Generator().manual_seed(0))
    checks.close(kinds.softmax(logits), torch.softmax(logits, 1), "softmax")


@pytest.mark.exercise("0.2")
def test_softmax_of_large_logits():
    logits = torch.tensor([[1e4, 0.0]])
    checks.close(kinds.softmax(logits), torch.tensor([[1.0, 0.0]]), "logits 1e4 apart")


@pytest.mark.exercise("0.3")
def test_average():
    average = kinds.Average()
    average.add(1.0)
    average.add(4.0)
    checks.close(average.value(), 2.5, "average of 1 and 4")


@pytest.mark.exercise("0.4")
def test_parse():
    checks.equal(kinds.parse(" 12"), 12, "' 12'")


@pytest.mark.exercise("0.4")
def test_parse_refuses():
    checks.raises(lambda: kinds.parse("x"), ValueError, "'x'", match="'x'")


@pytest.mark.exercise("0.5")
def test_training():
    losses = kinds.train(20, 0.1)
    checks.at_most(losses[-1], 0.01, "loss after 20 steps")


@pytest.mark.exercise("0.6")
def test_sum():
    checks.close((kinds.Vector(1, 2) + kinds.Vector(3, 4)).pair(), (4, 6), "(1, 2) + (3, 4)")


@pytest.mark.exercise("0.6")
def test_product():
    one, other = kinds.Vector(1, 2) + kinds.Vector(0, 0), kinds.Vector(3, 4)
    checks.close(one * other, 11, "(1, 2) * (3, 4)")
