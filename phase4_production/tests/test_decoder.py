import copy
import itertools
import json

import pytest
import torch

from phase4_production.project import (
    architecture,
    attention,
    checkpoint,
    dense_attention,
    native,
    native_linears,
)
from phase4_production.project.checkpoint import CheckpointError
from phase4_production.project.decoder import Decoder
from phase4_production.project.linears import Dense
from phase4_production.project.runner import Runner
from phase4_production.project.torch_attention import TorchAttention
from phase4_production.solution import kv_int8, paged_cache
from phase4_production.solution.batch import lay_out
from phase4_production.solution.sequence import Sequence
from phase4_production.tests import tiny_models
from phase4_production.tests.tiny_models import FAMILIES, VOCAB
from shared import blocks
from shared.checks import close

IDS = torch.randint(VOCAB, (3, 40), generator=torch.Generator().manual_seed(1))


@pytest.fixture(params=FAMILIES, scope="module")
def pair(request, tmp_path_factory):
    """A model of transformers, and the folder that it wrote."""
    model = FAMILIES[request.param]()
    folder = tmp_path_factory.mktemp(request.param)
    model.save_pretrained(folder)
    return model, folder


@torch.inference_mode()
def logits(decoder, ids):
    return decoder.logits(dense_attention.hidden(decoder, ids))


# -- the same numbers as transformers -------------------------------------------------------------


@torch.inference_mode()
def test_logits_are_those_of_transformers(pair):
    model, folder = pair
    expected = model(IDS).logits
    assert expected.std() > 0.5, "the comparison would see nothing"
    close(logits(Decoder.load(folder), IDS), expected, "logits", rtol=1e-5, atol=1e-4)


@torch.inference_mode()
def test_bfloat16_is_off_by_no_more_than_transformers(pair):
    model, folder = pair
    expected = model(IDS).logits
    theirs = copy.deepcopy(model).to(torch.bfloat16)(IDS).logits.float()
    ours = logits(Decoder.load(folder, torch.bfloat16), IDS).float()
    assert (ours - expected).norm() < 1.3 * (theirs - expected).norm()


@torch.inference_mode()
def test_shards_are_put_together(pair, tmp_path):
    model, folder = pair
    model.save_pretrained(tmp_path, max_shard_size="20KB")
    assert len(list(tmp_path.glob("*.safetensors"))) > 2
    close(logits(Decoder.load(tmp_path), IDS), logits(Decoder.load(folder), IDS), "logits")


# -- paged ----------------------------------------------------------------------------------------


def paged(decoder, ids, cuts, how=None, used=False, dtype=None):
    """Run each row in chunks that end at its cuts; return the logits of each chunk's last token."""
    runner = Runner(decoder, n_blocks=64, block_size=4, cache_dtype=dtype, attention=how)
    if used:
        for one in itertools.chain(*runner._caches):
            (one if isinstance(one, torch.Tensor) else one.scale).fill_(torch.nan)
    sequences = [Sequence(row.tolist()) for row in ids]
    free = iter(torch.randperm(64, generator=torch.Generator().manual_seed(2)).tolist())
    found = []
    for ends in zip(*cuts):
        chunks = {}
        for sequence, row, end in zip(sequences, ids.tolist(), ends):
            sequence.ids = row[:end]
            while len(sequence.blocks) * 4 < end:
                sequence.blocks.append(next(free))
            chunks[sequence] = end - sequence.n_cached
        found.append(runner.run(lay_out(chunks, 4)))
        for sequence, n in chunks.items():
            sequence.n_cached += n
    return torch.stack(found, dim=1)


HOW = (None, TorchAttention, attention.clear)
CUTS = [(7, 8, 9, 23, 24), (16, 17, 18, 19, 40), (1, 2, 3, 4, 5)]  # reading and growing mixed


@pytest.mark.parametrize("how", HOW, ids=["fastest", "torch", "clear"])
def test_a_paged_cache_changes_nothing(pair, how):
    decoder = Decoder.load(pair[1])
    whole = logits(decoder, IDS)
    expected = torch.stack([whole[i, [end - 1 for end in CUTS[i]]] for i in range(3)])
    close(paged(decoder, IDS, CUTS, how), expected, "logits", rtol=1e-5, atol=1e-4)


@pytest.mark.skipif(not native.available(), reason="there is no C++ compiler")
def test_a_few_tokens_at_once_are_those_one_by_one_to_the_last_bit(pair):
    """So guesses that pass cannot have changed what comes after them."""
    decoder = Decoder.load(pair[1])
    native_linears.exchange(decoder)
    ids = IDS[:1]
    one_by_one = paged(decoder, ids, [(20, *range(21, 29))])
    at_once = paged(decoder, ids, [(20, 28)])
    assert (at_once[:, -1] == one_by_one[:, -1]).all()


def test_your_own_blocks_are_used_where_there_are_some(pair, monkeypatch):
    decoder, used = Decoder.load(pair[1]), []
    expected = paged(decoder, IDS, CUTS)
    for module, name in ((paged_cache, "write"), (paged_cache, "gather")):
        mine = getattr(module, name)

        def noted(*arguments, name=name, mine=mine):
            used.append(name)
            return mine(*arguments)

        monkeypatch.setattr(module, name, noted)
    monkeypatch.setattr(blocks, "_in_use", True)
    close(paged(decoder, IDS, CUTS), expected, "logits", rtol=1e-5, atol=1e-4)
    assert set(used) == {"write", "gather"}


