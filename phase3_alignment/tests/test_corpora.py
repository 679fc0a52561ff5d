"""Data: by hand on small files of the published formats, and on the real ones where they are."""

import gzip
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from types import MappingProxyType, SimpleNamespace

import pytest

from phase3_alignment.project import corpora, documentation, published, records
from phase3_alignment.project.records import Conversation, Labelled, Pair
from phase3_alignment.solution.chat import Message
from shared import checks
from shared.texts import DataError


def user(text):
    return Message("user", text)


def assistant(text):
    return Message("assistant", text)


# -- rows of the published formats ------------------------------------------------------------


def test_dolly():
    rows = [
        {"instruction": "Name a bird.", "context": "", "response": " A wren.\n", "category": "x"},
        {"instruction": "Who?", "context": "It was Ann.", "response": "Ann.", "category": "x"},
    ]
    expected = [
        Conversation((user("Name a bird."), assistant("A wren."))),
        Conversation((user("Who?\n\nIt was Ann."), assistant("Ann."))),
    ]
    checks.equal(published.dolly(rows), expected, "conversations of two rows of Dolly")


def test_hh_rlhf():
    begin = "\n\nHuman: Hi\n\nAssistant: Hello. Human: I said it.\n\nHuman: A bird?\n\nAssistant: "
    prompt = (user("Hi"), assistant("Hello. Human: I said it."), user("A bird?"))
    row = {"chosen": begin + "A wren.\n\nOr two.", "rejected": begin + "No."}
    checks.equal(published.preference(row), Pair(prompt, "A wren.\n\nOr two.", "No."), "a pair")
    # The answers go on after the turn in which they differ: the rest is text of the answer.
    row["rejected"] = begin + "No.\n\nHuman: Why?\n\nAssistant: So."
    expected = Pair(prompt, "A wren.\n\nOr two.", "No.\n\nHuman: Why?\n\nAssistant: So.")
    checks.equal(published.preference(row), expected, "a pair of dialogues of different lengths")
    empty = {"chosen": begin + "A wren.", "rejected": begin}
    checks.equal(published.preferences([empty]), [], "pairs of which one answer is empty")


class FakeSplit(list):
    """Rows, with the names of the labels as `datasets` keeps them."""

    features = MappingProxyType({"label": SimpleNamespace(names=["a", "b"])})


def test_the_hub(monkeypatch):
    datasets = pytest.importorskip("datasets")
    hub = {
        "databricks/databricks-dolly-15k": {
            "train": [{"instruction": "Q", "context": "", "response": "A", "category": "x"}]
        },
        "Anthropic/hh-rlhf": {
            part: [
                {
                    "chosen": f"\n\nHuman: {part}\n\nAssistant: yes",
                    "rejected": f"\n\nHuman: {part}\n\nAssistant: no",
                }
            ]
            for part in ("train", "test")
        },
        "stanfordnlp/sst2": {
            part: [{"sentence": "so good ", "label": 1}] for part in ("train", "validation")
        },
        "PolyAI/banking77": {
            part: FakeSplit([{"text": "My card?", "label": 1}]) for part in ("train", "test")
        },
    }
    asked = []

    def load_dataset(name, **options):
        asked.append((name, options))
        return hub[name]

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    monkeypatch.setattr(corpora, "hub_answers", lambda: True)
    monkeypatch.delenv("COURSE_DATA", raising=False)
    dolly = corpora.load("dolly")
    checks.equal(dolly.train + dolly.test, (Conversation((user("Q"), assistant("A"))),), "Dolly")
    checks.equal(corpora.load("hh-rlhf").test, (Pair((user("test"),), "yes", "no"),), "hh-rlhf")
    checks.equal(corpora.load("sst2").test, (Labelled("so good", 1),), "SST-2")
    banking = corpora.load("banking77")
    checks.equal((banking.train, banking.names), ((Labelled("My card?", 1),), ("a", "b")), "it")
    checks.equal(asked[1], ("Anthropic/hh-rlhf", {"data_dir": "helpful-base"}), "what was asked")
    monkeypatch.setattr(datasets, "load_dataset", lambda *_, **__: 1 / 0)
    checks.equal(
        corpora.load("sst2").source, corpora.load("documentation-labels").source, "default"
    )


