"""Quantised decoders: what changes and what does not, files, and perplexity on whole texts."""

import itertools
import json
import math

import pytest
import torch

from phase4_production.project import (
    calibration,
    methods,
    perplexity,
    quantize,
    quantized_files,
    refinement,
    table,
    tuning,
)
from phase4_production.project.checkpoint import CheckpointError
from phase4_production.project.corpora import Corpus
from phase4_production.project.decoder import Decoder
from phase4_production.project.dense_attention import hidden
from phase4_production.solution import gptq, int4
from phase4_production.solution.quantized import NF4
from phase4_production.tests import tiny_models

FAMILIES = {
    "gpt2": tiny_models.gpt2,
    "llama": tiny_models.llama,
    "ungrouped": lambda: tiny_models.llama(num_key_value_heads=6),
    "qwen3": tiny_models.qwen3,
}


@pytest.fixture(autouse=True)
def few_steps(monkeypatch):
    monkeypatch.setattr(methods, "TUNING_STEPS", 5)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    made = {}
    for name, make in FAMILIES.items():
        made[name] = tmp_path_factory.mktemp(name)
        make().save_pretrained(made[name])
        tiny_models.tokenizer().save_pretrained(made[name])
    return made


def windows(n=8, length=32, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(tiny_models.VOCAB, (n, length), generator=generator)


def logits(decoder, ids):
    with torch.no_grad():
        return decoder.logits(hidden(decoder, ids).flatten(0, 1))


def quantized(folder, method, group=16):
    decoder = Decoder.load(folder)
    methods.quantize(decoder, method, group, windows())
    return decoder


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("kind", ["qkv", "out", "up", "down"])
def test_a_folded_scale_changes_no_logit(folders, family, kind):
    """The weights are not rounded here, so that folding alone is seen."""
    decoder, ids = Decoder.load(folders[family]), windows(2, seed=1)
    before = logits(decoder, ids)
    layer = decoder.linears[f"blocks.1.{kind}"]
    scales = torch.randn(layer.in_features, generator=torch.Generator().manual_seed(2)).exp()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(calibration, "_last_rows_divided", rows_of_dense_divided)
        if calibration.divide(decoder, f"blocks.1.{kind}", scales):
            layer.weight = layer.weight * scales
            torch.testing.assert_close(logits(decoder, ids), before, rtol=1e-3, atol=1e-3)
        else:
            assert torch.equal(logits(decoder, ids), before)


def rows_of_dense_divided(layer, scales):
    first = layer.out_features - len(scales)
    factors = torch.cat([torch.ones(first), scales])
    bias = None if layer.bias is None else layer.bias / factors
    return type(layer)(layer.weight / factors[:, None], bias)


def test_divided_rows_of_codes_lose_nothing():
    weight = torch.randn(6, 8, generator=torch.Generator().manual_seed(0))
    layer = methods.Quantized(methods.Int4.of(weight, 4), torch.ones(6))
    found = calibration._last_rows_divided(layer, torch.tensor([2.0, 4.0]))
    before, after = layer.weight.dequantize(), found.weight.dequantize()
    torch.testing.assert_close(after[:4], before[:4])
    torch.testing.assert_close(after[4:], before[4:] / torch.tensor([[2.0], [4.0]]))
    assert found.bias.tolist() == [1, 1, 1, 1, 0.5, 0.25]


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("method", methods.METHODS)
def test_a_quantised_model_is_smaller_and_near(folders, family, method, tmp_path):
    dense, ids = Decoder.load(folders[family]), windows(2, seed=1)
    decoder = quantized(folders[family], method)
    expected, found = logits(dense, ids), logits(decoder, ids)
    share = (found - expected).norm() / expected.norm()
    # Four bits of normal weights are wrong by a tenth, and here through two blocks.
    assert share < (0.1 if "8" in method or method == "smoothquant" else 0.6)
    linears = sum(one.nbytes for one in dense.linears.values())
    assert sum(one.nbytes for one in decoder.linears.values()) < 0.45 * linears
    quantized_files.write(tmp_path / "q", decoder, method, 16, folders[family])
    assert torch.equal(logits(quantized_files.read(tmp_path / "q"), ids), found)


def test_layers_are_calibrated_by_what_quantised_layers_say(folders):
    seen = {}

    def method(decoder, name, layer, x, dense_x):
        seen[name] = x
        assert x.shape == dense_x.shape == (8 * 32, layer.in_features)
        assert dense_x.any()
        return type(layer)(layer.weight * 0, None)

    decoder = Decoder.load(folders["llama"])
    calibration.read(decoder, windows(), method)
    assert len(seen) == 8
    assert not seen["blocks.0.out"].any()
    assert seen["blocks.1.qkv"].any()


def test_gptq_leaves_less_error_than_the_nearest_levels(folders):
    """By a tenth on a text that it has not seen, if the text that it saw is long enough."""
    ids = windows(64, seed=5)
    expected = logits(Decoder.load(folders["llama"]), ids)
    errors = {}
    for method in ("int4", "gptq"):
        decoder = Decoder.load(folders["llama"])
        methods.quantize(decoder, method, 16, windows(64))
        errors[method] = (logits(decoder, ids) - expected).square().mean()
    assert errors["gptq"] < 0.9 * errors["int4"]


def error(weight, hessian, levels, group):
    lost = (weight - int4.dequantize(*levels, group)).double()
    return ((lost @ hessian) * lost).sum(1)


def test_refining_makes_no_row_worse_and_ends_where_no_code_can_be_better():
    generator = torch.Generator().manual_seed(0)
    weight, x = (torch.randn(n, 12, generator=generator) for n in (5, 60))
    hessian = gptq.hessian(x @ torch.randn(12, 12, generator=generator))
    levels = gptq.quantize(weight, hessian, 8)
    found = refinement.refine(weight, hessian, levels, 8)
    after = error(weight, hessian, found, 8)
    # Scales are solved for in float64 and kept in float32.
    assert (after <= error(weight, hessian, levels, 8) * (1 + 1e-5)).all()
    codes, scale, zero = found
    for row, column, step in itertools.product(range(5), range(12), (-1, 1)):
        if 0 <= codes[row, column] + step <= 15:
            other = codes.clone()
            other[row, column] += step
            assert error(weight, hessian, (other, scale, zero), 8)[row] >= after[row] - 1e-9


def test_a_group_of_equal_weights_keeps_finite_scales():
    weight = torch.cat([torch.full((2, 8), 0.5), torch.zeros(2, 8)], 1)
    hessian = torch.eye(16, dtype=torch.float64)
    _, scale, zero = refinement.refine(weight, hessian, int4.quantize(weight, 8), 8)
    assert torch.isfinite(scale).all()
    assert torch.isfinite(zero).all()


def test_tuning_brings_the_answers_nearer(folders):
    """On the text that it saw: random weights have nothing in common with another one."""
    teacher, ids = Decoder.load(folders["qwen3"]), windows(4, seed=5)
    decoder = quantized(folders["qwen3"], "int4")
    expected = logits(teacher, ids).log_softmax(-1)

    def divergence():
        return (expected.exp() * (expected - logits(decoder, ids).log_softmax(-1))).sum(-1).mean()

    before = divergence()
    codes = decoder.linears["blocks.0.up"].weight.packed.clone()
    tuning.tune(decoder, teacher, ids, 40)
    assert divergence() < 0.8 * before
    assert torch.equal(decoder.linears["blocks.0.up"].weight.packed, codes)
    assert not any(t.requires_grad for t in decoder.tensors.values())


def test_nf4_has_the_perplexity_of_bitsandbytes(folders):
    functional = pytest.importorskip("bitsandbytes.functional")
    ours, theirs = (quantized(folders["gpt2"], "nf4") for _ in range(2))
    dense = Decoder.load(folders["gpt2"])
    for name, layer in theirs.linears.items():
        if isinstance(layer.weight, NF4):
            # Blocks run through the flat weight. On a CPU, bitsandbytes 0.50 gives them back wrong
            # where one ends inside a row, so it gets a block a row.
            blocks = dense.linears[name].weight.view(-1, 64)
            codes, state = functional.quantize_4bit(
                blocks, quant_type="nf4", compress_statistics=True
            )
            found = functional.dequantize_4bit(codes, state)
            layer.weight = Whole(found.view(layer.weight.shape))
    tokens = windows(1, 500, seed=3)[0]
    found, expected = (perplexity.score(one, tokens).perplexity for one in (ours, theirs))
    assert abs(found / expected - 1) < 1e-3


class Whole:
    """A weight that only pretends to be stored in fewer bits."""

    def __init__(self, weight):
        self.weight, self.shape = weight, tuple(weight.shape)

    def dequantize(self):
        return self.weight


@pytest.mark.parametrize("n", [2, 40, 64, 65, 66, 200])
def test_each_token_is_predicted_once(folders, n):
    """Against a loop over windows of 64 tokens, one after the other."""
    decoder, tokens = Decoder.load(folders["llama"]), windows(1, n, seed=4)[0]
    total = 0.0
    for start in range(0, n - 1, 64):
        x = tokens[start : min(start + 64, n - 1)]
        wanted = tokens[start + 1 : start + 1 + len(x)]
        total -= logits(decoder, x[None]).log_softmax(-1)[range(len(x)), wanted].sum().item()
    found = perplexity.score(decoder, tokens)
    assert found.n_tokens == n - 1
    assert math.isclose(found.loss, total / (n - 1), rel_tol=1e-4)


def test_a_cache_of_eight_bits_changes_little(folders):
    decoder, tokens = Decoder.load(folders["llama"]), windows(1, 200, seed=4)[0]
    plain = perplexity.score(decoder, tokens).loss
    found = perplexity.score(decoder, tokens, perplexity.Int8Windows).loss
    assert 0 < abs(found / plain - 1) < 0.02


def test_windows_are_training_text():
    corpus = Corpus(torch.arange(100), torch.arange(100, 120), "numbers")
    found = corpus.windows(10, 20, seed=1)
    assert found.shape == (20, 10)
    assert (found.diff(dim=1) == 1).all()
    assert found.max() < 100
    with pytest.raises(ValueError, match="fill no window of 101"):
        corpus.windows(101, 1)


# -- files ----------------------------------------------------------------------------------------


@pytest.fixture
def written(folders, tmp_path):
    quantized_files.write(
        tmp_path / "q", quantized(folders["llama"], "int4"), "int4", 16, folders["llama"]
    )
    return tmp_path / "q"


def refused(call):
    with pytest.raises(CheckpointError) as caught:
        call()
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_the_config_says_what_it_is(written, folders):
    told = quantized_files.read_config(written)
    assert (told.method, told.group) == ("int4", 16)
    assert told.model == quantized_files.weights_hash(folders["llama"])
    assert told.architecture == Decoder.load(folders["llama"]).architecture
    assert told.layers["head"] == {"format": "Int8", "activations": "float"}


@pytest.mark.parametrize("kept", [0, 7, 0.5, 0.999])
def test_a_truncated_file_is_refused(written, kept):
    path = written / quantized_files.WEIGHTS
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content)) if kept < 1 else kept])
    assert "damaged or cut short" in refused(lambda: quantized_files.read(written))


