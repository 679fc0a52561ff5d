"""Feedback of both kinds: judges whose every number is known, and a tiny model that chats."""

import json
import math
from types import SimpleNamespace

import pytest
import torch

from phase3_alignment.project import feedback, policy
from phase3_alignment.project.feedback import InScores, InWords, Opinion, Panel, TooLong
from phase3_alignment.project.samples import Question
from phase3_alignment.solution import constitution
from phase3_alignment.solution.chat import Message
from phase3_alignment.solution.constitution import Principle
from phase3_alignment.tests.tiny_pretrained import END, make_folder
from shared import checks
from shared.texts import DataError

KIND = Principle("kind", "Where is it rude?", "Be kind.", "Which is kinder?")
SHORT = Principle("short", "Where is it long?", "Be short.", "Which is shorter?")
ASKED = Question((Message("user", "Why?"),), "Because.")
# Each turn ends as GPT-2's would, and begins with who speaks.
TEMPLATE = (
    "{% for m in messages %}<{{ m['role'] }}>{{ m['content'] + eos_token }}{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)


class Lengths:
    """A judge whose log-odds are the length of the answer, and of its prompt if it reads that."""

    def __init__(self, positive=None):
        self.positive = positive

    def texts(self, texts):
        return torch.tensor([float(len(text)) for text in texts])

    def answers(self, prompts, answers):
        before = torch.tensor([float(len(prompt[0].content)) for prompt in prompts])
        return self.texts(answers) + 100 * before

    def log_odds(self, scores):
        return scores / 2


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A random model that chats by a template of its own, and knows what it wants to say."""
    from transformers import AutoTokenizer, LlamaForCausalLM

    folder = make_folder(tmp_path_factory.mktemp("chat"), context=1024)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.chat_template = TEMPLATE
    tokenizer.save_pretrained(folder)
    model = LlamaForCausalLM.from_pretrained(folder)
    with torch.no_grad():
        model.lm_head.weight.mul_(30)
    model.save_pretrained(folder)
    return folder


@pytest.fixture
def chat(folder):
    return feedback.load(str(folder), max_new_tokens=12, device="cpu")


# -- an opinion -----------------------------------------------------------------------------------


def test_an_opinion_of_two_orders():
    """Shown as A it is better with 0.9, shown as B with 0.3: in the mean with 0.6, and A wins."""
    seen = Opinion(preference=0.6, as_a=0.9)
    checks.close(seen.as_b, 0.3, "probability when shown as B")
    checks.close(seen.says_a, (0.9 + 0.7) / 2, 'mean probability of "A"')
    assert seen.contradicts_itself
    assert not Opinion(preference=0.8, as_a=0.9).contradicts_itself
    checks.close(Opinion(0.5, 0.99).says_a, 0.99, "a judge that always says A")


# -- a language model -----------------------------------------------------------------------------


def says(folder, prompt):
    """Log-probabilities of A and B by transformers alone: one text, one pass."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder).double()
    asked = [{"role": "user", "content": prompt}]
    text = tokenizer.apply_chat_template(asked, tokenize=False, add_generation_prompt=True)
    ids = tokenizer(text, return_tensors="pt", add_special_tokens=False).input_ids
    with torch.no_grad():
        logprobs = model(ids).logits[0, -1].log_softmax(-1)
    return [logprobs[tokenizer.convert_tokens_to_ids(letter)].item() for letter in "AB"]


def test_what_a_language_model_thinks(folder, chat):
    assert chat.writes
    shares = {}
    for principle in (KIND, SHORT):
        for first, second in (("No.", "Yes, do."), ("Yes, do.", "No.")):
            prompt = constitution.preference_prompt("Why?", first, second, principle)
            a, b = says(folder, prompt)
            shares[principle.name, first] = 1 / (1 + math.exp(b - a))
    seen = chat.compare(ASKED, "No.", "Yes, do.", [KIND, SHORT])
    as_a = (shares["kind", "No."] + shares["short", "No."]) / 2
    as_b = 1 - (shares["kind", "Yes, do."] + shares["short", "Yes, do."]) / 2
    near = {"rtol": 1e-4, "atol": 1e-5}  # float32 within the model
    checks.close(seen.as_a, as_a, "shown as A", **near)
    checks.close(seen.as_b, as_b, "shown as B", **near)
    checks.close(seen.preference, (as_a + as_b) / 2, "preference", **near)
    checks.at_least(abs(as_a - as_b), 0.01, "the orders differ, so that the test can tell")
    swapped = chat.compare(ASKED, "Yes, do.", "No.", [KIND, SHORT])
    checks.close(swapped.preference, 1 - seen.preference, "preference of the other", **near)


def test_what_a_language_model_writes(folder, chat):
    """The same greedy words as by transformers, each prompt made of what was said before."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder)

    def write(prompt):
        asked = [{"role": "user", "content": prompt}]
        text = tokenizer.apply_chat_template(asked, tokenize=False, add_generation_prompt=True)
        ids = tokenizer(text, return_tensors="pt", add_special_tokens=False).input_ids
        new = model.generate(ids, max_new_tokens=12, do_sample=False, pad_token_id=256)
        return tokenizer.decode(new[0, ids.shape[1] :], skip_special_tokens=True)

    steps = chat.mend(ASKED, ["No.", "another answer, which does not count"], [KIND, SHORT])
    expected = constitution.revise("Why?", "No.", [KIND, SHORT], write)
    checks.equal(steps, expected, "what was said in two rounds")
    assert any(step.critique for step in steps)


def test_an_answer_cannot_end_the_turn(chat):
    """Who writes the end token's name into an answer writes letters."""
    ids = chat.encode(f"{END}<assistant>A is better")
    end = chat.subject.tokenizer.eos_token_id
    checks.equal(ids.count(end), 1, "end tokens of a prompt: its own")


def test_what_does_not_fit_is_refused_and_said(folder, chat):
    long = "x" * 1000
    with pytest.raises(TooLong, match="it reads 1024"):
        chat.compare(ASKED, long, "No.", [KIND])
    with pytest.raises(TooLong, match="it reads 1024"):
        chat.mend(ASKED, [long], [KIND])
    row = Panel(chat, [KIND], 0).opinion(ASKED, long, "No.", [KIND])
    assert list(row) == ["too_long"]


# -- a reward model -------------------------------------------------------------------------------


def test_a_reward_model_keeps_the_best():
    judge = InScores(Lengths(), "a ruler")
    assert not judge.writes
    (step,) = judge.mend(ASKED, ["two", "three", "one", "seven"], [KIND])
    checks.equal((step.answer, step.revision), ("two", "three"), "the first of the two longest")
    scores = "the draft scores +201.500, the others +202.500, +201.500, +202.500"
    checks.equal(step.critique, scores, "scores for a critique")
    (step,) = judge.mend(ASKED, ["three", "seven", "two"], [KIND])
    checks.equal(step.revision, "three", "the draft, if none is better")
    (step,) = judge.mend(ASKED, ["alone"], [KIND])
    checks.equal((step.revision, step.critique[-8:]), ("alone", "are none"), "nothing to choose")


@pytest.mark.parametrize("positive", [None, "long"])
def test_a_reward_model_compares_without_an_order(positive):
    judge = InScores(Lengths(positive), "a ruler")
    seen = judge.compare(ASKED, "four", "two", [KIND])
    checks.close(seen.preference, 1 / (1 + math.exp(-0.5)), "sigmoid of half the difference")
    checks.close(seen.says_a, 0.5, "no order, so no liking for A", rtol=0, atol=1e-12)
    assert not seen.contradicts_itself
    scores = judge.log_odds(ASKED, ["four"]).item()
    checks.equal(scores, 2.0 if positive else 202.0, "a judge of texts does not read the question")


# -- the panel and its lines ----------------------------------------------------------------------


def test_principles_follow_from_the_seed_and_what_they_are_for():
    many = [Principle(str(i), "c", "r", "p") for i in range(8)]
    panel = Panel(InScores(Lengths(), ""), many, seed=3)
    drawn = [panel.draw(f"label {i}", 3) for i in range(40)]
    assert drawn == [Panel(panel.judge, many, 3).draw(f"label {i}", 3) for i in range(40)]
    assert all(len({p.name for p in some}) == 3 for some in drawn)
    checks.equal({p.name for some in drawn for p in some}, set("01234567"), "names drawn")
    assert drawn != [Panel(panel.judge, many, 4).draw(f"label {i}", 3) for i in range(40)]
    checks.equal(len(panel.draw("label 0", 99)), 8, "more than there are: all")


def test_nobody_is_asked_about_an_answer_and_itself():
    judge = InScores(Lengths(), "a ruler")
    judge.compare = None
    row = Panel(judge, [KIND], 0).opinion(ASKED, "No.", "No.", [KIND])
    checks.equal((row["preference"], row["as_a"]), (0.5, 0.5), "neither is better")


def test_lines_that_are_there_are_not_done_again(tmp_path):
    path, done = tmp_path / "a.jsonl", []

    def work(number, item):
        if item == "c" and len(done) == 2:
            raise RuntimeError("killed")
        done.append(number)
        return {"number": number, "said": item * 2}

    with pytest.raises(RuntimeError):
        feedback.each(path, "abcd", work)
    with path.open("ab") as file:
        file.write(b'{"number": 2, "sa')  # the power went here
    done.append("on again")
    rows = feedback.each(path, "abcd", work)
    checks.equal(done, [0, 1, "on again", 2, 3], "what was done, once each")
    checks.equal([row["said"] for row in rows], ["aa", "bb", "cc", "dd"], "rows")
    checks.equal([json.loads(line) for line in path.read_text().splitlines()], rows, "the file")


# -- finding it -----------------------------------------------------------------------------------


def test_the_default_is_the_judge_of_the_assistant(tmp_path, monkeypatch):
    with pytest.raises(DataError, match="--preset helpful") as error:
        feedback.load(None, 8, "cpu", tmp_path)
    assert "\n" not in str(error.value)
    folder = tmp_path / feedback.DEFAULT
    folder.mkdir(parents=True)
    (folder / feedback.READING_FILE).write_text("{}")
    opened = []
    judge = SimpleNamespace(model=torch.nn.Linear(1, 1))
    monkeypatch.setattr(feedback.Judge, "load", lambda path: opened.append(path) or judge)
    for name in (None, str(folder)):
        assert isinstance(feedback.load(name, 8, "cpu", tmp_path), InScores)
    checks.equal(opened, [folder, folder], "folders opened")


def test_a_model_keeps_its_precision(folder, tmp_path):
    """Feedback does not learn, so a large model need not be made twice as large."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    half = tmp_path / "half"
    AutoModelForCausalLM.from_pretrained(folder).bfloat16().save_pretrained(half)
    AutoTokenizer.from_pretrained(folder).save_pretrained(half)
    found = feedback.load(str(half), 8, "cpu")
    assert isinstance(found, InWords)
    assert isinstance(found.subject, policy.Policy)
    checks.equal(found.subject.model.dtype, torch.bfloat16, "dtype of the weights")
    assert 0 < found.compare(ASKED, "No.", "Yes.", [KIND]).preference < 1
