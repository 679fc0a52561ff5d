"""The mistakes of `mistakes/scheduler.py`, as others would write them."""

from shared.mistakes import attempt


def _left(scheduler, chunks):
    """Tokens that a step has left over."""
    return scheduler.max_tokens - sum(chunks.values())


def _give(scheduler, sequence, chunks):
    """Give a sequence what is left over."""
    scheduler.grow(sequence)
    if n := min(_left(scheduler, chunks), sequence.n_left):
        chunks[sequence] = n


def _continue(scheduler, chunks, order):
    """Give those that run their turn."""
    for sequence in order:
        while scheduler.n_lacking(sequence) > scheduler.pool.n_free:
            if sequence not in scheduler.running:
                break
            scheduler.preempt()
        if sequence in scheduler.running:
            _give(scheduler, sequence, chunks)


def _by_turns(scheduler):
    """Those that write, then those that read."""
    writing = [sequence for sequence in scheduler.running if sequence.writes]
    return writing + [sequence for sequence in scheduler.running if not sequence.writes]


def _welcome(scheduler, chunks, reserve=1, most=None, count=99):
    """Let newcomers in; `reserve` blocks stay free for each that runs."""
    most = scheduler.max_running if most is None else most
    while scheduler.waiting and count and len(scheduler.running) < most:
        if not _left(scheduler, chunks):
            return
        sequence = scheduler.waiting[0]
        scheduler.reuse(sequence)
        reserved = reserve * len(scheduler.running)
        if scheduler.pool.n_free - reserved < scheduler.n_lacking(sequence):
            scheduler.free(sequence)
            return
        scheduler.admit()
        _give(scheduler, sequence, chunks)
        count -= 1


@attempt("schedule_newcomers_first")
def _(self):
    chunks = {}
    _welcome(self, chunks)
    _continue(self, chunks, _by_turns(self))
    return chunks


@attempt("schedule_by_age_only")
def _(self):
    chunks = {}
    _continue(self, chunks, self.running[:])
    _welcome(self, chunks)
    return chunks


@attempt("schedule_without_a_budget")
def _(self):
    chunks = {}
    for sequence in _by_turns(self):
        while sequence in self.running and self.n_lacking(sequence) > self.pool.n_free:
            self.preempt()
        if sequence in self.running:
            self.grow(sequence)
            chunks[sequence] = sequence.n_left
    while self.waiting:
        if len(self.running) >= self.max_running or _left(self, chunks) <= 0:
            break
        sequence = self.waiting[0]
        self.reuse(sequence)
        if self.n_lacking(sequence) > self.pool.n_free - len(self.running):
            self.free(sequence)
            break
        self.admit()
        self.grow(sequence)
        chunks[sequence] = sequence.n_left
    return chunks


@attempt("schedule_whole_prompts_only")
def _(self):
    chunks = {}
    _continue(self, chunks, _by_turns(self))
    while self.waiting and len(self.running) < self.max_running and _left(self, chunks):
        sequence = self.waiting[0]
        self.reuse(sequence)
        enough = self.n_lacking(sequence) <= self.pool.n_free - len(self.running)
        if not enough or sequence.n_left > _left(self, chunks):
            self.free(sequence)
            break
        self.admit()
        _give(self, sequence, chunks)
    return chunks


@attempt("schedule_lets_small_ones_overtake")
def _(self):
    chunks = {}
    _continue(self, chunks, _by_turns(self))
    too_large = []
    while self.waiting and len(self.running) < self.max_running and _left(self, chunks):
        sequence = self.waiting[0]
        self.reuse(sequence)
        if self.n_lacking(sequence) > self.pool.n_free - len(self.running):
            self.free(sequence)
            too_large.append(self.waiting.popleft())
        else:
            self.admit()
            _give(self, sequence, chunks)
    self.waiting.extendleft(reversed(too_large))
    return chunks


@attempt("schedule_leaves_no_block")
def _(self):
    chunks = {}
    _continue(self, chunks, _by_turns(self))
    _welcome(self, chunks, reserve=0)
    return chunks


@attempt("schedule_keeps_what_it_found")
def _(self):
    chunks = {}
    _continue(self, chunks, _by_turns(self))
    while self.waiting and len(self.running) < self.max_running and _left(self, chunks):
        self.reuse(self.waiting[0])
        if self.n_lacking(self.waiting[0]) > self.pool.n_free - len(self.running):
            return chunks
        self.admit()
        _give(self, self.running[-1], chunks)
    return chunks


