"""Pooling, the head it begins with, what trains, and the folder: by hand, by laws, against peft."""

import json

import pytest
import torch

from phase3_alignment.project import classifier, models
from phase3_alignment.project.classifier import About, TextClassifier
from phase3_alignment.solution import inject, padding
from phase3_alignment.tests import bank
from shared import checks
from shared.texts import DataError

TEXTS = ["my card", "what is the rate", "reset", "i forgot my pin please help me"]
NAMES = ("a", "b", "c")


def ids():
    return classifier.tokenize(bank.tokenizer(), TEXTS)


def disturb(model, seed=1):
    """Move what trains, so that a correction is no longer 0."""
    torch.manual_seed(seed)
    with torch.no_grad():
        for p in model.parameters():
            if p.requires_grad:
                p.add_(0.3 * torch.randn_like(p))


@pytest.mark.parametrize("make", [bank.bert, bank.distilbert])
def test_features_are_the_mean_over_real_tokens(make):
    encoder = make()
    model = TextClassifier(encoder, 3).eval()
    batch, mask = padding.right(ids(), value=0)
    found = model.features(batch, mask)
    for row, text in zip(found, ids()):
        hidden = encoder(input_ids=text[None]).last_hidden_state[0]
        mean = hidden.mean(0)
        checks.close(row, mean / mean.norm(), "features of one text")
    checks.equal(found.shape, (4, 32), "shape")


def test_the_head_gives_scaled_products():
    model = TextClassifier(bank.bert(), 3).eval()
    features = torch.randn(5, 32, generator=torch.Generator().manual_seed(0))
    expected = 20 * (features @ model.head.weight.T + model.head.bias)
    checks.close(model.classify(features), expected, "logits")


def test_at_first_the_nearest_mean_wins():
    model = TextClassifier(bank.bert(), 4)
    g = torch.Generator().manual_seed(0)
    features = torch.randn(40, 32, generator=g)
    labels = torch.arange(40) % 3  # nothing is of class 3
    model.begin_at_class_means(features, labels)
    means = torch.stack([features[labels == c].mean(0) for c in range(3)])
    nearest = torch.cdist(features, means).argmin(1)
    logits = model.classify(features)
    checks.equal(logits[:, :3].argmax(1), nearest, "the nearest mean")
    checks.close(logits[:, 3], torch.zeros(40), "a class without texts")
    differences = -torch.cdist(features, means).square() / 2 * classifier.SCALE
    checks.close(
        logits[:, 1] - logits[:, 0], differences[:, 1] - differences[:, 0], "distance", atol=1e-4
    )  # cdist squares a root


def test_batches_of_any_size_give_the_same_in_the_texts_order():
    model = TextClassifier(bank.bert(), 3).train()
    one = classifier.in_batches(model, model, ids(), batch_size=1)
    checks.close(classifier.in_batches(model, model, ids(), batch_size=3), one, "logits")
    assert model.training
    assert not one.requires_grad


@pytest.mark.parametrize("make", [bank.bert, bank.distilbert])
def test_every_linear_layer_is_adapted_and_nothing_else(make):
    model = TextClassifier(make(), 3)
    adapter = classifier.prepare(model, "lora", 4, 8)
    assert len(adapter.targets) == 12
    trained = {name for name, p in model.named_parameters() if p.requires_grad}
    # Four matrices of 32 x 32 and two of 32 x 64 in each of two layers; a head of 3 x 32.
    expected = 2 * 4 * (4 * (32 + 32) + 2 * (32 + 64)) + 3 * 32 + 3
    assert all("lora_" in name or name.startswith("head.") for name in trained)
    assert sum(p.numel() for p in model.parameters() if p.requires_grad) == expected


@pytest.mark.parametrize("method", ["probe", "full"])
def test_a_probe_trains_the_head_and_full_everything(method):
    model = TextClassifier(bank.bert(), 3)
    assert classifier.prepare(model, method, 4, 8) is None
    frozen = {name for name, p in model.named_parameters() if not p.requires_grad}
    everything = {name for name, _ in model.named_parameters()}
    expected = everything - {"head.weight", "head.bias"} if method == "probe" else set()
    checks.equal(frozen, expected, "what is frozen")


