"""Classic wrong answers for `solution/paged_cache.py`."""

import torch

from shared.mistakes import mistake


@mistake(
    "4.14",
    "paged_cache.slots",
    "The table was left out: position p is in the sequence's block p // block_size, and the table says which block that is.",
)
def slots_without_the_table(block_table, positions, block_size):
    if ((positions < 0) | (positions >= len(block_table) * block_size)).any():
        raise ValueError("no such position")
    return positions // block_size * block_size + positions % block_size


@mistake(
    "4.14",
    "paged_cache.slots",
    "Quotient and remainder have changed places: the quotient says which block, the remainder where in it.",
)
def slots_swaps_block_and_offset(block_table, positions, block_size):
    if ((positions < 0) | (positions >= len(block_table) * block_size)).any():
        raise ValueError("no such position")
    block = block_table[positions % len(block_table)].long()
    return block * block_size + positions // len(block_table)


@mistake(
    "4.14",
    "paged_cache.slots",
    "Every block before this one has block_size slots: multiply the block's number by block_size.",
)
def slots_forgets_the_block_size(block_table, positions, block_size):
    if ((positions < 0) | (positions >= len(block_table) * block_size)).any():
        raise ValueError("no such position")
    return block_table[positions // block_size].long() + positions % block_size


@mistake(
    "4.14",
    "paged_cache.slots",
    "Only the first block was looked up: a text is next to itself within a block, and nowhere else.",
)
def slots_goes_on_behind_the_first_block(block_table, positions, block_size):
    if ((positions < 0) | (positions >= len(block_table) * block_size)).any():
        raise ValueError("no such position")
    return block_table[0].long() * block_size + positions


@mistake(
    "4.14",
    "paged_cache.slots",
    "The arithmetic was done in the table's integers: a slot has a larger number than a block. It must be int64.",
)
def slots_in_the_tables_dtype(block_table, positions, block_size):
    if ((positions < 0) | (positions >= len(block_table) * block_size)).any():
        raise ValueError("no such position")
    block = block_table[positions // block_size]
    return block * block_size + (positions % block_size).to(block_table.dtype)


@mistake(
    "4.14",
    "paged_cache.write",
    "Nothing was written: the cache was copied first, by reshape or flatten of a tensor that is not contiguous.",
)
def write_into_a_copy(cache, slots, new):
    if new.shape != (len(slots), *cache.shape[2:]):
        raise ValueError("shapes")
    cache.flatten(0, 1)[slots] = new.to(cache.dtype)


@mistake(
    "4.14",
    "paged_cache.write",
    "The cache is a new tensor, and whoever holds the old one sees nothing: write in place.",
)
def write_returns_another_cache(cache, slots, new):
    if new.shape != (len(slots), *cache.shape[2:]):
        raise ValueError("shapes")
    cache = cache.clone()
    cache[slots // cache.shape[1], slots % cache.shape[1]] = new.to(cache.dtype)


@mistake(
    "4.14",
    "paged_cache.write",
    "A slot is taken for a block: its block is slot // block_size, and its place in it the remainder.",
)
def write_takes_a_slot_for_a_block(cache, slots, new):
    if new.shape != (len(slots), *cache.shape[2:]):
        raise ValueError("shapes")
    cache[slots % cache.shape[0], slots % cache.shape[1]] = new.to(cache.dtype)


@mistake(
    "4.14",
    "paged_cache.write",
    "New keys went to the lowest slots in order: each has a slot of its own, in any order.",
)
def write_sorts_the_slots(cache, slots, new):
    if new.shape != (len(slots), *cache.shape[2:]):
        raise ValueError("shapes")
    slots = slots.sort().values
    cache[slots // cache.shape[1], slots % cache.shape[1]] = new.to(cache.dtype)


@mistake(
    "4.14",
    "paged_cache.write",
    "What was there is added to: a slot may hold what an earlier sequence has left. Overwrite it.",
)
def write_adds(cache, slots, new):
    if new.shape != (len(slots), *cache.shape[2:]):
        raise ValueError("shapes")
    where = slots // cache.shape[1], slots % cache.shape[1]
    cache[where] = cache[where] + new.to(cache.dtype)


@mistake(
    "4.14",
    "paged_cache.gather",
    "Blocks came in the order of memory: the table has them in the order of the text.",
)
def gather_in_order_of_memory(cache, block_table, length):
    if len(block_table) * cache.shape[1] < length:
        raise ValueError("too few blocks")
    n_blocks = -(-length // cache.shape[1])
    return cache[block_table[:n_blocks].long().sort().values].flatten(0, 1)[:length]


@mistake(
    "4.14",
    "paged_cache.gather",
    "Whole blocks were returned: behind the last token there is nothing, or what somebody else has left.",
)
def gather_whole_blocks(cache, block_table, length):
    if len(block_table) * cache.shape[1] < length:
        raise ValueError("too few blocks")
    n_blocks = -(-length // cache.shape[1])
    return cache[block_table[:n_blocks].long()].flatten(0, 1)


@mistake(
    "4.14",
    "paged_cache.gather",
    "The last block is missing where it is not full: round the number of blocks up.",
)
def gather_rounds_down(cache, block_table, length):
    if len(block_table) * cache.shape[1] < length:
        raise ValueError("too few blocks")
    n_blocks = length // cache.shape[1]
    return cache[block_table[:n_blocks].long()].flatten(0, 1)[:length]


@mistake(
    "4.14",
    "paged_cache.gather",
    "The end of the blocks was taken: tokens fill blocks from the beginning, and what is idle is at the end.",
)
def gather_from_the_end(cache, block_table, length):
    if len(block_table) * cache.shape[1] < length:
        raise ValueError("too few blocks")
    n_blocks = -(-length // cache.shape[1])
    rows = cache[block_table[:n_blocks].long()].flatten(0, 1)
    return rows[len(rows) - length :]


@mistake(
    "4.14",
    "paged_cache.gather",
    "The first tokens of the cache were returned: where the text lies is for its table to say.",
)
def gather_without_the_table(cache, block_table, length):
    if len(block_table) * cache.shape[1] < length:
        raise ValueError("too few blocks")
    return cache.flatten(0, 1)[:length].clone()


@mistake(
    "4.14",
    "paged_cache.gather",
    "Offsets and blocks have changed places: first all places of one block, then those of the next.",
)
def gather_across_blocks(cache, block_table, length):
    if len(block_table) * cache.shape[1] < length:
        raise ValueError("too few blocks")
    n_blocks = -(-length // cache.shape[1])
    blocks = cache[block_table[:n_blocks].long()]
    return torch.cat([blocks[:, i] for i in range(cache.shape[1])])[:length]


@mistake(
    "4.14",
    "paged_cache.gather",
    "One block alone is a view of the cache: the next owner of that block changes what was read.",
)
def gather_a_view_of_one_block(cache, block_table, length):
    if len(block_table) * cache.shape[1] < length:
        raise ValueError("too few blocks")
    if length <= cache.shape[1]:
        return cache[int(block_table[0])][:length]
    n_blocks = -(-length // cache.shape[1])
    return cache[block_table[:n_blocks].long()].flatten(0, 1)[:length]


@mistake(
    "4.14",
    "paged_cache.gather",
    "Blocks behind the last token were read: what stands there in the table is padding, and may be no block.",
)
def gather_reads_the_padding(cache, block_table, length):
    if len(block_table) * cache.shape[1] < length:
        raise ValueError("too few blocks")
    return cache[block_table.long()].flatten(0, 1)[:length]


@mistake(
    "4.14",
    "paged_cache.slots",
    "Block times block_size was too large for the table's integers and wrapped round: widen to int64 before you multiply.",
)
def slots_widen_too_late(block_table, positions, block_size):
    if ((positions < 0) | (positions >= len(block_table) * block_size)).any():
        raise ValueError("no such position")
    return block_table[positions // block_size] * block_size + positions % block_size


@mistake(
    "4.14",
    "paged_cache.slots",
    "Positions were divided as floats, and float32 rounds large ones up to the next block: divide whole numbers with //.",
)
def slots_divide_as_floats(block_table, positions, block_size):
    if ((positions < 0) | (positions >= len(block_table) * block_size)).any():
        raise ValueError("no such position")
    block = block_table.long()[(positions / block_size).long()]
    return block * block_size + positions % block_size


@mistake(
    "4.14",
    "paged_cache.gather",
    "A table of uint8 was taken for a mask, as torch does with such an index: make the block numbers int64 first.",
)
def gather_takes_the_table_for_a_mask(cache, block_table, length):
    if len(block_table) * cache.shape[1] < length:
        raise ValueError("too few blocks")
    n = -(-length // cache.shape[1])
    return cache[block_table[:n]].flatten(0, 1)[:length]
