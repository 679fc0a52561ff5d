"""The fast tokenizer is the clear one, sooner: the same merges, ties included, and the same ids."""

import os
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phase1_transformers.solution import bpe, bpe_fast, bpe_fast_train
from phase1_transformers.solution.splitting import GPT2_PATTERN, GPT4_PATTERN, split

LETTERS_ONLY = ".+"  # one pre-token a line: long runs, merges that meet
small_alphabets = st.sampled_from(["a", "ab", "ab ", "abc \n", "aé中 ", "abcdefgh 1'\0"])
corpora = small_alphabets.flatmap(lambda letters: st.text(letters, max_size=200))
patterns = st.sampled_from([GPT2_PATTERN, GPT4_PATTERN, LETTERS_ONLY])

TEXT = """When a man is tired of London, he is tired of life; for there is in London all that life
can afford. The whole drift of my education goes to persuade me that the world of our present
consciousness is only one out of many worlds of consciousness that exist. 1234567 naïve 中文 😀
"""


@given(corpora, st.integers(256, 300), patterns)
def test_merges_are_those_of_the_clear_trainer(text, vocab_size, pattern):
    assert bpe_fast.train(text, vocab_size, pattern) == bpe.train(text, vocab_size, pattern)


@given(corpora, patterns, st.integers(1, 4))
def test_keeping_few_pairs_changes_nothing(text, pattern, kept):
    """With `kept` at 1 only the commonest pairs are, and nearly each merge counts anew."""
    counts = Counter(split(text, pattern))
    assert bpe_fast_train.learn_merges(counts, 290, kept) == bpe.train(text, 290, pattern)


@pytest.mark.parametrize("n", range(1, 40))
def test_runs_of_one_letter(n):
    for text in ("a" * n, "a" * n + "b" + "a" * (n // 2), " ".join("a" * i for i in range(n))):
        assert bpe_fast.train(text, 300) == bpe.train(text, 300)


def test_merges_by_hand():
    # hug x2, hugs x1: h-u 3, u-g 3, tie broken by "h" < "u"; then hu-g 3; then hug-s 1.
    text = "hug\nhug\nhugs"
    expected = [(ord("h"), ord("u")), (256, ord("g")), (257, ord("s"))]
    assert bpe_fast.train(text, 400, r"\w+|\n") == expected


def test_merges_of_prose_and_of_this_file():
    for text in (TEXT * 2, Path(__file__).read_text(encoding="utf-8")[:3000]):
        assert bpe_fast.train(text, 500) == bpe.train(text, 500)


def test_every_kind_of_text_gives_the_same_merges(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text(TEXT, encoding="utf-8", newline="")
    expected = bpe.train(TEXT, 300)
    assert bpe_fast.train(path, 300) == expected
    assert bpe_fast.train(iter([path]), 300, processes=2) == expected


def test_no_text_no_merges():
    assert bpe_fast.train("", 300) == []
    assert bpe_fast.train([], 300) == []
    assert bpe_fast.train(TEXT, 256) == []


def test_what_the_clear_trainer_refuses():
    with pytest.raises(ValueError, match="vocab_size=255"):
        bpe_fast.train(TEXT, 255)
    with pytest.raises(ValueError, match="lone surrogate"):
        bpe_fast.train("\ud800", 300)


# -- encoding ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tokenizers():
    """Both tokenizers with the same 150 merges."""
    clear = bpe.BytePairTokenizer.train(TEXT, 407)
    return clear, bpe_fast.FastBytePairTokenizer.train(TEXT, 407)


@given(st.text(max_size=50) | st.text("enorld ,.\n1é", max_size=50))
def test_ids_are_those_of_the_clear_encoder(tokenizers, text):
    clear, fast = tokenizers
    assert fast.encode(text) == clear.encode(text)
    assert fast.decode(fast.encode(text)) == text


@given(corpora, corpora, patterns)
def test_ids_with_merges_of_any_corpus(learned_from, text, pattern):
    merges = bpe.train(learned_from, 280, pattern)
    clear = bpe.BytePairTokenizer(merges, pattern)
    assert bpe_fast.FastBytePairTokenizer(merges, pattern).encode(text) == clear.encode(text)


@given(st.data())
def test_ids_with_merges_that_nobody_learned(data):
    """Among random merges are tokens that merging never reaches, and bytes spelled by two."""
    merges = []
    for n in range(data.draw(st.integers(0, 12))):
        token = st.sampled_from([97, 98, *range(256, 256 + n)])
        merges.append((data.draw(token), data.draw(token)))
    text = data.draw(st.text("ab ", max_size=40))
    clear = bpe.BytePairTokenizer(merges)
    assert bpe_fast.FastBytePairTokenizer(merges).encode(text) == clear.encode(text)


def test_ids_are_those_of_tiktoken(tokenizers):
    tiktoken = pytest.importorskip("tiktoken")
    _, fast = tokenizers
    ranks = {fast.vocab[i]: i for i in range(fast.vocab_size - 1)}
    oracle = tiktoken.Encoding(
        "oracle", pat_str=GPT4_PATTERN, mergeable_ranks=ranks, special_tokens=fast.specials
    )
    for text in (TEXT, "\0\r\n  \u3000tired\u0301", "the" * 1000, "<|endoftext|>"):
        assert fast.encode(text) == oracle.encode_ordinary(text)
    assert fast.encode("a<|endoftext|>", allowed_special=True) == oracle.encode(
        "a<|endoftext|>", allowed_special="all"
    )


@pytest.mark.skipif("COURSE_DATA" not in os.environ, reason="COURSE_DATA has GPT-2's vocabulary")
def test_ids_are_those_of_the_tokenizers_library_with_gpt2s_vocabulary():
    tokenizers = pytest.importorskip("tokenizers")
    from phase1_transformers.project import formats

    folder = Path(os.environ["COURSE_DATA"]) / "gpt2"
    fast = bpe_fast.FastBytePairTokenizer.like(formats.load_gpt2(folder))
    files = (str(folder / name) for name in ("vocab.json", "merges.txt"))
    oracle = tokenizers.ByteLevelBPETokenizer(*files)
    for text in (TEXT, Path(__file__).read_text(encoding="utf-8"), "\t\0 \xa0'S é\u0301" * 9):
        assert fast.encode(text) == oracle.encode(text).ids


def test_a_long_piece_takes_no_time_that_grows_as_its_square(tokenizers):
    _, fast = tokenizers
    text = "London" * 20_000
    assert fast.decode(fast.encode(text)) == text


def test_the_memory_of_pieces_is_bounded(tokenizers, monkeypatch):
    monkeypatch.setattr(bpe_fast, "CACHE_SIZE", 4)
    clear, _ = tokenizers
    fast = bpe_fast.FastBytePairTokenizer.like(clear)
    assert fast.encode(TEXT + "x" * 100) == clear.encode(TEXT + "x" * 100)
    assert len(fast.pieces) <= 4
    assert all(len(piece) <= bpe_fast.CACHED_LENGTH for piece in fast.pieces)


def test_a_changed_answer_does_not_change_the_next(tokenizers):
    _, fast = tokenizers
    fast.encode("London").clear()
    assert fast.decode(fast.encode("London")) == "London"


def test_saved_and_loaded(tokenizers, tmp_path):
    _, fast = tokenizers
    fast.save(tmp_path / "bpe.json")
    loaded = bpe_fast.FastBytePairTokenizer.load(tmp_path / "bpe.json")
    assert type(loaded) is bpe_fast.FastBytePairTokenizer
    assert loaded.encode(TEXT) == fast.encode(TEXT)
    assert loaded.specials == fast.specials
