"""The training program on a bank that fits into a test: it learns, resumes, compares, complains."""

import json
from dataclasses import asdict, replace

import numpy as np
import pytest
import torch

from phase3_alignment.project import classifier, intent_data, intent_figures, intent_report, intents
from phase3_alignment.project.classifier import About, TextClassifier
from phase3_alignment.project.records import Labelled, held_out
from phase3_alignment.tests import bank
from shared import checks, runs
from shared.texts import DataError

NAMES = ("a", "b", "c")


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bank")
    return intents.Config(
        method="lora",
        r=2,
        model=str(bank.write_encoder(folder / "encoder")),
        data=str(bank.write_data(folder / "bank.jsonl")),
        name="small",
        lr=0.01,
        epochs=3,
        batch_size=16,
    )


def metrics(root, name):
    return runs.read_metrics(root / "phase3" / name)


def arrays(root, name):
    return runs.load_checkpoint(root / "phase3" / name).arrays


# -- the parts of a run -----------------------------------------------------------------------


def test_batches_hold_every_text_once_and_little_padding():
    lengths = torch.randint(3, 60, (1000,), generator=torch.Generator().manual_seed(0)).tolist()
    found = list(intent_data.batches(lengths, 16, seed=1))
    checks.equal(sorted(i for batch in found for i in batch), list(range(1000)), "all texts")
    padded = sum(len(batch) * max(lengths[i] for i in batch) for batch in found)
    checks.at_most(padded / sum(lengths), 1.1, "ids in the batches, padding included")
    checks.equal(found, list(intent_data.batches(lengths, 16, seed=1)), "the same seed")
    assert found != list(intent_data.batches(lengths, 16, seed=2))
    longest = [max(lengths[i] for i in batch) for batch in found[:32]]
    assert longest != sorted(longest), "batches come in a random order"


def test_a_part_is_held_out_of_what_another_hash_has_left_over():
    records = [Labelled(f"text {i}", 0) for i in range(2000)]
    left, _ = held_out(records, 0.1)
    train, validation = intent_data.hold_out(left, 0.1)
    # A tenth of 1800, with its chance.
    assert 140 < len(validation) < 220
    checks.equal(len(train) + len(validation), len(left), "texts")
    again, _ = intent_data.hold_out(left + left, 0.1)
    assert not {r.text for r in again} & {r.text for r in validation}, "equal texts stay together"


def test_no_labels_is_one_line(tmp_path):
    path = tmp_path / "pairs.jsonl"
    row = {"prompt": "a", "chosen": "b", "rejected": "c"}
    path.write_text(json.dumps(row), encoding="utf-8")
    load = lambda: intent_data.load_data(str(path), bank.tokenizer())  # noqa: E731
    checks.raises(load, DataError, "no labels", "labels")


def test_a_probe_takes_the_steps_that_it_would_take_with_the_encoder(config):
    """The features of a frozen encoder never change, so they are kept."""
    data = intent_data.load_data(config.data, bank.tokenizer())
    probe = TextClassifier(bank.bert(dropout=0.0), len(data.names))
    classifier.prepare(probe, "probe", 1, 1)
    task = intents.Training(replace(config, method="probe"), probe, data)
    task.learner.done = 1
    batch = task._batch()
    kept = task._logits(batch), task._validation_logits()
    assert task.kept
    task.kept = None
    expected = task._logits(batch), task._validation_logits()
    checks.close(kept, expected, "logits of kept features")


# -- whole runs -------------------------------------------------------------------------------


def test_it_learns_and_says_what_it_has_learnt(config, tmp_path):
    outcome = intents.train(config, tmp_path)
    losses = [r["val_loss"] for r in metrics(tmp_path, "small-lora-r2") if "val_loss" in r]
    assert len(losses) == 4
    checks.at_least(losses[0], 0.7, "validation loss of class means (nats)")
    checks.at_most(losses[-1], 0.5, "validation loss after training (nats)")
    checks.at_least(outcome.accuracy, 0.9, "accuracy on sentences that it has not seen")
    path = tmp_path / "phase3" / "small-lora-r2"
    kept = json.loads((path / "results.json").read_text())
    assert intent_report.Outcome.from_json(kept) == outcome
    for name in ("curves.png", "confusion.png", "confidence.png"):
        assert (path / name).read_bytes().startswith(b"\x89PNG"), name
    files = (path / "classifier").iterdir()
    n_bytes = sum(f.stat().st_size for f in files if f.name != "classifier.json")
    checks.equal(outcome.n_bytes, n_bytes, "bytes of the adapter and the head")
    model, tokenizer, about = classifier.load_folder(path / "classifier")
    checks.close(about.temperature, outcome.temperature, "temperature in the folder")
    data = intent_data.load_data(config.data, tokenizer)
    logits = classifier.in_batches(model, model, data.test.ids)
    right = (logits.argmax(-1) == data.test.labels).double().mean().item()
    checks.equal(right, outcome.accuracy, "accuracy of what was read back")


