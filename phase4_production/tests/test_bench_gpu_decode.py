"""The GPU decoding benchmark's parts on a CPU, and its rows on a GPU."""

from dataclasses import replace

import pytest
import torch

from phase4_production.project import bench_gpu_decode as bench
from phase4_production.project import gpu_linears
from phase4_production.project.bench_gpu_decode import Written
from phase4_production.project.decoder import Decoder

SIZES = {
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 16,
    "vocab_size": 300,
    "max_position_embeddings": 192,
    "tie_word_embeddings": True,
}
SMALL = replace(
    bench.LLAMA_8B,
    n_layer=2,
    n_head=4,
    n_kv_head=2,
    head_dim=16,
    n_embd=64,
    n_mlp=96,
    vocab_size=300,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return bench.write_llama(tmp_path_factory.mktemp("llama"), SIZES, "cpu")


def test_the_engine_and_transformers_do_the_same_work(folder):
    asked = bench.draw_prompts(3, 300)
    expected = bench.transformers(folder, "cpu", torch.float32)(asked, 6)
    assert [len(answer) for answer in expected] == [6] * 3
    assert bench.ours(Decoder.load(folder), 3)(asked, 6) == expected


def test_random_weights_are_those_that_are_read(monkeypatch):
    monkeypatch.setattr(bench, "NEW", 16)
    decoder = bench.random_decoder(SMALL, "cpu")
    written = bench.write_one(decoder, turns=1)
    # qkv 128 x 64, out 64 x 64, up 192 x 64, down 64 x 96, twice; head 300 x 64; two bytes each.
    assert written.nbytes == 2 * (2 * (128 * 64 + 64 * 64 + 192 * 64 + 64 * 96) + 300 * 64)
    assert bench.read_bandwidth(2**16, "cpu") > 0


def test_a_share_of_the_bandwidth():
    row = bench.share_row("bfloat16", Written(200.0, 15_000_000_000), 4e12)
    assert row.ours == pytest.approx(3000)
    assert row.ratio == pytest.approx(0.75)
    assert not row.below_goal
    missing = bench.share_row("int4", None, 4e12)
    assert missing.ratio is None
    assert "no such product" in missing.what


def test_a_small_gpu_gets_fewer_blocks():
    assert bench.fitting(bench.LLAMA_8B, 140 * bench.GIB) == bench.LLAMA_8B
    assert bench.fitting(bench.LLAMA_8B, 24 * bench.GIB).n_layer == 16
    assert bench.fitting(SMALL, 0).n_layer == 1


def test_throughput_rows(folder, monkeypatch):
    monkeypatch.setattr(bench, "NEW", 4)
    one, batch = bench.throughput_rows(folder, "cpu", n_requests=2, dtype=torch.float32)
    assert one.id == "gpu-throughput-2-one-by-one"
    assert one.goal == 10
    assert batch.goal is None
    assert min(one.ratio, batch.ratio) > 0


def test_without_a_gpu_there_are_no_rows(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert bench.rows() == []


def test_a_format_is_tried_before_it_is_used(monkeypatch):
    assert gpu_linears.works("int8", "cpu")
    monkeypatch.setitem(gpu_linears.STANDS_FOR, "int8", lambda weight: gpu_linears.Int8.of(-weight))
    assert not gpu_linears.works("int8", "cpu")
    monkeypatch.setitem(gpu_linears.FORMATS, "int4", missing)
    assert not gpu_linears.works("int4", "cpu")


def missing(weight, bias):
    raise NotImplementedError("no kernel for this device")


@pytest.mark.gpu
@pytest.mark.parametrize("method", ["int8", "int4"])
def test_few_bits_on_a_gpu(method):
    if not gpu_linears.works(method, "cuda"):
        pytest.skip(f"this PyTorch has no {method} product for this GPU")
    sizes = replace(SMALL, n_embd=256, n_head=16, n_mlp=512, vocab_size=512)
    whole, few = (
        bench.weight_bytes(bench.random_decoder(sizes, "cuda", m)) for m in ("bfloat16", method)
    )
    assert few < whole


@pytest.mark.gpu
def test_an_answer_on_a_gpu():
    pytest.importorskip("triton", reason="Triton is not installed")
    written = bench.write_one(bench.random_decoder(SMALL, "cuda"), turns=2)
    assert written.tokens_per_s > 0
