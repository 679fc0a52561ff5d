"""Fine-tuning as a program: it learns, resumes bit by bit, and leaves what opens elsewhere."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from phase3_alignment.project import corpora, demonstrations, fine_tuning, models, policy, sft
from phase3_alignment.project.learner import Learner
from phase3_alignment.project.records import Conversation, Corpus
from phase3_alignment.solution.adapter_config import AdapterConfig
from phase3_alignment.solution.chat import Message
from phase3_alignment.tests.tiny_pretrained import make_folder
from shared import checks, runs
from shared.texts import DataError

ROOT = Path(__file__).resolve().parents[2]


def talks(n, offset=0):
    """Questions of which the answers are short, long and of two turns."""
    found = []
    for i in range(offset, offset + n):
        said = [Message("user", f"{i}?"), Message("assistant", f"{i}" * (1 + i % 3))]
        if i % 4 == 0:
            said += [Message("user", "More?"), Message("assistant", "No.")]
        found.append(Conversation(tuple(said)))
    return tuple(found)


@pytest.fixture
def config(tmp_path, monkeypatch):
    """A run of six steps on a tiny model and a handful of conversations."""
    corpus = Corpus(talks(30), talks(9, 30), "a test", talks(5, 50))
    monkeypatch.setattr(corpora, "load", lambda name: corpus)
    return sft.Config(
        model=str(make_folder(tmp_path / "base")),
        data="any",
        name="a",
        r=2,
        dropout=0.1,
        batch_size=2,
        max_steps=6,
        warmup_steps=2,
        look_every=2,
        n_val=5,
        n_test=9,
        n_prompts=4,
        max_new_tokens=8,
        device="cpu",
    )


@pytest.fixture
def subject(config):
    return policy.load(config.model, AdapterConfig(targets=(), r=2), device="cpu")


def losses(path):
    return [record["loss"] for record in runs.read_metrics(path) if "loss" in record]


# -- the loss ---------------------------------------------------------------------------------


@pytest.mark.parametrize("family", ["gpt2", "llama"])
def test_the_held_out_loss_is_that_of_transformers_one_at_a_time(family, tmp_path):
    subject = policy.load(str(make_folder(tmp_path, family)), device="cpu")
    examples = demonstrations.prepare(talks(12), subject.tokenizer, 128).examples
    nats, n = 0.0, 0
    for ids, answers in examples:
        with torch.no_grad():
            labels = ids.where(answers, -100)[None]
            nats += subject.model(ids[None], labels=labels).loss.item() * int(answers.sum())
        n += int(answers.sum())
    expected = torch.tensor(nats / n)
    found = torch.tensor(fine_tuning.mean_loss(subject, examples, 128))
    checks.close(found, expected, "nats per answer token")


def task(subject, is_packed, n=8):
    examples = demonstrations.prepare(talks(n), subject.tokenizer, 128).examples
    exam = fine_tuning.make_exam(talks(3, 30), subject, 128, 3, 3, 8)
    return fine_tuning.FineTuning(
        Learner(subject.model, 1e-3, 1), subject, examples, exam,
        is_packed=is_packed, batch_size=1 if is_packed else n, look_every=1, seed=0,
    )  # fmt: skip


def test_packing_changes_nothing_but_the_speed(config):
    """One row with eight conversations, and eight rows: the same loss and the same gradient."""
    packed, padded = (
        task(policy.load(config.model, device="cpu"), is_packed, n=3) for is_packed in (True, False)
    )
    checks.equal((len(packed.rows), len(padded.rows)), (1, 3), "rows")
    for one in (packed, padded):
        one.learner.begin_step()
    first, second = packed.step(), padded.step()
    for name in ("loss", "grad_norm"):
        checks.close(torch.tensor(first[name]), torch.tensor(second[name]), name)
    checks.equal(packed.n_targets, padded.n_targets, "answer tokens")
    checks.equal(packed.n_tokens, padded.n_tokens, "tokens")


def test_a_base_trains_in_training_mode_and_is_looked_at_in_evaluation_mode(subject):
    seen = []
    subject.model.register_forward_pre_hook(lambda module, _: seen.append(module.training))
    one = task(subject, is_packed=True, n=3)
    one.learner.begin_step()
    one.step()
    checks.equal(seen, [True], "training mode in a step")
    seen.clear()
    one.look()
    assert seen
    assert not any(seen)


def test_the_wrong_question_has_the_same_answers(subject):
    exam = fine_tuning.make_exam(talks(9), subject, 128, 9, 3, 8)
    checks.equal(len(exam.exchanged), 9, "pairs")
    for (own_ids, own), (other_ids, other) in exam.exchanged:
        checks.equal(own_ids[own], other_ids[other], "the answers")
        assert own_ids.tolist() != other_ids.tolist()


@pytest.mark.parametrize(("n", "expected"), [(3, [0, 3, 6]), (10, list(range(10))), (99, None)])
def test_a_choice_is_spread_over_the_whole(n, expected):
    checks.equal(fine_tuning.spread(range(10), n), expected or list(range(10)), "the chosen")


# -- the program ------------------------------------------------------------------------------


def test_a_run_leaves_all_that_it_promises(config, tmp_path, capsys):
    result = sft.fine_tune(config, tmp_path / "runs")
    path = tmp_path / "runs/phase3/a"
    names = {"adapter", "hf", "config.json", "metrics.jsonl", "curves.png", "samples.html"}
    names |= {"results.json", "samples.json", "checkpoints"}
    checks.equal({entry.name for entry in path.iterdir()}, names, "what is left")
    metrics = runs.read_metrics(path)
    checks.equal([r["step"] for r in metrics if "val_loss" in r], [0, 2, 4, 6], "looks")
    checks.equal([r["step"] for r in metrics if "loss" in r], [1, 2, 3, 4, 5, 6], "steps")
    kept = json.loads((path / "results.json").read_text())
    checks.equal(kept["after"]["loss"], result.after.loss, "the result in results.json")
    assert " parameters train (" in result.trained
    out = capsys.readouterr().out
    assert "30 conversations" in out
    table = sft.table(result)
    assert f"{result.before.loss:.3f}" in table
    assert f"{result.after.loss:.3f}" in table


def test_the_exported_model_has_the_loss_of_the_table(config, tmp_path):
    result = sft.fine_tune(replace(config, lr=0.05), tmp_path / "runs")
    assert result.after.loss != result.before.loss
    for name, expected in ((str(result.path / "hf"), result.after), (config.model, result.before)):
        found = policy.load(name, device="cpu")
        examples = demonstrations.prepare(talks(9, 30), found.tokenizer, 128).examples
        loss = torch.tensor(fine_tuning.mean_loss(found, examples, 128))
        checks.close(loss, torch.tensor(expected.loss), f"the test loss of {name}")
    assert models.load_causal(str(result.path / "hf")).tokenizer.chat_template


@pytest.mark.parametrize("lora", [True, False])
def test_a_run_that_is_killed_goes_on_bit_by_bit(config, tmp_path, monkeypatch, lora):
    config = replace(config, lora=lora, packing=lora, lr=1e-2)
    whole = sft.fine_tune(replace(config, name="whole"), tmp_path)
    step, calls = fine_tuning.FineTuning.step, []

    def killed(self):
        calls.append(1)
        if len(calls) == 4:
            raise RuntimeError("killed")
        return step(self)

    monkeypatch.setattr(fine_tuning.FineTuning, "step", killed)
    with pytest.raises(RuntimeError, match="killed"):
        sft.fine_tune(config, tmp_path)
    monkeypatch.undo()
    corpus = Corpus(talks(30), talks(9, 30), "a test", talks(5, 50))
    monkeypatch.setattr(corpora, "load", lambda name: corpus)
    again = sft.fine_tune(replace(config, resume=True), tmp_path)
    checks.equal(losses(again.path), losses(whole.path), "the losses, bit by bit")
    checks.equal((again.before, again.after), (whole.before, whole.after), "the evaluations")
    checks.equal(again.n_tokens, whole.n_tokens, "tokens read")
    read = [(path / "hf/model.safetensors").read_bytes() for path in (whole.path, again.path)]
    assert read[0] == read[1]


def test_another_base_is_not_resumed(config, tmp_path):
    sft.fine_tune(replace(config, max_steps=2), tmp_path)
    other = str(make_folder(tmp_path / "other", seed=1))
    changed = replace(config, max_steps=2, model=other, resume=True)
    with pytest.raises(runs.RunError, match="model"):
        sft.fine_tune(changed, tmp_path)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"block_size": 4096}, "reads 1 to 128 tokens, not 4096"),
        ({"block_size": 8}, "no conversation is left"),
        ({"targets": ("c_attn",)}, "c_attn"),
        ({"device": "moon"}, "no device 'moon'"),
        ({"resume": True}, "nothing to resume"),
    ],
)
def test_a_wrong_setting_is_one_line(config, tmp_path, change, says):
    with pytest.raises(ValueError, match=says) as caught:
        sft.fine_tune(replace(config, **change), tmp_path)
    assert "\n" not in str(caught.value)


def test_a_context_too_short_for_any_prompt_is_one_line(config, tmp_path):
    short = str(make_folder(tmp_path / "short", context=16))
    with pytest.raises(DataError, match="16 tokens"):
        sft.fine_tune(replace(config, model=short), tmp_path)


def test_an_error_does_not_cost_the_older_run(config, tmp_path):
    sft.fine_tune(replace(config, max_steps=2), tmp_path)
    with pytest.raises(DataError):
        sft.fine_tune(replace(config, block_size=8), tmp_path)
    assert (tmp_path / "phase3/a/hf").is_dir()


def test_a_bad_flag_ends_in_one_line_and_2():
    command = [sys.executable, "-m", "phase3_alignment.project.sft", "--model", "/no/where"]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1"}
    found = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment)
    checks.equal(found.returncode, 2, "the exit status")
    assert found.stderr.startswith("error: /no/where")
    checks.equal(found.stderr.count("\n"), 1, "lines")


@pytest.mark.slow
def test_a_tiny_model_learns_to_answer_and_to_stop(config, tmp_path):
    """Always the same answer: the loss goes to nearly nothing, and every answer ends."""
    said = tuple(
        Conversation((Message("user", f"{i}?"), Message("assistant", "Yes."))) for i in range(40)
    )
    subject = policy.load(config.model, device="cpu")
    examples = demonstrations.prepare(said[:30], subject.tokenizer, 128).examples
    exam = fine_tuning.make_exam(said[30:], subject, 128, 10, 10, 8)
    learner = Learner(subject.model, 1e-2, 120, warmup_steps=5)
    one = fine_tuning.FineTuning(
        learner, subject, examples, exam, is_packed=True, batch_size=2, look_every=1, seed=0
    )
    assert fine_tuning.evaluate(subject, exam).ended == 0
    for _ in range(learner.n_steps):
        learner.begin_step()
        one.step()
    found = fine_tuning.evaluate(subject, exam)
    checks.at_most(found.loss, 0.05, "the held-out loss")
    checks.equal({answer.text for answer in found.answers}, {"Yes."}, "the answers")
    checks.equal(found.ended, 1.0, "the share that ends")
