import pytest
import torch

from phase3_alignment.solution import predict_curves
from shared import checks
from shared.checks import Near, Sealed


@pytest.mark.exercise("3.20")
def test_advantage_of_the_first_token():
    answer = Near(0.5 * 0.5**2, rtol=0.01)
    actual = predict_curves.advantage_of_the_first_token()
    checks.guess(actual, answer, "advantage of the first of three tokens")


@pytest.mark.exercise("3.20")
def test_return_when_padding_counts():
    answer = Near(1.0 + 3.0, rtol=0.01)
    actual = predict_curves.return_when_padding_counts()
    checks.guess(actual, answer, "return of a token whose future is padding")


@pytest.mark.exercise("3.20")
def test_fault_of_the_first_curves():
    answer = Sealed("curves-first", "882fe407dd9ba2ab")
    actual = predict_curves.fault_of_the_first_curves()
    checks.guess(actual, answer, "fault behind CURVES_1")


@pytest.mark.exercise("3.20")
def test_fault_of_the_second_curves():
    answer = Sealed("curves-second", "c8ba613dd324d25c")
    actual = predict_curves.fault_of_the_second_curves()
    checks.guess(actual, answer, "fault behind CURVES_2")


@pytest.mark.exercise("3.20")
def test_fault_of_the_third_curves():
    answer = Sealed("curves-third", "b26ce24fbe37dca6")
    actual = predict_curves.fault_of_the_third_curves()
    checks.guess(actual, answer, "fault behind CURVES_3")


# -- the answers are those of the real thing ----------------------------------------------------

SHOWN = {"CURVES_1": "renewed", "CURVES_2": "rows_off", "CURVES_3": "temperature"}


@pytest.mark.parametrize("name", SHOWN)
def test_curves_are_those_of_the_run(name):
    right = predict_curves.Fault()
    (letter,) = (
        letter
        for letter, fault in predict_curves.FAULTS.items()
        if getattr(fault, SHOWN[name]) != getattr(right, SHOWN[name])
    )
    shown = getattr(predict_curves, name)
    assert predict_curves._whose(shown) == letter
    rows = predict_curves.run(letter)
    found = torch.tensor([rows[row[0] - 1] for row in shown])
    # Rounded to two digits. Another version of torch may draw other tokens: then this fails, and
    # the tables have to be printed again.
    checks.close(found, torch.tensor(shown), f"{name} and the run behind it", rtol=0, atol=0.0051)


def test_what_tells_the_curves_apart():
    """The signs that the lesson names, in every update of the runs."""
    kl_first, kl_last, clipped = 4, 5, 6
    for letter in predict_curves.FAULTS:
        rows = predict_curves.run(letter)
        # float32: a ratio of 1 is exactly 1 when the same numbers come out of the same pass.
        assert all(row[kl_first] < 1e-9 for row in rows[1:]) == (letter != "c")
        assert all(row[kl_last] == row[clipped] == 0 for row in rows) == (letter == "b")
    score = {letter: predict_curves.run(letter)[-1][1] for letter in predict_curves.FAULTS}
    assert score["d"] < 0.75 < score["e"] < 1.5 < score["a"] < score["f"]
