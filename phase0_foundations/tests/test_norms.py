import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from phase0_foundations.solution import norms
from shared import checks

EXACT = {"rtol": 1e-10, "atol": 1e-10}


def normalized(x, axis, eps=1e-5):
    """Call normalize, after checking that it returns a pair."""
    pair = norms.normalize(x, axis, eps)
    checks.equal(len(pair), 2, "what normalize returns: (x_hat, inv_std)")
    return pair


X = np.array([[1.0, 1.0, 5.0, 5.0], [2.0, 2.0, 8.0, 8.0]])  # rows: means 3, 5, variances 4, 9


@pytest.mark.exercise("0.15")
def test_normalize_leaves_its_argument_alone():
    x = X.copy()
    norms.normalize(x, 1)
    checks.law(np.array_equal(x, X), "normalize leaves x as it was")


@pytest.mark.exercise("0.15")
def test_normalize_by_hand():
    x_hat, inv_std = normalized(X, axis=1, eps=0.0)
    signs = np.array([[-1.0, -1.0, 1.0, 1.0]])
    checks.close(inv_std, np.array([[1 / 2], [1 / 3]]), "inv_std of a (2, 4) array, axis 1")
    checks.close(x_hat, np.repeat(signs, 2, axis=0), "x_hat of a (2, 4) array, axis 1")
    x_hat, inv_std = normalized(X, axis=0, eps=0.0)
    half_gaps = np.array([[0.5, 0.5, 1.5, 1.5]])
    checks.close(inv_std, 1 / half_gaps, "inv_std of a (2, 4) array, axis 0")
    checks.close(x_hat, np.repeat([[-1.0], [1.0]], 4, axis=1), "x_hat of a (2, 4) array, axis 0")


@pytest.mark.exercise("0.15")
def test_normalize_small_rows():
    x = np.array([[-1e-3, 1e-3]])  # variance 1e-6, a tenth of eps
    x_hat, _ = normalized(x, axis=-1)
    expected = np.array([[-1.0, 1.0]]) / np.sqrt(11)
    checks.close(x_hat, expected, "x_hat of [[-0.001, 0.001]], eps = 1e-5")
    x_hat, _ = normalized(np.full((1, 4), 7.0), axis=-1)
    checks.close(x_hat, np.zeros((1, 4)), "x_hat of a constant row")


@pytest.mark.exercise("0.15")
@pytest.mark.parametrize("scale", [1.0, 1e-4])
def test_normalize_is_torchs(scale):
    x = scale * np.random.default_rng(0).normal(2.0, 3.0, size=(4, 3, 7))
    x_hat, _ = normalized(x, axis=-1)
    expected = functional.layer_norm(torch.tensor(x), (7,))
    checks.close(x_hat, expected, f"x_hat, axis -1, inputs of size {scale}", **EXACT)
    columns = x.reshape(12, 7)
    x_hat, _ = normalized(columns, axis=0)
    expected = functional.batch_norm(torch.tensor(columns), None, None, training=True)
    checks.close(x_hat, expected, f"x_hat, axis 0, inputs of size {scale}", **EXACT)


@pytest.mark.exercise("0.15")
def test_normalize_far_from_zero():
    # The squares are 1e16, where float64 counts in steps of 2: a variance of 9 drowns in them.
    x_hat, inv_std = normalized(1e8 + X, axis=1, eps=0.0)
    name = "of rows with mean 1e8 and variances 4 and 9"
    checks.close(inv_std, np.array([[1 / 2], [1 / 3]]), f"inv_std {name}")
    checks.close(x_hat, np.repeat([[-1.0, -1.0, 1.0, 1.0]], 2, axis=0), f"x_hat {name}")


@pytest.mark.exercise("0.15")
def test_backward_leaves_its_arguments_alone():
    rng = np.random.default_rng(4)
    given = rng.normal(size=(2, 4)), rng.normal(size=(2, 4)), rng.random((2, 1))
    copies = [array.copy() for array in given]
    norms.normalize_backward(*given, 1)
    for name, array, copy in zip(("grad", "x_hat", "inv_std"), given, copies):
        checks.law(np.array_equal(array, copy), f"normalize_backward leaves {name} as it was")


