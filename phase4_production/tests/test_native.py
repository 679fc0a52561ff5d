import errno
import subprocess
from pathlib import Path

import psutil
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from phase4_production.project import native, native_linears, pages
from phase4_production.project.decoder import Decoder
from phase4_production.project.linears import Dense
from phase4_production.project.native_attention import NativeAttention
from phase4_production.project.quantized_linears import Quantized
from phase4_production.solution import paged_attention
from phase4_production.solution.batch import Batch
from phase4_production.solution.quantized import Int4, Int8
from phase4_production.tests import tiny_models
from shared.checks import close

pytestmark = pytest.mark.skipif(not native.available(), reason="there is no C++ compiler")


@pytest.fixture(params=["", "-DPORTABLE"], ids=["this processor's", "portable"])
def kernels(request, monkeypatch):
    """The kernels with and without the processor's special instructions."""
    made = native.library(*filter(None, [request.param]))
    monkeypatch.setattr(native, "library", lambda: made)


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


SHAPES = [(1, 64, 128), (1, 7, 50), (2, 5, 64), (4, 9, 128), (5, 33, 300), (19, 130, 192)]


# -- products -------------------------------------------------------------------------------------


@pytest.mark.usefixtures("kernels")
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(("M", "N", "K"), SHAPES)
def test_float_products(M, N, K, dtype):
    x, w, bias = normal(M, K), normal(N, K, seed=1).to(dtype), normal(N, seed=2)
    expected = x.double() @ w.double().T + bias
    # Sums of K products of size 1, in float32: 1e-5 is some hundred roundings.
    close(native.linear_float(x, w, bias), expected.float(), "x W^T + b", rtol=1e-5, atol=2e-5)
    close(native.linear_float(x, w, None), (expected - bias).float(), "x W^T", rtol=1e-5, atol=2e-5)


def rounded(x):
    """What the kernels make of activations: eight bits, 64 neighbours under one scale."""
    padded = F.pad(x, (0, -x.shape[1] % 64)).double().unflatten(1, (-1, 64))
    scale = (padded.abs().amax(-1, keepdim=True) / 127).clamp(min=1e-30)
    return ((padded / scale).round() * scale).flatten(1)[:, : x.shape[1]]


@pytest.mark.usefixtures("kernels")
@pytest.mark.parametrize("group", [None, 64, 128])
@pytest.mark.parametrize(("M", "N", "K"), SHAPES)
def test_eight_bits(M, N, K, group):
    if group and K % group:
        pytest.skip("groups of Int8 divide the columns")
    x, bias = normal(M, K), normal(N, seed=2)
    weight = Int8.of(normal(N, K, seed=1), group)
    expected = rounded(x) @ weight.dequantize().double().T + bias
    layer = native_linears.EightBit(weight, bias)
    # A value in the middle of two codes may be rounded either way in float32: one step of 64.
    close(layer(x), expected.float(), "x W^T + b", rtol=1e-4, atol=0.02)
    assert (layer(x) - expected).abs().mean() < 1e-4


@pytest.mark.usefixtures("kernels")
@pytest.mark.parametrize("group", [64, 128])
@pytest.mark.parametrize(("M", "N", "K"), SHAPES)
def test_four_bits(M, N, K, group):
    x, bias = normal(M, K), normal(N, seed=2)
    weight = Int4.of(normal(N, K, seed=1) + 0.5, group)  # off centre: the zero point must count
    expected = rounded(x) @ weight.dequantize().double().T + bias
    layer = native_linears.FourBit(weight, bias)
    close(layer(x), expected.float(), "x W^T + b", rtol=1e-4, atol=0.03)
    assert (layer(x) - expected).abs().mean() < 1e-3


@pytest.mark.parametrize("make", [lambda w: Int8.of(w), lambda w: Int4.of(w, 64)])
def test_eight_bit_activations_cost_less_than_the_weights_bits(make):
    x, w = normal(64, 768), normal(256, 768, seed=1)
    weight = make(w)
    expected = x @ w.T
    by_weights = (x @ weight.dequantize().T - expected).norm()
    by_both = (native_linears.of(Quantized(weight))(x) - expected).norm()
    assert by_both < 1.4 * by_weights


