"""The predictions about shapes, against sealed answers."""

import pytest

from phase0_foundations.solution import predict_shapes
from shared import checks


@pytest.mark.exercise("0.2")
def test_sum_shape():
    answer = checks.Sealed(salt="sum_shape", digest="976e5daae3c7b510")
    checks.guess(predict_shapes.sum_shape(), answer, "the shape of x + y")


@pytest.mark.exercise("0.2")
def test_number_of_errors():
    answer = checks.Sealed(salt="number_of_errors", digest="bec7103bbb1de44e")
    checks.guess(
        predict_shapes.number_of_errors(), answer, "how many numbers are in the difference"
    )


@pytest.mark.exercise("0.2")
def test_pair_that_fails():
    answer = checks.Sealed(salt="pair_that_fails", digest="618047f8903be59e")
    checks.guess(predict_shapes.pair_that_fails(), answer, "the addition that raises")
