"""A cache in pages against one in a row: by hand, at random, and by attention."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from phase4_production.solution import paged_attention, paged_cache
from phase4_production.solution.batch import lay_out
from phase4_production.solution.sequence import Sequence
from shared import checks


@pytest.mark.exercise("4.14")
def test_slots_by_hand():
    table, positions = torch.tensor([7, 2, 5], dtype=torch.int32), torch.tensor([0, 3, 4, 9, 11])
    before = table.clone(), positions.clone()
    found = paged_cache.slots(table, positions, 4)
    checks.equal((table, positions), before, "table and positions, which stay as they were")
    expected = torch.tensor([28, 31, 8, 21, 23])
    checks.equal(found, expected, "slots of positions 0, 3, 4, 9 and 11 in blocks 7, 2, 5 of 4")
    checks.equal(str(found.dtype), "torch.int64", "dtype of the slots")


@pytest.mark.exercise("4.14")
def test_slots_in_any_order_and_of_none():
    table = torch.tensor([3, 0])
    found = paged_cache.slots(table, torch.tensor([5, 0, 2]), 3)
    checks.equal(found, torch.tensor([2, 9, 11]), "slots of positions 5, 0, 2 in blocks 3, 0 of 3")
    found = paged_cache.slots(table, torch.tensor([], dtype=torch.int64), 3)
    checks.equal(tuple(found.shape), (0,), "shape of the slots of no position")
    table = torch.tensor([200, 100], dtype=torch.uint8)
    found = paged_cache.slots(table, torch.tensor([0, 16]), 16)
    checks.equal(found, torch.tensor([3200, 1600]), "slots in blocks 200 and 100, a table of uint8")


@pytest.mark.exercise("4.14")
def test_slots_of_a_large_cache():
    """Slots beyond the last int32, and a position that float32 would round up."""
    table, size = torch.tensor([9, 100], dtype=torch.int32), 2**25
    found = paged_cache.slots(table, torch.tensor([size - 1, size + 1]), size)
    expected = torch.tensor([10 * size - 1, 100 * size + 1])
    checks.equal(found, expected, "slots of the last place of block 9 and the second of block 100")


def test_slots_that_are_not_there():
    for position in (-1, 8):
        with pytest.raises(ValueError, match="2 blocks of 4"):
            paged_cache.slots(torch.tensor([3, 1]), torch.tensor([0, position]), 4)


@pytest.mark.exercise("4.14")
def test_write_by_hand():
    cache = torch.full((3, 2, 1, 2), 9.0)
    new, where = torch.tensor([[[1.0, 2.0]], [[3.0, 4.0]]]), torch.tensor([5, 2])
    before = new.clone(), where.clone()
    paged_cache.write(cache, where, new)
    checks.equal((new, where), before, "new keys and slots, which stay as they were")
    expected = torch.tensor([[9, 9, 9, 9], [3.0, 4, 9, 9], [9, 9, 1, 2]]).view(3, 2, 1, 2)
    checks.equal(cache, expected, "cache of 3 blocks of 2, written in slots 5 and 2")
    paged_cache.write(cache, torch.tensor([], dtype=torch.int64), torch.zeros(0, 1, 2))
    checks.equal(cache, expected, "the cache after nothing was written")


@pytest.mark.exercise("4.14")
def test_write_into_a_part_of_a_larger_tensor():
    both = torch.zeros(3, 2, 4, 2, 5, dtype=torch.bfloat16)  # keys and values of each block
    g = torch.Generator().manual_seed(0)
    new = torch.randn(3, 2, 5, generator=g)
    paged_cache.write(both[:, 1], torch.tensor([0, 11, 6]), new)
    expected = torch.zeros(12, 2, 5, dtype=torch.bfloat16)
    expected[[0, 11, 6]] = new.bfloat16()
    name = "the values of a cache that has keys and values side by side, in bfloat16"
    checks.equal(both[:, 1].float(), expected.view(3, 4, 2, 5).float(), name)
    checks.equal(both[:, 0].float(), torch.zeros(3, 4, 2, 5), "the keys beside them")


def test_write_needs_fitting_shapes():
    cache = torch.zeros(3, 2, 1, 2)
    with pytest.raises(ValueError, match="2 slots"):
        paged_cache.write(cache, torch.tensor([1, 2]), torch.zeros(3, 1, 2))


@pytest.mark.exercise("4.14")
def test_gather_by_hand():
    cache = torch.arange(8.0).view(4, 2, 1, 1)
    table = torch.tensor([2, 0, 3], dtype=torch.int32)
    before = cache.clone()
    found = paged_cache.gather(cache, table, 3)
    expected = torch.tensor([4.0, 5, 0]).view(3, 1, 1)
    checks.equal(found, expected, "three tokens in blocks 2 and 0 of 2, a third block in the table")
    for one in (found, paged_cache.gather(cache, table, 2)):
        one.zero_()
        checks.equal(cache, before, "the cache after what was gathered has been overwritten")


@pytest.mark.exercise("4.14")
def test_gather_with_padding_in_the_table():
    cache = torch.randn(4, 3, 2, 5, generator=torch.Generator().manual_seed(0)).bfloat16()
    cache[0] = torch.nan
    table = torch.tensor([3, 1, 99, -7])  # to read such a block fails, or gives another one's
    for length in (1, 3, 4, 6):
        found = paged_cache.gather(cache, table, length)
        expected = torch.cat([cache[3], cache[1]])[:length]
        name = f"{length} tokens in blocks 3 and 1 of 3, then padding"
        checks.equal(str(found.dtype), "torch.bfloat16", f"dtype of {name}")
        checks.equal(found.float(), expected.float(), name)


@pytest.mark.exercise("4.14")
@pytest.mark.parametrize("dtype", [torch.uint8, torch.int16, torch.int32, torch.int64])
def test_gather_through_a_table_of_any_integers(dtype):
    cache = torch.arange(8.0).view(4, 2, 1, 1)
    found = paged_cache.gather(cache, torch.tensor([1, 0, 3, 1], dtype=dtype), 5)
    expected = torch.tensor([2.0, 3, 0, 1, 6]).view(5, 1, 1)
    checks.equal(found, expected, f"five tokens in blocks 1, 0 and 3 of 2, a table of {dtype}")


def test_gather_needs_enough_blocks():
    with pytest.raises(ValueError, match="7 tokens"):
        paged_cache.gather(torch.zeros(4, 3, 2, 5), torch.tensor([3, 1]), 7)


@pytest.mark.exercise("4.14")
@settings(max_examples=20)
@given(st.integers(0, 2**20), st.integers(1, 5), st.lists(st.integers(1, 7), max_size=8))
def test_texts_that_grow_by_turns(seed, block_size, chunks):
    """Two texts grow chunk by chunk; each is read back as a plain list would have it."""
    g = torch.Generator().manual_seed(seed)
    cache = torch.full((24, block_size, 2, 3), torch.nan)
    order = torch.randperm(24, generator=g)
    tables, kept = (order[:12], order[12:]), ([], [])
    for turn, n in enumerate(chunks):
        table, texts = tables[turn % 2], kept[turn % 2]
        n = min(n, 12 * block_size - len(texts))
        positions = torch.arange(len(texts), len(texts) + n)
        new = torch.randn(n, 2, 3, generator=g)
        paged_cache.write(cache, paged_cache.slots(table, positions, block_size), new)
        texts += list(new)
    for table, texts in zip(tables, kept, strict=True):
        found = paged_cache.gather(cache, table, len(texts))
        expected = torch.stack(texts) if texts else torch.empty(0, 2, 3)
        checks.equal(found, expected, f"a text that grew by turns, in blocks of {block_size}")


# -- the batch and its attention ----------------------------------------------------------------


def test_a_batch_by_hand():
    reads = Sequence([5, 6, 7, 8, 9], blocks=[4, 2, 6], n_cached=2)
    writes = Sequence([1, 2, 3], blocks=[1, 3], n_cached=2, drafts=[11])
    middle = Sequence(list(range(20, 30)), blocks=[0, 5, 7, 8, 9], n_cached=4)
    batch = lay_out({reads: 3, writes: 2, middle: 3}, block_size=2)
    checks.equal(batch.ids.tolist(), [7, 8, 9, 3, 11, 24, 25, 26], "ids")
    checks.equal(batch.positions.tolist(), [2, 3, 4, 2, 3, 4, 5, 6], "positions")
    checks.equal(batch.slots.tolist(), [4, 5, 12, 6, 7, 14, 15, 16], "slots")
    tables = [[4, 2, 6, 0, 0], [1, 3, 0, 0, 0], [0, 5, 7, 8, 9]]
    checks.equal(batch.block_tables.tolist(), tables, "block tables")
    checks.equal(batch.starts.tolist(), [0, 3, 5, 8], "starts")
    checks.equal(batch.lengths.tolist(), [5, 4, 7], "lengths")
    checks.equal(batch.wanted.tolist(), [2, 3, 4], "wanted rows")
    dtypes = [str(getattr(batch, name).dtype)[6:] for name in batch.__dataclass_fields__]
    expected = ["int64", "int64", "int64", "int32", "int32", "int32", "int64"]
    checks.equal(dtypes, expected, "dtypes")


@pytest.mark.parametrize("H_kv", [1, 2, 4])
def test_paged_attention_is_attention(H_kv):
    """Three texts, chunk by chunk, against SDPA over each whole text."""
    g = torch.Generator().manual_seed(0)
    H, D, lengths = 4, 8, [9, 1, 6]
    texts = [Sequence([0] * n) for n in lengths]
    for text, blocks in zip(texts, [[7, 0, 3], [5], [1, 6]], strict=True):
        text.blocks = blocks
    q, k, v = ([torch.randn(n, h, D, generator=g) for n in lengths] for h in (H, H_kv, H_kv))
    k_cache, v_cache = torch.full((2, 8, 4, H_kv, D), torch.nan)
    found = [[] for _ in texts]
    for sizes in ([4, 1, 3], [5, 0, 1], [0, 0, 2]):
        chunks = {text: n for text, n in zip(texts, sizes, strict=True) if n}
        batch = lay_out(chunks, 4)
        at = [
            (texts.index(text), slice(text.n_cached, text.n_cached + n))
            for text, n in chunks.items()
        ]
        new_q, new_k, new_v = (torch.cat([x[i][rows] for i, rows in at]) for x in (q, k, v))
        paged_cache.write(k_cache, batch.slots, new_k)
        paged_cache.write(v_cache, batch.slots, new_v)
        out = paged_attention.attend(new_q, k_cache, v_cache, batch)
        for (i, rows), part in zip(
            at, out.split([rows.stop - rows.start for _, rows in at]), strict=True
        ):
            found[i].append(part)
            texts[i].n_cached = rows.stop
    for i, n in enumerate(lengths):
        whole = [x[i].transpose(0, 1) for x in (q, k, v)]
        expected = torch.nn.functional.scaled_dot_product_attention(
            *whole, is_causal=True, enable_gqa=True
        )
        checks.close(torch.cat(found[i]), expected.transpose(0, 1), f"text of {n} tokens")