@pytest.mark.parametrize("method", ["probe", "lora"])
def test_a_run_that_was_killed_goes_on_bit_by_bit(config, method, tmp_path, monkeypatch):
    config = replace(config, method=method, epochs=2)
    name = config.folder
    intents.train(config, tmp_path / "whole")
    step = intents.Training.step

    def killed(self):
        if self.learner.done == self.look_every + 3:
            raise RuntimeError("killed")
        return step(self)

    monkeypatch.setattr(intents.Training, "step", killed)
    with pytest.raises(RuntimeError, match="killed"):
        intents.train(config, tmp_path / "cut")
    monkeypatch.undo()
    outcome = intents.train(replace(config, resume=True), tmp_path / "cut")
    assert metrics(tmp_path / "cut", name) == metrics(tmp_path / "whole", name)
    whole, cut = (arrays(tmp_path / place, name) for place in ("whole", "cut"))
    assert whole.keys() == cut.keys()
    for key in whole:
        np.testing.assert_array_equal(whole[key], cut[key], key)
    assert outcome.seconds > 0


def test_the_table_has_every_row_and_keeps_what_is_finished(config, tmp_path, monkeypatch):
    config = replace(config, table=True, lr=0.01, epochs=1, batch_size=64)
    outcomes = intents.table(config, tmp_path)
    labels = ["probe", "lora-r1", "lora-r4", "lora-r16", "qlora-r16", "full"]
    checks.equal([o.label for o in outcomes], labels, "rows")
    trained = [o.n_trained for o in outcomes]
    assert trained[0] < trained[1] < trained[2] < trained[3] == trained[4]
    path = tmp_path / "phase3" / "small"
    assert (path / "table.png").read_bytes().startswith(b"\x89PNG")
    checks.equal(len(json.loads((path / "results.json").read_text())), 6, "rows in results.json")
    probe = intents.finished(replace(config, method="probe", r=7), path.with_name("small-probe"))
    assert probe == outcomes[0], "a rank means nothing to a probe"
    monkeypatch.setattr(intents, "train", lambda *_: pytest.fail("a finished row trains again"))
    assert intents.table(replace(config, resume=True), tmp_path) == outcomes


def test_a_row_of_other_settings_is_not_taken(config, tmp_path):
    config = replace(config, method="probe", epochs=1)
    intents.train(config, tmp_path)
    path = tmp_path / "phase3" / config.folder
    assert intents.finished(config, path) is not None
    assert intents.finished(replace(config, seed=1), path) is None
    with pytest.raises(runs.RunError, match="seed"):
        intents.train(replace(config, seed=1, resume=True), tmp_path)


@pytest.mark.parametrize("wrong", [{"r": 0}, {"batch_size": 0}, {"epochs": 0}, {"precision": 1.5}])
def test_bad_settings_are_one_line(wrong):
    with pytest.raises(ValueError) as caught:
        intents.Config(**wrong)
    assert "\n" not in str(caught.value)


# -- the report -------------------------------------------------------------------------------


def judged(threshold=0.5, precision=0.9):
    """Three classes; of four texts of class b two are taken for c; c has no texts."""
    answers, labels = torch.tensor([0, 0, 1, 2, 2, 1]), torch.tensor([0, 0, 1, 1, 1, 1])
    logits = 3.0 * torch.eye(3)[answers]
    logits[2] /= 3  # less sure
    about = About("tiny", "lora", NAMES, 1.0, threshold, precision)
    return logits, labels, about


def measured(**options):
    logits, labels, about = judged(**options)
    return intent_report.measure(
        "lora-r2", logits, labels, about, n_trained=1234, n_bytes=2_500_000, seconds=61.0
    )


def test_a_report_by_hand():
    outcome = measured(threshold=0.8)
    checks.close(outcome.accuracy, 4 / 6, "accuracy")
    checks.close(outcome.coverage, 5 / 6, "coverage: one text is less sure")
    checks.close(outcome.precision, 3 / 5, "precision")
    (worst,) = outcome.worst
    checks.equal((worst.name, worst.recall, worst.taken_for, worst.n), ("b", 0.5, "c", 2), "worst")
    assert "66.67%" in str(outcome)
    assert "2.50 MB" in str(outcome)
    assert "2 times taken for c" in outcome.story


def test_silence_is_said():
    never = measured(threshold=None)
    assert (never.coverage, never.precision) == (0.0, None)
    assert "never answers" in never.story
    assert "no text reaches" in measured(threshold=0.999).story


def test_an_outcome_survives_json():
    outcome = measured()
    assert intent_report.Outcome.from_json(json.loads(json.dumps(asdict(outcome)))) == outcome


def test_confusion_is_scikit_learns():
    metrics = pytest.importorskip("sklearn.metrics")
    g = torch.Generator().manual_seed(0)
    labels, answers = torch.randint(0, 7, (2, 300), generator=g)
    counts = intent_report.confusion(answers, labels, 7)
    checks.equal(counts.numpy(), metrics.confusion_matrix(labels, answers), "counts")
    expected = metrics.recall_score(labels, answers, average=None)
    checks.close(intent_report.recalls(counts).numpy(), expected, "recalls")


@pytest.mark.parametrize("threshold", [0.5, 0.999, None])
def test_figures_of_odd_runs(threshold, tmp_path):
    logits, labels, about = judged(threshold)
    seen = [{"step": 0, "val_accuracy": 0.5}, {"step": 1, "loss": 1.0}]
    intent_figures.draw_run(seen, logits, labels, about, tmp_path)
    assert len(list(tmp_path.glob("*.png"))) == 3
