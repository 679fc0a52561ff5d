"""Cross-entropy: the value, the fused gradient, and scores that would overflow."""

import math
import warnings

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from phase0_foundations.solution import losses
from phase0_foundations.solution.tensor import Parameter, Tensor
from phase0_foundations.tests.draw import arrays, to_torch
from shared import checks

LOG_PROBS = np.log([[0.5, 0.25, 0.25], [0.1, 0.2, 0.7]])


# Exercise 0.11: softmax cross-entropy, fused


@pytest.mark.exercise("0.11")
def test_loss_of_two_rows_by_hand():
    # Scores log 2, 0, 0 mean probabilities 1/2, 1/4, 1/4; log 1, log 2, log 7 mean .1, .2, .7.
    logits = np.log([[2.0, 1.0, 1.0], [1.0, 2.0, 7.0]])
    got = losses.cross_entropy_forward(logits, np.array([0, 1]))
    loss = (math.log(2) + math.log(5)) / 2  # mean of -log(1/2) and -log(1/5)
    checks.close(got, (loss, LOG_PROBS), "(loss, log_probs) of two rows")


@pytest.mark.exercise("0.11")
def test_gradient_of_two_rows_by_hand():
    # (p - onehot) / B: B = 2 rows, the targets' own probabilities are lowered by 1.
    expected = np.array([[-0.5, 0.25, 0.25], [0.1, -0.8, 0.7]]) / 2
    given = LOG_PROBS.copy()
    checks.close(losses.cross_entropy_backward(given, np.array([0, 1])), expected, "dlogits")
    untouched = np.array_equal(given, LOG_PROBS)
    checks.law(untouched, "cross_entropy_backward leaves log_probs as they were")


@pytest.mark.exercise("0.11")
@pytest.mark.parametrize("C", [2, 10, 1000])
def test_a_model_that_knows_nothing_scores_log_c(C):
    loss, _ = losses.cross_entropy_forward(np.full((4, C), 3.0), np.arange(4) % C)
    checks.close(loss, math.log(C), f"loss of {C} equal scores")


@pytest.mark.exercise("0.11")
def test_scores_of_any_size_stay_finite():
    # Row by row: the right class far ahead, far behind, and two rows that are 1e4 apart.
    logits = np.array([[1e4, 0.0], [0.0, 1e4], [1e4, 1e4], [-1e4, -1e4]])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an overflow is told by the values
        loss, log_probs = losses.cross_entropy_forward(logits, np.zeros(4, int))
    half = -math.log(2)
    expected = np.array([[0.0, -1e4], [-1e4, 0.0], [half, half], [half, half]])
    checks.close(log_probs, expected, "log_probs of rows 1e4 apart")
    checks.close(loss, (1e4 + 2 * math.log(2)) / 4, "loss of rows 1e4 apart")


@pytest.mark.exercise("0.11")
@pytest.mark.parametrize(("B", "C", "scale"), [(1, 3, 1.0), (5, 10, 1.0), (64, 10, 30.0)])
def test_value_and_gradient_agree_with_torch(B, C, scale):
    rng = np.random.default_rng(B)
    logits, targets = scale * rng.standard_normal((B, C)), rng.integers(0, C, B)
    mirror = to_torch(logits)
    expected = torch.nn.functional.cross_entropy(mirror, torch.tensor(targets))
    expected.backward()
    loss, log_probs = losses.cross_entropy_forward(logits, targets)
    checks.close(loss, expected, f"loss of {B} rows, {C} classes")
    got = losses.cross_entropy_backward(log_probs, targets)
    checks.close(got, mirror.grad, f"gradient of {B} rows, {C} classes")


@pytest.mark.exercise("0.11")
def test_gradient_of_float32_stays_float32_and_its_rows_sum_to_zero():
    logits = np.random.default_rng(0).standard_normal((6, 4)).astype(np.float32)
    loss, log_probs = losses.cross_entropy_forward(logits, np.arange(6) % 4)
    grad = losses.cross_entropy_backward(log_probs, np.arange(6) % 4)
    dtypes = [str(np.asarray(x).dtype) for x in (loss, log_probs, grad)]
    checks.equal(dtypes, ["float32"] * 3, "dtypes of loss, log_probs and gradient")
    checks.close(grad.sum(axis=1), np.zeros(6, np.float32), "sum of each row of the gradient")


# The operation on tensors


@given(st.data(), st.integers(1, 6), st.integers(1, 6))
def test_cross_entropy_agrees_with_torch(data, B, C):
    logits = data.draw(arrays((B, C), -5, 5))
    targets = np.array(data.draw(st.lists(st.integers(0, C - 1), min_size=B, max_size=B)))
    ours, theirs = Parameter(logits), to_torch(logits)
    loss = losses.cross_entropy(ours, targets)
    expected = torch.nn.functional.cross_entropy(theirs, torch.tensor(targets))
    (loss * 3.0).backward()
    (expected * 3.0).backward()
    checks.close(loss.data, expected, "loss", rtol=1e-10, atol=1e-10)
    checks.close(ours.grad, theirs.grad, "gradient", rtol=1e-10, atol=1e-10)


def test_cross_entropy_names_what_does_not_fit():
    logits = Tensor(np.zeros((3, 4)))
    for targets, match in [
        (np.array([0, 1]), r"\(3, 4\).*\(2,\)"),
        (np.array([0.0, 1.0, 2.0]), "integer targets, got float64"),
        (np.array([0, 1, 4]), r"outside 0\.\.3"),
        (np.array([0, 1, -1]), r"outside 0\.\.3"),
    ]:
        call = lambda targets=targets: losses.cross_entropy(logits, targets)  # noqa: E731
        checks.raises(call, ValueError, f"targets {targets}", match)
    empty = lambda: losses.cross_entropy(Tensor(np.zeros((0, 4))), np.zeros(0, int))  # noqa: E731
    checks.raises(empty, ValueError, "no rows", r"\(0, 4\)")
