import json
import os

import pytest
import torch

from phase4_production.project import dense_attention, loading, native, native_linears
from phase4_production.project.quantized_linears import Quantized
from phase4_production.tests import tiny_models

IDS = torch.randint(256, (2, 24), generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("model")
    tiny_models.qwen3(hidden_size=64, intermediate_size=128, head_dim=64).save_pretrained(made)
    tiny_models.tokenizer().save_pretrained(made)
    return made


@torch.inference_mode()
def logits(decoder):
    return decoder.logits(dense_attention.hidden(decoder, IDS).flatten(0, 1)).float()


def bits(decoder):
    weights = sum(layer.in_features * layer.out_features for layer in decoder.linears.values())
    return 8 * sum(layer.nbytes for layer in decoder.linears.values()) / weights


@pytest.mark.parametrize(
    ("method", "error", "most_bits"),
    [(None, 1e-5, 32), ("float32", 1e-5, 32), ("bfloat16", 0.02, 16), ("int8", 0.04, 9),
     ("int4", 0.4, 9), ("nf4", 0.4, 8)],
)  # fmt: skip
@pytest.mark.parametrize("kernels", [True, False])
def test_each_method_keeps_what_it_can(folder, method, error, most_bits, kernels):
    if kernels and not native.available():
        pytest.skip("there is no C++ compiler")
    exact = logits(loading.load(folder, kernels=False)[0])
    decoder, tokenizer = loading.load(folder, method, kernels=kernels)
    assert (logits(decoder) - exact).norm() / exact.norm() < error
    assert bits(decoder) <= most_bits
    assert tokenizer.decode(tokenizer.encode("Grüße")) == "Grüße"


@pytest.mark.skipif(not native.available(), reason="there is no C++ compiler")
def test_our_kernels_are_in(folder):
    kinds = {type(layer) for layer in loading.load(folder, "int4")[0].linears.values()}
    assert kinds == {native_linears.FourBit, native_linears.EightBit}
    kinds = {type(layer) for layer in loading.load(folder, "nf4")[0].linears.values()}
    assert kinds == {Quantized, native_linears.EightBit}, "NF4 has none"


def test_what_cannot_be_loaded_is_one_line(folder, tmp_path):
    with pytest.raises(ValueError, match=r"method 'gptq' is unknown: .*project\.quantize"):
        loading.load(folder, "gptq")
    with pytest.raises(ValueError, match=r"no config\.json"):
        loading.load(tmp_path)


def test_the_newest_model_is_found(tmp_path):
    with pytest.raises(ValueError, match="there is no model yet"):
        loading.find(None, tmp_path)
    for age, name in enumerate(("phase1/new/hf", "phase3/old/hf", "phase0/other/hf")):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "config.json").write_text(json.dumps({}))
        os.utime(tmp_path / name / "config.json", (1000 - age, 1000 - age))
    assert loading.find(None, tmp_path) == tmp_path / "phase1/new/hf"
    assert loading.find(tmp_path / "mine", tmp_path) == tmp_path / "mine"
    assert loading.name_of(tmp_path / "phase1/new/hf") == "new"