@pytest.mark.usefixtures("kernels")
@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_row_that_is_not_finite_stays_so_and_alone(bad):
    x = normal(6, 128)
    x[2, 70] = bad
    for layer in (
        native_linears.Float(normal(8, 128), None),
        native_linears.EightBit(Int8.of(normal(8, 128)), None),
        native_linears.FourBit(Int4.of(normal(8, 128)), None),
    ):
        finite = layer(x).isfinite().all(dim=1)
        assert finite.tolist() == [True, True, False, True, True, True], type(layer)


@pytest.mark.usefixtures("kernels")
@pytest.mark.parametrize("K", [50, 192])
def test_a_row_of_a_batch_is_that_row_alone_to_the_last_bit(K):
    """An answer must not depend on who else is asked for."""
    w, bias, x = normal(50, K), normal(50, seed=1), normal(16, K, seed=2)
    for layer in (
        native_linears.Float(w, bias),
        native_linears.Float(w.bfloat16(), bias),
        native_linears.EightBit(Int8.of(w), bias),
        native_linears.EightBit(Int8.of(w, 64 if K % 64 == 0 else None), bias),
        native_linears.FourBit(Int4.of(w), bias),
    ):
        alone = torch.cat([layer(row[None]) for row in x])
        for n in range(1, 17):
            assert (layer(x[:n]) == alone[:n]).all(), f"{type(layer).__name__}, {n} rows"


def test_a_row_of_zeros_or_nearly_gives_the_bias():
    for layer in (Int8.of(normal(8, 128)), Int4.of(normal(8, 128))):
        made = native_linears.of(Quantized(layer, torch.arange(8.0)))
        for tiny in (0.0, 1e-45, 1e-38):  # whose inverses are infinite
            assert (made(torch.full((3, 128), tiny)) == torch.arange(8.0)).all()


def test_other_numbers_are_refused_and_not_misread():
    x, w = normal(2, 64), normal(8, 64)
    with pytest.raises(AssertionError, match="takes float32"):
        native.linear_float(x.bfloat16(), w, None)
    with pytest.raises(AssertionError, match="row by row"):
        native.linear_float(normal(64, 2).T, w, None)
    with pytest.raises(AssertionError, match="takes float32"):
        native.linear_float(x, w.half(), None)
    for layer in (native_linears.EightBit(Int8.of(w), normal(8).bfloat16()),
                  native_linears.FourBit(Int4.of(w), normal(8).bfloat16())):  # fmt: skip
        with pytest.raises(AssertionError, match="takes float32"):
            layer(x)


def test_a_decoder_of_other_numbers_keeps_its_layers(tmp_path):
    tiny_models.llama().save_pretrained(tmp_path)
    decoder = Decoder.load(tmp_path, torch.bfloat16)
    native_linears.exchange(decoder)
    assert {type(layer) for layer in decoder.linears.values()} == {Dense}


def test_a_tied_output_layer_still_counts_once(tmp_path):
    model = tiny_models.gpt2()
    model.save_pretrained(tmp_path)
    decoder = Decoder.load(tmp_path)
    native_linears.exchange(decoder)
    assert decoder.nbytes == 4 * model.num_parameters()


def test_many_rows_go_another_way_and_come_to_the_same():
    x, w, bias = normal(200, 96), normal(40, 96, seed=1), normal(40, seed=2)
    close(native_linears.Float(w, bias)(x), F.linear(x, w, bias), "x W^T", rtol=1e-5, atol=1e-5)
    half = native_linears.Float(w.bfloat16(), bias)(x)
    close(half, F.linear(x.bfloat16(), w.bfloat16()).float() + bias, "x W^T in bfloat16")


def test_memory_does_not_grow_with_the_number_of_shapes():
    layer = native_linears.Float(normal(64, 64), None)
    process = psutil.Process()
    for rows in range(20, 400, 64):
        layer(normal(rows, 64))
    before = process.memory_info().rss
    for rows in range(20, 400):
        layer(normal(rows, 64))
    assert process.memory_info().rss - before < 16 * 2**20  # without steps it is 100 MiB


def test_tiny_numbers_stay_what_they_are():
    """A library that is built with -ffast-math makes 0 of them, in the whole process."""
    native.library()
    smallest = float.fromhex("0x1p-1022")
    assert smallest / 4 > 0
    assert (torch.full((64,), 2.0**-126) / 4).min() > 0


