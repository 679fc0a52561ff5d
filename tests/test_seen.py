"""Records of values survive JSON and tell wrong answers apart, not two roundings of one."""

import json

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from shared.seen import MAX_SEEN, record, same


class Mute:
    def __repr__(self):
        raise NotImplementedError("exercise 0.1: Mute.__repr__")


NUMBERS = st.floats(-1e6, 1e6, width=32)


@given(st.lists(NUMBERS, min_size=1, max_size=40), st.randoms(use_true_random=False))
def test_another_order_of_summation_is_the_same_answer(terms, random):
    shuffled = list(terms)
    random.shuffle(shuffled)
    scale = float(np.sum(np.abs(terms)))  # what cancels is compared beside what does not
    one = record(np.array([np.sum(terms), scale]))
    other = json.loads(json.dumps(record(np.array([sum(shuffled), scale]))))
    assert same(one, other)


VALUES = [
    3,
    3.5,
    float("nan"),
    None,
    "text",
    np.float32(1.5),
    np.array([1.0, np.nan, np.inf]),
    np.array([1 + 2j]),
    np.ones((0, 3)),
    np.array(["a"]),
    np.array([None, 1]),
    torch.ones(2, requires_grad=True),
    torch.ones(2, dtype=torch.bfloat16),
    (1, [2, "x"], {"a": np.ones(2)}),
    [torch.ones(2, requires_grad=True)],
    Mute(),
    np.arange(10**5),
]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_a_record_survives_json(value):
    seen = record(value)
    text = json.dumps(seen)
    assert len(text) < 20_000
    assert same(seen, json.loads(text))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1.0, 1.001),
        (np.ones(2), np.ones((2, 1))),
        (np.float64(1.0), np.float64(1.0 + 1e-5)),
        (100_000, 100_001),
        (np.ones(3), [1.0, 1.0, np.nan]),
        ({"a": 1}, {"b": 1}),
        ("a", "b"),
        (None, 0.0),
        ([1, "x"], [1, "x", "x"]),
        (np.zeros(3), np.array([0.0, 0.0, 1e-300])),
    ],
)
def test_other_answers_are_told_apart(one, other):
    assert not same(record(one), record(other))


def test_the_same_answer_in_another_container():
    assert same(record([1.0, 2.0]), record(np.array([1.0, 2.0])))
    assert same(record(np.float32(0.1)), record(0.1))
    assert same(record(object()), record(object()))  # their addresses are no answer


@pytest.mark.parametrize("n_columns", [4, 16, 37, 64, 128])
def test_a_wrong_column_of_a_large_array_is_seen(n_columns):
    right = np.zeros((64 * 64, n_columns))
    for column in range(n_columns):
        wrong = right.copy()
        wrong[:, column] = 1.0
        assert not same(record(right), record(wrong))
    assert len(record(right)["values"]) == MAX_SEEN
