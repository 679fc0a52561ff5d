"""The tokenizer benchmarks measure what they say, also where a peer is missing."""

import pytest

from phase1_transformers.project import (
    bench_bpe,
    bench_bpe_encode,
    bpe_ladder,
    bpe_peers,
    bpe_texts,
)
from phase1_transformers.solution import bpe, bpe_fast
from phase1_transformers.solution.splitting import GPT2_PATTERN, GPT4_PATTERN

MINBPE_BASE = """
def get_stats(ids, counts):
    for pair in zip(ids, ids[1:]):
        counts[pair] = counts.get(pair, 0) + 1

def merge(ids, pair, idx):
    return [idx] if tuple(ids) == pair else ids
"""


@pytest.fixture(scope="module")
def corpus():
    text = "To be, or not to be: that is the question. Whether 'tis nobler in the mind? " * 3
    return bpe_texts.Corpus("small", "Hamlet", [text, "Ophelia\n"], turns=1)


@pytest.fixture
def minbpe(tmp_path, monkeypatch):
    (tmp_path / "minbpe").mkdir()
    (tmp_path / "minbpe" / "base.py").write_text(MINBPE_BASE)
    monkeypatch.setenv("MINBPE", str(tmp_path))
    return tmp_path


def test_training_rows(corpus, minbpe):
    rows = {row.id: row for row in bench_bpe.training_rows(corpus, 300, GPT4_PATTERN)}
    name = "1-bpe-train-small-300"
    assert rows[name].peer == "tokenizers"
    assert rows[name].goal == 1.0
    assert rows[f"{name}-minbpe"].goal == 200.0
    assert rows[f"{name}-minbpe"].ratio > 0
    assert rows[f"{name}-bpe.train"].peer == "bpe.train, last merge x 44"
    assert rows[f"{name}-agree"].peer_value == 44


def test_a_missing_peer_is_told(corpus, monkeypatch):
    monkeypatch.delenv("MINBPE", raising=False)
    monkeypatch.setattr(bench_bpe, "is_installed", lambda module: False)
    rows = bench_bpe.training_rows(corpus, 260, GPT4_PATTERN)
    missing = {row.peer for row in rows if row.ratio is None}
    assert missing == {"rustbpe: not installed", "minbpe (MINBPE is not set): not installed"}
    assert bench_bpe.memory_rows() == []


def test_a_folder_without_minbpe_is_named(tmp_path):
    with pytest.raises(ValueError, match="does not hold minbpe's repository"):
        bpe_peers.minbpe_step(tmp_path)


@pytest.mark.parametrize("pattern", [GPT2_PATTERN, GPT4_PATTERN], ids=["gpt2", "gpt4"])
def test_trainers_agree_where_there_are_no_ties(pattern):
    text = "ab\n" * 50 + "abc\n" * 30 + "bcd\n" * 19 + "cd\n" * 3
    merges = bpe_fast.train(text, 259, pattern)
    vocab = bpe.vocabulary(merges)
    expected = [(vocab[left], vocab[right]) for left, right in merges]
    assert expected == [(b"a", b"b"), (b"ab", b"c"), (b"c", b"d")]
    assert bpe_peers.merges_of(bpe_peers.train_tokenizers([text], 259, pattern)) == expected


def test_the_clear_step_is_a_step_of_the_clear_trainer():
    assert bpe_peers.clear_step([[1, 2, 3], [2, 3]]) == [[1, -1], [-1]]


def test_encoding_rows(corpus):
    tokenizer = bpe.BytePairTokenizer.train(corpus.texts[0], 300, GPT2_PATTERN)
    for cold in (True, False):
        rows = bench_bpe_encode.encoding_rows(corpus, tokenizer, cold)
        assert [(row.peer, row.goal) for row in rows] == [("tokenizers", 3.0), ("tiktoken", None)]
        assert all(row.ratio > 0 for row in rows)


def test_encoders_that_disagree_stop_the_benchmark(corpus, monkeypatch):
    tokenizer = bpe.BytePairTokenizer.train(corpus.texts[0], 300, GPT2_PATTERN)
    other = bpe.BytePairTokenizer([], GPT2_PATTERN)
    monkeypatch.setattr(bpe_peers, "as_tiktoken", lambda _: AsTiktoken(other))
    with pytest.raises(ValueError, match="disagree on Hamlet"):
        bench_bpe_encode.encoding_rows(corpus, tokenizer, cold=True)


class AsTiktoken:
    """Another tokenizer under the names of tiktoken's."""

    def __init__(self, tokenizer):
        self.encode_ordinary = tokenizer.encode


def test_without_gpt2s_files_a_vocabulary_is_learned(corpus, monkeypatch):
    monkeypatch.delenv("COURSE_DATA", raising=False)
    tokenizer = bench_bpe_encode.gpt2_tokenizer(corpus)
    assert tokenizer.pattern == GPT2_PATTERN
    assert tokenizer.merges == bpe_fast.train(corpus.texts, 8191, GPT2_PATTERN)


@pytest.mark.slow
def test_the_peak_of_a_child_is_measured():
    pytest.importorskip("resource")
    assert 1 < bench_bpe.child_peak("ours") < 500


def test_the_source_is_text_of_the_size_asked_for():
    texts = bpe_texts.interpreter_source(size=100_000)
    assert 100_000 <= sum(map(len, texts)) < 1_000_000
    assert any("import" in text for text in texts)


def test_every_way_up_the_ladder_learns_the_same(corpus, monkeypatch):
    rungs = bpe_ladder.rungs(corpus.texts[0], 300)
    assert len(rungs) == 7
    assert all(seconds >= 0 for _, seconds in rungs)
    monkeypatch.setattr(bpe_ladder, "by_words", lambda counts, vocab_size: [])
    with pytest.raises(ValueError, match="other merges"):
        bpe_ladder.rungs(corpus.texts[0], 300)


@pytest.mark.parametrize("text", ["", "aaaa aaa", "ab ab"])
def test_the_ladder_ends_where_no_pair_is_left(text):
    assert len(bpe_ladder.rungs(text, 300)) == 7
