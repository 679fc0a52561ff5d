"""Places by hand; then against a search in text; then against transformers' prompt lookup."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phase4_production.solution import ngram
from shared import checks


@pytest.mark.exercise("4.18")
def test_what_followed_the_last_time():
    ids = [7, 1, 2, 3, 4, 5, 9, 1, 2]
    checks.equal(ngram.propose(ids, 3), [3, 4, 5], "three guesses after 1, 2")
    checks.equal(ids, [7, 1, 2, 3, 4, 5, 9, 1, 2], "the tokens afterwards")
    checks.equal(ngram.propose(ids, 1), [3], "one guess after 1, 2")
    checks.equal(ngram.propose(tuple(ids), 2), [3, 4], "two guesses, from a tuple")
    checks.equal(ngram.propose([4, 5, 6, 4], 2), [5, 6], "guesses after 4, which also came first")
    checks.equal(ngram.propose([9, 4, 5, 6, 4], 4), [5, 6, 4], "four guesses where three follow")


@pytest.mark.exercise("4.18")
def test_the_longest_end_decides():
    """2 and 1, 2 stand near the end, but 0, 1, 2 stands at the beginning."""
    ids = [0, 1, 2, 8, 8, 5, 1, 2, 6, 6, 2, 7, 0, 1, 2]
    checks.equal(ngram.propose(ids, 2), [8, 8], "guesses after 0, 1, 2")
    checks.equal(ngram.propose(ids, 2, longest=2), [6, 6], "guesses when at most two are looked up")
    ids = [4, 5, 6, 3, 0, 5, 6, 7, 4, 5]
    checks.equal(ngram.propose(ids, 1, longest=1), [6], "guess when only 5 is looked up")


@pytest.mark.exercise("4.18")
def test_the_latest_place_counts():
    ids = [1, 2, 3, 5, 1, 2, 4, 5, 1, 2]
    checks.equal(ngram.propose(ids, 2), [4, 5], "guesses after 5, 1, 2 of two places of 1, 2")
    ids = [1, 9, 1, 8, 1]
    checks.equal(ngram.propose(ids, 1), [8], "guess after 1 of two places")


@pytest.mark.exercise("4.18")
def test_shorter_ends_come_next():
    checks.equal(ngram.propose([5, 6, 7, 3, 5], 2), [6, 7], "guesses when only 5 is found again")
    checks.equal(ngram.propose([1, 2, 3, 4], 2), [], "guesses when nothing repeats")
    checks.equal(
        ngram.propose([1, 9, 7, 5, 1, 2], 2), [], "guesses when only the 1 of 1, 2 repeats"
    )
    for ids in ([12, 5, 1], [21, 5, 1]):
        checks.equal(ngram.propose(ids, 2), [], f"guesses after {ids}, of three different tokens")


@pytest.mark.exercise("4.18")
def test_a_place_may_overlap_the_end():
    checks.equal(ngram.propose([3, 3, 3, 3, 3], 4), [3], "guesses after 3, 3, 3 of five")
    checks.equal(ngram.propose([1, 2, 1, 2, 1], 4), [2, 1], "guesses after 1, 2, 1, 2, 1")


@pytest.mark.exercise("4.18")
def test_short_texts():
    checks.equal(ngram.propose([], 3), [], "guesses after nothing")
    checks.equal(ngram.propose([1], 3), [], "guesses after one token")
    checks.equal(ngram.propose([1, 1], 3), [1], "guesses after 1, 1")
    checks.equal(ngram.propose([2, 1, 1], 3, longest=9), [1], "guesses after 2, 1, 1")


@given(st.text("ab", max_size=14), st.integers(1, 4), st.integers(1, 4))
@settings(max_examples=300, deadline=None)
def test_as_a_search_in_text(text, k, longest):
    """str.rfind, which may not see the last character of the text: a later place is the end."""
    expected = ""
    for n in range(longest, 0, -1):
        place = text[:-1].rfind(text[-n:]) if n < len(text) else -1
        if place >= 0:
            expected = text[place + n :][:k]
            break
    found = ngram.propose([ord(c) for c in text], k, longest)
    checks.equal(found, [ord(c) for c in expected], f"{k} guesses after {text!r}")


def test_as_transformers_does_where_there_is_one_place():
    transformers = pytest.importorskip("transformers", reason="compared with transformers")
    import torch
    from transformers.generation.candidate_generator import PromptLookupCandidateGenerator

    lookup = PromptLookupCandidateGenerator(
        eos_token_id=torch.tensor([99]), num_output_tokens=4, max_matching_ngram_size=3,
        max_length=100,
    )  # fmt: skip
    assert transformers
    for ids in ([7, 1, 2, 3, 4, 5, 9, 1, 2], [4, 5, 6, 7, 8, 9, 5], [0, 1, 2, 8, 8, 5, 0, 1, 2]):
        found, _ = lookup.get_candidates(torch.tensor([ids]))
        checks.equal(ngram.propose(ids, 4), found[0, len(ids) :].tolist(), f"guesses after {ids}")


def test_bad_numbers_are_refused():
    checks.raises(lambda: ngram.propose([1], 0), ValueError, "no guesses")
    checks.raises(lambda: ngram.propose([1], 1, longest=0), ValueError, "no end")
