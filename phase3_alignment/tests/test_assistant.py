"""The whole way, on a tiny model: what is left, what is kept after a kill, and what is refused."""

import json
from dataclasses import replace

import pytest
import torch

from phase3_alignment.project import (
    align,
    assistant,
    calibration,
    corpora,
    curves,
    duels,
    models,
    policy,
    reward,
    samples,
    sft,
)
from phase3_alignment.project import reinforcement as rl
from phase3_alignment.project.assistant import Config
from phase3_alignment.project.duels import Duels
from phase3_alignment.project.samples import Answer, Question
from phase3_alignment.solution.chat import Message
from phase3_alignment.tests.tiny_pretrained import make_folder
from shared import checks
from shared.runs import RunError, read_metrics
from shared.texts import DataError


def say(path, rows):
    path.write_text("\n".join(map(json.dumps, rows)))
    return str(path)


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    """A few steps each; polite answers are preferred, and only those have a "b"."""
    root = tmp_path_factory.mktemp("inputs")
    talks = [
        {"messages": [
            {"role": "user", "content": f"{i}?"}, {"role": "assistant", "content": "ab" * (i % 5)}
        ]}
        for i in range(140)
    ]  # fmt: skip
    pairs = [{"prompt": f"{i}?", "chosen": f"b{i}", "rejected": f"{i}a"} for i in range(80)]
    base = make_folder(root / "base")
    return Config(
        name="a", model=str(base), body=str(base), data=say(root / "talks.jsonl", talks),
        pairs=say(root / "pairs.jsonl", pairs), sft_steps=2, reward_epochs=1, ppo_steps=4,
        batch_size=8, prompt_tokens=40, max_new_tokens=6, n_duels=9, reward_tokens=32,
        n_looked_at=8, device="cpu",
    )  # fmt: skip


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Less than `align` does by default, and none of the figures that are tested elsewhere."""
    whole = align.Config
    less = {"best_of": 2, "look_every": 2}
    monkeypatch.setattr(align, "Config", lambda **fields: whole(**fields, **less))
    for module, name in ((curves, "draw_run"), (calibration, "draw"), (reward, "draw_curves")):
        monkeypatch.setattr(module, name, lambda *_: None)


def results(root):
    return json.loads((root / "phase3/a/results.json").read_text())


def die(*_):
    raise RuntimeError("killed")


# -- the whole way ----------------------------------------------------------------------------


def test_killed_in_ppo_it_goes_on_and_ends_the_same(config, tmp_path, monkeypatch, capsys):
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    expected = assistant.make(config, whole)
    out = capsys.readouterr().out
    for words in ("who prefers what people do", "who wins is said by", "length alone", "answers"):
        assert words in out, words
    for name in ("a-sft/hf", "a-reward/reward", "a-judge/reward", "a-ppo/adapter", "a-ppo/hf"):
        assert (whole / "phase3" / name).is_dir(), name
    assert (whole / "phase3/a/wins.png").read_bytes().startswith(b"\x89PNG")
    assert "after PPO" in (whole / "phase3/a/samples.html").read_text()

    look, seen = rl.Reinforcement.look, []

    def die_at_the_third(task):
        seen.append(1)
        return die() if len(seen) == 3 else look(task)

    with monkeypatch.context() as patch:
        patch.setattr(rl.Reinforcement, "look", die_at_the_third)
        with pytest.raises(RuntimeError, match="killed"):
            assistant.make(config, cut)
    monkeypatch.setattr(sft, "fine_tune", die)  # what is finished is kept
    monkeypatch.setattr(reward, "train", die)
    again = assistant.make(replace(config, resume=True), cut)
    checks.equal(again, expected, "the result")
    checks.equal(results(cut), results(whole), "results.json")
    metrics = [read_metrics(root / "phase3/a-ppo") for root in (whole, cut)]
    checks.equal(*metrics, "every step of PPO")

    monkeypatch.setattr(align, "align", die)
    checks.equal(assistant.make(replace(config, resume=True), cut), expected, "compared once more")
    with pytest.raises(RunError, match="ppo_steps 4 -> 5"):
        assistant.make(replace(config, resume=True, ppo_steps=5), cut)


def test_killed_before_a_step_has_saved_anything(config, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(reward.RewardTask, "look", die)
        with pytest.raises(RuntimeError, match="killed"):
            assistant.make(config, tmp_path)
    monkeypatch.setattr(sft, "fine_tune", die)
    monkeypatch.setattr(align, "align", die)
    with pytest.raises(RuntimeError, match="killed"):  # in PPO, so the judges are there
        assistant.make(replace(config, resume=True), tmp_path)
    for name in ("reward", "judge"):
        assert (tmp_path / f"phase3/a-{name}/results.json").is_file(), name


def test_a_new_run_takes_nothing_from_an_older_one(config, tmp_path, monkeypatch):
    for name in ("a-ppo", "a-sft"):
        (tmp_path / "phase3" / name / "checkpoints/step-00000001").mkdir(parents=True)
    monkeypatch.setattr(sft, "fine_tune", die)
    with pytest.raises(RuntimeError, match="killed"):
        assistant.make(config, tmp_path)
    found = {folder.name for folder in (tmp_path / "phase3").iterdir()}
    checks.equal(found, {"a", "a-ppo.previous", "a-sft.previous"}, "folders")


def test_the_judges_learn_from_different_pairs(config, monkeypatch, tmp_path):
    asked = []
    monkeypatch.setattr(reward, "train", lambda config, root: asked.append(config) or die())
    plan = assistant.make_plan(config, tmp_path)
    common = {"name": "a", "device": "cpu", "resume": False}
    for step in ("reward", "judge"):
        with pytest.raises(RuntimeError, match="killed"):
            assistant.STEPS[step](plan, common)
    first, second = asked
    checks.equal((first.half, second.half), ("first", "second"), "halves of the pairs")
    assert first.seed != second.seed


# -- before the work --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"prompt_tokens": 125}, "do not fit into the 128"),
        ({"pairs": "documentation"}, "no pairs"),
        ({"data": "sst2"}, "no answers"),
        ({"model": "nowhere"}, "nowhere"),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_trained(
    config, changes, message, tmp_path, monkeypatch
):
    monkeypatch.setattr(models, "hub_answers", lambda: False)
    monkeypatch.setattr(sft, "fine_tune", die)
    with pytest.raises(ValueError, match=message):
        assistant.make(replace(config, **changes), tmp_path)
    assert not (tmp_path / "phase3").exists()


@pytest.mark.parametrize("changes", [{"ppo_steps": 0}, {"n_duels": 0}, {"temperature": 0.0}])
def test_numbers_that_make_no_sense(config, changes):
    with pytest.raises(ValueError, match="must be positive"):
        replace(config, **changes)


def test_nothing_to_resume(config, tmp_path):
    with pytest.raises(RunError, match="nothing to resume"):
        assistant.make(replace(config, resume=True), tmp_path)


def test_without_the_encoder_the_base_lends_its_body(config, tmp_path, monkeypatch):
    def missing():
        raise DataError("not installed")

    monkeypatch.setattr(models, "encoder_folder", missing)
    plan = assistant.make_plan(replace(config, body=None), tmp_path)
    checks.equal(plan.body, config.model, "the body")
    monkeypatch.setattr(models, "encoder_folder", lambda: tmp_path)
    plan = assistant.make_plan(replace(config, body=None), tmp_path)
    checks.equal(plan.body, "minilm", "the body where the package is")


# -- duels ------------------------------------------------------------------------------------


class Vowels:
    """A judge who counts one letter, on a scale of its own."""

    def __init__(self, letter):
        self.letter = letter

    def answers(self, prompts, answers):
        return torch.tensor([3.0 * text.count(self.letter) + 7 for text in answers])

    def log_odds(self, scores):
        return (scores - 7) / 3


def made_up(before, after):
    asked = [Question((Message("user", f"{i}?"),), "so") for i in range(len(before))]
    sides = ([Answer(text, 4, text.endswith(".")) for text in side] for side in (before, after))
    return Duels(tuple(asked), *map(tuple, sides))


def test_who_wins_is_counted_from_the_aligned_side():
    found = made_up(["aa.", "a", "e", "b"], ["a.", "aee", "eeee.", "b."])
    first, second = (duels.judged(found, Vowels(letter)) for letter in "ae")
    checks.equal([side.tolist() for side in first], [[2, 1, 0, 0], [1, 1, 0, 0]], "log-odds")
    verdict = duels.decide(found, first, second)
    checks.equal(verdict.rates[duels.TRAINED_WITH].share, (0 + 0.5 + 0.5 + 0.5) / 4, "by a")
    checks.equal(verdict.rates[duels.NEVER_SEEN].share, (0.5 + 1 + 1 + 0.5) / 4, "by e")
    checks.equal(verdict.rates[duels.LONGER].share, (0 + 1 + 1 + 1) / 4, "by length")
    checks.equal(verdict.agreement, 1 / 4, "both say the same")
    checks.equal(verdict.characters, (6 / 4, 12 / 4), "characters")
    checks.equal(verdict.ended, (1 / 4, 3 / 4), "answers that end")
    assert "answers that end: 25%, 75%" in str(verdict)
    rows = duels.shown(found, second, 2)
    checks.equal([(row.before.score, row.after.score) for row in rows], [(0, 0), (0, 2)], "scores")
    checks.equal([row.prompt for row in rows], ["0?", "1?"], "prompts")


def test_switched_off_the_adapter_leaves_what_ppo_began_with(config, tmp_path):
    assistant.make(replace(config, ppo_lr=1e-1), tmp_path)
    base, aligned = (tmp_path / "phase3" / name / "hf" for name in ("a-sft", "a-ppo"))
    subject = duels.load_aligned(base, aligned.with_name("adapter"), "cpu")
    asked = samples.questions(corpora.load(config.data).test)
    found = duels.fight(subject, asked, 6, 0.0, 0)
    for folder, side in ((base, found.before), (aligned, found.after)):
        alone = policy.load(str(folder), device="cpu")
        expected = samples.answer(alone, samples.encode(asked, alone), 6)
        checks.equal([a.text for a in side], [a.text for a in expected], folder.parent.name)
    assert found.before != found.after


def test_long_questions_are_not_asked(config):
    subject = policy.load(config.model, device="cpu")
    asked = [Question((Message("user", "?" * n),), "so") for n in (1, 60)]
    checks.equal(duels.short(asked, subject, 40), asked[:1], "the short one")
    with pytest.raises(ValueError, match="none of 2"):
        duels.short(asked, subject, 5)


@pytest.mark.slow
def test_offline_there_is_the_documentation(config, tmp_path, monkeypatch):
    """Nothing but this Python: conversations, and pairs of a right and a wrong answer."""
    monkeypatch.delenv("COURSE_DATA", raising=False)
    monkeypatch.setattr(corpora, "hub_answers", lambda: False)
    result = assistant.make(replace(config, data="dolly", pairs="hh-rlhf"), tmp_path)
    checks.equal(result.verdict.rates[duels.NEVER_SEEN].n, 9, "duels")
