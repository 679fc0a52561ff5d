"""Hugging Face's own models are the oracle: same weights, same logits, same gradients."""

import json
import re
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from phase1_transformers.project import hub, hub_names
from phase1_transformers.solution.config import gpt2, modern
from phase1_transformers.solution.gpt import GPT
from phase1_transformers.solution.ops import CLEAR, FUSED
from shared import checks

# Not among the imports, for the grader preloads what any test imports there.
transformers = pytest.importorskip("transformers", reason="the oracle of these tests")
transformers.logging.set_verbosity_error()
transformers.logging.disable_progress_bar()

VOCAB, BLOCK = 37, 16
OPS = {"clear": CLEAR, "fused": FUSED}
LLAMA = {
    "vocab_size": VOCAB,
    "max_position_embeddings": BLOCK,
    "hidden_size": 24,
    "intermediate_size": 40,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "bos_token_id": None,
    "eos_token_id": None,
}
GPT2 = {
    "vocab_size": VOCAB,
    "n_positions": BLOCK,
    "n_embd": 24,
    "n_layer": 2,
    "n_head": 3,
    "resid_pdrop": 0.0,
    "embd_pdrop": 0.0,
    "attn_pdrop": 0.0,
    "bos_token_id": None,
    "eos_token_id": None,
}
THEIRS = {
    "gpt2": transformers.GPT2Config(**GPT2),
    "gpt2, narrow feed-forward, untied": transformers.GPT2Config(
        **GPT2, n_inner=20, tie_word_embeddings=False
    ),
    "llama": transformers.LlamaConfig(**LLAMA, tie_word_embeddings=True),
    "llama, untied, biases": transformers.LlamaConfig(
        **LLAMA, attention_bias=True, mlp_bias=True, rope_theta=100.0
    ),
    "qwen3, 4 heads of 10 in a width of 24": transformers.Qwen3Config(
        **LLAMA, head_dim=10, tie_word_embeddings=True, rope_theta=5000.0
    ),
    "qwen3, untied, one key head": transformers.Qwen3Config(
        **{**LLAMA, "num_key_value_heads": 1}, head_dim=6, rms_norm_eps=1e-5
    ),
}
SMALL = {"vocab_size": VOCAB, "block_size": BLOCK, "n_layer": 2, "n_embd": 24}
# No field has the value that a config of theirs would have by itself.
OURS = {
    "gpt2": replace(gpt2(**SMALL, n_head=3, dropout=0.3), n_hidden=40, norm_eps=1e-3),
    "qwen3": replace(
        modern(**SMALL, n_head=4, n_kv_head=2, head_dim=10, rope_theta=50.0), norm_eps=1e-3
    ),
    "llama": replace(modern(**SMALL, n_head=2, qk_norm=False, rope_theta=50.0), norm_eps=1e-3),
}


def make_theirs(config, dtype=torch.float32):
    """Build a model of theirs with random weights everywhere, norms and biases too."""
    torch.manual_seed(0)
    theirs = transformers.AutoModelForCausalLM.from_config(config, attn_implementation="sdpa").to(
        dtype
    )
    with torch.no_grad():
        for name, parameter in theirs.named_parameters():
            parameter.normal_(mean=float("norm" in name or "ln_" in name), std=0.2)
    return theirs.eval()


def in_float64(theirs):
    """Replace what Hugging Face always computes in float32: the RMS norms and the angles."""
    theirs = theirs.double()
    for parent in list(theirs.modules()):
        for name, child in list(parent.named_children()):
            if type(child).__name__.endswith("RMSNorm"):
                norm = nn.RMSNorm(child.weight.shape, child.variance_epsilon, dtype=torch.float64)
                norm.weight = child.weight
                setattr(parent, name, norm)
    if hasattr(theirs.model, "rotary_emb"):
        theirs.model.rotary_emb.forward = exact_angles(theirs.config)
    return theirs


def exact_angles(config):
    def forward(x, position_ids):
        D, theta = config.head_dim, config.rope_parameters["rope_theta"]
        pairs = torch.tensor([theta ** (-i / D) for i in range(0, D, 2)], dtype=torch.float64)
        turns = torch.polar(torch.ones_like(pairs), position_ids[..., None] * pairs)
        turns = torch.cat([turns, turns], dim=-1)
        return turns.real, turns.imag

    return forward


def batch(length=BLOCK):
    idx = torch.randint(VOCAB, (2, length + 1), generator=torch.Generator().manual_seed(1))
    return idx[:, :-1], idx[:, 1:]


