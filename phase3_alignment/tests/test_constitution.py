"""The constitution: prompts word by word, writers and judges whose every answer is known."""

import math
from pathlib import Path

import pytest
import torch

from phase3_alignment.solution import constitution
from phase3_alignment.solution.constitution import OPTIONS, Principle, Step
from shared import checks

KIND = Principle("kind", "Where is it rude?", "Be kind.", "Which is kinder?")
SHORT = Principle("short", "Where is it long?", "Be short.", "Which is shorter?")


class Writer:
    """Writes the next of its texts, then nothing, and keeps the prompts that it was given."""

    def __init__(self, *texts):
        self.texts, self.prompts = list(texts), []

    def __call__(self, prompt):
        self.prompts.append(prompt)
        return self.texts.pop(0) if self.texts else ""


# -- prompts --------------------------------------------------------------------------------------


@pytest.mark.exercise("3.24")
def test_critique_prompt_word_by_word():
    actual = constitution.critique_prompt("Why?", "Go away.", KIND)
    expected = (
        "Question: Why?\n\nAnswer: Go away.\n\nCritique request: Where is it rude?\n\nCritique:"
    )
    checks.equal(actual, expected, "prompt for a critique")


@pytest.mark.exercise("3.24")
def test_revision_prompt_word_by_word():
    actual = constitution.revision_prompt("Why?", "Go away.", "It is curt.", KIND)
    expected = (
        "Question: Why?\n\nAnswer: Go away.\n\nCritique request: Where is it rude?\n\n"
        "Critique: It is curt.\n\nRevision request: Be kind.\n\nRevision:"
    )
    checks.equal(actual, expected, "prompt for a revision")


@pytest.mark.exercise("3.24")
def test_braces_are_text():
    """A learner of Python asks about templates; nothing in the question may be filled in."""
    question, answer = "What does '{answer}' do in a template?", "\t{critique} {} {0} {question} "
    actual = constitution.critique_prompt(question, answer, KIND)
    expected = f"Question: {question}\n\nAnswer: {answer}\n\nCritique request: "
    checks.equal(actual, f"{expected}Where is it rude?\n\nCritique:", "critique prompt with braces")
    actual = constitution.revision_prompt(question, answer, "{revision_request}", KIND)
    expected += "Where is it rude?\n\nCritique: {revision_request}\n\nRevision request: Be kind."
    checks.equal(actual, f"{expected}\n\nRevision:", "revision prompt with braces")


# -- critique and revision ------------------------------------------------------------------------


@pytest.mark.exercise("3.24")
def test_one_round():
    write = Writer(" It is curt.\n", "\nBecause. ")
    actual = constitution.revise("Why?", "Go away.", [KIND], write)
    expected = [Step("kind", "Go away.", "It is curt.", "Because.")]
    checks.equal(actual, expected, "steps of one round, white space dropped")
    prompts = [
        constitution.CRITIQUE.format(
            question="Why?", answer="Go away.", critique_request=KIND.critique
        ),
        constitution.REVISION.format(
            question="Why?", answer="Go away.", critique_request=KIND.critique,
            critique="It is curt.", revision_request=KIND.revision,
        ),
    ]  # fmt: skip
    checks.equal(write.prompts, prompts, "what the writer was asked in one round")


@pytest.mark.exercise("3.24")
def test_each_round_starts_from_the_last_revision():
    write = Writer("curt", "a long and kind answer", "long", "kind answer")
    actual = constitution.revise("Why?", "no", [KIND, SHORT], write)
    expected = [
        Step("kind", "no", "curt", "a long and kind answer"),
        Step("short", "a long and kind answer", "long", "kind answer"),
    ]
    checks.equal(actual, expected, "steps of two rounds")
    asked = [prompt.split("\n\n")[1] for prompt in write.prompts]
    expected = ["Answer: no"] * 2 + ["Answer: a long and kind answer"] * 2
    checks.equal(asked, expected, "the answer in each of the four prompts")
    checks.equal(
        "Critique: long" in write.prompts[3], True, "the last prompt has the last critique"
    )


