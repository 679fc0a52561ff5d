import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phase1_transformers.solution import unigram, unigram_train
from phase1_transformers.solution.tokenizer import END
from shared import checks

HUG = {"h": -3.0, "u": -2.0, "g": -2.0, "hu": -2.5, "ug": -3.5, "hug": -6.0}


def best(text, log_probs, max_length=8, unknown=-30.0):
    """Segment a text, after a check that the table of pieces was left alone."""
    before = dict(log_probs)
    pieces = unigram.viterbi(text, log_probs, max_length=max_length, unknown=unknown)
    checks.equal(log_probs, before, f"log_probs after viterbi({text[:8]!r})")
    return pieces


def segmentations(text):
    """List all 2^(n - 1) ways to cut a text."""
    if not text:
        return [[]]
    return [
        [text[:cut], *rest] for cut in range(1, len(text) + 1) for rest in segmentations(text[cut:])
    ]


def score(pieces, log_probs, max_length=8, unknown=-30.0):
    """Add up the scores of pieces, -inf for what is none."""
    total = 0.0
    for piece in pieces:
        missing = unknown if len(piece) == 1 else -math.inf
        total += -math.inf if len(piece) > max_length else log_probs.get(piece, missing)
    return total


def random_pieces(alphabet, n, seed):
    """Draw n strings of up to 5 characters, each with a score; no two sums are equal."""
    rng = random.Random(seed)
    words = ["".join(rng.choices(alphabet, k=rng.randint(1, 5))) for _ in range(n)]
    return {word: -rng.random() * 4 * len(word) ** 0.7 - 0.5 for word in words}


# -- the best segmentation, graded ------------------------------------------------------------


@pytest.mark.exercise("1.5")
def test_hug():
    # hu g: -4.5. In one piece: -6; h ug: -6.5; h u g: -7.
    checks.equal(best("hug", HUG), ["hu", "g"], "pieces of 'hug'")
    # hug hu g: -10.5; hu g hu g: -9.
    checks.equal(best("hughug", HUG), ["hu", "g", "hu", "g"], "pieces of 'hughug'")


@pytest.mark.exercise("1.5")
def test_one_piece_may_be_best():
    log_probs = HUG | {"hug": -4.0}
    checks.equal(best("hug", log_probs), ["hug"], "pieces of 'hug' if 'hug' scores -4")
    checks.equal(best("g", log_probs), ["g"], "pieces of 'g'")
    checks.equal(best("", log_probs), [], "pieces of ''")


@pytest.mark.exercise("1.5")
def test_a_score_of_zero_counts():
    checks.equal(best("ab", {"a": -1.0, "b": -1.0, "ab": 0.0}), ["ab"], "pieces, 'ab' certain")


@pytest.mark.exercise("1.5")
def test_ties():
    # 1 + 3 = 3 + 1: both ways cost 4. Of all ways to cut aaa each costs 3.
    log_probs = {"a": -1.0, "c": -1.0, "ab": -3.0, "bc": -3.0}
    checks.equal(best("abc", log_probs), ["a", "bc"], "pieces of 'abc', a + bc = ab + c")
    runs = {"a": -1.0, "aa": -2.0, "aaa": -3.0}
    checks.equal(best("aaaa", runs), ["a", "aaa"], "pieces of 'aaaa', all ways cost 4")


@pytest.mark.exercise("1.5")
def test_unknown_characters():
    log_probs = {"a": -20.0, "b": -1.0, "ab": -24.0, "bb": -3.0}
    checks.equal(best("zbb", log_probs, unknown=-5.0), ["z", "b", "b"], "pieces of 'zbb', z new")
    # ab: -24, in place of a b: -21. The score of a known character is its own, were it worse.
    checks.equal(best("ab", log_probs, unknown=-5.0), ["a", "b"], "pieces of 'ab', a rare")
    rarer = log_probs | {"a": -25.0}
    checks.equal(best("ab", rarer, unknown=-5.0), ["ab"], "pieces of 'ab', a rarer than unknown")
    # A piece may hold a character that is none by itself.
    checks.equal(best("xyz", {"yz": -9.0}, unknown=-5.0), ["x", "yz"], "pieces of 'xyz', yz known")


@pytest.mark.exercise("1.5")
def test_max_length():
    log_probs = {"a": -5.0, "aa": -6.0, "aaa": -6.5, "aaaa": -7.0}
    for max_length, expected in ((4, ["aaaa"]), (3, ["a", "aaa"]), (2, ["aa", "aa"])):
        found = best("aaaa", log_probs, max_length=max_length)
        checks.equal(found, expected, f"pieces of 'aaaa', max_length={max_length}")
    checks.equal(best("aa", log_probs, max_length=1), ["a", "a"], "pieces of 'aa', max_length=1")