def test_what_the_kernels_do_not_know_is_left_alone():
    odd = Quantized(Int8.of(normal(4, 96), 32))
    assert native_linears.of(odd) is odd
    small = Quantized(Int4.of(normal(4, 96), 32))
    assert native_linears.of(small) is small
    double = Dense(normal(4, 96).double())
    assert native_linears.of(double) is double


# -- attention ------------------------------------------------------------------------------------


def batch_of(lengths, block_size, seed=0):
    """One new token for each sequence, their blocks scattered over the cache."""
    counts = [-(-n // block_size) for n in lengths]
    order = torch.randperm(sum(counts), generator=torch.Generator().manual_seed(seed)).tolist()
    tables = torch.zeros(len(lengths), max(counts), dtype=torch.int32)
    for s, count in enumerate(counts):
        tables[s, :count] = torch.tensor([order.pop() for _ in range(count)])
    S = len(lengths)
    return Batch(
        torch.zeros(S, dtype=torch.int64),
        torch.tensor(lengths) - 1,
        torch.zeros(S, dtype=torch.int64),
        tables,
        torch.arange(S + 1, dtype=torch.int32),
        torch.tensor(lengths, dtype=torch.int32),
        torch.arange(S),
    ), sum(counts)


@settings(max_examples=40, deadline=None)
@given(
    lengths=st.lists(
        st.integers(1, 90) | st.sampled_from([63, 64, 65, 129]), min_size=1, max_size=6
    ),
    block_size=st.sampled_from([1, 4, 16, 24]),
    shape=st.sampled_from(
        [(3, 3, 8), (4, 2, 16), (6, 1, 20), (12, 12, 64), (4, 2, 80), (3, 1, 96), (2, 1, 128)]
    ),
)
def test_attention_over_pages_is_the_clear_one(lengths, block_size, shape):
    H, H_kv, D = shape
    batch, n_blocks = batch_of(lengths, block_size)
    q = 3 * normal(len(lengths), 3 * H, D)[:, H : 2 * H]  # a slice, as the decoder hands it over
    k, v = (normal(n_blocks, block_size, H_kv, D, seed=s) for s in (1, 2))
    found = NativeAttention(batch, block_size)(q, k, v)
    close(found, paged_attention.attend(q, k, v, batch), "o", rtol=1e-5, atol=1e-5)


@pytest.mark.usefixtures("kernels")
def test_large_scores_do_not_overflow_and_the_order_does_not_matter():
    batch, n_blocks = batch_of([200, 3], 16)
    q, k, v = 100 * normal(2, 4, 32), normal(n_blocks, 16, 4, 32), normal(n_blocks, 16, 4, 32)
    found = NativeAttention(batch, 16)(q, k, v)
    expected = paged_attention.attend(q.double(), k.double(), v.double(), batch)
    close(found, expected.float(), "o", rtol=1e-4, atol=1e-4)


def test_no_bit_depends_on_the_neighbours():
    lengths = [300, 17, 128, 129]
    batch, n_blocks = batch_of(lengths, 16)
    q, k, v = normal(4, 4, 32), normal(n_blocks, 16, 2, 32), normal(n_blocks, 16, 2, 32)
    together = native.attend(q, k, v, batch.block_tables, batch.lengths)
    for s in range(4):
        one = (x[s : s + 1] for x in (q, batch.block_tables, batch.lengths))
        row, table, length = one
        assert (native.attend(row, k, v, table, length)[0] == together[s]).all()
    x, layer = normal(7, 192), native_linears.EightBit(Int8.of(normal(33, 192)), None)
    assert (torch.cat([layer(row[None]) for row in x]) == layer(x)).all()


def test_attention_refuses_what_it_would_misread():
    batch, n_blocks = batch_of([5, 9], 4)
    q, cache = normal(2, 4, 8), normal(n_blocks, 4, 2, 8)
    tables, lengths = batch.block_tables, batch.lengths
    native.attend(q, cache, cache, tables, lengths)
    for others in (
        (q.double(), cache, cache, tables, lengths),
        (normal(2, 8, 4).transpose(1, 2), cache, cache, tables, lengths),
        (q, cache, cache.bfloat16(), tables, lengths),
        (q, cache, cache, tables.long(), lengths),
        (q, cache, cache, tables, lengths.long()),
    ):
        with pytest.raises(AssertionError):
            native.attend(*others)


def test_nan_in_one_sequence_stays_there():
    batch, n_blocks = batch_of([40, 40, 7], 4)
    q, k, v = normal(3, 2, 8), normal(n_blocks, 4, 2, 8), normal(n_blocks, 4, 2, 8)
    k[batch.block_tables[1, 2].long()] = float("nan")
    finite = NativeAttention(batch, 4)(q, k, v).isfinite().flatten(1).all(dim=1)
    assert finite.tolist() == [True, False, True]


# -- compiling ------------------------------------------------------------------------------------


def test_without_a_compiler_there_are_no_kernels(monkeypatch, capsys):
    native.library.cache_clear()
    native._say_once.cache_clear()
    monkeypatch.setattr(native.shutil, "which", lambda name: None)
    assert not native.available()
    assert not native.available()
    assert capsys.readouterr().err.count("no C++ compiler was found; PyTorch's take") == 1
    native.library.cache_clear()


def test_a_compiler_that_fails_is_told_in_one_line(monkeypatch, tmp_path):
    native.library.cache_clear()
    monkeypatch.setattr(native, "RUNS", tmp_path)
    failed = subprocess.CompletedProcess([], 1, "", "native.cpp:1:1: error: no\nmore\n")
    monkeypatch.setattr(native.subprocess, "run", lambda *args, **options: failed)
    with pytest.raises(native.NotBuilt, match=r"native\.cpp:1:1: error: no$"):
        native.library()
    native.library.cache_clear()


def cannot(*arguments, **options):
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize(
    ("owner", "name"), [(Path, "mkdir"), (native.tempfile, "mkdtemp"), (Path, "replace")]
)
def test_kernels_that_cannot_be_kept_are_done_without(monkeypatch, tmp_path, capsys, owner, name):
    native.library.cache_clear()
    native._say_once.cache_clear()
    monkeypatch.setattr(native, "RUNS", tmp_path / "runs")
    monkeypatch.setattr(native, "_call", lambda command: Path(command[-1]).touch())
    monkeypatch.setattr(owner, name, cannot)
    assert not native.available()
    told = capsys.readouterr().err
    assert told.startswith("no kernels of our own: they cannot be kept: [Errno 28] No space left")
    assert told.count("\n") == 1
    native.library.cache_clear()


@pytest.mark.usefixtures("kernels")
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.int8])
def test_attention_over_smaller_numbers_is_that_over_what_they_stand_for(dtype):
    batch, n_blocks = batch_of([3, 130, 64], 16)
    q = normal(3, 6, 64)
    shape = (n_blocks, 16, 2, 64)
    caches = [pages.make(shape, dtype, torch.device("cpu")) for _ in range(2)]
    for seed, cache in enumerate(caches):
        pages.write(cache, torch.arange(n_blocks * 16), normal(n_blocks * 16, 2, 64, seed=seed))
    k, v = (pages.read(cache, torch.arange(n_blocks), torch.float32) for cache in caches)
    found = NativeAttention(batch, 16)(q, *caches)
    close(found, paged_attention.attend(q, k, v, batch), "o", rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("place", [0, 63, 64, 199])
def test_what_is_no_number_in_a_past_stays_there(bad, place):
    """In whichever stretch it is; the neighbours' answers do not notice."""
    batch, n_blocks = batch_of([200, 200, 1], 16)
    q = normal(3, 2, 8)
    k, v = (normal(n_blocks, 16, 2, 8, seed=s) for s in (1, 2))
    block = batch.block_tables[1, place // 16]
    k[block, place % 16, 0, 3] = bad
    k[block, place % 16, 1, 3] = float("nan")
    found = NativeAttention(batch, 16)(q, k, v)
    expected = paged_attention.attend(q, k, v, batch)
    assert found[1, 1].isnan().all()
    close(found[1, 0].isnan(), expected[1, 0].isnan(), "what is no number")
    close(found[[0, 2]], expected[[0, 2]], "o of the others", rtol=1e-5, atol=1e-5)