@torch.inference_mode()
def test_a_cache_in_eight_bits_rounds_keys_and_values_once(pair):
    decoder = Decoder.load(pair[1])
    window = dense_attention.Windows(IDS.shape[1])

    def rounded(layer, q, k, v):
        return window(layer, q, *(kv_int8.dequantize(*kv_int8.quantize(x)) for x in (k, v)))

    positions = torch.arange(IDS.shape[1]).repeat(3)
    hidden = decoder.hidden(IDS.flatten(), positions, rounded).view(*IDS.shape, -1)
    expected = torch.stack([hidden[i, [end - 1 for end in CUTS[i]]] for i in range(3)])
    found = paged(decoder, IDS, CUTS, dtype=torch.int8)
    close(found, decoder.logits(expected), "logits", rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("dtype", [torch.float32, torch.int8])
@pytest.mark.parametrize("how", HOW[:2], ids=["fastest", "torch"])
def test_what_others_left_in_the_cache_is_not_seen(pair, how, dtype):
    decoder = Decoder.load(pair[1])
    expected = paged(decoder, IDS, CUTS, how, dtype=dtype)
    found = paged(decoder, IDS, CUTS, how, used=True, dtype=dtype)
    close(found, expected, "logits beside blocks of NaN")


@pytest.mark.parametrize("how", HOW[:2], ids=["fastest", "torch"])
def test_whoever_computes_nan_computes_it_alone(pair, how):
    decoder = Decoder.load(pair[1])
    expected = paged(decoder, IDS, CUTS, how)
    ids = IDS.clone()
    ids[1, 3] = poison = next(i for i in range(VOCAB) if i not in IDS)
    embed = decoder.tensors["embed"].clone()
    embed[poison] = torch.nan
    decoder.tensors["embed"] = embed
    found = paged(decoder, ids, CUTS, how)
    assert found[1].isnan().any(-1).all(), "NaN must be seen, not covered up"
    others = torch.arange(VOCAB) != poison  # the poison's own score is NaN where heads are tied
    close(found[[0, 2]][..., others], expected[[0, 2]][..., others], "logits beside NaN")


# -- what is replaced, counted, refused -----------------------------------------------------------


def test_a_linear_can_be_replaced(pair):
    decoder = Decoder.load(pair[1])
    before = logits(decoder, IDS)
    own = decoder.linears["blocks.1.down"]
    seen = []

    class Seen(Dense):
        def __call__(self, x):
            seen.append(x.shape)
            return super().__call__(x)

    decoder.linears["blocks.1.down"] = Seen(own.weight, own.bias)
    close(logits(decoder, IDS), before, "logits")
    assert seen == [(IDS.numel(), own.in_features)]


def test_bytes_are_counted_once(pair):
    model, folder = pair
    assert Decoder.load(folder).nbytes == 4 * model.num_parameters()
    assert Decoder.load(folder, device="meta").nbytes == 4 * model.num_parameters()


def test_a_model_that_is_cut_short_is_refused_in_one_line(pair, tmp_path):
    model, _ = pair
    model.save_pretrained(tmp_path)
    path = tmp_path / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(
        CheckpointError, match=r"model\.safetensors is damaged or cut short"
    ) as told:
        Decoder.load(tmp_path)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model_type": "mamba"}, "'mamba' are not known"),
        ({"vocab_size": 300}, r"embed is \(257, 48\), and the config says \(300, 48\)"),
        ({"num_hidden_layers": 3}, r"no layers\.2\."),
        ({"hidden_act": "relu"}, "hidden_act is 'relu'"),
        ({"num_key_value_heads": 5}, "6 heads cannot share 5"),
    ],
)
def test_a_config_of_another_model_is_refused(tmp_path, change, message):
    tiny_models.llama().save_pretrained(tmp_path)
    path = tmp_path / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(CheckpointError, match=message):
        Decoder.load(tmp_path)


@pytest.mark.parametrize("end", ["2", 2.0, True, -1, VOCAB, [0, VOCAB], [[0]], {"id": 0}])
@pytest.mark.parametrize("name", ["config.json", "generation_config.json"])
def test_an_end_of_text_that_is_no_token_is_refused(tmp_path, name, end):
    tiny_models.llama().save_pretrained(tmp_path)
    (tmp_path / "generation_config.json").unlink(missing_ok=True)
    path = tmp_path / name
    said = json.loads(path.read_text()) if path.is_file() else {}
    path.write_text(json.dumps(said | {"eos_token_id": end}))
    with pytest.raises(
        CheckpointError, match=rf"eos_token_id must be a token from 0 to {VOCAB - 1}"
    ):
        Decoder.load(tmp_path)


@pytest.mark.parametrize(("end", "ids"), [(None, ()), ([], ()), (0, (0,)), ([3, 1], (3, 1))])
def test_an_end_of_text_is_none_or_one_or_several(end, ids):
    config = tiny_models.llama().config.to_dict() | {"eos_token_id": end}
    assert architecture.read(config).eos_ids == ids


def test_a_folder_without_a_model_is_refused(tmp_path):
    with pytest.raises(CheckpointError, match=r"no config\.json"):
        checkpoint.read(tmp_path)
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(CheckpointError, match="no JSON"):
        checkpoint.read(tmp_path)
