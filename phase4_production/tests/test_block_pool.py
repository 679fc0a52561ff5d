"""The pool: by hand, and against a model that keeps plain lists, over random traffic."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phase4_production.solution.block_pool import BlockPool
from shared import checks


def state(pool):
    return {
        "counts": list(pool.counts),
        "empty": list(pool.empty),
        "cached": list(pool.cached),
        "names": dict(pool.names),
        "blocks": dict(pool.blocks),
    }


def named(n_blocks, *names):
    """A pool whose first blocks are held once and have these names."""
    pool = BlockPool(n_blocks)
    for block, name in enumerate(names):
        pool.empty.remove(block)
        pool.counts[block] = 1
        pool.publish(block, name)
    return pool


@pytest.mark.exercise("4.15")
def test_taking_empty_blocks():
    pool = BlockPool(3)
    checks.equal(pool.take(), 0, "the first block taken from a pool of three")
    checks.equal(pool.take(), 1, "the second block taken")
    checks.equal(pool.counts, [1, 1, 0], "counts after two blocks were taken")
    checks.equal(list(pool.empty), [2], "empty blocks after two were taken")


@pytest.mark.exercise("4.15")
def test_releasing_a_block_without_a_name():
    pool = named(3, b"a")
    pool.counts[1], pool.empty = 1, [2]
    pool.release(1)
    checks.equal(pool.counts, [1, 0, 0], "counts after a block without a name was released")
    checks.equal((list(pool.empty), list(pool.cached)), ([2, 1], []), "empty and cached blocks")


@pytest.mark.exercise("4.15")
def test_sharing_a_held_block():
    pool = named(3, b"a", b"b")
    pool.counts[1] = 2
    checks.equal(pool.share(b"b"), 1, "the block named b")
    checks.equal(pool.counts, [1, 3, 0], "counts after b, which two hold, was shared")
    pool.release(1)
    checks.equal(pool.counts, [1, 2, 0], "counts after one of three holders has let go")
    pool.release(1)
    checks.equal(pool.counts, [1, 1, 0], "counts after another one has let go")
    found = list(pool.empty), list(pool.cached)
    checks.equal(found, ([2], []), "empty and cached blocks while one holder is left")
    checks.equal(pool.share(b"a"), 0, "the block named a, which is block 0")
    checks.equal(pool.counts, [2, 1, 0], "counts after a was shared")


@pytest.mark.exercise("4.15")
def test_a_released_block_can_be_found_again():
    pool = named(3, b"a", b"b")
    pool.release(1)
    checks.equal(pool.counts, [1, 0, 0], "counts after a named block was released")
    checks.equal((list(pool.empty), list(pool.cached)), ([2], [1]), "empty and cached blocks")
    checks.equal(pool.share(b"b"), 1, "the block named b, found again")
    checks.equal(pool.counts, [1, 1, 0], "counts after it was found again")
    checks.equal((list(pool.empty), list(pool.cached)), ([2], []), "empty and cached after that")


@pytest.mark.exercise("4.15")
def test_sharing_what_is_not_there():
    pool = named(2, b"a")
    before = state(pool)
    checks.equal(pool.share(b"z"), None, "the block of a name that no block has")
    checks.equal(state(pool), before, "the pool after that")


@pytest.mark.exercise("4.15")
def test_empty_blocks_go_before_cached_ones():
    pool = named(3, b"a", b"b")
    pool.release(0)
    checks.equal(pool.take(), 2, "the block taken while one is empty and one cached")
    checks.equal(list(pool.cached), [0], "cached blocks after that")


@pytest.mark.exercise("4.15")
def test_the_one_longest_out_of_use_is_evicted():
    pool = named(3, b"a", b"b", b"c")
    for block in (2, 1, 0):
        pool.release(block)
    pool.share(b"c")
    pool.release(2)  # used again, so 1 has been out of use for longest
    checks.equal(list(pool.cached), [1, 0, 2], "cached blocks, the one longest out of use first")
    checks.equal(pool.take(), 1, "the block taken when all three are cached")
    checks.equal(pool.share(b"b"), None, "the block of the name that was evicted")
    checks.equal(pool.names, {0: b"a", 2: b"c"}, "names after the eviction")
    checks.equal(pool.blocks, {b"a": 0, b"c": 2}, "blocks by name after the eviction")
    checks.equal(pool.counts, [0, 1, 0], "counts after the eviction")
    checks.equal(list(pool.cached), [0, 2], "cached blocks after the eviction")
    checks.equal(pool.take(), 0, "the next block taken")


@pytest.mark.exercise("4.15")
def test_what_cannot_be():
    pool = BlockPool(1)
    pool.take()
    checks.raises(pool.take, ValueError, "taking a block while all are held")
    pool.release(0)
    before = state(pool)
    checks.raises(lambda: pool.release(0), ValueError, "releasing a block that nobody holds")
    checks.equal(state(pool), before, "the pool after that")


class Plain:
    """What the pool has to do, on one list of free blocks in the order of their taking."""

    def __init__(self, n):
        self.holders, self.free = dict.fromkeys(range(n), 0), [(b, None) for b in range(n)]
        self.names = {}

    def take(self):
        block, name = next((one for one in self.free if one[1] is None), self.free[0])
        self.free.remove((block, name))
        self.names.pop(name, None)
        self.holders[block] = 1
        return block

    def share(self, name):
        block = self.names.get(name)
        if block is not None:
            self.free = [one for one in self.free if one[0] != block]
            self.holders[block] += 1
        return block

    def release(self, block):
        self.holders[block] -= 1
        if not self.holders[block]:
            name = next((name for name, b in self.names.items() if b == block), None)
            if name is None:
                self.free.insert(0, (block, None))
            else:
                self.free.append((block, name))

    def publish(self, block, name):
        if name not in self.names and block not in self.names.values():
            self.names[name] = block


@pytest.mark.exercise("4.15")
@settings(max_examples=30)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 5)), min_size=20, max_size=60))
def test_random_traffic(commands):
    """Over four blocks, few enough that names are found and lost again many times."""
    pool, plain, held = BlockPool(4), Plain(4), []
    for what, number in commands:
        name = bytes([number])
        if what == 0 and plain.free:
            held.append(plain.take())
            checks.equal(pool.take(), held[-1], "a block taken in random traffic")
        elif what == 1:
            expected = plain.share(name)
            checks.equal(pool.share(name), expected, "a block shared in random traffic")
            held += [] if expected is None else [expected]
        elif what == 2 and held:
            block = held.pop(number % len(held))
            plain.release(block)
            pool.release(block)
        elif what == 3 and held:
            block = held[number % len(held)]
            plain.publish(block, name)
            pool.publish(block, name)
        checks.equal(pool.counts, list(plain.holders.values()), "counts in random traffic")
        checks.equal(pool.n_free, len(plain.free), "free blocks in random traffic")
