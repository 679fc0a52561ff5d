"""Classic wrong answers for `solution/scheduler.py`."""

from shared.mistakes import mistake


def _serve_those_that_run(self, chunks):
    for sequence in sorted(self.running, key=lambda sequence: not sequence.writes):
        while sequence in self.running and self.n_lacking(sequence) > self.pool.n_free:
            self.preempt()
        if sequence in self.running:
            self.choose(sequence, chunks)


def _may_admit(self, chunks):
    left = self.max_tokens - sum(chunks.values())
    return self.waiting and len(self.running) < self.max_running and left > 0


@mistake(
    "4.16",
    "scheduler.Scheduler.schedule",
    "Newcomers came before those that run: a stream of new prompts would let every answer stand still.",
)
def schedule_newcomers_first(self):
    chunks = {}
    while self.waiting:
        if len(self.running) == self.max_running or sum(chunks.values()) == self.max_tokens:
            break
        sequence = self.waiting[0]
        self.reuse(sequence)
        if self.n_lacking(sequence) + len(self.running) > self.pool.n_free:
            self.free(sequence)
            break
        self.admit()
        self.choose(sequence, chunks)
    for sequence in sorted(self.running, key=lambda sequence: not sequence.writes):
        while sequence in self.running and self.n_lacking(sequence) > self.pool.n_free:
            self.preempt()
        if sequence in self.running:
            self.choose(sequence, chunks)
    return chunks


@mistake(
    "4.16",
    "scheduler.Scheduler.schedule",
    "A long prompt took its turn before those that write: each of them waits for one token while it is read.",
)
def schedule_by_age_only(self):
    chunks = {}
    for sequence in list(self.running):
        while sequence in self.running and self.n_lacking(sequence) > self.pool.n_free:
            self.preempt()
        if sequence in self.running:
            self.choose(sequence, chunks)
    while self.waiting:
        if len(self.running) == self.max_running or sum(chunks.values()) == self.max_tokens:
            break
        sequence = self.waiting[0]
        self.reuse(sequence)
        if self.n_lacking(sequence) + len(self.running) > self.pool.n_free:
            self.free(sequence)
            break
        self.admit()
        self.choose(sequence, chunks)
    return chunks


@mistake(
    "4.16",
    "scheduler.Scheduler.schedule",
    "A prompt was taken whole: the step has `max_tokens`, so a long one is read in chunks.",
)
def schedule_without_a_budget(self):
    chunks = {}
    for sequence in sorted(self.running, key=lambda sequence: not sequence.writes):
        while sequence in self.running and self.n_lacking(sequence) > self.pool.n_free:
            self.preempt()
        if sequence in self.running:
            self.grow(sequence)
            chunks[sequence] = sequence.n_left
    while self.waiting:
        if len(self.running) == self.max_running or sum(chunks.values()) >= self.max_tokens:
            break
        sequence = self.waiting[0]
        self.reuse(sequence)
        if self.n_lacking(sequence) + len(self.running) > self.pool.n_free:
            self.free(sequence)
            break
        self.admit()
        self.grow(sequence)
        chunks[sequence] = sequence.n_left
    return chunks


@mistake(
    "4.16",
    "scheduler.Scheduler.schedule",
    "A prompt waited until it fits whole: what is left over can read a part of it now.",
)
def schedule_whole_prompts_only(self):
    chunks = {}
    for sequence in sorted(self.running, key=lambda sequence: not sequence.writes):
        while sequence in self.running and self.n_lacking(sequence) > self.pool.n_free:
            self.preempt()
        if sequence in self.running:
            self.choose(sequence, chunks)
    while self.waiting:
        if len(self.running) == self.max_running or sum(chunks.values()) == self.max_tokens:
            break
        sequence = self.waiting[0]
        self.reuse(sequence)
        if sequence.n_left > self.max_tokens - sum(chunks.values()):
            self.free(sequence)
            break
        if self.n_lacking(sequence) + len(self.running) > self.pool.n_free:
            self.free(sequence)
            break
        self.admit()
        self.choose(sequence, chunks)
    return chunks