def check_twins(ours, theirs, rtol, atol):
    """Compare logits, loss and the gradient of every parameter."""
    idx, targets = batch()
    logits, loss = ours(idx, targets)
    expected = theirs(idx).logits
    checks.close(logits, expected, "logits", rtol, atol)
    expected_loss = nn.functional.cross_entropy(expected.flatten(0, 1), targets.flatten())
    loss.backward()
    expected_loss.backward()
    gradients = {name: p.grad for name, p in ours.named_parameters()}
    expected = {name: p.grad for name, p in theirs.named_parameters()}
    checks.close(hub_names.to_hub(gradients, ours.config), expected, "gradient", rtol, atol)


# -- their models, loaded ---------------------------------------------------------------------


@pytest.mark.parametrize("ops", OPS)
@pytest.mark.parametrize("name", THEIRS)
def test_float32_agrees_with_hugging_face(name, ops, tmp_path):
    theirs = make_theirs(THEIRS[name])
    theirs.save_pretrained(tmp_path)
    ours = hub.load_pretrained(tmp_path, OPS[ops])
    check_twins(ours, theirs, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("ops", OPS)
@pytest.mark.parametrize("name", THEIRS)
def test_float64_agrees_to_ten_digits(name, ops, tmp_path):
    theirs = make_theirs(THEIRS[name], torch.float64)
    theirs.save_pretrained(tmp_path)
    ours = hub.load_pretrained(tmp_path, OPS[ops], dtype=torch.float64)
    if not name.startswith("gpt2"):
        theirs = in_float64(theirs)
    check_twins(ours, theirs, rtol=1e-10, atol=1e-10)


def test_shards_are_read(tmp_path):
    theirs = make_theirs(THEIRS["llama, untied, biases"])
    theirs.save_pretrained(tmp_path, max_shard_size="5KB")
    checks.law((tmp_path / "model.safetensors.index.json").exists(), "the model is in shards")
    checks.close(hub.load_pretrained(tmp_path)(batch()[0])[0], theirs(batch()[0]).logits, "logits")
    shard = next(tmp_path.glob("model-*.safetensors"))
    shard.unlink()
    refused(tmp_path, f"there is no {shard.name}")


def test_names_of_the_first_gpt2_checkpoint_are_read(tmp_path):
    theirs = make_theirs(THEIRS["gpt2"])
    theirs.save_pretrained(tmp_path)
    tensors = load_file(tmp_path / hub.WEIGHTS)
    bare = {name.removeprefix("transformer."): tensor for name, tensor in tensors.items()}
    bare["h.0.attn.bias"] = torch.ones(1, 1, BLOCK, BLOCK).tril()  # its causal mask
    save_file(bare, tmp_path / hub.WEIGHTS)
    checks.close(hub.load_pretrained(tmp_path)(batch()[0])[0], theirs(batch()[0]).logits, "logits")


@pytest.mark.parametrize("place", ["rope_theta", "rope_parameters"])
def test_rope_theta_is_read_where_old_and_new_files_keep_it(place, tmp_path):
    make_theirs(THEIRS["qwen3, untied, one key head"]).save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    del config["rope_parameters"]
    old = {"rope_theta": 77.0, "rope_scaling": None}
    new = {"rope_parameters": {"rope_theta": 77.0, "rope_type": "default"}}
    (tmp_path / "config.json").write_text(
        json.dumps(config | (old if place == "rope_theta" else new))
    )
    checks.equal(hub.load_pretrained(tmp_path).config.rope_theta, 77.0, "rope_theta")


# -- our models, saved ------------------------------------------------------------------------


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("name", OURS)
def test_hugging_face_opens_what_we_save(name, tied, tmp_path):
    model = GPT(replace(OURS[name], tied=tied), generator=torch.Generator().manual_seed(0)).eval()
    hub.save_pretrained(model, tmp_path, eos_token_id=5)
    theirs, info = transformers.AutoModelForCausalLM.from_pretrained(
        tmp_path, output_loading_info=True
    )
    checks.law(not any(info.values()), "every name fits", str(info))
    checks.equal(type(theirs).__name__, theirs.config.architectures[0], "class")
    checks.equal(theirs.generation_config.eos_token_id, 5, "where generation stops")
    checks.close(theirs(batch()[0]).logits, model(batch()[0])[0], "logits")


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("name", OURS)
def test_a_round_trip_changes_nothing(name, dtype, tmp_path):
    model = GPT(OURS[name]).to(dtype)
    again = hub.load_pretrained(hub.save_pretrained(model, tmp_path), dtype=dtype)
    before, after = dict(model.state_dict()), dict(again.state_dict())
    dropped = replace(model.config, dropout=model.config.dropout if name == "gpt2" else 0.0)
    checks.equal(again.config, dropped, "config")
    checks.law(before.keys() == after.keys(), "same parameters")
    for parameter in before:
        checks.law(torch.equal(before[parameter], after[parameter]), f"same {parameter}")
    tied = again.head.weight is again.token_embedding.weight
    checks.law(tied, "the head is still the embedding")
    checks.law(not again.training, "the model is in evaluation mode")


# -- what is refused --------------------------------------------------------------------------


def refused(folder, says):
    """Check that loading fails in one line that says what is wrong."""
    error = checks.raises(lambda: hub.load_pretrained(folder), ValueError, says, re.escape(says))
    checks.law("\n" not in str(error), "the message is one line", str(error))


@pytest.mark.parametrize(
    ("name", "change", "says"),
    [
        ("gpt2", {"model_type": "mamba"}, "model_type is 'mamba'; supported are gpt2, llama"),
        ("gpt2", {"activation_function": "relu"}, "activation_function is 'relu'"),
        ("gpt2", {"scale_attn_by_inverse_layer_idx": True}, "scale_attn_by_inverse_layer_idx"),
        ("gpt2", {"quantization_config": {"bits": 4}}, "quantised"),
        ("gpt2", {"n_layer": "two"}, "config.json is not one of gpt2"),
        ("gpt2", {"n_layer": 3}, "the weights lack transformer.h.2.ln_1.weight"),
        ("gpt2", {"n_layer": 1}, "the weights hold transformer.h.1."),
        ("gpt2", {"vocab_size": 38}, "transformer.wte.weight is (37, 24); config.json makes it"),
        ("llama", {"attention_bias": True}, "attention_bias is True in config.json"),
        ("llama", {"hidden_act": "gelu"}, "hidden_act is 'gelu'"),
        ("llama", {"num_key_value_heads": 4}, "k_proj.weight is (12, 24)"),
        (
            "qwen3, untied, one key head",
            {"rope_parameters": {"rope_type": "linear", "factor": 2.0, "rope_theta": 1e4}},
            "rotary positions of type 'linear' are not supported",
        ),
        (
            "qwen3, untied, one key head",
            {"use_sliding_window": True, "sliding_window": 4},
            "use_sliding_window is true",
        ),
        (
            "qwen3, untied, one key head",
            {"tie_word_embeddings": True},
            "lm_head.weight is not the embedding",
        ),
    ],
)
def test_what_we_cannot_compute_is_refused(name, change, says, tmp_path):
    make_theirs(THEIRS[name]).save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | change))
    refused(tmp_path, says)


