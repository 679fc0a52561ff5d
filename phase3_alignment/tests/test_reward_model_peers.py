"""Reward models on the real backbones of Hugging Face, random, tiny and offline."""

import pytest
import torch

from phase3_alignment.solution import reward_model
from shared import checks

SMALL = {"vocab_size": 50, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
NAMES = ["gpt2", "llama", "qwen3", "bert", "distilbert", "roberta"]


def make_backbone(name):
    transformers = pytest.importorskip("transformers", reason="needs Hugging Face models")
    more = {"bert": {"intermediate_size": 32}, "roberta": {"intermediate_size": 32}}
    more["llama"] = {"intermediate_size": 32, "num_key_value_heads": 1}
    more["qwen3"] = more["llama"] | {"head_dim": 8}
    more["gpt2"] = {"bos_token_id": 0, "eos_token_id": 0}
    torch.manual_seed(0)
    config = transformers.AutoConfig.for_model(name, **SMALL, **more.get(name, {}))
    if name in ("gpt2", "llama", "qwen3"):
        return transformers.AutoModelForCausalLM.from_config(config).base_model.eval()
    return transformers.AutoModel.from_config(config).eval()


def make_texts():
    g = torch.Generator().manual_seed(0)
    return [torch.randint(2, 50, (n,), generator=g) for n in (9, 4, 1, 6)]


def padded(texts, left, width=11):
    """A batch, each text with `left` columns of padding before it, as far as there is room."""
    ids = torch.ones(len(texts), width, dtype=torch.int64)
    mask = torch.zeros(len(texts), width, dtype=torch.bool)
    for i, text in enumerate(texts):
        start = min(left, width - len(text))
        ids[i, start : start + len(text)] = text
        mask[i, start : start + len(text)] = True
    return ids, mask


@pytest.mark.parametrize("name", NAMES)
def test_a_batch_scores_as_its_texts_one_by_one(name):
    model = reward_model.RewardModel(make_backbone(name)).double()
    texts = make_texts()
    with torch.no_grad():
        alone = [model(text[None], torch.ones(1, len(text), dtype=torch.bool)) for text in texts]
        for left in (0, 1, 11):
            scores = model(*padded(texts, left))
            # Float64, but rotary embeddings are made in float32.
            close = {"rtol": 1e-6, "atol": 1e-6}
            checks.close(scores, torch.cat(alone), f"scores with {left} columns left", **close)
            checks.law(scores.std() > 1e-3, "the scores differ")


@pytest.mark.parametrize("name", NAMES)
def test_no_text_no_score_and_no_harm(name):
    model = reward_model.RewardModel(make_backbone(name))
    ids, mask = padded(make_texts(), 1)
    mask[1] = False
    scores = model(ids, mask)
    checks.equal(scores[1], torch.zeros(()), "score of a text of padding alone")
    scores.sum().backward()
    gradients = [p.grad for p in model.parameters() if p.grad is not None]
    checks.law(all(g.isfinite().all() for g in gradients), "finite gradients")


@pytest.mark.parametrize("name", ["gpt2", "qwen3", "distilbert"])
def test_saved_and_loaded(name, tmp_path):
    transformers = pytest.importorskip("transformers", reason="needs Hugging Face models")
    model = reward_model.RewardModel(make_backbone(name))
    batch = padded(make_texts(), 2)
    model.normalise(model(*batch).detach())
    model.save(tmp_path)
    files = {"config.json", "model.safetensors", reward_model.HEAD_FILE}
    checks.equal({path.name for path in tmp_path.iterdir()}, files, "files of the folder")
    loaded = reward_model.RewardModel.load(tmp_path).eval()
    checks.equal(loaded(*batch).detach(), model(*batch).detach(), "scores, to the last bit")
    backbone = transformers.AutoModel.from_pretrained(tmp_path)
    expected = model.backbone.state_dict()
    checks.equal(dict(backbone.state_dict()), dict(expected), "the body that AutoModel opens")
    (tmp_path / reward_model.HEAD_FILE).unlink()
    with pytest.raises(FileNotFoundError, match="no reward model"):
        reward_model.RewardModel.load(tmp_path)


@pytest.mark.parametrize("name", ["gpt2", "llama"])
def test_transformers_own_classifier_gives_the_same_scores(name):
    """One label, the same head: its scores are ours where it pads on the right."""
    transformers = pytest.importorskip("transformers", reason="needs Hugging Face models")
    backbone = make_backbone(name)
    backbone.config.num_labels, backbone.config.pad_token_id = 1, 1
    theirs = transformers.AutoModelForSequenceClassification.from_config(backbone.config).eval()
    theirs.base_model.load_state_dict(backbone.state_dict())
    model = reward_model.RewardModel(backbone)
    theirs.score.weight.data.copy_(model.head.weight.data)
    ids, mask = padded(make_texts(), 0)
    with torch.no_grad():
        expected = theirs(input_ids=ids, attention_mask=mask.long()).logits[:, 0]
        checks.close(model(ids, mask), expected, "scores")
