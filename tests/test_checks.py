"""Checks agree with torch on what is close, explain what is not, and record it for diagnosis."""

from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from shared import checks
from shared.checks import CheckFailed

DTYPES = [torch.bfloat16, torch.float16, torch.float32, torch.float64, torch.complex64]
DTYPES += [torch.int64, torch.uint8, torch.bool]


def failure(call, *arguments, **options) -> CheckFailed:
    with pytest.raises(CheckFailed) as caught:
        call(*arguments, **options)
    return caught.value


def message(call, *arguments, **options) -> str:
    return str(failure(call, *arguments, **options))


def passes(call, *arguments) -> bool:
    try:
        call(*arguments)
    except AssertionError:
        return False
    return True


# -- close ------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@given(seed=st.integers(0, 10**6), exponent=st.floats(-9, 0), scale=st.floats(-4, 4))
def test_close_is_assert_close(dtype, seed, exponent, scale):
    generator = torch.Generator().manual_seed(seed)
    wide = torch.complex128 if dtype.is_complex else torch.float64
    draw = partial(torch.randn, 3, 4, generator=generator, dtype=wide)
    expected = (draw() * 10**scale).to(dtype)
    actual = (expected.to(wide) + draw() * 10 ** (scale + exponent)).to(dtype)
    torch_says = passes(torch.testing.assert_close, actual, expected)
    assert passes(checks.close, actual, expected, "x") == torch_says


@given(seed=st.integers(0, 10**6), exponent=st.floats(-9, -3))
def test_the_coarser_dtype_sets_the_tolerance(seed, exponent):
    rng = np.random.default_rng(seed)
    expected = rng.normal(size=5)
    actual = (expected + rng.normal(size=5) * 10**exponent).astype(np.float32)
    reference = torch.from_numpy(actual), torch.from_numpy(expected)
    torch_says = passes(lambda: torch.testing.assert_close(*reference, check_dtype=False))
    assert passes(checks.close, actual, expected, "x") == torch_says


@pytest.mark.parametrize(
    ("actual", "expected"),
    [
        (1.0, 1.0 + 1e-8),
        (3, 3),
        (3, 3.0),
        (np.float32(0.1), 0.1),
        ([1.0, 2.0], np.array([1.0, 2.0])),
        (np.array([np.nan, np.inf, -np.inf]), np.array([np.nan, np.inf, -np.inf])),
        (torch.tensor([1.0, 2.0], requires_grad=True), [1.0, 2.0]),
        (torch.tensor([1.5]).bfloat16(), np.array([1.5])),
        ((1.0, [2.0, np.ones(2)]), (1.0, [2.0, torch.ones(2)])),
        ({"a": 1.0, "b": np.ones(2)}, {"b": np.ones(2), "a": 1.0}),
        (np.ones((0, 3)), np.zeros((0, 3))),
        (np.float16(60000), np.float16(60000)),
        (np.ones(2)[::-1], np.ones(2)),
    ],
)
def test_close_passes(actual, expected):
    checks.close(actual, expected, "x")


@pytest.mark.parametrize(
    ("actual", "expected", "says"),
    [
        (1.0, 2.0, "got 1, expected 2"),
        (None, 2.0, "expected numbers, got None"),
        ("two", 2.0, "expected numbers, got 'two'"),
        (np.array(["a", "b"]), np.ones(2), "expected numbers"),
        (np.array([None, 1]), np.ones(2), "expected numbers"),
        (np.ones(3), np.ones((3, 1)), "got (3,), expected (3, 1)"),
        (np.ones(3, int), np.ones(3), "got int64, expected float64"),
        (np.array([1.0, np.nan]), np.ones(2), "first at [1]: got nan, expected 1"),
        (np.array([1.0, np.inf]), np.array([1.0, -np.inf]), "first at [1]: got inf, expected -inf"),
        ((1.0,), (1.0, 2.0), "expected a tuple of 2"),
        (3.0, [3.0, 4.0], "expected a list of 2"),
        ({"a": 1.0}, {"b": 1.0}, "got ['a'], expected ['b']"),
        ({"a": 1.0}, {"a": 2.0}, "x['a']: the value is wrong"),
        (2**53, 2**53 + 1, "got 9007199254740992, expected 9007199254740993"),
        (np.uint8(0), np.uint8(255), "got 0, expected 255"),
        (True, False, "got True, expected False"),
    ],
)
def test_close_explains(actual, expected, says):
    assert says in message(checks.close, actual, expected, "x")


