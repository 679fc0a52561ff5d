"""The command line: an answer, or silence, or one line of complaint."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from phase3_alignment.project import classifier, classify, models
from phase3_alignment.project.classifier import About, TextClassifier
from phase3_alignment.tests import bank
from shared import checks
from shared.texts import DataError

NAMES = ("lost_card", "top_up", "forgotten_pin")
TEXTS = ("my card is lost", "what is the rate")


@pytest.fixture
def trained(tmp_path):
    base = bank.write_encoder(tmp_path / "base")
    model = TextClassifier(models.load_encoder(str(base)).model, 3)
    adapter = classifier.prepare(model, "lora", 2, 4)
    about = About(str(base), "lora", NAMES, 0.5, 0.4, 0.98)
    folder = tmp_path / "phase3" / "mine" / "classifier"
    classifier.save_folder(model, about, adapter, folder)
    return tmp_path, model


def test_confidence_is_that_of_the_divided_logits(trained):
    root, model = trained
    found = classify.classify(classify.Config(TEXTS, name="mine"), root)
    ids = classifier.tokenize(bank.tokenizer(), TEXTS)
    expected = (classifier.in_batches(model, model, ids) / 0.5).softmax(-1)
    for answer, p in zip(found, expected):
        checks.equal([name for name, _ in answer.guesses], _by_size(p), "the likeliest first")
        checks.close([q for _, q in answer.guesses], sorted(p.tolist())[::-1], "probabilities")


def _by_size(p):
    return [NAMES[i] for i in p.argsort(descending=True).tolist()]


def judge(threshold, asked=None, top=3):
    about = About("tiny", "lora", NAMES, 1.0, threshold, 0.98)
    config = classify.Config(("a text",), threshold=asked, top=top)
    return classify.judge("a text", torch.tensor([0.125, 0.5, 0.375]), about, config)


def test_an_answer_or_silence():
    assert judge(0.5).given, "the threshold itself is enough"
    assert not judge(0.51).given
    assert not judge(None).given, "nothing was sure enough in validation"
    assert judge(None, asked=0.2).given
    assert not judge(0.1, asked=0.9).given


def test_what_is_printed():
    text = str(judge(0.5, top=2))
    checks.equal(
        text.splitlines(),
        ['"a text": top_up', "   50.0%  top_up", "   37.5%  forgotten_pin"],
        "lines",
    )
    assert "not sure enough (50%)" in str(judge(0.9))
    assert len(str(judge(0.5, top=9)).splitlines()) == 4


def test_no_classifier_is_named(tmp_path):
    config = classify.Config(TEXTS, name="nobody")
    checks.raises(lambda: classify.classify(config, tmp_path), DataError, "no classifier", "nobody")


@pytest.mark.parametrize(
    "wrong", [{"texts": ()}, {"texts": ("  ",)}, {"top": 0}, {"threshold": 1.1}]
)
def test_bad_settings_are_one_line(wrong):
    with pytest.raises(ValueError) as caught:
        classify.Config(**{"texts": TEXTS} | wrong)
    assert "\n" not in str(caught.value)


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [[], ["my card", "--name", "nobody"], ["a", "--top", "0"]])
def test_the_command_line_complains_in_one_line(arguments):
    program = [sys.executable, "-m", "phase3_alignment.project.classify", *arguments]
    root = Path(__file__).resolve().parents[2]
    ended = subprocess.run(program, cwd=root, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert len(ended.stderr.strip().splitlines()) == 1
    assert ended.stderr.startswith("error: ")