@pytest.mark.exercise("3.24")
def test_no_principle_leaves_no_step():
    checks.equal(constitution.revise("Why?", "no", [], Writer()), [], "steps without a principle")


@pytest.mark.exercise("3.24")
def test_what_is_trained_on():
    steps = [
        Step("kind", "no", "curt", "a long answer"),
        Step("short", "a long answer", "long", "an answer"),
        Step("true", "an answer", "unsure", "perhaps"),
    ]
    given = list(steps)
    actual = constitution.training_pair("Why?", steps)
    checks.equal(actual, ("Why?", "perhaps"), "prompt and target of three rounds")
    checks.equal(steps, given, "the steps after training_pair, which leaves them as they were")


# -- preference -----------------------------------------------------------------------------------


@pytest.mark.exercise("3.24")
def test_what_the_judge_is_asked():
    prompts = []

    def judge(prompt, options):
        prompts.append(prompt)
        return torch.tensor([-1.0, -2.0])

    constitution.says_first("Why?", "good", "bad", SHORT, judge)
    expected = (
        "Question: Why?\n\nA. good\n\nB. bad\n\nWhich is shorter? Reply with one letter, A or B.\n"
    )
    checks.equal(prompts, [expected], "what the judge is asked, once")


def judge_by(worth, bias=0.0, shift=0.0):
    """A judge whose log-odds are the difference in worth, plus a liking for the letter A."""

    def judge(prompt, options):
        checks.equal(tuple(options), OPTIONS, "the options that the judge was given")
        a, b = (prompt.split(f"\n{letter}. ")[1].split("\n")[0] for letter in options)
        return [worth[a] + bias + shift, worth[b] + shift]

    return judge


WORTH = {"good": math.log(3), "bad": 0.0}  # three to one


@pytest.mark.exercise("3.24")
@pytest.mark.parametrize("shift", [-1.0, -2000.0, 0.0])
def test_says_first_is_normalised(shift):
    judge = judge_by(WORTH, shift=shift)
    # In float32 a log-probability of -2000 is off by up to 6e-5.
    near = {"rtol": 1e-4, "atol": 0}
    words = f"log-probabilities of {shift:+g}"
    actual = constitution.says_first("Why?", "good", "bad", KIND, judge)
    checks.close(actual, 0.75, f"probability of A, odds of 3 to 1, {words}", **near)
    actual = constitution.says_first("Why?", "bad", "good", KIND, judge)
    checks.close(actual, 0.25, f"probability of A, odds of 1 to 3, {words}", **near)


@pytest.mark.exercise("3.24")
def test_preference_of_a_biased_judge():
    """Odds of 3 become 27 with the good answer first, and 3 against it with the good one last."""
    judge = judge_by(WORTH, bias=math.log(9))
    actual = constitution.preference("Why?", "good", "bad", KIND, judge)
    checks.close(actual, (27 / 28 + 1 / 4) / 2, "preference of a judge that likes A, good and bad")


@pytest.mark.exercise("3.24")
def test_preference_of_a_fair_judge():
    judge = judge_by(WORTH)
    checks.close(
        constitution.preference("Why?", "good", "bad", KIND, judge), 0.75, "good against bad"
    )
    checks.close(
        constitution.preference("Why?", "bad", "good", KIND, judge), 0.25, "bad against good"
    )


@pytest.mark.exercise("3.24")
def test_a_judge_that_always_says_a_knows_nothing():
    judge = judge_by({"good": 0.0, "bad": 0.0}, bias=math.log(9))
    actual = constitution.preference("Why?", "good", "bad", KIND, judge)
    checks.close(actual, 0.5, "preference of a judge that says A nine times in ten")


# -- what the exercise does not ask ---------------------------------------------------------------


@pytest.mark.parametrize("logprob", [-0.01, -0.3, -1.7, -40.0])
def test_always_a_gives_exactly_a_half(logprob):
    other = math.log1p(-math.exp(logprob))
    actual = constitution.preference("?", "x", "y", KIND, lambda prompt, options: [logprob, other])
    assert actual == 0.5


def test_nothing_to_train_on_is_an_error():
    with pytest.raises(ValueError, match="no revision"):
        constitution.training_pair("Why?", [])


