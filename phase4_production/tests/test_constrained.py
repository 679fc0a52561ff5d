"""A model that says anything, held to a grammar: what it says then always fits."""

import json
import re

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from phase4_production.project.constrained import Constraints
from shared import checks

EOS, V = 0, 420
SCHEMA = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 6},
        "age": {"type": "integer", "minimum": 0, "maximum": 150},
        "tags": {"type": "array", "items": {"enum": ["a", "b"]}, "maxItems": 2},
    },
    "required": ["name", "age", "tags"],
    "additionalProperties": False,
}


def make_tokenizer():
    engine = Tokenizer(models.BPE())
    engine.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    engine.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=["<|endoftext|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    engine.train_from_iterator(['{"name": "Ann", "age": 12, "tags": ["a"]} yes no'] * 9, trainer)
    return engine


TOKENIZER = make_tokenizer()
CONSTRAINTS = Constraints(TOKENIZER, V, [EOS])  # 20 logits more than the tokenizer has tokens


def say(constraint, seed, most=200):
    """Draw among what is allowed, with equal weights, to the end; return the text."""
    g, ids = torch.Generator().manual_seed(seed), []
    for _ in range(most):
        allowed = constraint.allowed()
        token = int(torch.multinomial(allowed.double(), 1, generator=g))
        if token == EOS:
            assert constraint.accepts
            return TOKENIZER.decode(ids)
        constraint.advance(token)
        ids.append(token)
    return None


@given(st.integers(0, 10_000))
@settings(max_examples=60, deadline=None)
def test_what_is_said_fits_the_schema(seed):
    found = json.loads(say(CONSTRAINTS.json_schema(SCHEMA), seed))
    assert list(found) == ["name", "age", "tags"]
    assert isinstance(found["name"], str)
    assert len(found["name"]) <= 6
    assert found["age"] in range(151)
    assert isinstance(found["age"], int)
    assert len(found["tags"]) <= 2
    assert set(found["tags"]) <= {"a", "b"}


@pytest.mark.parametrize("pattern", [r"(yes|no)", r"[0-9]{3}-[a-f]+", r"a/b\.c", r"é{2,3}"])
def test_what_is_said_fits_the_pattern(pattern):
    said = [say(CONSTRAINTS.regex(pattern), seed) for seed in range(20)]
    assert all(re.fullmatch(pattern, one) for one in said if one is not None), said
    assert any(one is not None for one in said)


def test_objects():
    said = [say(CONSTRAINTS.json_object(), seed) for seed in range(20)]
    found = [json.loads(one) for one in said if one is not None]
    assert found
    assert all(isinstance(one, dict) for one in found)


def test_allowed_is_what_fits_token_by_token():
    """Every token of the vocabulary, tried on a matcher of its own."""
    constraint = CONSTRAINTS.regex("(yes|no|yellow)")
    for token in TOKENIZER.encode("ye").ids:
        constraint.advance(token)
    allowed = constraint.allowed()
    checks.equal((allowed.shape, allowed.dtype), ((V,), torch.bool), "shape and dtype")
    texts = [TOKENIZER.decode([i]) if 0 < i < TOKENIZER.get_vocab_size() else "" for i in range(V)]
    expected = [bool(t) and ("s".startswith(t) or "llow".startswith(t)) for t in texts]
    checks.equal(allowed.tolist(), expected, "tokens after ye")


def test_masks_look_ahead_and_change_nothing():
    constraint = CONSTRAINTS.regex("abcd")
    a, b, c, x = (TOKENIZER.token_to_id(letter) for letter in "abcx")
    before = constraint.allowed()
    masks = constraint.masks([a, b, x, c])
    checks.equal(masks.shape, (5, V), "shape of the masks of four guesses")
    checks.equal(masks[0], before, "what may come first")
    checks.equal([int(m.sum()) for m in masks[:3]], [1, 1, 1], "tokens allowed in the first rows")
    checks.law(masks[1, b] and masks[2, c] and not masks[2, x], "after a comes b, then c")
    checks.law(masks[3:].all(), "everything after a guess that does not fit", masks[3:].sum())
    checks.equal(constraint.allowed(), before, "what may come first, afterwards")
    checks.equal(constraint.masks([]), before[None], "masks without guesses")


def test_masks_through_the_end():
    constraint = CONSTRAINTS.regex("a")
    a = TOKENIZER.token_to_id("a")
    masks = constraint.masks([a, EOS, a])
    checks.law(masks[1, EOS] and masks[1].sum() == 1, "only the end comes after all is said")
    checks.equal(masks[2], masks[1], "what comes after an end that was ignored: the end again")
    checks.law(masks[0, a] and not constraint.finished, "and the state is the first one")
    constraint.advance(a)
    checks.equal((constraint.finished, constraint.accepts), (True, True), "finished, accepts")
    constraint.advance(EOS)
    constraint.advance(EOS)
    constraint.rollback(1)
    checks.equal((constraint.finished, constraint.accepts), (False, False), "after a rollback")


def test_a_token_that_does_not_fit_is_refused_and_changes_nothing():
    constraint = CONSTRAINTS.regex("ab")
    a, b = (TOKENIZER.token_to_id(letter) for letter in "ab")
    checks.raises(lambda: constraint.advance(b), ValueError, "b before a", "does not fit")
    checks.raises(lambda: constraint.advance(EOS), ValueError, "an end too early", "does not fit")
    constraint.advance(a)
    constraint.advance(b)
    checks.equal(constraint.finished, True, "whether ab is all")


@pytest.mark.parametrize(
    "make",
    [
        lambda: CONSTRAINTS.regex("(yes|no"),
        lambda: CONSTRAINTS.json_schema({"type": "nope"}),
        lambda: CONSTRAINTS.json_schema({"$ref": "#/missing"}),
    ],
)
def test_what_cannot_be_followed_is_one_line(make):
    error = checks.raises(make, ValueError, "a bad grammar", "cannot be followed")
    assert "\n" not in str(error)
    assert len(str(error)) < 260
