import random

import pytest

from phase1_transformers.solution import unigram
from phase1_transformers.solution.tokenizer import END
from phase1_transformers.tests.test_unigram import HOSTILE
from phase1_transformers.tests.test_unigram_train import TEXT
from shared import checks

pytest.importorskip("sentencepiece", reason="the swap-in needs sentencepiece")

from phase1_transformers.project.sentencepiece_tokenizer import SentencePieceTokenizer

SPACE = "\u2581"  # SentencePiece's sign for a space


@pytest.fixture(scope="module", params=["unigram", "bpe"])
def tokenizer(request):
    return SentencePieceTokenizer.train(TEXT, 330, model_type=request.param)


@pytest.fixture(scope="module")
def unigram_model():
    return SentencePieceTokenizer.train(TEXT, 330).processor


def test_viterbi_segments_as_sentencepiece_does(unigram_model):
    numbers = range(unigram_model.GetPieceSize())
    log_probs = {
        unigram_model.IdToPiece(i): unigram_model.GetScore(i)
        for i in numbers
        if not (unigram_model.IsByte(i) or unigram_model.IsControl(i) or unigram_model.IsUnknown(i))
    }
    words = TEXT.split()
    rng = random.Random(0)
    for _ in range(200):
        text = " ".join(rng.choices(words, k=4))
        expected = unigram_model.EncodeAsPieces(text)
        options = {"max_length": max(map(len, log_probs)), "unknown": min(log_probs.values()) - 10}
        found = unigram.viterbi(text.replace(" ", SPACE), log_probs, **options)
        checks.equal(found, expected, f"pieces of {text!r}")


@pytest.mark.parametrize("text", [TEXT, *HOSTILE])
def test_round_trip(tokenizer, text):
    expected = text.replace(SPACE, " ")  # the one character that it cannot give back
    ids = tokenizer.encode(text)
    checks.equal(tokenizer.decode(ids), expected, "decoded")
    checks.law(all(0 <= i < tokenizer.vocab_size for i in ids), "ids lie in the vocabulary")


def test_vocabulary_and_specials(tokenizer):
    checks.equal(tokenizer.vocab_size, 330, "size of the vocabulary")
    checks.equal(tokenizer.specials, {END: 329}, "specials")
    text = f"the {END} man"
    ids = tokenizer.encode(text, allowed_special=True)
    checks.equal(ids.count(329), 1, "the special token")
    checks.equal(tokenizer.decode(ids), text, "decoded")
    checks.law(329 not in tokenizer.encode(text), "what a user types is no command")


def test_save_and_load(tokenizer, tmp_path):
    tokenizer.save(tmp_path / "sentencepiece.model")
    again = SentencePieceTokenizer.load(tmp_path / "sentencepiece.model")
    checks.equal(again.encode(TEXT), tokenizer.encode(TEXT), "ids after save and load")
    checks.equal(again.specials, tokenizer.specials, "specials after save and load")


def test_bad_input(tokenizer):
    checks.raises(lambda: tokenizer.encode("a\ud800"), ValueError, "half a pair", "surrogate")
    checks.raises(lambda: tokenizer.decode([10**6]), ValueError, "an unknown id", "no token")
    train = SentencePieceTokenizer.train
    checks.raises(lambda: train("abc", 500), ValueError, "too little text", "too high")
    checks.raises(lambda: SentencePieceTokenizer(b"junk"), ValueError, "junk", "no SentencePiece")