@mistake(
    "4.16",
    "scheduler.Scheduler.schedule",
    "A small newcomer has overtaken one that needs more blocks: with enough small ones, the large one never runs.",
)
def schedule_lets_small_ones_overtake(self):
    chunks = {}
    for sequence in sorted(self.running, key=lambda sequence: not sequence.writes):
        while sequence in self.running and self.n_lacking(sequence) > self.pool.n_free:
            self.preempt()
        if sequence in self.running:
            self.choose(sequence, chunks)
    for sequence in list(self.waiting):
        if len(self.running) == self.max_running or sum(chunks.values()) == self.max_tokens:
            break
        self.reuse(sequence)
        if self.n_lacking(sequence) + len(self.running) > self.pool.n_free:
            self.free(sequence)
            continue
        self.waiting.remove(sequence)
        self.waiting.appendleft(sequence)
        self.admit()
        self.choose(sequence, chunks)
    return chunks


@mistake(
    "4.16",
    "scheduler.Scheduler.schedule",
    "A newcomer took the last free blocks: who runs needs another one soon, and would preempt it at once.",
)
def schedule_leaves_no_block(self):
    chunks = {}
    for sequence in sorted(self.running, key=lambda sequence: not sequence.writes):
        while sequence in self.running and self.n_lacking(sequence) > self.pool.n_free:
            self.preempt()
        if sequence in self.running:
            self.choose(sequence, chunks)
    while self.waiting:
        if len(self.running) == self.max_running or sum(chunks.values()) == self.max_tokens:
            break
        sequence = self.waiting[0]
        self.reuse(sequence)
        if self.n_lacking(sequence) > self.pool.n_free:
            self.free(sequence)
            break
        self.admit()
        self.choose(sequence, chunks)
    return chunks


@mistake(
    "4.16",
    "scheduler.Scheduler.schedule",
    "A newcomer that must wait held on to the blocks it found: who waits has none, and would share them again next time.",
)
def schedule_keeps_what_it_found(self):
    chunks = {}
    for sequence in sorted(self.running, key=lambda sequence: not sequence.writes):
        while sequence in self.running and self.n_lacking(sequence) > self.pool.n_free:
            self.preempt()
        if sequence in self.running:
            self.choose(sequence, chunks)
    while self.waiting:
        if len(self.running) == self.max_running or sum(chunks.values()) == self.max_tokens:
            break
        sequence = self.waiting[0]
        self.reuse(sequence)
        if self.n_lacking(sequence) + len(self.running) > self.pool.n_free:
            break
        self.admit()
        self.choose(sequence, chunks)
    return chunks


@mistake(
    "4.16",
    "scheduler.Scheduler.schedule",
    "More run than may: look at `max_running` before each newcomer.",
)
def schedule_ignores_max_running(self):
    chunks = {}
    for sequence in sorted(self.running, key=lambda sequence: not sequence.writes):
        while sequence in self.running and self.n_lacking(sequence) > self.pool.n_free:
            self.preempt()
        if sequence in self.running:
            self.choose(sequence, chunks)
    while self.waiting:
        if sum(chunks.values()) == self.max_tokens:
            break
        sequence = self.waiting[0]
        self.reuse(sequence)
        if self.n_lacking(sequence) + len(self.running) > self.pool.n_free:
            self.free(sequence)
            break
        self.admit()
        self.choose(sequence, chunks)
    return chunks


@mistake(
    "4.16",
    "scheduler.Scheduler.schedule",
    "Nothing was looked up: a beginning that is in the cache need not be read again.",
)
def schedule_reads_everything_again(self):
    chunks = {}
    for sequence in sorted(self.running, key=lambda sequence: not sequence.writes):
        while sequence in self.running and self.n_lacking(sequence) > self.pool.n_free:
            self.preempt()
        if sequence in self.running:
            self.choose(sequence, chunks)
    while self.waiting:
        if len(self.running) == self.max_running or sum(chunks.values()) == self.max_tokens:
            break
        sequence = self.waiting[0]
        if self.n_lacking(sequence) + len(self.running) > self.pool.n_free:
            self.free(sequence)
            break
        self.admit()
        self.choose(sequence, chunks)
    return chunks


