"""The page of pictures, and the tour: what is on them is what the run says."""

import re
from dataclasses import replace

import numpy as np
import pytest
import torch

from phase1_transformers.project import exhibits, insight, look, pictures, tour
from phase1_transformers.project.config import Config
from phase1_transformers.project.record import newest_run, read_record
from phase1_transformers.solution.characters import CharTokenizer
from shared import checks, drawing
from shared.pages import Quote, write_page

TINY = Config(
    tokenizer="bpe",
    vocab_size=300,
    block_size=16,
    n_layer=2,
    n_head=2,
    n_embd=16,
    n_hidden=32,
    batch_size=4,
    max_steps=4,
    decay_steps=2,
    eval_every=2,
    sample_tokens=20,
    name="a",
)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The tour's stage of a very small run, and the folder of its runs."""
    root = tmp_path_factory.mktemp("runs")
    path = root / "text.txt"
    path.write_text("The cat sat on the mat, 12 times. A dog did not; why? Nobody knows!\n" * 80)
    return root / "phase1", tour.show(root, replace(TINY, data=str(path)))


@pytest.fixture
def here(run, monkeypatch):
    """`look`, with that folder for runs/phase1."""
    monkeypatch.setattr(look, "FOLDER", run[0])
    return run[0]


def assert_self_contained(page):
    assert "://" not in page
    assert not re.search(r"<script|@import|url\(", page)
    assert all(source.startswith("data:") for source in re.findall(r'(?:src|href)="([^"]*)', page))


def by_title(shown):
    return {figure.title: figure for figure in shown.figures}


# -- the page ---------------------------------------------------------------------------------


def test_the_page_of_a_run(here, capsys):
    look.main(look.Config(run="a"))
    path = here / "a" / "look" / "index.html"
    assert str(path) in capsys.readouterr().out
    page = path.read_text(encoding="utf-8")
    assert_self_contained(page)
    assert page.count("data:image/png;base64,") == 6
    assert page.count("<pre>") == 1
    loss = read_record(here / "a").looks[-1]["val_loss"]
    assert f"validation loss {loss:.3f} nats per token" in page


def test_the_newest_run_is_looked_at(here, monkeypatch):
    (here / "lecture").mkdir(exist_ok=True)
    (here / "lecture" / "results.json").write_text("{}")  # another program's, and no model
    monkeypatch.setattr(look, "newest_run", lambda: newest_run(here))
    assert look.look(look.Config()) == here / "a" / "look" / "index.html"


def test_the_page_of_a_folder_that_hugging_face_opens(here):
    record = read_record(here / "a")
    config = look.Config(
        model=str(here / "a" / "hf"), data=record.config.data, prompt="The cat sat on the mat, 12"
    )
    page = look.look(config).read_text(encoding="utf-8")
    assert (here / "look" / "hf" / "index.html").is_file()
    assert_self_contained(page)
    assert page.count("data:image/png;base64,") == 5  # no curves: nobody knows how it was trained


def test_what_cannot_be_looked_at(here):
    with pytest.raises(ValueError, match="no finished run"):
        look.look(look.Config(run="nobody"))
    with pytest.raises(ValueError, match="one at a time"):
        look.Config(run="a", model="b")
    for prompt in ("T", "The cat sat " * 40):
        with pytest.raises(ValueError, match="needs 4 to 16"):
            look.look(look.Config(run="a", prompt=prompt))


def test_the_default_prompt_is_prose():
    text = "*** 1.2 ***|This is prose.|============"
    tokenizer = CharTokenizer.train(text)
    ids = look.prose(tokenizer, np.array(tokenizer.encode(text.replace("|", ""))), 12)
    assert tokenizer.decode(ids) == "his is prose"


# -- captions ---------------------------------------------------------------------------------


@pytest.fixture
def subject(here, tmp_path):
    return look.open_run(read_record(here / "a"), None, tmp_path)


def test_captions_carry_the_numbers_of_the_model(here, subject):
    losses = insight.loss_by_position(subject.model, subject.tokens, 4)
    assert f"costs {losses[:, 0].mean():.2f} nats" in exhibits.positions(subject).caption
    maps = insight.attention_maps(subject.model, subject.idx)
    itself = maps[:, :, range(2, 16), range(2, 16)].mean(dim=-1)
    assert f"at itself: head {itself.argmax() % 2} of layer {itself.argmax() // 2}" in (
        exhibits.attention(subject).caption
    )
    logits, loss = subject.model(subject.idx[None, :-1], subject.idx[None, 1:])
    right = int((logits[0].argmax(dim=-1) == subject.idx[1:]).sum())
    caption = exhibits.lens(subject).caption
    assert f"{loss:.1f} at the top, where {right} of 15 are right" in caption
    record = read_record(here / "a")
    assert f"{record.steps[0]['loss']:.2f}" in exhibits.learning(record, subject.folder).caption