def test_the_constitution_of_the_course():
    path = Path(constitution.__file__).parents[1] / "constitution.yaml"
    principles = constitution.load(path)
    assert len(principles) >= 6
    assert {"harm", "truth", "help"} <= {principle.name for principle in principles}
    assert all(p.preference.endswith("?") for p in principles)


WRONG_FILES = {
    "not YAML": "principles: [",
    "expected one key, principles": "rules: []",
    "and not an empty one": "principles: []",
    "principle 1: expected name, critique, revision, preference; got": "principles: [{name: x}]",
    "principle 1: revision must be a text, got 3": (
        "principles: [{name: x, critique: c, revision: 3, preference: p}]"
    ),
    "principle 2: the name 'x' is taken": (
        "principles:\n" + 2 * "- {name: x, critique: c, revision: r, preference: p}\n"
    ),
    "principle 1: expected name, critique, revision, preference; got 'be good'": (
        "principles: [be good]"
    ),
}


@pytest.mark.parametrize(("message", "text"), WRONG_FILES.items(), ids=range(len(WRONG_FILES)))
def test_what_cannot_be_read_is_named_in_one_line(message, text, tmp_path):
    path = tmp_path / "rules.yaml"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"rules\.yaml") as error:
        constitution.load(path)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def clerk(prompt):
    """A writer that follows a rule: it finds shouted words, and lowers those that it is told of."""
    answer = prompt.split("\n\nAnswer: ")[1].split("\n\n")[0]
    if prompt.endswith("\nCritique:"):
        return ", ".join(word for word in answer.split() if word.isupper())
    critique = prompt.split("\nCritique: ")[1].split("\n\n")[0]
    named = critique.split(", ")
    return " ".join(word.lower() if word in named else word for word in answer.split())


def test_a_clerk_mends_what_the_critique_names_and_nothing_else():
    drafts = ["GO away NOW", "do NOT ask", "fine by me"]
    targets = []
    for draft in drafts:
        steps = constitution.revise("Why?", draft, [KIND], clerk)
        targets.append(constitution.training_pair("Why?", steps)[1])
    assert targets == ["go away now", "do not ask", "fine by me"]


def test_without_the_critique_nothing_is_mended():
    def silent(prompt):
        return "" if prompt.endswith("\nCritique:") else clerk(prompt)

    steps = constitution.revise("Why?", "GO away NOW", [KIND], silent)
    assert constitution.training_pair("Why?", steps)[1] == "GO away NOW"


@pytest.mark.parametrize("kind", ["gpt2", "qwen3"])
def test_a_language_model_as_judge(kind):
    transformers = pytest.importorskip("transformers", reason="needs transformers")
    torch.manual_seed(0)
    if kind == "gpt2":
        config = transformers.GPT2Config(
            vocab_size=256, n_positions=256, n_embd=16, n_layer=2, n_head=2,
            bos_token_id=0, eos_token_id=0,
        )  # fmt: skip
        model = transformers.GPT2LMHeadModel(config).eval()
    else:
        config = transformers.Qwen3Config(
            vocab_size=256, hidden_size=16, intermediate_size=32, num_hidden_layers=2,
            num_attention_heads=2, num_key_value_heads=1, head_dim=8, max_position_embeddings=256,
        )  # fmt: skip
        model = transformers.Qwen3ForCausalLM(config).eval()
    judge = constitution.language_model_judge(
        model, lambda text: text.encode(), render=lambda prompt: f"<{prompt}>"
    )
    actual = judge("A or B?", ["A", "BA"])
    ids = torch.tensor([list(b"<A or B?>BA")])
    with torch.no_grad():
        p = model(input_ids=ids).logits[0].double().softmax(-1)
    one, two = p[-3, ord("A")].log().item(), (p[-3, ord("B")] * p[-2, ord("A")]).log().item()
    # float32 inside of the model, another length of the input
    checks.close(actual, [one, two], "log-probabilities of a token and of two", rtol=1e-5)
    q = constitution.preference("Why?", "because", "no", KIND, judge)
    other = constitution.preference("Why?", "no", "because", KIND, judge)
    checks.close(q + other, 1.0, "preferences of both orders add up to 1")