@pytest.mark.parametrize("method", ["probe", "lora", "qlora", "full"])
def test_a_folder_gives_the_classifier_back(method, tmp_path):
    base = bank.write_encoder(tmp_path / "base")
    model = TextClassifier(models.load_encoder(str(base)).model, 3)
    adapter = classifier.prepare(model, method, 4, 8)
    disturb(model)
    about = About(str(base), method, NAMES, 1.5, 0.7, 0.98)
    n_bytes = classifier.save_folder(model, about, adapter, tmp_path / "kept")
    again, tokenizer, kept = classifier.load_folder(tmp_path / "kept")
    assert kept == about
    assert not again.training
    assert not any(p.requires_grad for p in again.parameters())
    expected = classifier.in_batches(model, model, ids())
    assert expected.std() > 0.1
    texts = classifier.tokenize(tokenizer, TEXTS)
    checks.equal(classifier.in_batches(again, again, texts), expected, "logits, bit for bit")
    n_trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
    checks.at_least(n_bytes, 4 * n_trained, "bytes of what was trained")
    # Names and settings are longer than these tiny tensors, but not 20 kB longer.
    checks.at_most(n_bytes, 4 * n_trained + 20_000, "bytes of what was trained")


def test_peft_opens_the_adapter(tmp_path):
    peft = pytest.importorskip("peft")
    model = TextClassifier(bank.bert(), 3)
    adapter = classifier.prepare(model, "lora", 4, 8)
    disturb(model)
    classifier.save_folder(model, About("tiny", "lora", NAMES), adapter, tmp_path)
    theirs = peft.PeftModel.from_pretrained(bank.bert(), tmp_path).eval()
    batch, mask = padding.right(ids(), value=0)
    hidden = theirs(input_ids=batch, attention_mask=mask.long()).last_hidden_state
    model.eval()
    ours = model.encoder(input_ids=batch, attention_mask=mask.long()).last_hidden_state
    checks.close(ours[mask], hidden[mask], "hidden states of peft's model")


def test_quantised_layers_are_nearly_what_they_were():
    plain, four_bits = TextClassifier(bank.bert(), 3), TextClassifier(bank.bert(), 3)
    four_bits.head.load_state_dict(plain.head.state_dict())
    classifier.prepare(four_bits, "qlora", 4, 8)
    assert len(inject.holders(four_bits)) == 12
    a, b = (classifier.in_batches(m, m.features, ids()) for m in (plain, four_bits))
    assert not torch.equal(a, b)
    checks.at_least((a * b).sum(-1).min(), 0.95, "cosine of the features")


def test_gradients_reach_the_corrections_and_the_head():
    model = TextClassifier(bank.bert(), 3).train()
    classifier.prepare(model, "qlora", 4, 8)
    disturb(model)
    model(*padding.right(ids(), value=0)).square().mean().backward()
    for name, p in model.named_parameters():
        assert (p.grad is not None and p.grad.abs().sum() > 0) == p.requires_grad, name


def test_a_folder_without_a_classifier_is_one_line(tmp_path):
    checks.raises(lambda: classifier.load_folder(tmp_path), DataError, "no classifier", "intents")


def test_long_texts_are_cut():
    (cut,) = classifier.tokenize(bank.tokenizer(), ["card " * 1000])
    assert len(cut) == classifier.MAX_TOKENS


def test_about_is_plain_json(tmp_path):
    model = TextClassifier(bank.bert(), 3)
    about = About("tiny", "probe", NAMES, threshold=None)
    classifier.save_folder(model, about, None, tmp_path)
    fields = json.loads((tmp_path / "classifier.json").read_text())
    assert fields["names"] == ["a", "b", "c"]
    assert fields["threshold"] is None