def test_files_of_different_models_are_refused(written, folders, tmp_path):
    other = quantized(folders["qwen3"], "int4")
    quantized_files.write(tmp_path / "other", other, "int4", 16, folders["qwen3"])
    assert "another model" in refused(
        lambda: quantized_files.read(written, source=folders["qwen3"])
    )
    quantized_files.read(written, source=folders["llama"])
    content = (tmp_path / "other" / quantized_files.WEIGHTS).read_bytes()
    (written / quantized_files.WEIGHTS).write_bytes(content)
    assert "of another model" in refused(lambda: quantized_files.read(written))


@pytest.mark.parametrize("change", ["layer", "size", "format", "no json", "no list"])
def test_a_damaged_config_is_refused(written, change):
    path = written / quantized_files.CONFIG
    told = json.loads(path.read_text())
    if change == "layer":
        told["layers"]["blocks.0.more"] = told["layers"]["head"]
    if change == "size":
        told["architecture"]["n_embd"] = 96
    if change == "format":
        told["layers"]["head"]["format"] = "Int3"
    text = {"no json": "{", "no list": "[]"}.get(change, json.dumps(told))
    path.write_text(text)
    refused(lambda: quantized_files.read(written))


def test_a_missing_file_is_named(written):
    (written / quantized_files.WEIGHTS).unlink()
    assert "is missing" in refused(lambda: quantized_files.read(written))


