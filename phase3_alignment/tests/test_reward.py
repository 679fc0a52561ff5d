"""The program that trains a reward model: it learns what was planted, resumes, and says no."""

import json
import random
from dataclasses import replace

import pytest
import torch

from phase3_alignment.project import calibration, reward, reward_report
from phase3_alignment.project.score import Judge
from phase3_alignment.solution.chat import Message
from phase3_alignment.tests import tiny_bodies
from shared import checks, runs
from shared.texts import DataError

CONFIG = reward.Config(
    name="a", alpha=8, r=4, lr=1e-2, epochs=2, looks=2, batch_size=16, max_length=24, device="cpu"
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two bodies, and data in which "please" and "good" decide."""
    root = tmp_path_factory.mktemp("inputs")
    tiny_bodies.save_causal(root / "causal")
    tiny_bodies.save_encoder(root / "encoder")
    rng = random.Random(0)

    def sentence(*more):
        words = [
            rng.choice(["a", "the", "film", "dull", "tea", "it"]) for _ in range(rng.randint(2, 8))
        ]
        return " ".join(rng.sample([*words, *more], len(words) + len(more)))

    pairs = [
        {"prompt": f"how {i} ?", "chosen": sentence("please"), "rejected": sentence("no")}
        for i in range(200)
    ]
    labels = [
        {"text": f"{sentence(word)} {i}", "label": "positive" if word == "good" else "negative"}
        for i, word in enumerate(["good", "bad"] * 150)
    ]
    for name, rows in (("pairs", pairs), ("labels", labels)):
        (root / f"{name}.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return root


def config(folder, body="causal", data="pairs", **more):
    return replace(CONFIG, model=str(folder / body), data=str(folder / f"{data}.jsonl"), **more)


@pytest.mark.parametrize(
    ("body", "data", "r"),
    [("causal", "pairs", 4), ("encoder", "labels", 4), ("causal", "labels", None)],
)
def test_it_learns_what_was_planted_and_keeps_it(folder, tmp_path, body, data, r, capsys):
    epochs = 4
    result = reward.train(config(folder, body, data, r=r, epochs=epochs), tmp_path)
    found = result.reports[reward.OURS]
    checks.at_least(found.accuracy, 0.95, "accuracy on the test part")
    metrics = runs.read_metrics(result.path)
    looks = [record for record in metrics if "val_loss" in record]
    checks.equal(len(looks), 1 + CONFIG.looks * epochs, "looks: one before, and in each epoch")
    checks.at_most(looks[-1]["val_loss"], looks[0]["val_loss"] / 2, "validation loss")
    judge = Judge.load(result.path / reward.REWARD)
    if data == "labels":
        good, bad = judge.texts(["a good film", "a bad film"])
    else:
        prompts = [[Message("user", "how ?")]] * 2
        good, bad = judge.answers(prompts, ["boil it please", "boil it no"])
    checks.law(good > bad, "the kept model prefers what it was taught to")
    for name in ("curves.png", "calibration.png"):
        assert (result.path / name).read_bytes().startswith(b"\x89PNG")
    kept = json.loads((result.path / "results.json").read_text())
    checks.equal(kept["reports"][reward.OURS]["accuracy"], found.accuracy, "in results.json")
    said = capsys.readouterr().out
    assert "parameters train" in said
    assert "to choose settings by" in said


def test_what_is_kept_is_what_was_trained(folder, tmp_path):
    """Merged, unloaded, written and read, it scores as the last look scored."""
    settings = config(folder, "encoder", "labels")
    result = reward.train(settings, tmp_path)
    corpus = reward.comparisons.with_validation(reward.corpora.load(settings.data))
    judge = Judge.load(result.path / reward.REWARD)
    scores = judge.texts([record.text for record in corpus.validation])
    part = reward.comparisons.compare(corpus.validation, corpus.names, judge.positive, judge.reader)
    last = [r for r in runs.read_metrics(result.path) if "val_loss" in r][-1]
    loss = reward.bradley_terry(*part.sides(scores)).item()
    checks.close(loss, last["val_loss"], "validation loss of the kept model", rtol=1e-5)


def test_a_killed_run_goes_on_bit_by_bit(folder, tmp_path, monkeypatch):
    settings = config(folder, "encoder", "labels")  # with dropout, which draws numbers, too
    whole = reward.train(settings, tmp_path / "whole")
    step = reward.RewardTask.step

    def step_or_die(task):
        if task.learner.done == 15:
            raise RuntimeError("killed")
        return step(task)

    with monkeypatch.context() as patch:
        patch.setattr(reward.RewardTask, "step", step_or_die)
        with pytest.raises(RuntimeError, match="killed"):
            reward.train(settings, tmp_path / "cut")
    again = reward.train(replace(settings, resume=True), tmp_path / "cut")
    assert runs.read_metrics(again.path) == runs.read_metrics(whole.path)
    for name in ("model.safetensors", "reward_head.safetensors"):
        kept = [(result.path / reward.REWARD / name).read_bytes() for result in (whole, again)]
        assert kept[0] == kept[1], name
    checks.equal(again.reports, whole.reports, "what the test part says")


def test_a_batch_scores_as_its_texts_alone(folder):
    for data in ("pairs", "labels"):
        settings = config(folder, data=data)
        corpus = reward.corpora.load(settings.data)
        positive = reward.comparisons.positive_class(corpus, "positive")
        judge, _ = reward.new_judge(settings, positive)
        part = reward.comparisons.compare(corpus.train[:20], corpus.names, positive, judge.reader)
        scores = calibration.score(judge.model, part.ids, batch_size=1)
        numbers = torch.tensor([5, 0, 17, 3])
        with torch.no_grad():
            found = reward.compare(judge.model.eval(), part, numbers)
        for side, expected in zip(found, part.sides(scores), strict=True):
            checks.close(side, expected[numbers], f"scores of {data}")


def test_lora_leaves_the_body_and_the_pooler_alone(folder):
    judge, _ = reward.new_judge(config(folder, "encoder", "labels"), "positive")
    trained = {n for n, p in judge.model.named_parameters() if p.requires_grad}
    assert all(".adapters." in name or name == "head.weight" for name in trained)
    layers = {name.split(".adapters.")[0] for name in trained} - {"head.weight"}
    checks.equal(len(layers), 2 * 6, "adapted layers: six in each block")
    judge, _ = reward.new_judge(config(folder, "encoder", "labels", r=None), "positive")
    frozen = {n for n, p in judge.model.named_parameters() if not p.requires_grad}
    table = "backbone.embeddings.word_embeddings.weight"
    pooler = {f"backbone.pooler.dense.{name}" for name in ("weight", "bias")}
    checks.equal(frozen, {table, *pooler}, "frozen where all the rest trains")


def test_data_that_do_not_fit_are_one_line(folder, tmp_path):
    talk = tmp_path / "talk.jsonl"
    rows = [{"messages": [{"role": "user", "content": f"Hi {i}"}]} for i in range(60)]
    talk.write_text("\n".join(map(json.dumps, rows)))
    settings = replace(config(folder), data=str(talk))
    few = tmp_path / "few.jsonl"
    few.write_text(json.dumps({"text": "a", "label": "b"}))
    cases = [(settings, "conversations"), (replace(settings, data=str(few)), "too small")]
    for wrong, says in cases:
        with pytest.raises(DataError, match=says) as caught:
            reward.train(wrong, tmp_path)
        assert "\n" not in str(caught.value)
    assert not (tmp_path / "phase3").exists(), "no run began"
    checks.raises(lambda: replace(CONFIG, epochs=0), ValueError, "epochs", "positive")


# -- the table ------------------------------------------------------------------------------------


def test_the_interval_is_wilsons():
    """Against scipy, and by hand at 0 of 10, where z^2 / (n + z^2) is the upper end."""
    stats = pytest.importorskip("scipy.stats", reason="needs scipy")
    for right, n in ((0, 10), (7, 10), (1600, 1821)):
        expected = stats.binomtest(right, n).proportion_ci(method="wilson")
        # We take 1.96 for 1.959964 standard deviations.
        found = reward_report.interval(right / n, n)
        checks.close(list(found), list(expected), f"{right} of {n}", rtol=1e-4, atol=1e-9)
    checks.close(reward_report.interval(0, 10)[1], 1.96**2 / (10 + 1.96**2), "0 of 10", rtol=1e-9)


def test_a_table_has_a_line_for_each_rival():
    bias = calibration.LengthBias(0.0, 0.0, 0.25, None, 4, 0)
    found = calibration.Report(4, 0.75, 0.1, (), bias)
    text = reward_report.table({"a coin": found, "ours": found})
    heading, *lines = text.splitlines()
    checks.equal(len(lines), 2, "lines")
    assert heading.startswith("4 test comparisons")
    assert len({len(line) for line in text.splitlines()}) == 1, "columns stand below their names"
    assert lines[1].split()[:5] == ["ours", "75.0%", "30.1%", "to", "95.4%"]
    assert lines[1].split()[-2:] == ["25.0%", "-"]