@pytest.mark.exercise("1.5")
@pytest.mark.parametrize("seed", range(8))
def test_brute_force(seed):
    log_probs = random_pieces("ab", 14, seed)
    text = "".join(random.Random(seed).choices("ab", k=9))
    for max_length in (8, 3):
        options = {"max_length": max_length, "unknown": -6.0}
        expected = max(segmentations(text), key=lambda way: score(way, log_probs, **options))
        found = best(text, log_probs, **options)
        checks.equal(found, expected, f"pieces of {text!r} (set {seed}), max_length={max_length}")


@pytest.mark.exercise("1.5")
def test_a_long_text():
    # Shortest path by a different road: from the right, over scores of what is left.
    log_probs = random_pieces("abc", 60, seed=1)
    text = "".join(random.Random(2).choices("abcd", k=300))
    left = [0.0]
    for start in reversed(range(len(text))):
        ways = range(1, min(8, len(text) - start) + 1)
        left.append(max(score([text[start : start + k]], log_probs) + left[-k] for k in ways))
    pieces = best(text, log_probs)
    checks.law(isinstance(pieces, list), "a list of pieces comes back", pieces)
    checks.equal("".join(pieces), text, "the pieces of 300 characters, joined")
    checks.close(score(pieces, log_probs), left[-1], "score of the pieces of 300 characters")


@pytest.mark.exercise("1.5")
def test_max_length_is_positive():
    checks.raises(lambda: best("a", HUG, max_length=0), ValueError, "max_length=0", match="least 1")


# -- the tokenizer ----------------------------------------------------------------------------

HOSTILE = [
    "",
    "héllo 日本語 🎉👩‍👩‍👧",
    "a\u0301\u0300 combining",
    "\x00\x01\x7f\x80",
    "\r\n\t  \n\n x",
    "<0xC3> <|endoftext|>",
    "\u2581under",
    "a" * 5000,
]


@pytest.fixture(scope="module")
def tokenizer():
    text = "the cat sat on the mat, and the dog sat on the cat: naïve naïve café\n" * 5
    return unigram_train.train_tokenizer(text, 300)


@pytest.mark.parametrize("text", HOSTILE)
def test_round_trip(tokenizer, text):
    ids = tokenizer.encode(text)
    checks.equal(tokenizer.decode(ids), text, "decoded")
    checks.law(all(0 <= i < tokenizer.vocab_size for i in ids), "ids lie in the vocabulary")


@settings(max_examples=100, deadline=None)
@given(text=st.text())
def test_round_trip_of_any_text(tokenizer, text):
    checks.equal(tokenizer.decode(tokenizer.encode(text)), text, "decoded")
    checks.equal("".join(tokenizer.pieces(text)), text, "pieces, joined")


def test_specials(tokenizer):
    ids = tokenizer.encode(f"the{END}cat", allowed_special=True)
    checks.equal(ids.count(tokenizer.specials[END]), 1, "the special token")
    checks.equal(tokenizer.specials[END], tokenizer.vocab_size - 1, "id of the special token")
    checks.equal(tokenizer.decode(ids), f"the{END}cat", "decoded")
    plain = tokenizer.encode(END)
    checks.law(tokenizer.specials[END] not in plain, "what a user types is no command")


def test_bad_input(tokenizer):
    checks.raises(lambda: tokenizer.encode("a\ud800"), ValueError, "half a pair", "surrogate")
    checks.raises(lambda: tokenizer.decode([10**6]), ValueError, "an unknown id", "no token")
    checks.equal(tokenizer.decode([104, 0xC3, 105]), "h\ufffdi", "bytes that are no UTF-8")
    taken = {"<end>": 3}
    checks.raises(lambda: unigram.UnigramTokenizer(HUG, specials=taken), ValueError, "a taken id")


def test_save_and_load(tokenizer, tmp_path):
    tokenizer.save(tmp_path / "tokenizer.json")
    again = unigram.UnigramTokenizer.load(tmp_path / "tokenizer.json")
    text = "the cat sat on naïve 日本"
    checks.equal(again.encode(text), tokenizer.encode(text), "ids after save and load")
    (tmp_path / "other.json").write_text('{"merges": []}')
    load = unigram.UnigramTokenizer.load
    checks.raises(lambda: load(tmp_path / "other.json"), ValueError, "another file", "no saved")
