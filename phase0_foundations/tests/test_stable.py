"""Log-sum-exp and softmax against torch, finite differences, and rows that overflow."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from phase0_foundations.solution import stable
from shared import checks

FAR_ROWS = np.array([[0.0, math.log(3.0)], [-1e4, -1e4]])


def logsumexp(x, axis=-1):
    with np.errstate(all="ignore"):  # a wrong answer shall be compared, not stop at a warning
        return stable.logsumexp(x, axis)


def softmax(x, axis=-1):
    with np.errstate(all="ignore"):
        return stable.softmax(x, axis)


def logits(shape, scale=5.0, seed=0):
    return scale * np.random.default_rng(seed).standard_normal(shape)


def check_argument_is_left(function, name):
    x = FAR_ROWS.copy()
    function(x)
    checks.equal(x, FAR_ROWS, f"{name} leaves its argument as it was")


@pytest.mark.exercise("0.6")
def test_logsumexp_leaves_its_argument():
    check_argument_is_left(logsumexp, "logsumexp")


@pytest.mark.exercise("0.6")
def test_logsumexp_by_hand():
    # log(1 + 3) = log 4
    checks.close(logsumexp(FAR_ROWS[0]), np.array(math.log(4.0)), "logsumexp of log 1, log 3")
    x = np.array([[0.0, 0.0, 0.0], [math.log(2.0), math.log(3.0), math.log(5.0)]])
    checks.close(logsumexp(x), np.log([3.0, 10.0]), "logsumexp along the last axis")
    checks.close(logsumexp(x, axis=0), np.log([3.0, 4.0, 6.0]), "logsumexp along axis 0")


@pytest.mark.exercise("0.6")
@pytest.mark.parametrize("shift", [1e3, -1e3, 1e4])
def test_logsumexp_of_large_numbers(shift):
    expected = np.array(shift + math.log(4.0))
    checks.close(logsumexp(FAR_ROWS[0] + shift), expected, f"logsumexp near {shift:g}")


@pytest.mark.exercise("0.6")
def test_logsumexp_of_rows_far_apart():
    expected = np.array([math.log(4.0), -1e4 + math.log(2.0)])
    checks.close(logsumexp(FAR_ROWS), expected, "logsumexp of two rows 1e4 apart")


@pytest.mark.exercise("0.6")
def test_logsumexp_of_infinities():
    inf = math.inf
    x = np.array([[-inf, 0.0], [-inf, -inf], [inf, 0.0]])
    checks.close(logsumexp(x), np.array([0.0, -inf, inf]), "logsumexp of rows with infinities")


@pytest.mark.exercise("0.6")
@given(st.lists(st.integers(0, 4), min_size=1, max_size=3), st.data())
def test_logsumexp_matches_torch(shape, data):
    axis = data.draw(st.integers(-len(shape), len(shape) - 1), label="axis")
    x = logits(shape)[::-1]
    expected = torch.logsumexp(torch.from_numpy(x.copy()), axis).numpy()
    checks.close(logsumexp(x, axis), expected, f"logsumexp of {x.shape}, axis {axis}", 1e-10, 1e-10)


@pytest.mark.exercise("0.6")
def test_softmax_leaves_its_argument():
    check_argument_is_left(softmax, "softmax")


@pytest.mark.exercise("0.6")
def test_softmax_by_hand():
    # Not square: a row's maximum or sum that lost its axis must not broadcast by luck.
    x = np.log([[1.0, 2.0, 1.0], [3.0, 2.0, 5.0]])
    rows = np.array([[0.25, 0.5, 0.25], [0.3, 0.2, 0.5]])
    checks.close(softmax(x), rows, "softmax of two rows of three")
    columns = np.array([[1 / 4, 1 / 2, 1 / 6], [3 / 4, 1 / 2, 5 / 6]])
    checks.close(softmax(x, axis=0), columns, "softmax along axis 0")
    checks.close(softmax(x[0]), rows[0], "softmax of a single row")


@pytest.mark.exercise("0.6")
@pytest.mark.parametrize("shift", [1e3, -1e3, 1e4])
def test_softmax_of_large_numbers(shift):
    x = np.array([shift, shift + 1.0])
    expected = np.array([1.0, math.e]) / (1.0 + math.e)
    checks.close(softmax(x), expected, f"softmax near {shift:g}")


@pytest.mark.exercise("0.6")
def test_softmax_of_rows_far_apart():
    expected = np.array([[0.25, 0.75], [0.5, 0.5]])
    checks.close(softmax(FAR_ROWS), expected, "softmax of two rows 1e4 apart")


@pytest.mark.exercise("0.6")
def test_softmax_keeps_float32_digits():
    x = np.array([1e4, 1e4 + 1.0, 1e4 - 3.0], np.float32)
    expected = torch.softmax(torch.from_numpy(x), -1).numpy()
    checks.close(softmax(x), expected, "softmax of float32 logits near 1e4")


@pytest.mark.exercise("0.6")
def test_softmax_gives_masked_entries_exactly_zero():
    x = np.array([-math.inf, 1.0, 1.0])
    checks.equal(softmax(x), np.array([0.0, 0.5, 0.5]), "softmax with an entry of -inf")


@pytest.mark.exercise("0.6")
@given(st.lists(st.integers(0, 4), min_size=1, max_size=3), st.data())
def test_softmax_matches_torch(shape, data):
    axis = data.draw(st.integers(-len(shape), len(shape) - 1), label="axis")
    shape[axis] = max(1, shape[axis])  # of nothing there is no softmax
    x = logits(shape)[::-1]
    expected = torch.softmax(torch.from_numpy(x.copy()), axis).numpy()
    p = softmax(x, axis)
    checks.close(p, expected, f"softmax of {x.shape}, axis {axis}", 1e-10, 1e-10)
    checks.close(softmax(x + 7.0, axis), p, f"softmax of x + 7, axis {axis}", 1e-10, 1e-10)


@pytest.mark.exercise("0.6")
def test_softmax_is_the_gradient_of_logsumexp():
    x, h = logits(5, scale=1.0), 1e-5
    slopes = [(logsumexp(x + h * e) - logsumexp(x - h * e)) / (2 * h) for e in np.eye(5)]
    checks.close(softmax(x), np.array(slopes), "softmax against finite differences of logsumexp")


@pytest.mark.exercise("0.6")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_dtype_is_kept(dtype):
    x = np.zeros((2, 3), dtype)
    checks.equal(str(logsumexp(x).dtype), dtype, f"dtype of logsumexp of {dtype}")
    checks.equal(str(softmax(x).dtype), dtype, f"dtype of softmax of {dtype}")


@pytest.mark.exercise("0.6")
def test_integers_are_refused():
    x = np.arange(3)
    checks.raises(lambda: stable.logsumexp(x), ValueError, "logsumexp of integers")
    checks.raises(lambda: stable.softmax(x), ValueError, "softmax of integers")


def test_no_warning_on_the_way():
    x = np.array([[-math.inf, 0.0], [1e4, -1e4], [-math.inf, -math.inf]])
    with np.errstate(all="raise", under="ignore"):
        stable.logsumexp(x)
        stable.softmax(x[:2])