def test_damaged_folders_are_refused(tmp_path):
    refused(tmp_path, "there is no config.json")
    hub.save_pretrained(GPT(OURS["gpt2"]), tmp_path)
    weights = tmp_path / hub.WEIGHTS
    weights.write_bytes(weights.read_bytes()[:-100])
    refused(tmp_path, "model.safetensors is damaged")
    weights.unlink()
    refused(tmp_path, "there is no model.safetensors")
    (tmp_path / "config.json").write_text("{")
    refused(tmp_path, "config.json is damaged")


def test_a_hub_id_without_network_is_one_line(monkeypatch):
    monkeypatch.setattr(hub, "hub_answers", lambda: False)
    refused("nobody/nothing", "nobody/nothing is no folder; the hub does not answer")


@pytest.mark.parametrize(
    ("config", "says"),
    [
        (replace(OURS["gpt2"], bias=False), "GPT2LMHeadModel has no form for bias=False"),
        (replace(OURS["gpt2"], qk_norm=True), "qk_norm=True"),
        (replace(OURS["gpt2"], n_kv_head=1), "n_kv_head other than n_head"),
        (replace(OURS["gpt2"], head_dim=6), "heads that do not fill n_embd"),
        (replace(OURS["gpt2"], norm="rms"), "no Hugging Face model has norm='rms' with positions"),
        (replace(OURS["qwen3"], bias=True), "Qwen3ForCausalLM has no form for bias=True"),
        (replace(OURS["llama"], n_head=5, n_kv_head=5), "n_embd that is no multiple of n_head"),
    ],
)
def test_a_config_without_a_counterpart_is_refused(config, says, tmp_path):
    model = GPT(config)
    error = checks.raises(lambda: hub.save_pretrained(model, tmp_path / "hf"), ValueError, says)
    checks.law(says in str(error) and "\n" not in str(error), "says it in one line", str(error))
    checks.law(not (tmp_path / "hf").exists(), "nothing is written")