def test_a_list_of_tensors_with_gradients_is_no_array():
    parameters = [torch.ones(2, requires_grad=True), torch.zeros(2, requires_grad=True)]
    checks.close(parameters, [np.ones(2), np.zeros(2)], "parameters")
    assert "expected numbers" in message(checks.close, parameters, np.ones((2, 2)), "x")


def test_an_array_is_told_in_three_lines():
    expected = np.arange(12.0).reshape(3, 4)
    actual = expected.copy()
    actual[1, 2], actual[2, 0] = 7.0, -8.0
    lines = message(checks.close, actual, expected, "x").splitlines()
    assert lines == [
        "x: 2 of 12 values differ",
        "  first at [1, 2]: got 7, expected 6",
        "  largest error 16 at [2, 0] (allowed 1e-07 + 1e-07 * |expected|)",
    ]


def test_the_largest_error_is_of_a_value_that_differs():
    told = message(checks.close, np.array([np.nan, 1.0]), np.ones(2), "x")
    assert "largest" not in told


def test_two_numbers_never_look_the_same():
    told = message(checks.close, 1.0 + 1e-10, 1.0, "x", rtol=0, atol=1e-12)
    assert "got 1.0000000001" in told
    assert "expected 1 " in told


def test_tolerances_can_be_set():
    checks.close(1.0, 1.05, "x", rtol=0.1)
    checks.close(1.0, 1.05, "x", rtol=0, atol=0.1)
    assert "allowed 0 + 0" in message(checks.close, 1.0, 1.05, "x", rtol=0, atol=0)


# -- the other checks -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (5, 5.0),
        ("a", "a"),
        ((2, 3), [2, 3]),
        (np.array([1, np.nan]), np.array([1, np.nan])),
        (torch.tensor([1, 2]), [1, 2]),
        ({"a": np.ones(2)}, {"a": np.ones(2)}),
        (["a", (1, 2)], ["a", (1, 2)]),
        (None, None),
        ([], []),
    ],
)
def test_equal_passes(one, other):
    checks.equal(one, other, "x")


@pytest.mark.parametrize(
    ("actual", "expected", "says"),
    [
        (1.0 + 1e-15, 1.0, "expected 1.0"),
        (True, 1, "got True, expected 1"),
        ((2, 3), (2, 4), "first at [1]: got 3, expected 4"),
        ((2,), (2, 4), "got (1,), expected (2,)"),
        (["a", "c"], ["a", "b"], "x[1]: got 'c', expected 'b'"),
        ({"a": np.ones(2)}, {"a": np.zeros(2)}, "x['a']: 2 of 2 values differ"),
        (np.ones(2), "two", "expected 'two'"),
        (None, (2, 4), "got None"),
    ],
)
def test_equal_explains(actual, expected, says):
    assert says in message(checks.equal, actual, expected, "x")


def test_a_law_shows_where_it_is_broken():
    checks.law(np.bool_(True), "rows sum to one")
    told = message(checks.law, False, "rows sum to one", np.array([0.5, 0.6]))
    assert told == "rows sum to one: does not hold\n  got array([0.5, 0.6])"


