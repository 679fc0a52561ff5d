"""Counting pre-tokens in pieces, in ASCII and in processes changes none of them."""

import itertools
import threading
import tracemalloc
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phase1_transformers.solution import pretokenize
from phase1_transformers.solution.splitting import GPT2_PATTERN, GPT4_PATTERN, split

PATTERNS = (GPT2_PATTERN, GPT4_PATTERN)
# What the patterns tell apart: letters that contract, long s that folds to s, digits of two kinds,
# marks, and white space of which \x1c is none to `regex`, but is to `re`.
AWKWARD = st.text("aslLtveR'\u2019.!_1²٣ \t\n\r\x1c\x85\xa0\u3000éſ\u0301中😀\0", max_size=60)
patterns = pytest.mark.parametrize("pattern", PATTERNS, ids=["gpt2", "gpt4"])


@patterns
@given(text=AWKWARD, size=st.integers(1, 20))
def test_cuts_change_no_pre_token(pattern, text, size):
    blocks = list(pretokenize.blocks(text, size))
    assert "".join(blocks) == text
    assert [piece for block in blocks for piece in split(block, pattern)] == split(text, pattern)


def test_blocks_are_cut_at_the_first_chance():
    assert list(pretokenize.blocks("one two, three", 4)) == ["one two", ", three"]
    assert list(pretokenize.blocks("one two", 1)) == ["one", " two"]
    assert list(pretokenize.blocks("aaaa" * 9, 4)) == ["aaaa" * 9]  # all one pre-token
    assert list(pretokenize.blocks("", 4)) == [""]


@patterns
def test_ascii_classes_agree_for_every_character(pattern):
    in_ascii = pretokenize.in_ascii(pattern)
    for pair in itertools.product(map(chr, range(128)), repeat=2):
        for text in ("".join(pair), "x".join(pair), " ".join(pair), "'" + "".join(pair)):
            assert in_ascii.findall(text) == split(text, pattern), ascii(text)


@patterns
@given(text=st.text(st.characters(max_codepoint=127), max_size=60))
def test_ascii_text_is_split_alike(pattern, text):
    assert pretokenize.in_ascii(pattern).findall(text) == split(text, pattern)


@pytest.mark.parametrize("pattern", [*PATTERNS, r"\w+", "(a)(b)?", ""])
@given(text=AWKWARD)
def test_all_patterns_count_like_split(pattern, text):
    assert pretokenize.count(text, pattern) == Counter(split(text, pattern))


@patterns
@given(text=AWKWARD, size=st.integers(1, 9))
def test_a_file_read_in_parts_has_the_same_pre_tokens(pattern, text, size, tmp_path_factory):
    path = tmp_path_factory.getbasetemp() / "awkward.txt"
    path.write_bytes(text.encode())
    parts = [part for batch in pretokenize.read_batches(path, True, size) for part in batch]
    assert "".join(parts) == text
    assert [piece for part in parts for piece in split(part, pattern)] == split(text, pattern)


def test_texts_of_every_kind(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(b"one\r\ntwo")
    assert pretokenize.count(path, GPT2_PATTERN) == {"one": 1, "\r": 1, "\n": 1, "two": 1}
    assert pretokenize.count([path, "one"], GPT2_PATTERN)["one"] == 2
    assert pretokenize.count(["on", "e"], GPT2_PATTERN) == {"on": 1, "e": 1}  # two documents
    assert pretokenize.count(path, r"\w+") == {"one": 1, "\r\n": 1, "two": 1}
    assert pretokenize.count([], GPT2_PATTERN) == {}


def test_batches_are_small_and_read_when_they_are_needed():
    taken = []
    texts = (taken.append(i) or f"text number {i}" for i in range(100))
    batches = pretokenize.read_batches(texts, True, size=30)
    assert len(next(batches)) == 3  # 13 characters each
    assert len(taken) == 3


def test_few_batches_wait_for_the_processes():
    read, gate = [], threading.Event()
    batches = (read.append(i) or ["one two"] for i in range(50))
    with ThreadPoolExecutor(1) as pool:
        pool.submit(gate.wait)
        threading.Timer(0.2, lambda: (read.append("open"), gate.set())).start()
        results = list(pretokenize.bounded_map(pool, 4, batches, GPT2_PATTERN))
    assert len(results) == 50
    assert read.index("open") <= 5


def test_processes_count_alike():
    texts = ["It's the same \u2014 or isn't it?\n" * 10, "3 more", "wörds " * 50]
    once, twice = (pretokenize.count(texts, GPT4_PATTERN, n) for n in (1, 2))
    assert once == twice
    assert once[" it"] == 10


def test_reading_holds_a_few_batches_and_never_the_file(tmp_path):
    path = tmp_path / "long.txt"
    path.write_text("to be or not to be, that is the question\n" * 50_000)  # 2 MB
    tracemalloc.start()
    n_batches = sum(1 for _ in pretokenize.read_batches(path, True, size=20_000))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert n_batches > 90
    assert peak < 10 * 20_000


def test_a_file_that_is_no_text_is_named(tmp_path):
    path = tmp_path / "picture.png"
    path.write_bytes(b"\x89PNG")
    with pytest.raises(ValueError, match=r"picture\.png is not UTF-8"):
        pretokenize.count(path, GPT2_PATTERN)
