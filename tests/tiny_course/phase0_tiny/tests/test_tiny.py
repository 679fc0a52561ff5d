import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phase0_tiny.solution import arith, descent, predict
from shared import checks


@pytest.mark.exercise("0.1")
def test_mean_of_two_rows():
    x = np.array([[1.0, 2.0, 6.0], [0.0, 0.0, 3.0]])
    checks.close(arith.mean(x), np.array([3.0, 1.0]), "row means")


@pytest.mark.exercise("0.1")
@given(st.integers(1, 5), st.integers(1, 5))
def test_mean_of_ones(n, m):
    checks.close(arith.mean(np.ones((n, m))), np.ones(n), "mean of ones")


@pytest.mark.exercise("0.1")
def test_a_vector_is_refused():
    checks.raises(lambda: arith.mean(np.ones(3)), ValueError, "a vector", match="expected a matrix")


@pytest.mark.exercise("0.2")
def test_add():
    total = arith.Total()
    total.add(2)
    checks.equal(total.add(3), 5.0, "2 + 3")


@pytest.mark.exercise("0.2")
def test_take():
    checks.equal(arith.Total().take(3), -3.0, "0 - 3")


@pytest.mark.exercise("0.3")
def test_descent_arrives():
    checks.close(descent.minimise()[-1], 3.0, "x after 50 steps", atol=1e-3)


@pytest.mark.exercise("0.3")
def test_cause():
    checks.guess(descent.minimise_cause(), checks.Sealed("0.2", "de365fba8811d540"), "the cause")


@pytest.mark.exercise("0.4")
def test_n_values():
    checks.guess(predict.n_values(), checks.Near(6, 0.01), "number of values")