def test_bounds():
    checks.at_most(1, 1, "loss")
    checks.at_least(torch.tensor(2.0), 1, "accuracy")
    assert "got 3, expected at most 2" in message(checks.at_most, np.array([3.0]), 2, "loss")
    assert "got nan" in message(checks.at_least, np.nan, 2, "loss")
    assert "expected one number" in message(checks.at_most, np.ones(2), 2, "loss")
    assert "expected one number" in message(checks.at_most, None, 2, "loss")


def test_raises():
    def refuse():
        raise ValueError("got 3 axes, expected 2")

    error = checks.raises(refuse, ValueError, "a cube", match="expected 2")
    assert isinstance(error, ValueError)
    assert "should say 'expected 4'" in message(
        checks.raises, refuse, ValueError, "a cube", match="expected 4"
    )
    told = message(checks.raises, lambda: 3, ValueError, "a cube")
    assert "nothing was raised, expected ValueError\n  got 3" in told
    with pytest.raises(ValueError, match="3 axes"):
        checks.raises(refuse, KeyError, "a cube")


def test_an_exercise_to_do_is_no_answer():
    def todo():
        raise NotImplementedError("exercise 0.1: f")

    with pytest.raises(NotImplementedError):
        checks.raises(todo, RuntimeError, "x")  # its base class
    checks.raises(todo, NotImplementedError, "x")


class Mute:
    def __repr__(self):
        raise NotImplementedError("exercise 0.1: Mute.__repr__")


def test_an_object_that_cannot_show_itself_is_still_told():
    assert "<Mute whose repr raises" in message(checks.close, Mute(), 1.0, "x")


# -- guesses ----------------------------------------------------------------------------------


@given(st.integers(1, 10**9), st.integers(-(10**12), 10**12))
def test_near_tells_the_direction_and_not_the_answer(answer, guess):
    near = checks.Near(answer, rtol=0.01)
    if abs(guess - answer) <= 0.01 * answer:
        checks.guess(guess, near, "bytes")
        return
    if abs(guess - answer) <= 0.011 * max(answer, abs(guess)):
        return  # on the bound
    told = message(checks.guess, guess, near, "bytes")
    assert ("too high" if guess > answer else "too low") in told
    assert told.replace(str(guess), "") == told.replace(str(guess), "").replace(str(answer), "")


def test_two_forms_of_one_guess_are_recorded_alike():
    letters = [failure(checks.guess, g, checks.seal("salt", "c"), "cause") for g in ("A", " a ")]
    numbers = [failure(checks.guess, g, checks.Near(7, 0.1), "bytes") for g in (12, "12.0")]
    for one, other in (letters, numbers):
        assert one.seen == other.seen


@pytest.mark.parametrize("guess", [None, "many", np.nan, np.inf, [1, 2], torch.ones(2), 10**400])
def test_near_wants_one_number(guess):
    assert "expected one number" in message(checks.guess, guess, checks.Near(3, 0.1), "x")


def test_near_takes_any_kind_of_number():
    for guess in (3, 3.0, "3", np.float32(3), torch.tensor(3)):
        checks.guess(guess, checks.Near(3, 0.01), "x")
    assert "factor of ten" in message(checks.guess, 300, checks.Near(3, 0.1), "x")
    assert "factor" not in message(checks.guess, 5, checks.Near(3, 0.1), "x")


@pytest.mark.parametrize(
    ("answer", "guesses"),
    [
        (12, [12, 12.0, np.int64(12), torch.tensor(12)]),
        ("b", ["b", "B", " b "]),
        ((2, 3), [(2, 3), [2, 3], (2.0, 3.0), torch.Size([2, 3]), np.array([2, 3])]),
    ],
)
def test_sealed_knows_an_answer_in_any_dress(answer, guesses):
    sealed = checks.seal("salt", answer)
    assert str(answer) not in repr(sealed)
    for guess in guesses:
        checks.guess(guess, sealed, "x")
    for guess in (None, 13, "c", (3, 2), Mute):
        told = message(checks.guess, guess, sealed, "x")
        assert str(answer) not in told