@attempt("schedule_ignores_max_running")
def _(self):
    chunks = {}
    _continue(self, chunks, _by_turns(self))
    _welcome(self, chunks, most=10**6)
    return chunks


@attempt("schedule_reads_everything_again")
def _(self):
    chunks = {}
    _continue(self, chunks, _by_turns(self))
    while self.waiting and len(self.running) < self.max_running and _left(self, chunks):
        if self.n_lacking(self.waiting[0]) > self.pool.n_free - len(self.running):
            break
        self.admit()
        _give(self, self.running[-1], chunks)
    return chunks


@attempt("schedule_stops_at_a_need")
def _(self):
    chunks = {}
    for sequence in _by_turns(self):
        if self.pool.n_free < self.n_lacking(sequence):
            continue
        _give(self, sequence, chunks)
    _welcome(self, chunks)
    return chunks


@attempt("schedule_counts_blocks_of_a_chunk")
def _(self):
    chunks = {}
    _continue(self, chunks, _by_turns(self))
    while self.waiting and len(self.running) < self.max_running and _left(self, chunks):
        sequence = self.waiting[0]
        self.reuse(sequence)
        n = min(_left(self, chunks), sequence.n_left)
        if (n + self.block_size - 1) // self.block_size > self.pool.n_free - len(self.running):
            self.free(sequence)
            break
        self.admit()
        _give(self, sequence, chunks)
    return chunks


@attempt("schedule_one_newcomer_a_step")
def _(self):
    chunks = {}
    _continue(self, chunks, _by_turns(self))
    _welcome(self, chunks, count=1)
    return chunks


@attempt("preempt_to_the_back")
def _(self):
    victim = self.running[-1]
    self.running.remove(victim)
    self.free(victim)
    victim.drafts = []
    self.n_preemptions = self.n_preemptions + 1
    self.waiting.extend([victim])
    return victim


@attempt("preempt_the_oldest")
def _(self):
    victim = self.running[0]
    self.running.remove(victim)
    self.free(victim)
    victim.drafts = []
    self.n_preemptions = self.n_preemptions + 1
    self.waiting.insert(0, victim)
    return victim


@attempt("preempt_keeps_the_blocks")
def _(self):
    victim = self.running[-1]
    del self.running[-1]
    victim.drafts = []
    victim.n_cached = 0
    self.n_preemptions = self.n_preemptions + 1
    self.waiting.insert(0, victim)
    return victim


@attempt("preempt_keeps_its_place_in_the_cache")
def _(self):
    victim = self.running.pop(-1)
    for block in reversed(victim.blocks):
        self.pool.release(block)
    victim.blocks = []
    victim.drafts = []
    self.n_preemptions = self.n_preemptions + 1
    self.waiting.insert(0, victim)
    return victim


@attempt("preempt_forgets_the_newest_tokens")
def _(self):
    victim = self.running.pop(-1)
    victim.ids = victim.ids[: victim.n_cached]
    victim.drafts = []
    self.free(victim)
    self.n_preemptions = self.n_preemptions + 1
    self.waiting.insert(0, victim)
    return victim


@attempt("preempt_keeps_the_guesses")
def _(self):
    victim = self.running.pop(-1)
    self.free(victim)
    self.n_preemptions = self.n_preemptions + 1
    self.waiting.insert(0, victim)
    return victim


@attempt("preempt_is_not_counted")
def _(self):
    victim = self.running.pop(-1)
    self.free(victim)
    victim.drafts = []
    self.waiting.insert(0, victim)
    return victim


def _let_in(scheduler, chunks, fits):
    """Let newcomers in as long as `fits(sequence)`."""
    while scheduler.waiting and len(scheduler.running) < scheduler.max_running:
        if not _left(scheduler, chunks):
            return
        sequence = scheduler.waiting[0]
        scheduler.reuse(sequence)
        if not fits(sequence):
            scheduler.free(sequence)
            return
        scheduler.admit()
        _give(scheduler, sequence, chunks)


@attempt("schedule_reserves_for_writers_only")
def _(self):
    chunks = {}
    _continue(self, chunks, _by_turns(self))

    def fits(sequence):
        writers = [other for other in self.running if other.writes]
        return self.pool.n_free - self.n_lacking(sequence) >= len(writers)

    _let_in(self, chunks, fits)
    return chunks


