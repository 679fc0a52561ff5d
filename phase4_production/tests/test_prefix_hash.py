"""Names of blocks: byte by byte, and the laws that make sharing safe."""

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phase4_production.solution import prefix_hash
from shared import checks


def by_hand(ids, block_size):
    """Hash everything, with its names so far, block by block; bytes made by int.to_bytes."""
    names, name = [], b""
    for i in range(len(ids) // block_size):
        content = b"".join(
            token.to_bytes(8, "little", signed=True)
            for token in ids[i * block_size : (i + 1) * block_size]
        )
        name = hashlib.sha256(name + content).digest()
        names.append(name)
    return names


def hashes(ids, block_size, known=()):
    found = prefix_hash.block_hashes(ids, block_size, known)
    checks.law(isinstance(found, list), "the names are a list", found)
    return found


def readable(names):
    return [name.hex() if isinstance(name, bytes) else name for name in names]


@pytest.mark.exercise("4.15")
def test_one_block_by_hand():
    ids = [1, 2, 300]
    found = hashes(ids, 3)
    checks.equal(ids, [1, 2, 300], "the ids, which stay as they were")
    content = bytes([1, *[0] * 7, 2, *[0] * 7, 44, 1, *[0] * 6])
    expected = [hashlib.sha256(content).hexdigest()]
    checks.equal(readable(found), expected, "name of the block 1, 2, 300")


@pytest.mark.exercise("4.15")
def test_a_block_that_is_not_full_has_no_name():
    for n, expected in ((0, 0), (3, 0), (4, 1), (7, 1), (8, 2)):
        checks.equal(len(hashes(list(range(n)), 4)), expected, f"names of {n} ids in blocks of 4")


@pytest.mark.exercise("4.15")
def test_a_name_tells_what_came_before():
    one, other = hashes([1, 2, 3, 4, 9, 9], 2), hashes([8, 2, 3, 4, 9, 9], 2)
    for i in range(3):
        checks.law(one[i] != other[i], f"another first token: another name of block {i}", "equal")
    one, other = hashes([1, 2, 3, 4, 7, 7], 2), hashes([3, 4, 1, 2, 7, 7], 2)
    checks.law(one[2] != other[2], "other order before: another name of block 2", "equal")
    one, other = hashes([1, 23], 2), hashes([12, 3], 2)
    checks.law(one[0] != other[0], "1, 23 and 12, 3 have different names", "equal")


@pytest.mark.exercise("4.15")
def test_names_by_hand():
    ids = [5, 70_000, 0, 2**31, 6, 6, 6, -1, 5]
    for block_size in (1, 2, 3, 4):
        found = readable(hashes(ids, block_size))
        expected = readable(by_hand(ids, block_size))
        checks.equal(found, expected, f"names of 9 ids in blocks of {block_size}")


@pytest.mark.exercise("4.15")
@settings(max_examples=20)
@given(st.lists(st.integers(0, 2**40), max_size=30), st.integers(1, 5), st.integers(0, 30))
def test_going_on_from_what_is_known(ids, block_size, n_known):
    expected = by_hand(ids, block_size)
    known = tuple(expected[:n_known])
    found = hashes(tuple(ids), block_size, known)
    checks.equal(readable(found), readable(expected), f"names, {len(known)} of them known")


@pytest.mark.exercise("4.15")
def test_what_is_known_is_not_computed_again():
    known = [b"a name from elsewhere", b"another one"]
    before = list(known)
    found = hashes([1, 2, 3, 4, 5, 6], 2, known)
    checks.equal(known, before, "the known names, which stay as they were")
    content = (5).to_bytes(8, "little") + (6).to_bytes(8, "little")
    expected = [*before, hashlib.sha256(b"another one" + content).digest()]
    checks.equal(readable(found), readable(expected), "names that go on from two known ones")


def test_a_block_holds_something():
    with pytest.raises(ValueError, match="holds nothing"):
        prefix_hash.block_hashes([1, 2], 0)
