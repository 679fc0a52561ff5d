"""Temperature, bins, thresholds and intervals: by hand, by brute force, against SciPy."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from phase3_alignment.project import confidence
from phase3_alignment.project.calibration import calibration_error
from shared import checks


def simulate(n=2000, V=5, temperature=1.0, seed=0):
    """Logits, and labels drawn from the softmax of logits / temperature."""
    g = torch.Generator().manual_seed(seed)
    logits = 2 * torch.randn(n, V, generator=g, dtype=torch.float64)
    labels = torch.multinomial((logits / temperature).softmax(-1), 1, generator=g)[:, 0]
    return logits, labels


def judged(logits, labels, temperature=1.0):
    sure, answers = (logits / temperature).softmax(-1).max(-1)
    return sure, answers == labels


@pytest.mark.parametrize("true", [0.5, 1.0, 3.0])
def test_the_temperature_is_the_best_of_a_grid_and_the_true_one(true):
    logits, labels = simulate(temperature=true)
    found = confidence.fit_temperature(logits, labels)
    grid = np.geomspace(0.1, 10, 401)
    losses = [F.cross_entropy(logits / t, labels).item() for t in grid]
    # Neighbours in the grid differ by 1.2 %.
    checks.close(found, grid[int(np.argmin(losses))], "temperature", rtol=1.2e-2)
    # 2000 labels are chance: about 4 % in the temperature.
    checks.close(found, true, "temperature that the labels were drawn at", rtol=0.1)


def test_without_a_best_temperature_it_is_at_an_end():
    logits = torch.tensor([[2.0, 0], [0, 1]])
    checks.close(confidence.fit_temperature(logits, torch.tensor([0, 1])), 0.1, "all right")
    checks.close(confidence.fit_temperature(logits, torch.tensor([1, 0])), 10.0, "all wrong")


def test_a_temperature_mends_calibration_and_no_answer():
    logits, labels = simulate(temperature=3.0)
    errors = [
        calibration_error(confidence.reliability(*judged(logits, labels, t)))
        for t in (1.0, confidence.fit_temperature(logits, labels))
    ]
    checks.at_least(errors[0], 0.2, "calibration error before")
    checks.at_most(errors[1], 0.05, "calibration error after")


def test_calibration_error_by_hand():
    """Four answers at 0.9, three right; two at 0.3, one right; one at 1."""
    sure = torch.tensor([0.9, 0.3, 0.9, 0.9, 1.0, 0.3, 0.9])
    right = torch.tensor([True, False, True, False, True, True, True])
    bins = confidence.reliability(sure, right)
    checks.equal([b.n for b in bins], [2, 4, 1], "answers in each bin")
    expected = (2 * 0.2 + 4 * 0.15 + 0) / 7
    checks.close(calibration_error(bins), expected, "calibration error", rtol=1e-6)


def test_precision_and_coverage_by_brute_force():
    g = torch.Generator().manual_seed(0)
    sure = torch.randint(1, 20, (60,), generator=g) / 20  # many are equal
    right = torch.rand(60, generator=g) < sure
    thresholds, precision, coverage = confidence.precision_and_coverage(sure, right)
    checks.equal(thresholds, sure.double().unique().flip(0), "thresholds")
    for threshold, p, c in zip(thresholds, precision, coverage):
        given = sure >= threshold
        checks.close(p, right[given].double().mean(), "precision")
        checks.close(c, given.double().mean(), "coverage")


@pytest.mark.parametrize(
    ("precision", "expected"), [(0.5, 0.1), (0.8, 0.4), (0.85, 0.5), (0.9, 0.8), (1.0, 0.8)]
)
def test_the_threshold_that_answers_most(precision, expected):
    """Right: 5 of 5 down to 0.8, 5 of 6 to 0.7, 8 of 9 to 0.5, 8 of 10 to 0.4, then fewer."""
    sure = torch.tensor([0.1, 0.95, 0.9, 0.85, 0.8, 0.8, 0.7, 0.5, 0.5, 0.5, 0.4, 0.2])
    right = torch.tensor([0, 1, 1, 1, 1, 1, 0, 1, 1, 1, 0, 0]).bool()
    found = confidence.choose_threshold(sure, right, precision)
    checks.close(found, expected, "threshold", rtol=1e-6)
    assert right[sure.double() >= found].double().mean() >= precision


def test_no_threshold_is_enough():
    sure, right = torch.tensor([0.9, 0.8]), torch.tensor([False, True])
    assert confidence.choose_threshold(sure, right, 0.9) is None


@pytest.mark.parametrize(("right", "n"), [(0, 10), (10, 10), (2830, 3080), (1, 2)])
def test_the_interval_is_scipys(right, n):
    stats = pytest.importorskip("scipy.stats")
    expected = stats.binomtest(right, n).proportion_ci(method="wilson")
    # Z has three digits.
    checks.close(
        confidence.wilson(right, n), (expected.low, expected.high), "interval", rtol=1e-3, atol=1e-5
    )


def test_the_loss_that_is_minimised_is_flat_there():
    logits, labels = simulate(temperature=2.0, seed=3)
    inverse = torch.tensor(1 / confidence.fit_temperature(logits, labels), dtype=torch.float64)
    inverse.requires_grad_()
    (slope,) = torch.autograd.grad(F.cross_entropy(logits * inverse, labels), inverse)
    checks.at_most(abs(slope.item()), 1e-9, "slope of the cross-entropy")
    assert math.isfinite(slope)
