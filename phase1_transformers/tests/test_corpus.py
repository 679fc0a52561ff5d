"""The text on disk: split as promised, encoded the same whole or in pieces."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phase1_transformers.project import corpus as C
from phase1_transformers.project import tokenizing
from phase1_transformers.project.config import Config
from phase1_transformers.solution.splitting import GPT2_PATTERN, GPT4_PATTERN, split
from shared import data

STORY = "Once upon a time, a cat sat on 1234 mats.\n\n  It was «happy» — 😀 and 猫.\nThe end.\n"


@pytest.fixture
def text_file(tmp_path):
    path = tmp_path / "stories.txt"
    path.write_text(STORY * 60, encoding="utf-8")
    return path


def make(path, folder, **settings):
    config = Config(data=str(path), block_size=8, **settings)
    return C.build_corpus(config, C.find_text(config.data), folder)


@pytest.mark.parametrize("tokenizer", ["char", "bpe", "unigram"])
def test_both_parts_decode_to_the_text(text_file, tmp_path, tokenizer, capsys):
    corpus = make(text_file, tmp_path / "data", tokenizer=tokenizer, vocab_size=320)
    text = STORY * 60
    cut = int(0.9 * len(text))
    assert corpus.tokenizer.decode(corpus.train.tolist()) == text[:cut]
    assert corpus.tokenizer.decode(corpus.val.tolist()) == text[cut:]
    assert corpus.n_train_bytes == len(text[:cut].encode())
    assert corpus.n_val_bytes == len(text[cut:].encode())
    assert isinstance(corpus.train, np.memmap)
    assert corpus.train.dtype == np.uint16
    assert "stories.txt" in capsys.readouterr().out


def test_a_large_vocabulary_takes_four_bytes(text_file, tmp_path, monkeypatch):
    monkeypatch.setattr(tokenizing, "make", lambda *_: Far())
    monkeypatch.setattr(C.formats, "save_tokenizer", lambda *_: None)
    monkeypatch.setattr(C.formats, "load_tokenizer", lambda _: Far())
    corpus = make(text_file, tmp_path / "data")
    assert corpus.train.dtype == np.uint32
    assert corpus.train[0] == 70_000 + ord("O")


class Far:
    """A tokenizer whose ids do not fit into 16 bits."""

    vocab_size = 2**21

    def encode(self, text, allowed_special=False):
        return [70_000 + ord(character) for character in text]


def test_opened_again_it_is_the_same(text_file, tmp_path):
    first = make(text_file, tmp_path / "data", tokenizer="bpe", vocab_size=300)
    second = C.open_corpus(tmp_path / "data")
    np.testing.assert_array_equal(first.val, second.val)
    assert second.source == first.source
    assert second.tokenizer.encode(STORY) == first.tokenizer.encode(STORY)


@pytest.mark.parametrize("piece", [1, 7, 50, 10**6])
def test_pieces_join_to_the_text_and_to_its_tokens(text_file, piece, monkeypatch):
    monkeypatch.setattr(C, "PIECE", piece)
    text = STORY * 60
    tokenizer = tokenizing.make(Config(vocab_size=300), [text])
    for pieces in (C.Pieces(text), C.Pieces(text_file, 0, text_file.stat().st_size)):
        found = list(pieces)
        assert "".join(found) == text
        assert list(pieces) == found  # it can be read again
        ids = [i for one in found for i in tokenizer.encode(one)]
        assert ids == tokenizer.encode(text)
    assert len(found) > 1 or piece > len(text)


@pytest.mark.parametrize("pattern", [GPT2_PATTERN, GPT4_PATTERN])
@given(text=st.text("aé1 \n\r.'", max_size=30))
def test_no_pre_token_lies_across_a_cut(pattern, text):
    cut = C.last_safe_cut(text)
    assert split(text[:cut], pattern) + split(text[cut:], pattern) == split(text, pattern)


def test_a_large_file_is_streamed_and_encoded_by_several_processes(
    text_file, tmp_path, monkeypatch
):
    whole = make(text_file, tmp_path / "whole", vocab_size=300)
    monkeypatch.setattr(C, "LARGE", 100)
    monkeypatch.setattr(C, "PIECE", 500)
    monkeypatch.setattr(C, "usable_cores", lambda: 2)
    monkeypatch.setattr(data, "load", None)  # nothing reads it whole
    streamed = make(text_file, tmp_path / "streamed", vocab_size=300)
    decoded = streamed.tokenizer.decode([*streamed.train, *streamed.val])
    assert decoded == STORY * 60
    # The cut lies at the next line, so the parts differ by less than one.
    assert abs(len(streamed.train) - len(whole.train)) < 60
    assert streamed.tokenizer.decode(streamed.val[:20].tolist())[0] in "O \nT"


def test_special_tokens_are_one_token_and_no_bytes(tmp_path):
    path = tmp_path / "documents.txt"
    path.write_text("A cat.\n<|endoftext|>\n" * 50)
    corpus = make(path, tmp_path / "data", tokenizer="char")
    end = corpus.tokenizer.specials["<|endoftext|>"]
    assert 44 <= np.sum(corpus.train == end) <= 45
    assert corpus.n_train_bytes + corpus.n_val_bytes == pytest.approx(
        50 * len("A cat.\n\n"), abs=13
    )
    assert "|" not in "".join(corpus.tokenizer.decode([i]) for i in range(end))


def test_a_validation_part_that_is_published_is_kept(tmp_path, monkeypatch):
    found = data.Text("abc " * 100, "somewhere", validation="cab " * 50)
    monkeypatch.setattr(data, "load", lambda _: found)
    corpus = make("stories", tmp_path / "data", tokenizer="char")
    assert corpus.tokenizer.decode(corpus.val.tolist()) == "cab " * 50
    assert len(corpus.train) == 400


def test_too_short_a_text_is_told(tmp_path):
    path = tmp_path / "short.txt"
    path.write_text("Too short.\n")
    with pytest.raises(ValueError, match=r"short\.txt.* the train part has \d tokens, too few"):
        make(path, tmp_path / "data", vocab_size=260)


def test_images_are_no_text(tmp_path):
    with pytest.raises(ValueError, match="digits is not a text"):
        make("digits", tmp_path / "data")


def test_a_half_written_corpus_is_told(text_file, tmp_path):
    make(text_file, tmp_path / "data", tokenizer="char")
    (tmp_path / "data" / "corpus.json").unlink()
    with pytest.raises(ValueError, match="holds no whole corpus"):
        C.open_corpus(tmp_path / "data")