@mistake(
    "4.16",
    "scheduler.Scheduler.schedule",
    "Who needs a block was left out of the step: take one back from the youngest, or the oldest may wait for ever.",
)
def schedule_stops_at_a_need(self):
    chunks = {}
    for sequence in sorted(self.running, key=lambda sequence: not sequence.writes):
        if self.n_lacking(sequence) <= self.pool.n_free:
            self.choose(sequence, chunks)
    while self.waiting:
        if len(self.running) == self.max_running or sum(chunks.values()) == self.max_tokens:
            break
        sequence = self.waiting[0]
        self.reuse(sequence)
        if self.n_lacking(sequence) + len(self.running) > self.pool.n_free:
            self.free(sequence)
            break
        self.admit()
        self.choose(sequence, chunks)
    return chunks


@mistake(
    "4.16",
    "scheduler.Scheduler.schedule",
    "A newcomer was let in with blocks for its first chunk only: the rest of its prompt may find none. Count all it lacks.",
)
def schedule_counts_blocks_of_a_chunk(self):
    chunks = {}
    for sequence in sorted(self.running, key=lambda sequence: not sequence.writes):
        while sequence in self.running and self.n_lacking(sequence) > self.pool.n_free:
            self.preempt()
        if sequence in self.running:
            self.choose(sequence, chunks)
    while self.waiting:
        if len(self.running) == self.max_running or sum(chunks.values()) == self.max_tokens:
            break
        sequence = self.waiting[0]
        self.reuse(sequence)
        chunk = min(sequence.n_left, self.max_tokens - sum(chunks.values()))
        if -(-chunk // self.block_size) + len(self.running) > self.pool.n_free:
            self.free(sequence)
            break
        self.admit()
        self.choose(sequence, chunks)
    return chunks


@mistake(
    "4.16",
    "scheduler.Scheduler.schedule",
    "Only one newcomer was let in: go on while there are tokens, blocks and places left.",
)
def schedule_one_newcomer_a_step(self):
    chunks = {}
    for sequence in sorted(self.running, key=lambda sequence: not sequence.writes):
        while sequence in self.running and self.n_lacking(sequence) > self.pool.n_free:
            self.preempt()
        if sequence in self.running:
            self.choose(sequence, chunks)
    if self.waiting:
        if len(self.running) == self.max_running or sum(chunks.values()) == self.max_tokens:
            return chunks
        sequence = self.waiting[0]
        self.reuse(sequence)
        if self.n_lacking(sequence) + len(self.running) > self.pool.n_free:
            self.free(sequence)
            return chunks
        self.admit()
        self.choose(sequence, chunks)
    return chunks


@mistake(
    "4.16",
    "scheduler.Scheduler.preempt",
    "It went behind those that came after it: it was there before all that wait, so it is first again.",
)
def preempt_to_the_back(self):
    sequence = self.running.pop()
    self.free(sequence)
    sequence.drafts.clear()
    self.waiting.append(sequence)
    self.n_preemptions += 1
    return sequence


@mistake(
    "4.16",
    "scheduler.Scheduler.preempt",
    "The oldest lost its blocks: it has the most to read again, and would have freed them soonest.",
)
def preempt_the_oldest(self):
    sequence = self.running.pop(0)
    self.free(sequence)
    sequence.drafts.clear()
    self.waiting.appendleft(sequence)
    self.n_preemptions += 1
    return sequence


@mistake(
    "4.16",
    "scheduler.Scheduler.preempt",
    "It waits and holds its blocks: freeing them was the reason to preempt it.",
)
def preempt_keeps_the_blocks(self):
    sequence = self.running.pop()
    sequence.drafts.clear()
    self.waiting.appendleft(sequence)
    self.n_preemptions += 1
    return sequence


@mistake(
    "4.16",
    "scheduler.Scheduler.preempt",
    "Its blocks are gone, and `n_cached` still says that its tokens are in them.",
)
def preempt_keeps_its_place_in_the_cache(self):
    sequence = self.running.pop()
    while sequence.blocks:
        self.pool.release(sequence.blocks.pop())
    sequence.drafts.clear()
    self.waiting.appendleft(sequence)
    self.n_preemptions += 1
    return sequence


@mistake(
    "4.16",
    "scheduler.Scheduler.preempt",
    "Its tokens were dropped with its blocks: what was written has been sent, and must be read again, not written again.",
)
def preempt_forgets_the_newest_tokens(self):
    sequence = self.running.pop()
    del sequence.ids[sequence.n_cached :]
    self.free(sequence)
    sequence.drafts.clear()
    self.waiting.appendleft(sequence)
    self.n_preemptions += 1
    return sequence


@mistake(
    "4.16",
    "scheduler.Scheduler.preempt",
    "Its guesses came along: they would take tokens and blocks when it reads again, and nobody has asked for them.",
)
def preempt_keeps_the_guesses(self):
    sequence = self.running.pop()
    self.free(sequence)
    self.waiting.appendleft(sequence)
    self.n_preemptions += 1
    return sequence


@mistake(
    "4.16",
    "scheduler.Scheduler.preempt",
    "`n_preemptions` was left as it was: whoever runs the engine looks at it, to see that memory is short.",
)
def preempt_is_not_counted(self):
    sequence = self.running.pop()
    self.free(sequence)
    sequence.drafts.clear()
    self.waiting.appendleft(sequence)
    return sequence


@mistake(
    "4.16",
    "scheduler.Scheduler.schedule",
    "The blocks left free are one for each that writes: who reads now will write soon, and counts as well.",
)
def schedule_reserves_for_writers_only(self):
    chunks = {}
    _serve_those_that_run(self, chunks)
    while _may_admit(self, chunks):
        sequence = self.waiting[0]
        self.reuse(sequence)
        n_write = sum(one.writes for one in self.running)
        if self.n_lacking(sequence) + n_write > self.pool.n_free:
            self.free(sequence)
            break
        self.admit()
        self.choose(sequence, chunks)
    return chunks


@mistake(
    "4.16",
    "scheduler.Scheduler.schedule",
    "Those that run were counted before the first newcomer: the next one must leave it a block, too.",
)
def schedule_counts_those_that_run_once(self):
    chunks = {}
    _serve_those_that_run(self, chunks)
    n_running = len(self.running)
    while _may_admit(self, chunks):
        sequence = self.waiting[0]
        self.reuse(sequence)
        if self.n_lacking(sequence) + n_running > self.pool.n_free:
            self.free(sequence)
            break
        self.admit()
        self.choose(sequence, chunks)
    return chunks


@mistake(
    "4.16",
    "scheduler.Scheduler.schedule",
    "A newcomer that leaves just one block for each that runs was kept waiting: that is enough.",
)
def schedule_leaves_a_block_too_many(self):
    chunks = {}
    _serve_those_that_run(self, chunks)
    while _may_admit(self, chunks):
        sequence = self.waiting[0]
        self.reuse(sequence)
        if self.n_lacking(sequence) + len(self.running) >= self.pool.n_free:
            self.free(sequence)
            break
        self.admit()
        self.choose(sequence, chunks)
    return chunks


@mistake(
    "4.16",
    "scheduler.Scheduler.schedule",
    "What a newcomer lacks was counted before it took what is in the cache: blocks that others hold cost nothing.",
)
def schedule_counts_before_reuse(self):
    chunks = {}
    _serve_those_that_run(self, chunks)
    while _may_admit(self, chunks):
        sequence = self.waiting[0]
        if self.n_lacking(sequence) + len(self.running) > self.pool.n_free:
            break
        self.reuse(sequence)
        self.admit()
        self.choose(sequence, chunks)
    return chunks


@mistake(
    "4.16",
    "scheduler.Scheduler.schedule",
    "One was preempted, and blocks were still lacking: ask again until there are enough.",
)
def schedule_preempts_once(self):
    chunks = {}
    for sequence in sorted(self.running, key=lambda sequence: not sequence.writes):
        if sequence in self.running and self.n_lacking(sequence) > self.pool.n_free:
            self.preempt()
        if sequence in self.running and self.n_lacking(sequence) <= self.pool.n_free:
            self.choose(sequence, chunks)
    while _may_admit(self, chunks):
        sequence = self.waiting[0]
        self.reuse(sequence)
        if self.n_lacking(sequence) + len(self.running) > self.pool.n_free:
            self.free(sequence)
            break
        self.admit()
        self.choose(sequence, chunks)
    return chunks


@mistake(
    "4.16",
    "scheduler.Scheduler.schedule",
    "One free block was left, however many run: each of them may need its next one in the same step.",
)
def schedule_reserves_one_block(self):
    chunks = {}
    _serve_those_that_run(self, chunks)
    while _may_admit(self, chunks):
        sequence = self.waiting[0]
        self.reuse(sequence)
        if self.n_lacking(sequence) + min(len(self.running), 1) > self.pool.n_free:
            self.free(sequence)
            break
        self.admit()
        self.choose(sequence, chunks)
    return chunks


@mistake(
    "4.16",
    "scheduler.Scheduler.schedule",
    "A newcomer was moved to those that run by hand, and what it found in the cache was not counted: `admit` does both.",
)
def schedule_admits_by_hand(self):
    chunks = {}
    _serve_those_that_run(self, chunks)
    while _may_admit(self, chunks):
        sequence = self.waiting[0]
        self.reuse(sequence)
        if self.n_lacking(sequence) + len(self.running) > self.pool.n_free:
            self.free(sequence)
            break
        self.running.append(self.waiting.popleft())
        self.choose(sequence, chunks)
    return chunks


@mistake(
    "4.16",
    "scheduler.Scheduler.schedule",
    "A newcomer was let in with no token left over for it: it holds blocks, and the step does nothing with them.",
)
def schedule_admits_without_tokens(self):
    chunks = {}
    _serve_those_that_run(self, chunks)
    while self.waiting and len(self.running) < self.max_running:
        sequence = self.waiting[0]
        self.reuse(sequence)
        if self.n_lacking(sequence) + len(self.running) > self.pool.n_free:
            self.free(sequence)
            break
        self.admit()
        self.choose(sequence, chunks)
    return chunks


@mistake(
    "4.16",
    "scheduler.Scheduler.schedule",
    "Somebody was preempted although as many blocks were free as were lacking: that is enough.",
)
def schedule_preempts_too_early(self):
    chunks = {}
    for sequence in sorted(self.running, key=lambda sequence: not sequence.writes):
        while sequence in self.running and 0 < self.n_lacking(sequence) >= self.pool.n_free:
            self.preempt()
        if sequence in self.running:
            self.choose(sequence, chunks)
    while _may_admit(self, chunks):
        sequence = self.waiting[0]
        self.reuse(sequence)
        if self.n_lacking(sequence) + len(self.running) > self.pool.n_free:
            self.free(sequence)
            break
        self.admit()
        self.choose(sequence, chunks)
    return chunks


@mistake(
    "4.16",
    "scheduler.Scheduler.schedule",
    "Who writes got one token only: its guesses are to be checked in the same step, and `choose` counts them.",
)
def schedule_gives_writers_one_token(self):
    chunks = {}
    for sequence in sorted(self.running, key=lambda sequence: not sequence.writes):
        while sequence in self.running and self.n_lacking(sequence) > self.pool.n_free:
            self.preempt()
        if sequence in self.running and sequence.writes:
            self.grow(sequence)
            chunks[sequence] = 1
        elif sequence in self.running:
            self.choose(sequence, chunks)
    while _may_admit(self, chunks):
        sequence = self.waiting[0]
        self.reuse(sequence)
        if self.n_lacking(sequence) + len(self.running) > self.pool.n_free:
            self.free(sequence)
            break
        self.admit()
        self.choose(sequence, chunks)
    return chunks


@mistake(
    "4.16",
    "scheduler.Scheduler.preempt",
    "Its blocks were let go from the first on: the beginning is evicted before the end, which is of no use alone.",
)
def preempt_frees_the_beginning_first(self):
    sequence = self.running.pop()
    for block in sequence.blocks:
        self.pool.release(block)
    sequence.blocks, sequence.n_cached = [], 0
    sequence.drafts.clear()
    self.waiting.appendleft(sequence)
    self.n_preemptions += 1
    return sequence


@mistake(
    "4.16",
    "scheduler.Scheduler.preempt",
    "The names of its blocks were taken away: what they hold is still true, and it may find them when it comes back.",
)
def preempt_forgets_the_names(self):
    sequence = self.running.pop()
    for block in sequence.blocks:
        self.pool.forget(block)
    self.free(sequence)
    sequence.drafts.clear()
    self.waiting.appendleft(sequence)
    self.n_preemptions += 1
    return sequence
