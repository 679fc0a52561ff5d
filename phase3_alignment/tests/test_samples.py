"""Answers of two models side by side: the right ones, the same ones each time, safe in a page."""

import pytest
import torch

from phase3_alignment.project import corpora, policy, samples, templates
from phase3_alignment.project.records import Conversation, Corpus, Labelled, Pair
from phase3_alignment.project.samples import Answer, Sample
from phase3_alignment.solution.adapter_config import AdapterConfig
from phase3_alignment.solution.chat import Message
from phase3_alignment.tests.tiny_pretrained import make_folder
from shared import checks

ASKED = ("Hi?", "Who are you?", "What is the time in this town?")


def talk(*texts):
    return Conversation(
        tuple(Message(("user", "assistant")[i % 2], text) for i, text in enumerate(texts))
    )


@pytest.fixture(scope="module", params=["gpt2", "llama"])
def subject(request, tmp_path_factory):
    folder = make_folder(tmp_path_factory.mktemp("base"), request.param)
    found = policy.load(str(folder), AdapterConfig(targets=(), r=2), device="cpu")
    torch.manual_seed(2)
    with torch.no_grad():
        for p in found.model.parameters():
            p.add_(0.2 * torch.randn_like(p))  # else every answer is one byte, again and again
    return found


def prompts(subject):
    return [templates.prompt([Message("user", text)], subject.tokenizer) for text in ASKED]


def test_greedy_answers_are_those_of_transformers(subject):
    found = samples.answer(subject, prompts(subject), 12)
    for ids, answer in zip(prompts(subject), found):
        theirs = subject.model.generate(
            ids[None], max_new_tokens=12, do_sample=False, pad_token_id=256, eos_token_id=256
        )[0, len(ids) :]
        text = subject.tokenizer.decode(theirs, skip_special_tokens=True)
        ended = bool((theirs == 256).any())
        checks.equal(answer, Answer(text, len(theirs), ended), f"the answer to {len(ids)} tokens")


def test_an_answer_that_the_model_ends_says_so(subject, monkeypatch):
    """Whatever the model says first is made the end."""
    (ids, *_) = prompts(subject)
    first = int(subject.model(input_ids=ids[None]).logits[0, -1].argmax())
    monkeypatch.setattr(policy.Policy, "end_id", first)
    (found,) = samples.answer(subject, [ids], 5)
    checks.equal((found.n_tokens, found.ended), (1, True), "an answer of nothing but its end")
    assert not found.text
    checks.equal(samples.share_ended([found, Answer("a", 5, False)]), 0.5, "the share that ended")


def test_sampled_answers_are_of_the_seed(subject):
    def texts(seed):
        found = samples.answer(subject, prompts(subject), 12, temperature=1.0, seed=seed)
        return [answer.text for answer in found]

    assert texts(0) == texts(0)
    assert texts(0) != texts(1)


def test_more_prompts_than_go_at_a_time_keep_their_order(subject, monkeypatch):
    expected = samples.answer(subject, prompts(subject), 6)
    monkeypatch.setattr(samples, "ROWS", 2)
    checks.equal(samples.answer(subject, prompts(subject), 6), expected, "the answers in order")


def test_within_reference_the_base_answers(subject):
    with policy.reference(subject):
        base = samples.answer(subject, prompts(subject), 12)
    assert base != samples.answer(subject, prompts(subject), 12)


def test_what_the_model_cannot_read_is_an_error(subject):
    with pytest.raises(ValueError, match="reads 128"):
        samples.answer(subject, prompts(subject), 120)
    asked = samples.questions([talk("a" * 200, "b"), talk("a", "b")])
    checks.equal(samples.fitting(asked, subject, 48), asked[1:], "prompts that fit")
    with pytest.raises(ValueError, match="no prompt fits"):
        samples.fitting(asked, subject, 120)


def test_questions_come_from_conversations_and_pairs():
    pair = Pair((Message("user", "a?"),), "good", "bad")
    found = samples.questions([talk("a", "b", "c", "d"), talk("no answer"), pair])
    checks.equal([(q.text, q.written) for q in found], [("a", "b"), ("a?", "good")], "questions")
    long = samples.Question((Message("system", "Be brief."), Message("user", "Hi")), "")
    checks.equal(long.text, "system: Be brief.\n\nuser: Hi", "several turns")
    with pytest.raises(ValueError, match="labelled"):
        samples.questions([Labelled("a", 0)])


# -- the page ---------------------------------------------------------------------------------


def test_a_page_shows_all_and_runs_nothing(tmp_path):
    bad = Answer("<script>alert(1)</script>", 9, False)
    good = Answer("4 & no more", 3, True, score=0.256)
    shown = [Sample("What is 2 + 2?", bad, good, "four"), Sample("And?", good, bad)]
    path = samples.write_page(
        tmp_path / "new" / "x.html", "A <title>", shown, ("old", "new"), ["P"]
    )
    page = path.read_text(encoding="utf-8")
    for text in ("What is 2 + 2?", "4 &amp; no more", "four", "score 0.26", "A &lt;title&gt;"):
        assert text in page
    assert "<script" not in page
    checks.equal(page.count("3 tokens, ended"), 2, "answers that ended")
    checks.equal(page.count("9 tokens, cut off by the limit"), 2, "answers that did not")
    checks.equal(page.count("the answer in the data"), 1, "answers of the data")
    assert "http" not in page


def test_the_program_asks_two_models(tmp_path, monkeypatch, capsys):
    corpus = Corpus((), tuple(talk(f"{i}?", f"{i}.") for i in range(5)), "a test")
    monkeypatch.setattr(corpora, "load", lambda name: corpus)
    folders = [str(make_folder(tmp_path / str(seed), seed=seed)) for seed in (0, 1)]
    config = samples.Config(
        *folders, n=3, max_new_tokens=4, temperature=0.5, device="cpu", output=tmp_path / "x.html"
    )
    samples.main(config)
    page = config.output.read_text(encoding="utf-8")
    checks.equal(page.count("<article>"), 3, "prompts on the page")
    assert f"{folders[1]}: " in capsys.readouterr().out
