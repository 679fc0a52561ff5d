"""The mistakes of `mistakes/block_pool.py`, as others would write them."""

from shared.mistakes import attempt


def _oldest(pool):
    """Evict the cached block that comes first."""
    block = next(iter(pool.cached))
    del pool.cached[block]
    del pool.blocks[pool.names.pop(block)]
    return block


def _put_back(pool, block):
    if pool.names.get(block) is None:
        pool.empty.append(block)
    else:
        pool.cached[block] = None


@attempt("take_without_counting")
def _(self):
    if len(self.empty) > 0:
        return self.empty.pop()
    if len(self.cached) > 0:
        return _oldest(self)
    raise ValueError("no block is free")


@attempt("take_evicts_the_newest")
def _(self):
    if self.empty:
        block = self.empty.pop()
    elif self.cached:
        block = list(self.cached)[-1]
        del self.cached[block]
        self.forget(block)
    else:
        raise ValueError("no block is free")
    self.counts[block] += 1
    return block


@attempt("take_keeps_the_name")
def _(self):
    if self.empty:
        block = self.empty.pop()
    elif self.cached:
        block = next(iter(self.cached))
        del self.cached[block]
    else:
        raise ValueError("no block is free")
    self.counts[block] += 1
    return block


@attempt("take_evicts_first")
def _(self):
    if self.n_free == 0:
        raise ValueError("no block is free")
    block = _oldest(self) if len(self.cached) else self.empty.pop()
    self.counts[block] += 1
    return block


@attempt("take_never_evicts")
def _(self):
    if self.n_free == 0:
        raise ValueError("no block is free")
    block = self.empty.pop()
    self.counts[block] += 1
    return block


@attempt("share_without_counting")
def _(self, name):
    if name not in self.blocks:
        return None
    found = self.blocks[name]
    if found in self.cached:
        del self.cached[found]
    return found


@attempt("share_leaves_it_cached")
def _(self, name):
    if name not in self.blocks:
        return None
    found = self.blocks[name]
    self.counts[found] = self.counts[found] + 1
    return found


@attempt("share_sets_the_count")
def _(self, name):
    if name not in self.blocks:
        return None
    found = self.blocks[name]
    if found in self.cached:
        del self.cached[found]
    self.counts[found] = 1
    return found


@attempt("share_finds_unheld_ones_only")
def _(self, name):
    for block in list(self.cached):
        if self.names[block] == name:
            self.cached.pop(block)
            self.counts[block] += 1
            return block
    return None


@attempt("share_takes_block_0_for_none")
def _(self, name):
    if block := self.blocks.get(name):
        if block in self.cached:
            self.cached.pop(block)
        self.counts[block] += 1
        return block
    return None


@attempt("release_frees_for_all")
def _(self, block):
    if not self.counts[block]:
        raise ValueError("it is free already")
    self.counts[block] = 0
    _put_back(self, block)


@attempt("release_twice")
def _(self, block):
    if self.counts[block] > 0:
        self.counts[block] -= 1
        if not self.counts[block]:
            _put_back(self, block)


@attempt("release_forgets")
def _(self, block):
    if not self.counts[block]:
        raise ValueError("it is free already")
    self.counts[block] -= 1
    if not self.counts[block]:
        self.empty += [block]


@attempt("release_leaks")
def _(self, block):
    if not self.counts[block]:
        raise ValueError("it is free already")
    self.counts[block] = self.counts[block] - 1


@attempt("release_caches_the_nameless")
def _(self, block):
    if not self.counts[block]:
        raise ValueError("it is free already")
    self.counts[block] -= 1
    if self.counts[block] < 1:
        self.cached.update({block: None})


@attempt("release_to_the_wrong_end")
def _(self, block):
    if not self.counts[block]:
        raise ValueError("it is free already")
    self.counts[block] -= 1
    if self.counts[block] > 0:
        return
    _put_back(self, block)
    if block in self.cached:
        self.cached.move_to_end(block, False)


@attempt("take_evicts_the_smallest")
def _(self):
    if len(self.empty) + len(self.cached) == 0:
        raise ValueError("nothing is free")
    if len(self.empty) > 0:
        found = self.empty.pop()
    else:
        found = sorted(self.cached)[0]
        self.cached.pop(found)
        self.forget(found)
    self.counts[found] += 1
    return found


@attempt("take_leaves_it_cached")
def _(self):
    if len(self.empty) + len(self.cached) == 0:
        raise ValueError("nothing is free")
    found = self.empty.pop() if self.empty else list(self.cached)[0]
    if found in self.names:
        del self.blocks[self.names[found]]
        del self.names[found]
    self.counts[found] += 1
    return found
