"""Where models are found, and what is said when they are not."""

import json

import pytest
import torch

from phase3_alignment.project import models
from shared import checks
from shared.texts import DataError


@pytest.fixture
def saved(tmp_path):
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

    folder = tmp_path / "phase1" / "tiny" / "hf"
    config = GPT2Config(vocab_size=4, n_positions=8, n_embd=8, n_layer=1, n_head=1)
    GPT2LMHeadModel(config).save_pretrained(folder)
    words = Tokenizer(WordLevel({"a": 0, "b": 1, "<unk>": 2, "<end>": 3}, unk_token="<unk>"))
    PreTrainedTokenizerFast(
        tokenizer_object=words, unk_token="<unk>", eos_token="<end>"
    ).save_pretrained(folder)
    return folder


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    monkeypatch.setattr(models, "hub_answers", lambda: False)


def test_the_newest_trained_model_is_taken(saved, tmp_path):
    found = models.load_causal(runs=tmp_path)
    assert found.source == str(saved)
    assert not found.model.training
    checks.equal(found.tokenizer.pad_token_id, 3, "the token for padding")
    assert found.model(torch.tensor([[0, 1]])).logits.shape == (1, 2, 4)


def test_what_is_kept_of_an_older_run_is_not_taken(saved, tmp_path):
    saved.parent.rename(tmp_path / "phase1" / "tiny.previous")
    checks.raises(lambda: models.newest(tmp_path), DataError, "no model", "--model stories")


@pytest.mark.parametrize(
    ("name", "says"), [("nobody/nothing", "hub does not answer"), (".", "config.json")]
)
def test_a_model_that_is_not_there_is_named(name, says, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    checks.raises(lambda: models.load_causal(name), DataError, name, says)


def test_a_damaged_model_is_one_line(saved):
    (saved / "config.json").write_text(json.dumps({"model_type": "gpt2", "n_embd": "wide"}))
    with pytest.raises(DataError) as caught:
        models.load_causal(str(saved))
    assert "cannot be opened" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_encoder_that_is_not_installed_is_named(monkeypatch):
    monkeypatch.setattr(models, "ENCODER_PACKAGE", "no_such_package_here")
    checks.raises(models.load_encoder, DataError, "no encoder", "offline")
    monkeypatch.delenv("COURSE_DATA", raising=False)
    checks.raises(lambda: models.load_causal("stories"), DataError, "no data", "COURSE_DATA")
