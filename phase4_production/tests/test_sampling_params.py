"""What one request may wish, its random numbers, and its penalties."""

import math
from itertools import product

import pytest
import torch

from phase4_production.solution.penalties import penalise
from phase4_production.solution.randomness import uniform
from phase4_production.solution.sampling_params import SamplingParams
from shared import checks


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("temperature", -0.1),
        ("temperature", math.nan),
        ("temperature", math.inf),
        ("top_k", 0),
        ("top_p", 0.0),
        ("top_p", 1.1),
        ("min_p", -0.1),
        ("repetition_penalty", 0.0),
        ("frequency_penalty", 2.1),
        ("presence_penalty", math.nan),
        ("max_tokens", 0),
        ("stop", "abc"),
        ("stop", ("a", "")),
        ("logprobs", -1),
    ],
)
def test_bad_wishes_are_one_line(name, value):
    error = checks.raises(
        lambda: SamplingParams(**{name: value}), ValueError, name, f"^{name} must"
    )
    assert "\n" not in str(error)


def test_the_limits_themselves_are_good():
    SamplingParams(0.0, 1, 1.0, 1.0, 0.1, -2.0, 2.0, 1, ("a",), -5, 0)
    checks.equal([SamplingParams(t).greedy for t in (0, 0.1)], [True, False], "which one is greedy")


def test_random_numbers_have_no_memory_and_are_even():
    numbers = torch.tensor(
        [uniform(s, i, d) for s, i, d in product(range(40), range(60), range(3))]
    )
    checks.equal(len(numbers.unique()), len(numbers), "numbers that differ")
    checks.equal(uniform(3, 7), uniform(3, 7), "the same number again")
    assert 0 <= uniform(-(2**63), 10**9) < 1
    counts = torch.histc(numbers, 20, 0, 1)
    chi = ((counts - len(numbers) / 20) ** 2 / (len(numbers) / 20)).sum()
    checks.at_most(chi, 43.8, "chi-square of 20 classes, passed once in a thousand times")


def test_openais_penalties():
    logits = torch.zeros(5)
    params = SamplingParams(frequency_penalty=0.5, presence_penalty=1.0)
    found = penalise(logits, (4, 4), (1, 2, 1), params)
    checks.close(found, torch.tensor([0, -2.0, -1.5, 0, 0]), "logits after 1, 2, 1; 4 was asked")
    checks.equal(logits, torch.zeros(5), "the logits afterwards")
    checks.equal(penalise(logits, (4,), (), params), logits, "logits of the first token")


def test_the_repetition_penalty_of_transformers():
    transformers = pytest.importorskip("transformers", reason="compared with transformers")
    g = torch.Generator().manual_seed(0)
    logits = torch.randn(50, generator=g)
    kept, ids = logits.clone(), (3, 7, 7, 9)
    expected = transformers.RepetitionPenaltyLogitsProcessor(1.3)(torch.tensor([ids]), logits[None])
    found = penalise(logits, ids[:2], ids[2:], SamplingParams(repetition_penalty=1.3))
    checks.close(found, expected[0], "logits after four tokens")
    checks.equal(logits, kept, "the logits afterwards")
