"""The pictures of merges show what the tokenizer does, on every console."""

import io
import os
import subprocess
import sys
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from phase1_transformers.project import formats, merge_pictures, merge_steps, merges
from phase1_transformers.solution.bpe import BytePairTokenizer
from phase1_transformers.solution.characters import CharTokenizer

ROOT = Path(__file__).resolve().parents[2]
TEXT = "she sells seashells, she does; the shells she sells are sea-shells, I'm sure — naïve 😀\n"


@pytest.fixture(scope="module")
def tokenizer():
    return BytePairTokenizer.train(TEXT * 3, 300)


def printed(steps, encoding):
    output = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    merges.show(steps, Console(file=output, highlight=False, width=200))
    output.seek(0)
    return output.read()


def test_steps_by_hand():
    tokenizer = BytePairTokenizer([(ord("l"), ord("l")), (ord("e"), 256)], r"\w+|\s")
    steps = merge_steps.steps(tokenizer, "ell ll")
    assert [step.rank for step in steps] == [0, 1, 2]
    assert [step.pair for step in steps] == [(), (b"l", b"l"), (b"e", b"ll")]
    assert [[token.data for token in step.tokens] for step in steps] == [
        [b"e", b"l", b"l", b" ", b"l", b"l"],
        [b"e", b"ll", b" ", b"ll"],
        [b"ell", b" ", b"ll"],
    ]
    assert [token.is_new for token in steps[1].tokens] == [False, True, False, True]
    assert [len(word) for word in steps[1].words] == [2, 1, 1]


@given(st.text("shel ,'\n—😀", min_size=1, max_size=40))
def test_the_last_step_has_the_tokens_of_the_encoder(tokenizer, text):
    steps = merge_steps.steps(tokenizer, text)
    assert [token.id for token in steps[-1].tokens] == tokenizer.encode(text)
    for step, after in pairwise(steps):
        assert step.rank < after.rank
        assert b"".join(token.data for token in step.tokens) == text.encode()
        n_new = sum(token.is_new for token in after.tokens)
        assert n_new == len(step.tokens) - len(after.tokens) > 0


def test_gpt2s_own_order_of_bytes():
    byte_ids = list(reversed(range(256)))
    tokenizer = BytePairTokenizer([(byte_ids[ord("h")], byte_ids[ord("i")])], byte_ids=byte_ids)
    steps = merge_steps.steps(tokenizer, "hi")
    assert [(step.rank, step.pair) for step in steps] == [(0, ()), (1, (b"h", b"i"))]


def test_what_cannot_be_shown_is_refused(tokenizer):
    with pytest.raises(ValueError, match="empty"):
        merge_steps.steps(tokenizer, "")
    with pytest.raises(ValueError, match="lone surrogate"):
        merge_steps.steps(tokenizer, "\ud800")


@pytest.mark.parametrize(
    ("data", "encoding", "expected"),
    [
        (b" a\n\t", "utf-8", "␣a↵⇥"),
        (b" a\n\t", "ascii", r"_a\n\t"),
        ("é".encode(), "utf-8", "é"),
        ("é".encode(), "ascii", r"\xe9"),
        (b"\xc3", "utf-8", r"\xc3"),
        (b" \xf0\x9f", "utf-8", r"␣\xf0\x9f"),
        (b"\0\x1b", "utf-8", r"\x00\x1b"),
    ],
)
def test_every_byte_can_be_seen(data, encoding, expected):
    assert merge_steps.spell(data, encoding) == expected


def test_the_terminal_shows_each_merge(tokenizer):
    lines = printed(merge_steps.steps(tokenizer, "she sells"), "utf-8").splitlines()
    assert lines[1].split() == ["bytes", *"she␣sells"]
    assert all("[" in line and " + " in line for line in lines[2:-1])
    assert lines[-1].startswith("9 bytes")


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
def test_consoles_without_utf8(tokenizer, encoding):
    assert "[" in printed(merge_steps.steps(tokenizer, TEXT), encoding)


class Grid(HTMLParser):
    """Collect the text and the columns of each row's tokens."""

    def __init__(self):
        super().__init__()
        self.rows, self.addresses, self.in_grid = [], [], False

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.addresses += [attrs[name] for name in ("src", "href") if name in attrs]
        if tag == "div":
            self.in_grid = attrs.get("class") == "grid"
            self.rows += [[]] * self.in_grid
        if tag == "span" and self.in_grid:
            span = int(attrs.get("style", "grid-column: span 1").split()[-1])
            self.rows[-1] = [*self.rows[-1], [span, ""]]

    def handle_endtag(self, tag):
        self.in_grid &= tag != "div"

    def handle_data(self, data):
        if self.in_grid and self.rows[-1]:
            self.rows[-1][-1][1] += data


def test_the_page_has_each_byte_in_its_column(tokenizer, tmp_path):
    text = "she <sells> & é\u200b\n"
    steps = merge_steps.steps(tokenizer, text)
    page = merge_pictures.write_page(tmp_path / "m.html", steps, "a test & more")
    grid = Grid()
    grid.feed(page.read_text(encoding="utf-8"))
    assert len(grid.rows) == len(steps)
    assert all(sum(span for span, _ in row) == len(text.encode()) for row in grid.rows)
    assert [span for span, _ in grid.rows[-1]] == [len(token.data) for token in steps[-1].tokens]
    assert [1, "<"] in grid.rows[0]
    assert [1, "c3"] in grid.rows[0]
    assert grid.addresses == ["data:,"]  # all that the page needs is in it
    assert "a test &amp; more" in page.read_text(encoding="utf-8")


def test_the_picture_is_drawn_also_without_the_glyphs(tokenizer, tmp_path):
    steps = merge_steps.steps(tokenizer, "she sells 中 😀")
    path = merge_pictures.draw(tmp_path / "new" / "m.png", steps)
    assert path.read_bytes().startswith(b"\x89PNG")


def test_the_program_learns_a_tokenizer_on_the_spot(tmp_path, capsys):
    merges.main(merges.Config(text="the library", vocab_size=300, output=tmp_path))
    assert "11 bytes" in capsys.readouterr().out
    assert {path.name for path in tmp_path.iterdir()} == {"merges.html", "merges.png"}


def test_the_program_takes_a_folder(tokenizer, tmp_path, capsys):
    formats.save_tokenizer(tokenizer, tmp_path)
    merges.main(merges.Config("she sells", tmp_path, output=tmp_path))
    n_tokens = len(tokenizer.encode("she sells"))
    assert f"{n_tokens} tokens\n" in capsys.readouterr().out


def test_a_tokenizer_without_merges_is_refused(tmp_path):
    formats.save_tokenizer(CharTokenizer.train("abc"), tmp_path)
    with pytest.raises(ValueError, match="holds a CharTokenizer, which merges nothing"):
        merges.find_tokenizer(merges.Config(tokenizer=tmp_path))


def test_the_command_runs_without_colour_and_utf8(tmp_path):
    command = [sys.executable, "-m", "phase1_transformers.project.merges"]
    flags = ["--text", "a b", "--vocab-size", "260", "--output", str(tmp_path)]
    environment = os.environ | {"NO_COLOR": "1", "PYTHONIOENCODING": "ascii"}
    run = subprocess.run([*command, *flags], cwd=ROOT, env=environment, capture_output=True)
    assert run.returncode == 0, run.stderr
    assert b"a  _ b" in run.stdout
    assert b"\x1b" not in run.stdout