def test_the_head_in_full_is_the_one_that_looks_back(subject):
    layer, head = insight.odd_one(insight.habits(subject.maps))
    figure = exhibits.head(subject)
    assert figure.title == f"One head in full: layer {layer}, head {head}"
    query, key = map(int, re.search(r"token (\d+), .*, at token (\d+),", figure.caption).groups())
    weights = subject.maps[layer, head]
    far = [weights[i, j] for i in range(16) for j in range(1, i - 1)]
    checks.close(weights[query, key], max(far), "the largest weight neither near nor first")


def test_neighbours_are_a_table(subject):
    quote = exhibits.neighbours(subject)
    rows = [line.split() for line in quote.text.splitlines()]
    assert len({len(row) for row in rows}) == 1  # a token, then name and cosine of each
    cosines = np.array([[float(cell) for cell in row[2::2]] for row in rows])
    assert (np.diff(cosines, axis=1) <= 0).all()
    assert "␣the" in [row[0] for row in rows]


def test_unknown_halves_and_specials_are_not_frequent(subject):
    texts = [subject.tokenizer.decode([token]) for token in subject.frequent]
    assert not any("\ufffd" in text or text == "<|endoftext|>" for text in texts)
    counts = np.bincount(subject.tokens)[subject.frequent]
    assert (np.diff(counts) <= 0).all()


# -- drawing ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "label"),
    [
        (" the", "␣the"),
        ("\t.\r\n", "→.←↵"),
        ("       ", "␣×7"),
        ("abcdefghijklmnop", "abcdefghijk…"),
        ("a\x0b", "a\\x0b"),
    ],
)
def test_labels_show_what_cannot_be_seen(text, label):
    tokenizer = CharTokenizer.train("", specials=[text])
    assert pictures.labels(tokenizer, np.array([0])) == [label]


@pytest.mark.parametrize(
    ("text", "kind"),
    [(" the", "word"), ("T", "capital"), (" The", "capital"), ("12", "digit"), (" ,", "sign")],
)
def test_kinds(text, kind):
    assert pictures.kind(text) == kind


@pytest.mark.parametrize(("n_layer", "n_head"), [(1, 1), (2, 3), (2, 12)])
def test_any_number_of_heads_can_be_drawn(n_layer, n_head, tmp_path):
    maps = torch.ones(n_layer, n_head, 5, 5).tril().numpy() / 5
    path = drawing.write_figure(
        tmp_path / "a.png",
        (4, 3),
        lambda figure: pictures.draw_attention(figure, maps, list("abcde")),
    )
    assert path.read_bytes().startswith(b"\x89PNG")


# -- the tour ---------------------------------------------------------------------------------


def test_the_stage_says_what_came_of_it(run, tmp_path):
    folder, shown = run
    page = write_page(tmp_path / "index.html", "look", stage=shown).read_text(encoding="utf-8")
    assert_self_contained(page)
    assert page.count("<figure>") == len(shown.figures) == 6
    assert "bits per byte" in shown.headline
    assert str(folder / "a" / "hf") in shown.paragraphs[-1]
    assert (folder / "a" / "hf" / "model.safetensors").is_file()


def test_samples_before_and_after(run):
    folder, shown = run
    quote = by_title(shown)["What it writes"]
    assert isinstance(quote, Quote)
    record = read_record(folder / "a")
    before, *after = quote.text.split("\n\n--- after ")
    assert before.startswith("--- before the first step\n")
    assert [text.split(" steps\n")[0] for text in after] == ["2", "4"]
    last = exhibits.printable(record.samples[-1]["sample"].strip())
    assert last in quote.text
    assert last not in before


def test_samples_hold_no_control_characters():
    assert exhibits.printable("a\x00\tb\n\x7fc") == "a\ufffd\tb\n\ufffdc"


def test_the_merges_end_at_the_tokens(run):
    folder, shown = run
    n = len(read_record(folder / "a").corpus.tokenizer.encode("It never sees the letters."))
    assert f"26 bytes end as {n} tokens" in by_title(shown)["From bytes to tokens"].caption
