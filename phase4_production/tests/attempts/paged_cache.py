"""The mistakes of `mistakes/paged_cache.py`, as others would write them."""

import torch

from shared.mistakes import attempt


def _guard(bad):
    if bad:
        raise ValueError("it does not fit")


@attempt("slots_without_the_table")
def _(block_table, positions, block_size):
    _guard(((positions < 0) | (positions >= block_table.numel() * block_size)).any())
    return positions.clone()


@attempt("slots_swaps_block_and_offset")
def _(block_table, positions, block_size):
    n = len(block_table)
    _guard(bool((positions.lt(0) | positions.ge(n * block_size)).any()))
    found = [int(block_table[p % n]) * block_size + p // n for p in positions.tolist()]
    return torch.tensor(found, dtype=torch.int64)


@attempt("slots_forgets_the_block_size")
def _(block_table, positions, block_size):
    _guard(((positions < 0) | (positions >= len(block_table) * block_size)).any())
    which = torch.div(positions, block_size, rounding_mode="floor")
    return torch.remainder(positions, block_size) + block_table.long()[which]


@attempt("slots_goes_on_behind_the_first_block")
def _(block_table, positions, block_size):
    _guard(((positions < 0) | (positions >= len(block_table) * block_size)).any())
    return positions + int(block_table[0]) * block_size


@attempt("slots_in_the_tables_dtype")
def _(block_table, positions, block_size):
    _guard(((positions < 0) | (positions >= len(block_table) * block_size)).any())
    found = block_table[positions // block_size] * block_size
    found += (positions - positions // block_size * block_size).to(found.dtype)
    return found


@attempt("write_into_a_copy")
def _(cache, slots, new):
    n_blocks, block_size, H, D = cache.shape
    _guard(new.shape != (len(slots), H, D))
    flat = cache.reshape(n_blocks * block_size, H, D)
    flat.index_copy_(0, slots, new.to(flat.dtype))


@attempt("write_returns_another_cache")
def _(cache, slots, new):
    _guard(new.shape != (len(slots), *cache.shape[2:]))
    flat = cache.flatten(0, 1).clone()
    flat[slots] = new.to(cache.dtype)
    cache = flat.view(cache.shape)


@attempt("write_takes_a_slot_for_a_block")
def _(cache, slots, new):
    _guard(new.shape != (len(slots), *cache.shape[2:]))
    n_blocks, block_size = cache.shape[:2]
    for slot, row in zip(slots.tolist(), new, strict=True):
        cache[slot % n_blocks, slot % block_size] = row


@attempt("write_sorts_the_slots")
def _(cache, slots, new):
    _guard(new.shape != (len(slots), *cache.shape[2:]))
    for slot, row in zip(sorted(slots.tolist()), new, strict=True):
        cache[slot // cache.shape[1], slot % cache.shape[1]] = row


@attempt("write_adds")
def _(cache, slots, new):
    _guard(new.shape != (len(slots), *cache.shape[2:]))
    for slot, row in zip(slots.tolist(), new, strict=True):
        block, offset = divmod(slot, cache.shape[1])
        cache[block, offset] += row.to(cache.dtype)


@attempt("gather_in_order_of_memory")
def _(cache, block_table, length):
    block_size = cache.shape[1]
    _guard(len(block_table) * block_size < length)
    used = sorted(block_table.tolist()[: (length + block_size - 1) // block_size])
    rows = [cache[block, i] for block in used for i in range(block_size)]
    return torch.stack(rows)[:length] if rows else cache.new_empty(0, *cache.shape[2:])


@attempt("gather_whole_blocks")
def _(cache, block_table, length):
    block_size = cache.shape[1]
    _guard(len(block_table) * block_size < length)
    used = block_table[: (length + block_size - 1) // block_size]
    return cache.index_select(0, used.long()).reshape(-1, *cache.shape[2:])


@attempt("gather_rounds_down")
def _(cache, block_table, length):
    block_size = cache.shape[1]
    _guard(len(block_table) * block_size < length)
    used = block_table[: length // block_size].long()
    return cache.index_select(0, used).reshape(-1, *cache.shape[2:])


@attempt("gather_from_the_end")
def _(cache, block_table, length):
    block_size = cache.shape[1]
    _guard(len(block_table) * block_size < length)
    used = block_table[: (length + block_size - 1) // block_size].long()
    rows = cache.index_select(0, used).reshape(-1, *cache.shape[2:])
    return rows[-length:] if length else rows[:0]


@attempt("gather_without_the_table")
def _(cache, block_table, length):
    _guard(len(block_table) * cache.shape[1] < length)
    rows = [cache[i // cache.shape[1], i % cache.shape[1]] for i in range(length)]
    return torch.stack(rows) if rows else cache.new_empty(0, *cache.shape[2:])


@attempt("gather_across_blocks")
def _(cache, block_table, length):
    block_size = cache.shape[1]
    _guard(len(block_table) * block_size < length)
    used = block_table[: (length + block_size - 1) // block_size].long()
    return cache[used].transpose(0, 1).reshape(-1, *cache.shape[2:])[:length]


@attempt("gather_a_view_of_one_block")
def _(cache, block_table, length):
    size = cache.size(1)
    _guard(block_table.numel() * size < length)
    parts = [cache[b] for b in block_table[: (length + size - 1) // size].tolist()]
    return parts[0].narrow(0, 0, length) if len(parts) == 1 else torch.cat(parts)[:length]


@attempt("gather_reads_the_padding")
def _(cache, block_table, length):
    _guard(block_table.numel() * cache.size(1) < length)
    everything = torch.cat([cache[int(block)] for block in block_table])
    return everything[:length]


@attempt("slots_widen_too_late")
def _(block_table, positions, block_size):
    _guard(((positions < 0) | (positions >= len(block_table) * block_size)).any())
    begins = block_table * block_size
    return begins[positions // block_size].to(torch.int64) + positions.remainder(block_size)


@attempt("slots_divide_as_floats")
def _(block_table, positions, block_size):
    _guard(((positions < 0) | (positions >= len(block_table) * block_size)).any())
    which = torch.floor(positions / block_size).to(torch.int64)
    return torch.remainder(positions, block_size) + block_table.long()[which] * block_size


@attempt("gather_takes_the_table_for_a_mask")
def _(cache, block_table, length):
    size = cache.shape[1]
    _guard(block_table.numel() * size < length)
    found = cache[block_table[: (length + size - 1) // size]]
    return found.reshape(-1, *cache.shape[2:])[:length].clone()