def test_the_program_writes_a_folder(folders, tmp_path, capsys):
    text = tmp_path / "text.txt"
    text.write_text("a few words, again and again. " * 300)
    config = quantize.Config(folders["gpt2"], "awq", 16, str(text), windows=4, out=tmp_path / "q")
    quantize.main(config)
    assert "MiB by awq" in capsys.readouterr().out
    assert quantized_files.read(tmp_path / "q").architecture.family == "gpt2"
    with pytest.raises(ValueError, match="quantised already"):
        quantize.main(quantize.Config(tmp_path / "q"))


def test_bad_settings_are_refused():
    with pytest.raises(ValueError, match="no method 'int3'"):
        quantize.Config(method="int3")
    with pytest.raises(ValueError, match="group must be even"):
        quantize.Config(group=3)


def test_the_table_compares_with_float32(folders, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(table, "RUNS", tmp_path)
    text = tmp_path / "text.txt"
    text.write_text("a few words, again and again. " * 100)
    config = table.Config((folders["gpt2"],), ("int8",), str(text), 16, 2, new_tokens=4)
    table.main(config)
    lines = (tmp_path / "phase4" / "table" / "table.jsonl").read_text().splitlines()
    dense, found = map(json.loads, lines)
    assert (dense["method"], dense["rise"], found["method"]) == ("float32", 0.0, "int8")
    assert math.isclose(found["perplexity"] / dense["perplexity"] - 1, found["rise"], abs_tol=1e-9)
    assert found["memory_bytes"] < dense["memory_bytes"]
    assert found["tokens_per_s"] > 0
    assert (tmp_path / "phase4" / "table" / "table.png").stat().st_size > 1000
    assert "perplexity" in capsys.readouterr().out


def test_the_table_knows_its_methods():
    with pytest.raises(ValueError, match="no method 'int3'"):
        table.Config(methods=("int3",))
