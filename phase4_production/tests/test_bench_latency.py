import pytest

from phase4_production.project import bench_latency, loading, peers
from phase4_production.project.bench_latency import Machine, Work
from phase4_production.project.load_client import Sample

TINY = {
    "vocab_size": 300,
    "hidden_size": 64,
    "intermediate_size": 64,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "head_dim": 32,
}
WORK = Work("tiny", "a tiny model", bench_latency.write_modern, "int8", 1.0, 0.1)
MACHINE = Machine(20e9, 150e9)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return bench_latency.write_modern(tmp_path_factory.mktemp("tiny"), **TINY)


def test_prompts_have_the_length_that_is_told_and_nothing_in_common(folder):
    _, tokenizer = loading.load(folder)
    first, second = (bench_latency.prompts(300, seed) for seed in (0, 1))
    found = [tuple(tokenizer.encode(prompt)) for prompt in (*first, *second)]
    assert {len(tokens) for tokens in found} == {bench_latency.PROMPT}
    assert len({tokens[:16] for tokens in found}) == 2 * bench_latency.CHATS  # a block's key


def test_every_token_is_seen_as_text(folder):
    _, tokenizer = loading.load(folder)
    assert all(tokenizer.bytes_of(token) for token in range(300))


def test_gpt2_gets_words_too(tmp_path):
    made = peers.write_gpt2(tmp_path, n_layer=1, n_head=1, n_embd=32, vocab_size=300)
    decoder, tokenizer = loading.load(bench_latency.write_words(made, 300), "int8")
    assert decoder.architecture.family == "gpt2"
    assert tokenizer.encode("t17 t3") == [17, 3]


@pytest.mark.slow
def test_a_round_over_http(folder):
    samples = bench_latency.ask(folder, "int8", rounds=2, new=6)
    assert len(samples) == 2 * bench_latency.CHATS, "the first round does not count"
    rows = bench_latency.rows_of(WORK, samples, MACHINE)
    assert [row.id for row in rows] == ["4-latency-tiny-ttft", "4-latency-tiny-token"]
    for row in rows:
        assert 0 < row.ours < 10_000
        assert row.what.endswith("on 20 GB/s, 150 GFLOP/s")


def test_the_ratio_is_above_one_within_the_budget():
    samples = [Sample("ok", 0.5, 0.5 + 0.2 * 9, 10) for _ in range(20)]
    ttft, token = bench_latency.rows_of(WORK, samples, MACHINE)
    assert (ttft.ours, ttft.ratio) == (pytest.approx(500), pytest.approx(2))
    assert (token.ours, token.ratio) == (pytest.approx(200), pytest.approx(0.5))
    assert not ttft.below_goal
    assert token.below_goal


def test_a_lost_question_is_an_error():
    samples = [Sample("ok", 0.1, 1.0, 10), Sample("refused", None, 0.1, error="full")]
    with pytest.raises(RuntimeError, match="1 of 2 questions failed: full"):
        bench_latency.rows_of(WORK, samples, MACHINE)


def test_the_score_is_of_this_machine(monkeypatch):
    monkeypatch.setattr(bench_latency, "WIDTH", 64)
    monkeypatch.setattr(bench_latency.bench_decode, "read_bandwidth", lambda: 7e9)
    found = bench_latency.calibrate()
    assert found.bytes_per_s == 7e9
    assert found.flops_per_s > 0
