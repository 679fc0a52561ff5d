"""The gradient checker: it must accept right gradients, and reject those with planted mistakes."""

import numpy as np
import pytest

from phase0_foundations.solution import gradcheck, losses, ops, reductions, softmax
from phase0_foundations.solution.tensor import Tensor, record
from shared import checks

X = np.array([[0.3, -0.7, 1.1], [1.9, 0.4, -1.3]])


# Exercise 0.12: numeric_gradient


@pytest.mark.exercise("0.12")
def test_numeric_gradient_of_a_weighted_sum():
    # f = sum(i * x_i) has the gradient 0, 1, 2, ...: a line, on which differences are exact.
    weights = np.arange(6.0).reshape(2, 3)
    got = gradcheck.numeric_gradient(lambda x: (weights * x).sum(), X.copy())
    checks.close(got, weights, "gradient of sum(i * x_i)")


@pytest.mark.exercise("0.12")
def test_numeric_gradient_has_an_error_of_order_h_squared():
    # (x + h)^3 - (x - h)^3 = 2h (3x^2 + h^2): the error of central differences is h^2 exactly.
    for h in (0.1, 0.05):
        got = gradcheck.numeric_gradient(lambda x: (x**3).sum(), X.copy(), eps=h)
        checks.close(got, 3 * X**2 + h * h, f"central differences of x^3 with h = {h}")


@pytest.mark.exercise("0.12")
def test_numeric_gradient_of_a_product_of_all():
    # d(x0 x1 x2)/dx0 = x1 x2: right only if the others stand where they were.
    x = np.array([2.0, 3.0, 5.0])
    got = gradcheck.numeric_gradient(np.prod, x, eps=1e-2)
    checks.close(got, [15.0, 10.0, 6.0], "gradient of x0 * x1 * x2")
    checks.equal(x, np.array([2.0, 3.0, 5.0]), "x afterwards")


@pytest.mark.exercise("0.12")
def test_numeric_gradient_is_as_good_as_float64_allows():
    got = gradcheck.numeric_gradient(lambda x: np.exp(x).sum(), X.copy())
    checks.close(got, np.exp(X), "gradient of sum(exp(x))", rtol=1e-8, atol=1e-8)


@pytest.mark.exercise("0.12")
@pytest.mark.parametrize("x", [np.array(0.5), X[::-1, ::-1], X.T, np.zeros((0, 3))])
def test_numeric_gradient_of_any_shape(x):
    got = gradcheck.numeric_gradient(lambda x: (x * x).sum(), x)
    checks.close(got, 2 * x, f"gradient of sum(x^2) for x of shape {x.shape}")


# Exercise 0.12: gradcheck


def planted(wrong):
    """An operation x^3 (shape (2, 3)) with a gradient of our choosing."""
    return lambda t: record("planted", t.data**3, (t,), lambda grad: wrong(grad, t.data))


def verdict(f, *inputs, **settings):
    """What the checker says; NumPy's own True and False are as good as Python's."""
    said = gradcheck.gradcheck(f, *inputs, **settings)
    return bool(said) if isinstance(said, np.bool_) else said


def check_accepts(what, f, *inputs, **settings):
    said = verdict(f, *inputs, **settings)
    checks.law(said is True, f"your checker accepts {what}", said)


def check_rejects(what, f, *inputs, **settings):
    said = verdict(f, *inputs, **settings)
    checks.law(said is False, f"your checker rejects {what}", said)


RIGHT = {
    "the right gradient of x^3": planted(lambda grad, x: grad * 3 * x**2),
    "the right gradient of tanh": ops.tanh,
    "the right gradient of gelu": ops.gelu,
    "the right gradient of softmax": softmax.softmax,
    "the right gradient of a mean over rows": lambda t: reductions.mean(t, axis=1),
    "the right gradient of a sum of squares": lambda t: (t * t).sum(),
    "the right gradient of cross-entropy": lambda t: losses.cross_entropy(t, np.array([2, 0])),
    "right gradients of a million": lambda t: 1e6 * t.exp(),
    "a gradient that is rightly zero": lambda t: t * 0.0,
}