@pytest.mark.exercise("0.15")
def test_backward_by_hand():
    # x = (0, 2), variance 1: whatever grad asks of two values, their mean and length stay.
    x_hat, inv_std = np.array([[-1.0, 1.0]]), np.array([[1.0]])
    actual = norms.normalize_backward(np.array([[0.0, 1.0]]), x_hat, inv_std, 1)
    checks.close(actual, np.zeros((1, 2)), "gradient of x = (0, 2) when that of x_hat is (0, 1)")
    # x = (-1, 1, 0) * sqrt(3 / 2): grad minus its mean 1 minus x_hat times mean(grad * x_hat).
    x_hat, inv_std = np.sqrt(1.5) * np.array([[-1.0, 1.0, 0.0]]), np.array([[0.5]])
    actual = norms.normalize_backward(np.array([[0.0, 0.0, 3.0]]), x_hat, inv_std, 1)
    expected = np.array([[-0.5, -0.5, 1.0]])
    checks.close(actual, expected, "gradient of x when that of x_hat is (0, 0, 3), inv_std 1/2")


@pytest.mark.exercise("0.15")
def test_backward_drops_what_the_output_cannot_do():
    x = np.random.default_rng(1).normal(scale=30.0, size=(3, 8))
    x_hat, inv_std = normalized(x, axis=1)
    # Shifting or stretching x leaves x_hat as it is (but for eps, 1e-8 of the variance here), so a
    # gradient that asks for just these two must vanish.
    actual = norms.normalize_backward(2.0 + x_hat, x_hat, inv_std, 1)
    name = "gradient of x when that of x_hat is 2 + x_hat"
    checks.close(actual, np.zeros((3, 8)), name)


@pytest.mark.exercise("0.15")
@pytest.mark.parametrize("axis", [1, 0])
def test_backward_is_the_finite_difference(axis):
    rng = np.random.default_rng(2)
    x, grad = rng.normal(size=(2, 4, 5))
    x_hat, inv_std = normalized(x, axis)
    actual = norms.normalize_backward(grad, x_hat, inv_std, axis)
    expected = np.empty_like(x)
    for index in np.ndindex(x.shape):
        step = np.zeros_like(x)
        step[index] = 1e-6
        change = normalized(x + step, axis)[0] - normalized(x - step, axis)[0]
        expected[index] = np.sum(grad * change) / 2e-6
    checks.close(actual, expected, f"gradient of x against finite differences, axis {axis}")


@settings(max_examples=20)
@given(st.integers(1, 4), st.integers(1, 6), st.sampled_from([0, 1, -1]), st.integers(0, 9))
def test_backward_is_torchs(rows, columns, axis, seed):
    rng = np.random.default_rng(seed)
    x, grad = rng.normal(size=(2, rows, columns))
    x_hat, inv_std = normalized(x, axis)
    actual = norms.normalize_backward(grad, x_hat, inv_std, axis)
    theirs = torch.tensor(x, requires_grad=True)
    centred = theirs - theirs.mean(dim=axis, keepdim=True)
    var = theirs.var(dim=axis, keepdim=True, correction=0)
    (centred / torch.sqrt(var + 1e-5)).backward(torch.tensor(grad))
    # A single value has variance 0: everything is multiplied by 1 / sqrt(eps), about 300.
    checks.close(actual, theirs.grad, f"gradient of x, {x.shape}, axis {axis}", **EXACT)


@pytest.mark.exercise("0.15")
def test_float32_stays_float32():
    x = np.random.default_rng(3).normal(size=(4, 6)).astype(np.float32)
    x_hat, inv_std = normalized(x, axis=-1)
    dx = norms.normalize_backward(x, x_hat, inv_std, -1)
    checks.equal((str(x_hat.dtype), str(dx.dtype)), ("float32", "float32"), "dtypes for float32")
