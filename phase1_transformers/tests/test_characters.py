import pytest
from hypothesis import given
from hypothesis import strategies as st

from phase1_transformers.solution.characters import CharTokenizer
from phase1_transformers.solution.tokenizer import END
from shared import checks


def test_characters_are_numbered_in_the_order_of_unicode():
    tokenizer = CharTokenizer.train("hello\n")
    checks.equal(tokenizer.characters, ["\n", "e", "h", "l", "o"], "characters of hello")
    checks.equal(tokenizer.encode("hole\n"), [2, 4, 3, 1, 0], "ids of hole")
    checks.equal(tokenizer.specials, {END: 5}, "the special token has the highest id")
    checks.equal(tokenizer.vocab_size, 6, "vocab_size of five characters and a special token")


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_round_trip(text):
    tokenizer = CharTokenizer.train(text)
    checks.equal(tokenizer.decode(tokenizer.encode(text)), text, f"{text!r} there and back")


def test_specials_are_text_unless_allowed():
    tokenizer = CharTokenizer.train(END)
    end = tokenizer.specials[END]
    checks.equal(len(tokenizer.encode(END)), len(END), "tokens of the name of a special token")
    checks.equal(tokenizer.encode(f"<{END}>", allowed_special=True)[1:2], [end], "where allowed")
    checks.equal(tokenizer.decode([end, end]), END + END, "two special tokens in words")


def test_unknown_characters_and_ids_are_refused():
    tokenizer = CharTokenizer.train("abc")
    checks.raises(lambda: tokenizer.encode("abé"), ValueError, "an unknown character", "'é'")
    checks.raises(lambda: tokenizer.decode([0, 9]), ValueError, "an unknown id", "9")


@pytest.mark.parametrize(
    ("characters", "specials"),
    [(["ab"], {}), ([""], {}), (["a", "a"], {}), (["a"], {END: 0}), (["\ud800"], {})],
)
def test_contradictions_are_refused(characters, specials):
    make = lambda: CharTokenizer(characters, specials)  # noqa: E731
    checks.raises(make, ValueError, f"characters {characters}, specials {specials}")