WRONG = {
    "a gradient that is 1 % off": planted(lambda grad, x: 1.01 * grad * 3 * x**2),
    "a gradient of the wrong sign": planted(lambda grad, x: -grad * 3 * x**2),
    "a gradient that ignores the incoming one": planted(lambda grad, x: 3 * x**2),
    "gradients in another order": planted(lambda grad, x: (grad * 3 * x**2)[::-1]),
    "a gradient that is off by 0.001": planted(lambda grad, x: grad * 3 * x**2 + 1e-3),
    "a gradient that is wrong in its last element": planted(
        lambda grad, x: grad * 3 * x**2 * np.array([[1, 1, 1], [1, 1, 0]])
    ),
    "mistakes that cancel in a plain sum": planted(
        lambda grad, x: grad * 3 * x**2 + (grad - grad.mean()) * [[1], [-1]]
    ),
    "a grad of None where x^3 asks for more": planted(lambda grad, x: None),
    "a gradient of NaN": planted(lambda grad, x: grad * np.nan),
}


@pytest.mark.exercise("0.12")
@pytest.mark.parametrize("name", RIGHT)
def test_gradcheck_accepts_right_gradients(name):
    check_accepts(name, RIGHT[name], X)


@pytest.mark.exercise("0.12")
@pytest.mark.parametrize("name", WRONG)
def test_gradcheck_rejects_planted_mistakes(name):
    check_rejects(name, WRONG[name], X)


@pytest.mark.exercise("0.12")
def test_gradcheck_looks_at_every_input():
    def half_right(a: Tensor, b: Tensor) -> Tensor:
        return record("half right", a.data @ b.data, (a, b), lambda grad: (grad @ b.data.T, grad.T))

    def transposed(a: Tensor, b: Tensor) -> Tensor:
        x, y = a.data, b.data
        return record("transposed", x @ y, (a, b), lambda grad: (grad @ y, x.T @ grad))

    square = np.array([[0.5, 2.0], [-1.0, 1.5]])
    check_accepts("the right gradients of a @ b", ops.matmul, X, X.T.copy())
    check_rejects("a @ b whose b has a wrong gradient", half_right, square, square + 1)
    check_rejects("a @ b whose a has a wrong gradient", transposed, square, square + 1)


@pytest.mark.exercise("0.12")
def test_gradcheck_takes_a_grad_of_none_for_zeros():
    def ignores_b(a: Tensor, b: Tensor) -> Tensor:
        return a * 2.0

    check_accepts("2 a, where b is ignored and its grad stays None", ignores_b, X, X + 1)


@pytest.mark.exercise("0.12")
def test_gradcheck_leaves_its_inputs_alone():
    x = X.copy()
    gradcheck.gradcheck(ops.tanh, x)
    checks.equal(x, X, "the input afterwards")


@pytest.mark.exercise("0.12")
def test_gradcheck_sees_one_wrong_element_among_many():
    x = np.full((20, 20), 0.1)
    off = np.zeros((20, 20))
    off[7, 11] = 1e-5
    one_wrong = planted(lambda grad, x: grad * 3 * x**2 + off)
    check_rejects("a gradient that is off by 1e-5 in one element of 400", one_wrong, x)


@pytest.mark.exercise("0.12")
def test_gradcheck_allows_what_tol_allows():
    check_accepts(
        "a gradient 1 % off if tol is 0.1", WRONG["a gradient that is 1 % off"], X, tol=0.1
    )
    check_rejects("round-off of about 1e-10 if tol is 1e-13", ops.tanh, X, tol=1e-13)


@pytest.mark.exercise("0.12")
def test_gradcheck_steps_by_eps():
    # The differences of x^3 are off by eps^2, those of a line not at all.
    right = RIGHT["the right gradient of x^3"]
    check_rejects("x^3 in steps of 0.1, too long for a curve", right, X, eps=0.1)
    check_accepts("2 x in steps of 0.1, as a line is straight", lambda t: t * 2.0, X, eps=0.1)


@pytest.mark.exercise("0.12")
def test_gradcheck_forgives_noise_of_tiny_gradients():
    # 1 + 1e-9 x is rounded to 1e-16; divided by 2 eps that is a tenth of the gradient.
    tiny = lambda t: t * 1e-9 + 1.0  # noqa: E731
    check_accepts("gradients near 1e-9 under noise of 1e-10: max(1, ...) forgives it", tiny, X)


def test_float32_is_refused():
    x = X.astype(np.float32)
    checks.raises(lambda: gradcheck.gradcheck(ops.tanh, x), ValueError, "float32", "float64")
    f = lambda x: x.sum()  # noqa: E731
    checks.raises(lambda: gradcheck.numeric_gradient(f, x), ValueError, "float32", "float64")
