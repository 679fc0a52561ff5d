"""The program of constitutional AI on tiny random models: what it keeps, and who takes it up."""

import json
import os
import subprocess
import sys
import zlib
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from phase3_alignment.project import (
    align,
    constitutional,
    corpora,
    feedback,
    policy,
    reward,
    samples,
    sft,
)
from phase3_alignment.project.constitutional import RLAIF, SL_CAI, Config
from phase3_alignment.project.records import Conversation, held_out, opening
from phase3_alignment.project.score import Judge, Reader
from phase3_alignment.solution.reward_model import RewardModel
from phase3_alignment.tests.tiny_pretrained import make_folder
from shared import checks, runs

ROOT = Path(__file__).parents[2]
JOURNALS = ("answers.jsonl", "revisions.jsonl", "labels.jsonl", "agreement.jsonl")
MADE = (SL_CAI, RLAIF, "results.json", "agreement.png", "revisions.html")


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """A policy, a reward model and a language model that gives feedback, all at random."""
    from transformers import AutoTokenizer, LlamaForCausalLM

    root = tmp_path_factory.mktemp("models")
    for seed, (name, context) in enumerate({"policy": 256, "words": 2048}.items()):
        make_folder(root / name, context=context, seed=seed)
        model = LlamaForCausalLM.from_pretrained(root / name)
        with torch.no_grad():
            model.lm_head.weight.mul_(20)
        model.save_pretrained(root / name)
    body = LlamaForCausalLM.from_pretrained(root / "policy").base_model
    reader = Reader(AutoTokenizer.from_pretrained(root / "policy"), 128)
    judge = RewardModel(body, torch.Generator().manual_seed(0))
    Judge(judge, reader).save(root / "scores")
    asked = [{"role": "user", "content": ""}, {"role": "assistant", "content": "Because."}]
    rows = [{"messages": [asked[0] | {"content": f"Why {i}?"}, asked[1]]} for i in range(90)]
    (root / "data.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return root


@pytest.fixture
def config(folders, monkeypatch):
    monkeypatch.delenv("COURSE_DATA", raising=False)
    monkeypatch.setattr(corpora, "hub_answers", lambda: False)
    return Config(
        model=str(folders / "policy"), feedback=str(folders / "scores"),
        data=str(folders / "data.jsonl"), n_questions=6, n_human=6, max_new_tokens=8,
        max_feedback_tokens=8, device="cpu", name="a",
    )  # fmt: skip


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.parametrize("kind", ["scores", "words"])
def test_what_a_run_keeps(config, folders, tmp_path, kind):
    result = constitutional.run(replace(config, feedback=str(folders / kind)), tmp_path)
    answers, revisions, labels, _ = (lines(result.path / name) for name in JOURNALS)
    checks.equal(len(answers), 6, "questions")
    assert all(len(row["answers"]) == 4 for row in answers)
    assert len({text for row in answers for text in row["answers"]}) > 12
    for row, said in zip(revisions, answers, strict=True):
        steps = row["steps"]
        checks.equal(steps[0]["answer"], said["answers"][0], "the first step mends the draft")
        checks.equal(len(steps), 1 if kind == "scores" else 2, "steps")
        if kind == "scores":
            assert steps[-1]["revision"] in said["answers"]
            assert row["preference"] >= 0.5
        else:
            checks.equal(steps[1]["answer"], steps[0]["revision"], "the second mends the first's")
            checks.equal([s["principle"] for s in steps], row["principles"], "principles")
    taught = lines(result.path / SL_CAI)
    for row in taught:
        asked, answered = row["messages"]
        (of,) = [r for r in revisions if r["question"] == asked["content"]]
        checks.equal(answered["content"], of["steps"][-1]["revision"], "the last revision alone")
    said = [r for r in revisions if r["steps"][-1]["revision"]]
    checks.equal(len(taught), len(said), "conversations to learn from")
    pairs = lines(result.path / RLAIF)
    checks.equal(len(pairs), len(labels), "pairs, none of them even")
    for pair, row in zip(pairs, labels, strict=True):
        first = row["preference"] > 0.5
        best, worst = (row["one"], row["other"]) if first else (row["other"], row["one"])
        checks.equal((pair["chosen"], pair["rejected"]), (best, worst), "the label's side")
        checks.close(pair["probability"], abs(row["preference"] - 0.5) + 0.5, "its probability")
    for name in MADE:
        assert (result.path / name).stat().st_size > 0, name
    assert not result.agreement.by_people


@pytest.mark.parametrize("stage", ["ask", "revise", "label"])
def test_a_killed_run_goes_on_bit_by_bit(config, folders, stage, tmp_path, monkeypatch):
    config = replace(config, feedback=str(folders / "words"), n_questions=3, n_human=3)
    whole = constitutional.run(replace(config, name="whole"), tmp_path)
    each, asked = feedback.each, []

    def dies(path, items, work):
        def some(number, item):
            if asked[-1] == stage and number == 1:
                raise RuntimeError("killed")
            return work(number, item)

        asked.append({"answers": "ask", "revisions": "revise", "labels": "label"}[path.stem])
        return each(path, items, some)

    monkeypatch.setattr(constitutional, "each", dies)
    with pytest.raises(RuntimeError, match="killed"):
        constitutional.run(replace(config, name="cut"), tmp_path)
    monkeypatch.setattr(constitutional, "each", each)
    again = constitutional.run(replace(config, name="cut", resume=True), tmp_path)
    for name in (*JOURNALS, SL_CAI, RLAIF, "agreement.png"):
        both = [(result.path / name).read_bytes() for result in (whole, again)]
        assert both[0] == both[1], name
    checks.equal(again.numbers, whole.numbers, "numbers")
    checks.equal(again.agreement, whole.agreement, "agreement")


def test_a_finished_run_says_it_all_again_without_asking(config, tmp_path, monkeypatch):
    first = constitutional.run(config, tmp_path)

    def never(*_, **__):
        raise AssertionError("asked again")

    monkeypatch.setattr(constitutional.samples, "answer", never)
    monkeypatch.setattr(feedback.InScores, "log_odds", never)
    assert constitutional.run(replace(config, resume=True), tmp_path) == first


def test_another_constitution_is_not_resumed(config, tmp_path):
    path = tmp_path / "mine.yaml"
    entry = "- {name: x, critique: c, revision: r, preference: p}\n"
    path.write_text(f"principles:\n{entry}")
    mine = replace(config, constitution=path)
    constitutional.run(mine, tmp_path)
    path.write_text(f"principles:\n{entry}{entry.replace('x', 'y')}")
    with pytest.raises(runs.RunError, match="principles"):
        constitutional.run(replace(mine, resume=True), tmp_path)
    other = replace(config, constitution=path, n_answers=2, resume=True)
    with pytest.raises(runs.RunError, match="n_answers 4 -> 2"):
        constitutional.run(other, tmp_path)


def test_the_next_programs_take_what_is_made(config, tmp_path, monkeypatch):
    """Learn the revisions, learn the labels, and align by what was learnt from them."""
    run = constitutional.run(replace(config, n_questions=60), tmp_path)
    base = {"model": config.model, "device": "cpu"}
    taught = sft.fine_tune(
        sft.Config(data=str(run.path / SL_CAI), name="a-sl", max_steps=3, r=2, n_prompts=2,
                   max_new_tokens=8, look_every=3, **base),
        tmp_path,
    )  # fmt: skip
    judge = reward.train(
        reward.Config(data=str(run.path / RLAIF), name="a-reward", epochs=1, **base), tmp_path
    )
    assert judge.positive is None
    rows = align.align(
        align.Config(
            reward=judge.path / reward.REWARD, model=str(taught.path / "hf"),
            data=config.data, prompt_tokens=200, max_new_tokens=8, n_steps=1, batch_size=4,
            n_test=4, best_of=2, r=2, device="cpu", name="a-rl",
        ),
        tmp_path,
    )  # fmt: skip
    checks.equal([row.name for row in rows], ["base", "best of 2", "ppo"], "the table at the end")
    made = tmp_path / "phase3"
    for said in (
        f"sft --model {config.model} --data {run.path / SL_CAI} --max-steps 20 --lr 1e-3 "
        "--name a-sl",
        f"reward --model {config.model} --data {run.path / RLAIF} --epochs 3 --name a-reward",
        f"align --reward {made}/a-reward/reward --model {made}/a-sl/hf --data {config.data} "
        "--prompt-tokens 247 --max-new-tokens 8 --name a-rl",
    ):
        assert f"python -m phase3_alignment.project.{said}" in run.commands.splitlines()


def test_feedback_that_can_read_nothing_is_no_crash(config, tmp_path):
    """No prompt of the constitution's fits into 64 tokens."""
    short = make_folder(tmp_path / "short", context=64)
    result = constitutional.run(replace(config, feedback=str(short)), tmp_path)
    assert result.agreement is None
    checks.equal(result.numbers["too long for the feedback"], 6, "drafts")
    for name in (SL_CAI, RLAIF):
        checks.equal((result.path / name).read_text(), "", name)


def test_some_questions_are_kept_to_test_on(config, tmp_path):
    """Stages hold out by one hash: what a file's tenth would be, the data has held out already."""
    documented = replace(config, data="documentation", n_questions=200, n_answers=2)
    subject = policy.load(config.model, device="cpu")
    questions, _ = constitutional.find_questions(documented, subject)
    asked = [Conversation(question.prompt) for question in questions]
    learnt, tested = held_out(asked, 0.1)
    checks.equal(len(learnt) + len(tested), 200, "questions")
    checks.at_least(len(tested), 10, "questions that are held out of the file")
    trained = {q.text for q in samples.questions(corpora.load("documentation").train)}
    assert all(opening(one) in trained for one in learnt), "nobody learns what others test on"
    validation = [one for one in learnt if zlib.crc32(opening(one).encode()) % 10 == 0]
    checks.at_least(len(validation), 8, "questions that `demonstrations` chooses for validation")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"n_answers": 1}, "2 at least, to compare; got 1"),
        ({"n_questions": 0}, "n_questions must be positive, got 0"),
    ],
)
def test_bad_settings_are_refused(change, says):
    checks.raises(lambda: Config(**change), ValueError, f"{change}", says)


def test_a_bad_flag_ends_in_one_line_and_2():
    command = [sys.executable, "-m", "phase3_alignment.project.constitutional"]
    command += ["--feedback", "/no/where"]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1"}
    found = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment)
    checks.equal(found.returncode, 2, "the exit status")
    assert found.stderr.startswith("error: /no/where")
    checks.equal(found.stderr.count("\n"), 1, "lines")
