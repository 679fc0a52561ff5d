import pytest
import torch

from phase4_production.project import bench_decode, native, peers
from phase4_production.project.peers import Apart

SIZES = {"n_layer": 2, "n_head": 2, "n_embd": 128, "n_positions": 256}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return peers.write_gpt2(tmp_path_factory.mktemp("gpt2"), **SIZES)


def test_the_engine_and_transformers_do_the_same_work(folder):
    asked = bench_decode.prompts(2)
    expected = peers.transformers(folder)(asked, 8)
    assert [len(answer) for answer in expected] == [8, 8]
    assert bench_decode.ours(folder, "float32")(asked, 8) == expected


def test_every_peer_writes_as_many_tokens(folder):
    asked = bench_decode.prompts(2)
    for peer in (
        peers.ctranslate2(folder, 1),
        peers.llama_cpp(folder, "Q8_0", 1),
        bench_decode.ours(folder, "int4"),
    ):
        if peer is not None:
            assert [len(answer) for answer in peer(asked, 5)] == [5, 5]


@pytest.mark.skipif(not native.available(), reason="there is no C++ compiler")
def test_bytes_are_those_of_the_bits(folder):
    sizes = {
        m: bench_decode.weight_bytes(bench_decode.decoder(folder, m)) for m in bench_decode.METHODS
    }
    assert sizes["int8"] == pytest.approx(sizes["float32"] / 4, rel=0.04)  # and scales
    # The blocks have 12 * 128^2 weights each, at 5 bits in place of 8, scales counted.
    assert sizes["int8"] - sizes["int4"] == pytest.approx(2 * 12 * 128**2 * 3 / 8, rel=0.1)


def test_a_side_in_a_process_of_its_own(folder):
    side = Apart(bench_decode.ours, folder, "float32")
    try:
        assert side.installed
        asked = bench_decode.prompts(1)
        assert side(asked, 4) == bench_decode.ours(folder, "float32")(asked, 4)
        timed = bench_decode.compare({"it": (side, asked, 2)}, turns=1)
        assert timed["it"] > 0
    finally:
        side.close()


def test_a_peer_that_is_missing_is_told(folder):
    side = Apart(nobody)
    assert not side.installed
    row = bench_decode._row("int8", "CTranslate2 int8", {"int8": 1.0}, 2.0, 1.5)
    assert row.peer == "CTranslate2 int8: not installed"
    assert row.id == "4-decode-int8-ctranslate2"


def nobody():
    return None


def test_prompts_have_nothing_in_common():
    first, second = bench_decode.prompts(2)
    assert first[0] != second[0]
    assert len(first) == bench_decode.PROMPT
    assert torch.tensor(first).max() < bench_decode.VOCAB