@attempt("schedule_counts_those_that_run_once")
def _(self):
    chunks = {}
    _continue(self, chunks, _by_turns(self))
    reserve = len(self.running)
    _let_in(self, chunks, lambda one: self.pool.n_free >= reserve + self.n_lacking(one))
    return chunks


@attempt("schedule_leaves_a_block_too_many")
def _(self):
    chunks = {}
    _continue(self, chunks, _by_turns(self))
    _let_in(self, chunks, lambda one: self.pool.n_free - self.n_lacking(one) > len(self.running))
    return chunks


@attempt("schedule_counts_before_reuse")
def _(self):
    chunks = {}
    _continue(self, chunks, _by_turns(self))
    while self.waiting and len(self.running) < self.max_running and _left(self, chunks):
        need = -(-len(self.waiting[0].ids) // self.block_size)
        if self.pool.n_free - need < len(self.running):
            break
        newcomer = self.waiting[0]
        self.reuse(newcomer)
        self.admit()
        _give(self, newcomer, chunks)
    return chunks


@attempt("schedule_preempts_once")
def _(self):
    chunks = {}
    for sequence in _by_turns(self):
        if sequence not in self.running:
            continue
        if self.n_lacking(sequence) > self.pool.n_free and self.preempt() is sequence:
            continue
        if self.n_lacking(sequence) <= self.pool.n_free:
            _give(self, sequence, chunks)
    _welcome(self, chunks)
    return chunks


@attempt("schedule_reserves_one_block")
def _(self):
    chunks = {}
    _continue(self, chunks, _by_turns(self))

    def fits(sequence):
        after = self.pool.n_free - self.n_lacking(sequence)
        return after >= 1 or (after == 0 and not self.running)

    _let_in(self, chunks, fits)
    return chunks


@attempt("schedule_admits_by_hand")
def _(self):
    chunks = {}
    _continue(self, chunks, _by_turns(self))
    while self.waiting and _left(self, chunks) and len(self.running) < self.max_running:
        newcomer = self.waiting.popleft()
        self.reuse(newcomer)
        if self.pool.n_free < self.n_lacking(newcomer) + len(self.running):
            self.free(newcomer)
            self.waiting.appendleft(newcomer)
            break
        self.running += [newcomer]
        _give(self, newcomer, chunks)
    return chunks


@attempt("schedule_admits_without_tokens")
def _(self):
    chunks = {}
    _continue(self, chunks, _by_turns(self))
    for newcomer in list(self.waiting)[: max(self.max_running - len(self.running), 0)]:
        self.reuse(newcomer)
        if self.pool.n_free - len(self.running) < self.n_lacking(newcomer):
            self.free(newcomer)
            return chunks
        self.admit()
        _give(self, newcomer, chunks)
    return chunks


@attempt("schedule_preempts_too_early")
def _(self):
    chunks = {}
    for sequence in _by_turns(self):
        while need := self.n_lacking(sequence):
            if sequence not in self.running or self.pool.n_free - need > 0:
                break
            self.preempt()
        if sequence in self.running:
            _give(self, sequence, chunks)
    _welcome(self, chunks)
    return chunks


@attempt("schedule_gives_writers_one_token")
def _(self):
    chunks = {}
    writing = {sequence for sequence in self.running if sequence.writes}
    _continue(self, chunks, _by_turns(self))
    chunks = {one: 1 if one in writing else n for one, n in chunks.items()}
    _welcome(self, chunks)
    return chunks


@attempt("preempt_frees_the_beginning_first")
def _(self):
    youngest = self.running.pop(-1)
    while youngest.blocks:
        self.pool.release(youngest.blocks.pop(0))
    youngest.n_cached = 0
    youngest.drafts = []
    self.waiting.insert(0, youngest)
    self.n_preemptions = self.n_preemptions + 1
    return youngest


@attempt("preempt_forgets_the_names")
def _(self):
    youngest = self.running.pop(-1)
    for name in [self.pool.names.pop(block, None) for block in youngest.blocks]:
        self.pool.blocks.pop(name, None)
    self.free(youngest)
    youngest.drafts = []
    self.waiting.insert(0, youngest)
    self.n_preemptions = self.n_preemptions + 1
    return youngest