# -- files ------------------------------------------------------------------------------------


def test_a_file_is_read_whole_or_not_at_all(tmp_path):
    data = b'{"a": 1}\n' * 100
    sha256 = {"rows.jsonl": hashlib.sha256(data).hexdigest()}

    def read():
        return published.read_checked(tmp_path, "rows.jsonl", sha256)

    with pytest.raises(DataError, match=r"has no rows\.jsonl"):
        read()
    plain, zipped = tmp_path / "rows.jsonl", tmp_path / "rows.jsonl.gz"
    plain.write_bytes(data)
    checks.equal(read(), data.decode(), "the plain file")
    plain.write_bytes(data[:-9])
    with pytest.raises(DataError, match=r"rows\.jsonl is not the published file") as error:
        read()
    checks.equal(str(error.value).count("\n"), 0, "line ends in the message")
    zipped.write_bytes(gzip.compress(data, compresslevel=1))
    checks.equal(read(), data.decode(), "the zipped file, by whomever it was zipped")
    zipped.write_bytes(gzip.compress(data)[:-12])
    with pytest.raises(DataError, match=r"rows\.jsonl\.gz is truncated or damaged"):
        read()
    zipped.write_bytes(gzip.compress(data.replace(b"1", b"2")))
    with pytest.raises(DataError, match=r"rows\.jsonl\.gz is not the published file"):
        read()


def test_a_file_of_ones_own(tmp_path):
    path = tmp_path / "my.jsonl"
    rows = [{"messages": [{"role": "user", "content": "\u2028Hi"}]}] * 2
    path.write_text("".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows), "utf-8")
    corpus = corpora.load(str(path))
    checks.equal(corpus.train + corpus.test, (Conversation((user("\u2028Hi"),)),) * 2, "talk")
    path.write_text('{"prompt": "Q", "chosen": "a", "rejected": "b"}\n')
    corpus = corpora.read_jsonl(path)
    checks.equal(corpus.train + corpus.test, (Pair((user("Q"),), "a", "b"),), "a pair")
    path.write_text('{"text": "x", "label": "good"}\n{"text": "x", "label": "bad"}\n')
    corpus = corpora.read_jsonl(path)
    found = (corpus.train + corpus.test, corpus.names)
    checks.equal(found, ((Labelled("x", 0), Labelled("x", 1)), ("good", "bad")), "labels")
    for text, said in [
        ('{"text": "x", "label": 1}\n{"prompt": "Q"}\n', r"my\.jsonl:2 is no record"),
        ('{"messages": [{"role": "owl", "content": "Hoo"}]}\n', "a role is one of"),
        ('{"text": "x", "label": 1}\n{"messages": []}\n', "of another kind"),
        ('{"text"\n', r"my\.jsonl:1 is no record"),
    ]:
        path.write_text(text)
        with pytest.raises(DataError, match=said):
            corpora.read_jsonl(path)


