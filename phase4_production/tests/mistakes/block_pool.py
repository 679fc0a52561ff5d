"""Classic wrong answers for `solution/block_pool.py`."""

from shared.mistakes import mistake


@mistake(
    "4.15",
    "block_pool.BlockPool.take",
    "The block is handed out, but its count stays 0: whoever holds it cannot release it.",
)
def take_without_counting(self):
    if not self.n_free:
        raise ValueError("all blocks are held")
    if self.empty:
        return self.empty.pop()
    block, _ = self.cached.popitem(last=False)
    self.forget(block)
    return block


@mistake(
    "4.15",
    "block_pool.BlockPool.take",
    "The block that was used last was evicted; it is the likeliest to be wanted again. Take the one longest out of use.",
)
def take_evicts_the_newest(self):
    if not self.n_free:
        raise ValueError("all blocks are held")
    if self.empty:
        block = self.empty.pop()
    else:
        block, _ = self.cached.popitem()
        self.forget(block)
    self.counts[block] = 1
    return block


@mistake(
    "4.15",
    "block_pool.BlockPool.take",
    "An evicted block kept its name: somebody will find it, and read what was written over it.",
)
def take_keeps_the_name(self):
    if not self.n_free:
        raise ValueError("all blocks are held")
    block = self.empty.pop() if self.empty else self.cached.popitem(last=False)[0]
    self.counts[block] = 1
    return block


@mistake(
    "4.15",
    "block_pool.BlockPool.take",
    "A cached block was evicted while an empty one was there: what might be wanted again goes last.",
)
def take_evicts_first(self):
    if not self.n_free:
        raise ValueError("all blocks are held")
    if self.cached:
        block, _ = self.cached.popitem(last=False)
        self.forget(block)
    else:
        block = self.empty.pop()
    self.counts[block] = 1
    return block


@mistake(
    "4.15",
    "block_pool.BlockPool.take",
    "Cached blocks count as free: when none is empty, one of them is evicted.",
)
def take_never_evicts(self):
    if not self.n_free:
        raise ValueError("all blocks are held")
    block = self.empty.pop()
    self.counts[block] = 1
    return block


@mistake(
    "4.15",
    "block_pool.BlockPool.share",
    "The block was found, but not held: whoever shares it must be counted, or it is freed under their hands.",
)
def share_without_counting(self, name):
    block = self.blocks.get(name)
    if block is not None:
        self.cached.pop(block, None)
    return block


@mistake(
    "4.15",
    "block_pool.BlockPool.share",
    "A block that is held again is still among the cached ones: it may be evicted while somebody reads it.",
)
def share_leaves_it_cached(self, name):
    block = self.blocks.get(name)
    if block is not None:
        self.counts[block] += 1
    return block


@mistake(
    "4.15",
    "block_pool.BlockPool.share",
    "The count was set to 1: others may hold the block as well. Add one.",
)
def share_sets_the_count(self, name):
    block = self.blocks.get(name)
    if block is not None:
        self.cached.pop(block, None)
        self.counts[block] = 1
    return block


@mistake(
    "4.15",
    "block_pool.BlockPool.share",
    "Only blocks that nobody holds were found: one that is held can be read by a second at the same time.",
)
def share_finds_unheld_ones_only(self, name):
    block = self.blocks.get(name)
    if block is None or block not in self.cached:
        return None
    del self.cached[block]
    self.counts[block] = 1
    return block


@mistake(
    "4.15",
    "block_pool.BlockPool.share",
    "0 is a block's number, too: ask whether it is None, not whether it is false.",
)
def share_takes_block_0_for_none(self, name):
    block = self.blocks.get(name)
    if not block:
        return None
    self.cached.pop(block, None)
    self.counts[block] += 1
    return block


@mistake(
    "4.15",
    "block_pool.BlockPool.release",
    "The block is free although others hold it: only the last one to let go frees it.",
)
def release_frees_for_all(self, block):
    if self.counts[block] == 0:
        raise ValueError("nobody holds it")
    self.counts[block] = 0
    if block in self.names:
        self.cached[block] = None
    else:
        self.empty.append(block)


@mistake(
    "4.15",
    "block_pool.BlockPool.release",
    "Whoever lets go of a block that nobody holds has a fault, and it must come out: raise ValueError.",
)
def release_twice(self, block):
    self.counts[block] = max(self.counts[block] - 1, 0)
    if self.counts[block] == 0:
        if block in self.names:
            self.cached[block] = None
        elif block not in self.empty:
            self.empty.append(block)


@mistake(
    "4.15",
    "block_pool.BlockPool.release",
    "A block with a name went to the empty ones: its content is still there, and somebody may want it back.",
)
def release_forgets(self, block):
    if self.counts[block] == 0:
        raise ValueError("nobody holds it")
    self.counts[block] -= 1
    if self.counts[block] == 0:
        self.empty.append(block)


@mistake(
    "4.15",
    "block_pool.BlockPool.release",
    "The count went down, and the block is nowhere now: at 0 it becomes free, or it is lost for ever.",
)
def release_leaks(self, block):
    if self.counts[block] == 0:
        raise ValueError("nobody holds it")
    self.counts[block] -= 1


@mistake(
    "4.15",
    "block_pool.BlockPool.release",
    "A block without a name went to the cached ones: nobody could find it, and better ones would be evicted before it.",
)
def release_caches_the_nameless(self, block):
    if self.counts[block] == 0:
        raise ValueError("nobody holds it")
    self.counts[block] -= 1
    if self.counts[block] == 0:
        self.cached[block] = None


@mistake(
    "4.15",
    "block_pool.BlockPool.release",
    "The released block became the first to be evicted: it was in use last, so it is the last.",
)
def release_to_the_wrong_end(self, block):
    if self.counts[block] == 0:
        raise ValueError("nobody holds it")
    self.counts[block] -= 1
    if self.counts[block] == 0:
        if block in self.names:
            self.cached[block] = None
            self.cached.move_to_end(block, last=False)
        else:
            self.empty.append(block)


@mistake(
    "4.15",
    "block_pool.BlockPool.take",
    "The cached block with the smallest number was evicted: numbers do not tell how long a block has been out of use.",
)
def take_evicts_the_smallest(self):
    if not self.n_free:
        raise ValueError("all blocks are held")
    if self.empty:
        block = self.empty.pop()
    else:
        block = min(self.cached)
        del self.cached[block]
        self.forget(block)
    self.counts[block] = 1
    return block


@mistake(
    "4.15",
    "block_pool.BlockPool.take",
    "The evicted block is still among the cached ones: the next caller is handed it as well.",
)
def take_leaves_it_cached(self):
    if not self.n_free:
        raise ValueError("all blocks are held")
    if self.empty:
        block = self.empty.pop()
    else:
        block = next(iter(self.cached))
        self.forget(block)
    self.counts[block] = 1
    return block
