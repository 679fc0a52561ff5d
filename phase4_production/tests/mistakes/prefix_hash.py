"""Classic wrong answers for `solution/prefix_hash.py`."""

import hashlib
import struct

from shared.mistakes import mistake


def _pack(ids):
    return struct.pack(f"<{len(ids)}q", *ids)


@mistake(
    "4.15",
    "prefix_hash.block_hashes",
    "A name tells the block's own tokens only: after another beginning the same tokens have other keys and values.",
)
def hashes_without_history(ids, block_size, known=()):
    if block_size < 1:
        raise ValueError("holds nothing")
    names = list(known)
    for i in range(len(names), len(ids) // block_size):
        names.append(hashlib.sha256(_pack(ids[i * block_size : (i + 1) * block_size])).digest())
    return names


@mistake(
    "4.15",
    "prefix_hash.block_hashes",
    "The last block has a name before it is full: who shares it would find others writing into it.",
)
def hashes_of_partial_blocks(ids, block_size, known=()):
    if block_size < 1:
        raise ValueError("holds nothing")
    names = list(known)
    for start in range(len(names) * block_size, len(ids), block_size):
        before = names[-1] if names else b""
        names.append(hashlib.sha256(before + _pack(ids[start : start + block_size])).digest())
    return names


@mistake(
    "4.15",
    "prefix_hash.block_hashes",
    "The chain is one link long: only the tokens of the block before go in, not its name, which tells all of them.",
)
def hashes_with_one_block_of_history(ids, block_size, known=()):
    if block_size < 1:
        raise ValueError("holds nothing")
    names = list(known)
    for i in range(len(names), len(ids) // block_size):
        content = ids[max(i - 1, 0) * block_size : (i + 1) * block_size]
        names.append(hashlib.sha256(_pack(content)).digest())
    return names


@mistake(
    "4.15",
    "prefix_hash.block_hashes",
    "A byte an id: larger ids are cut off, and different texts have one name. Use 8 bytes each.",
)
def hashes_of_single_bytes(ids, block_size, known=()):
    if block_size < 1:
        raise ValueError("holds nothing")
    names = list(known)
    for i in range(len(names), len(ids) // block_size):
        own = bytes(token % 256 for token in ids[i * block_size : (i + 1) * block_size])
        names.append(hashlib.sha256((names[-1] if names else b"") + own).digest())
    return names


@mistake(
    "4.15",
    "prefix_hash.block_hashes",
    "The ids were written as decimal digits without a mark between them: 1, 23 and 12, 3 become one text.",
)
def hashes_of_digits(ids, block_size, known=()):
    if block_size < 1:
        raise ValueError("holds nothing")
    names = list(known)
    for i in range(len(names), len(ids) // block_size):
        own = "".join(str(token) for token in ids[i * block_size : (i + 1) * block_size])
        names.append(hashlib.sha256((names[-1] if names else b"") + own.encode()).digest())
    return names


@mistake(
    "4.15",
    "prefix_hash.block_hashes",
    "The block before comes after the ids: its name goes in first.",
)
def hashes_name_last(ids, block_size, known=()):
    if block_size < 1:
        raise ValueError("holds nothing")
    names = list(known)
    for i in range(len(names), len(ids) // block_size):
        own = _pack(ids[i * block_size : (i + 1) * block_size])
        names.append(hashlib.sha256(own + (names[-1] if names else b"")).digest())
    return names


@mistake(
    "4.15",
    "prefix_hash.block_hashes",
    "What was known was computed again from the ids: begin after it, and chain to the last known name.",
)
def hashes_ignore_the_known(ids, block_size, known=()):
    if block_size < 1:
        raise ValueError("holds nothing")
    names = []
    for i in range(len(ids) // block_size):
        own = _pack(ids[i * block_size : (i + 1) * block_size])
        names.append(hashlib.sha256((names[-1] if names else b"") + own).digest())
    return names


@mistake(
    "4.15",
    "prefix_hash.block_hashes",
    "Bytes are the other way round: the least significant comes first, little-endian.",
)
def hashes_big_endian(ids, block_size, known=()):
    if block_size < 1:
        raise ValueError("holds nothing")
    names = list(known)
    for i in range(len(names), len(ids) // block_size):
        own = struct.pack(f">{block_size}q", *ids[i * block_size : (i + 1) * block_size])
        names.append(hashlib.sha256((names[-1] if names else b"") + own).digest())
    return names


@mistake(
    "4.15",
    "prefix_hash.block_hashes",
    "The first new block is named as if it began the text: it goes on from the last known name.",
)
def hashes_begin_anew_after_the_known(ids, block_size, known=()):
    if block_size < 1:
        raise ValueError("holds nothing")
    names, name = list(known), b""
    for i in range(len(names), len(ids) // block_size):
        name = hashlib.sha256(name + _pack(ids[i * block_size : (i + 1) * block_size])).digest()
        names.append(name)
    return names


@mistake(
    "4.15",
    "prefix_hash.block_hashes",
    "Only the new names are returned: the list has one for each full block, the known ones first.",
)
def hashes_return_the_new_ones(ids, block_size, known=()):
    if block_size < 1:
        raise ValueError("holds nothing")
    names, name = [], known[-1] if known else b""
    for i in range(len(known), len(ids) // block_size):
        name = hashlib.sha256(name + _pack(ids[i * block_size : (i + 1) * block_size])).digest()
        names.append(name)
    return names


@mistake(
    "4.15",
    "prefix_hash.block_hashes",
    "New names were appended to the list of known ones, which is the caller's: begin with a copy.",
)
def hashes_extend_the_known(ids, block_size, known=()):
    if block_size < 1:
        raise ValueError("block size")
    names = known if isinstance(known, list) else list(known)
    for i in range(len(names), len(ids) // block_size):
        before = names[-1] if names else b""
        names.append(hashlib.sha256(before + _pack(ids[i * block_size :][:block_size])).digest())
    return names


@mistake(
    "4.15",
    "prefix_hash.block_hashes",
    "Only the first known name was kept, and the others were computed again: all of them are known.",
)
def hashes_know_one_name(ids, block_size, known=()):
    if block_size < 1:
        raise ValueError("holds nothing")
    names = list(known[:1])
    for i in range(len(names), len(ids) // block_size):
        before = names[-1] if names else b""
        names.append(hashlib.sha256(before + _pack(ids[i * block_size :][:block_size])).digest())
    return names