def test_unknown_names(monkeypatch, tmp_path):
    with pytest.raises(DataError, match="there are banking77, documentation,"):
        corpora.load("alpaca")
    monkeypatch.setenv("COURSE_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(DataError, match="not a folder"):
        corpora.load("dolly")


def test_the_default_is_of_the_same_kind(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    monkeypatch.setattr(corpora, "hub_answers", lambda: False)
    kinds = {"dolly": Conversation, "instruct-small": Conversation, "hh-rlhf": Pair}
    kinds |= {"instruct-small-pairs": Pair, "sst2": Labelled, "banking77": Labelled}
    for name, kind in kinds.items():
        corpus = corpora.load(name)
        checks.law(all(type(r) is kind for r in corpus.train + corpus.test), f"kind of {name}")
        said = capsys.readouterr().out.splitlines()
        checks.equal(said[0].split(" in ")[0], f"data: no {name}", f"what is said of {name}")


@pytest.mark.parametrize(
    ("name", "n_train", "n_test", "kind"),
    [
        ("dolly", 13469, 1542, Conversation),
        ("instruct-small", 996, 104, Conversation),
        ("instruct-small-pairs", 881, 219, Pair),
        ("hh-rlhf", 1850, 498, Pair),
        ("sst2", 6920, 1821, Labelled),
        ("banking77", 10003, 3080, Labelled),
    ],
)
def test_the_published_data(name, n_train, n_test, kind):
    root = os.environ.get("COURSE_DATA")
    if not root or not (Path(root) / corpora.DATASETS[name].folder).is_dir():
        pytest.skip(f"no {name} in $COURSE_DATA")
    corpus = corpora.load(name)
    checks.equal([len(corpus.train), len(corpus.test)], [n_train, n_test], "records")
    checks.law(all(type(r) is kind for r in corpus.train + corpus.test), "their kind")
    if kind is not Labelled:
        shared = {records.opening(r) for r in corpus.train} & {
            records.opening(r) for r in corpus.test
        }
        checks.equal(shared, set(), "openings on both sides")
    if kind is Pair:
        pairs = corpus.train + corpus.test
        good = all(p.prompt[-1].role == "user" and p.chosen and p.rejected for p in pairs)
        checks.law(good, "every prompt ends with the user, and every answer says something")
    if kind is Labelled:
        seen = {r.label for r in corpus.train}
        checks.equal(seen, set(range(len(corpus.names))), "classes")


# -- parting and the embedded default ---------------------------------------------------------


def test_held_out():
    talks = [Conversation((user(f"Question {i % 500}"), assistant(str(i)))) for i in range(1000)]
    train, test = records.held_out(talks, 0.2)
    checks.equal(len(train) + len(test), 1000, "records on both sides")
    # 500 openings at 0.2 each: 100, with a standard deviation of 9.
    checks.at_most(abs(len({records.opening(t) for t in test}) - 100), 40, "openings held out")
    fewer = records.held_out(talks[:300], 0.2)[1]
    checks.equal(fewer, tuple(t for t in talks[:300] if t in test), "sides when others are gone")
    openings = [{records.opening(t) for t in side} for side in (train, test)]
    checks.equal(openings[0] & openings[1], set(), "openings on both sides")
    more = records.held_out(talks, 0.3)[1]
    checks.law(set(test) <= set(more), "a larger share holds out more of the same kind", len(more))


def test_documentation():
    entries = documentation.entries()
    checks.at_least(len(entries), 2000, "answers")
    checks.equal(len({e.answer for e in entries}), len(entries), "different answers")
    by_question = {e.question: e for e in entries}
    entry = by_question["What does textwrap.wrap() do?"]
    expected = "Wrap a single paragraph of text, returning a list of wrapped lines."
    checks.equal(entry.answer, expected, "what textwrap.wrap does")
    checks.equal(entry.call, "textwrap.wrap(text, width=70, **kwargs)", "how it is called")
    talk = next(c for c in documentation.conversations() if c.messages[0].content == entry.question)
    checks.equal([m.content for m in talk.messages[1::2]], [entry.answer, entry.call], "answers")
    for pair in documentation.pairs():
        question = pair.prompt[0].content
        checks.law(by_question[question].answer == pair.chosen != pair.rejected, question, pair)


def digest_of_documentation():
    told = repr((documentation.conversations(), documentation.pairs(), documentation.labelled()))
    return hashlib.sha256(told.encode()).hexdigest()


def test_documentation_is_the_same_in_every_process(tmp_path):
    """Of one interpreter: not the order of sets, nor addresses, nor what else was imported."""
    pytest.importorskip("transformers").logging.get_logger()  # it adds methods to logging.Logger
    program = (
        "from phase3_alignment.tests import test_corpora as t; print(t.digest_of_documentation())"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "12345"}
    environment["PYTHONPATH"] = os.pathsep.join(map(os.path.abspath, filter(None, sys.path)))
    command = [sys.executable, "-c", program]
    run = subprocess.run(
        command, capture_output=True, text=True, env=environment, cwd=tmp_path, check=True
    )
    checks.equal(run.stdout.strip(), digest_of_documentation(), "digest in another process")
