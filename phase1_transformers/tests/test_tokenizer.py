"""Special tokens and impossible texts, for every kind of tokenizer."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phase1_transformers.solution.bpe import BytePairTokenizer
from phase1_transformers.solution.characters import CharTokenizer
from phase1_transformers.solution.tokenizer import END, utf8
from shared import checks

TEXT = f"user: hello hello assistant: hello world {END}<|user|>"
SPECIALS = (END, "<|user|>", "<|user|>s")


@pytest.fixture(scope="module", params=[BytePairTokenizer, CharTokenizer])
def tokenizer(request):
    size = [300] if request.param is BytePairTokenizer else []
    return request.param.train(TEXT, *size, specials=SPECIALS)


def test_specials_are_text_unless_allowed(tokenizer):
    ids = tokenizer.encode(TEXT)
    checks.law(not {*ids} & {*tokenizer.specials.values()}, "no special id in ordinary text", ids)
    checks.equal(tokenizer.decode(ids), TEXT, "the text there and back")


def test_allowed_specials_stand_alone(tokenizer):
    end, user, users = (tokenizer.specials[name] for name in SPECIALS)
    hello = tokenizer.encode("hello ")
    ids = tokenizer.encode(f"hello {END}hello <|user|><|user|>s", allowed_special=True)
    checks.equal(ids, [*hello, end, *hello, user, users], "text around special tokens")
    text = tokenizer.decode(ids)
    checks.equal(text, f"hello {END}hello <|user|><|user|>s", "special tokens by their names")


@given(st.lists(st.sampled_from([*SPECIALS, "hello", " ", "s", "<|user"]), max_size=6))
def test_specials_round_trip(tokenizer, parts):
    text = "".join(parts)
    for allowed in (False, True):
        ids = tokenizer.encode(text, allowed_special=allowed)
        checks.equal(tokenizer.decode(ids), text, f"{text!r} there and back, {allowed=}")


@pytest.mark.parametrize("text", ["hello \ud83d", "\udc80", "\ude42\ud83d"])
@pytest.mark.parametrize("allowed", [False, True])
def test_lone_surrogates_are_refused_in_one_line(tokenizer, text, allowed):
    error = checks.raises(
        lambda: tokenizer.encode(text, allowed_special=allowed), ValueError, f"{text!a}", "ud|ude"
    )
    checks.law("\n" not in str(error), "the refusal is one line", str(error))
    checks.equal(type(error), ValueError, "the refusal is a plain ValueError")


@pytest.mark.parametrize("train", [lambda s: BytePairTokenizer.train(s, 300), CharTokenizer.train])
def test_lone_surrogates_are_refused_in_training(train):
    checks.raises(lambda: train("ab\ud800 c"), ValueError, "half a pair in a corpus", "surrogate")


def test_utf8_names_the_surrogate():
    checks.equal(utf8("é🙂"), b"\xc3\xa9\xf0\x9f\x99\x82", "UTF-8 of é🙂")
    checks.raises(lambda: utf8("ab\ud800"), ValueError, "half a pair", r"'\\ud800' is a lone")
