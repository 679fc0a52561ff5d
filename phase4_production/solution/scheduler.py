"""Who may use the next step of the model, and how many tokens of it.

Yu et al. 2022 (Orca, OSDI) decide anew at every step instead of once a batch; Agrawal et al. 2024
(Sarathi-Serve, arXiv:2403.02310), section 4, cut long prompts into chunks so that nobody's answer
stands still while somebody's prompt is read; Kwon et al. 2023 (arXiv:2309.06180), section 4.5, take
the blocks of the youngest back when memory runs out, and read its tokens again later.
"""

from collections import deque

from phase4_production.solution import prefix_hash
from phase4_production.solution.block_pool import BlockPool
from phase4_production.solution.sequence import Sequence


class Scheduler:
    """First come, first served, step by step.

    Attributes:
        pool: the blocks.
        block_size: tokens of a block.
        max_tokens: tokens that one step may have, all sequences together.
        max_running: sequences that may have blocks at a time.
        waiting: those without blocks; the oldest comes first.
        running: those with blocks; the oldest comes first.
        n_preemptions: how often a running sequence has gone back to waiting.
        n_reused: tokens that were found in the cache and not read again.

    Raises:
        ValueError: if `max_tokens` would not let each running sequence write and one more read.
    """

    def __init__(self, pool: BlockPool, block_size: int, max_tokens: int, max_running: int) -> None:
        if max_tokens <= max_running:
            raise ValueError(f"{max_running} that write leave nothing of {max_tokens} tokens")
        self.pool, self.block_size = pool, block_size
        self.max_tokens, self.max_running = max_tokens, max_running
        self.waiting: deque[Sequence] = deque()
        self.running: list[Sequence] = []
        self.n_preemptions = self.n_reused = 0

    # -- one step ---------------------------------------------------------------------------------

    def schedule(self) -> dict[Sequence, int]:
        """Choose the sequences of the next step, and how many of their next tokens it takes.

        1. Those that run: first the ones that write, then the ones that still read, the older
           before the younger in both. When it is a sequence's turn, its tokens need blocks
           (`n_lacking`): while too few are free, `preempt` the youngest that runs, be it this one.
           If it still runs, `choose` it. (Who reads lacks none, for it got all of its blocks when
           it was admitted. So nobody is preempted who has been chosen already.)
        2. Those that wait, the oldest first, as long as fewer than `max_running` run and the step
           has tokens left over. A newcomer takes what it finds in the cache (`reuse`). If it would
           leave one free block for each that runs so far, `admit` it and `choose` it. If not, it
           gives back what it found (`free`), and it and all behind it wait on: nobody overtakes.

        Returns:
            The number of tokens of each chosen sequence, in the order of choosing: all at least 1,
            their sum at most `max_tokens`.
        """
        chunks: dict[Sequence, int] = {}
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
                self.free(sequence)
                break
            self.admit()
            self.choose(sequence, chunks)
        return chunks

    def preempt(self) -> Sequence:
        """Send the youngest that runs back to the head of those that wait, and return it.

        It loses its blocks (`free`) and its guesses, and keeps its tokens, those it has written as
        well: it will read them all again, or find them in the cache, and go on where it was.
        `n_preemptions` counts it.
        """
        sequence = self.running.pop()
        self.free(sequence)
        sequence.drafts.clear()
        self.waiting.appendleft(sequence)
        self.n_preemptions += 1
        return sequence

    def choose(self, sequence: Sequence, chunks: dict[Sequence, int]) -> None:
        """Give a sequence its blocks, and as many of its tokens as the step has left over."""
        self.grow(sequence)
        n = min(sequence.n_left, self.max_tokens - sum(chunks.values()))
        if n > 0:
            chunks[sequence] = n

    # -- blocks -----------------------------------------------------------------------------------

    def n_lacking(self, sequence: Sequence) -> int:
        """Count the blocks that a sequence needs and does not have."""
        return max(-(-len(sequence) // self.block_size) - len(sequence.blocks), 0)

    def grow(self, sequence: Sequence) -> None:
        """Take the blocks that a sequence lacks; there must be enough."""
        for _ in range(self.n_lacking(sequence)):
            sequence.blocks.append(self.pool.take())

    def reuse(self, sequence: Sequence) -> None:
        """Share the blocks that hold the beginning of a sequence, as many as are in the cache.

        The last token is left out: without it there would be nothing to run, and no logits.
        """
        known = prefix_hash.block_hashes(sequence.ids, self.block_size, sequence.hashes)
        sequence.hashes = known
        for name in known[: (len(sequence.ids) - 1) // self.block_size]:
            block = self.pool.share(name)
            if block is None:
                break
            sequence.blocks.append(block)
        sequence.n_cached = len(sequence.blocks) * self.block_size

    def free(self, sequence: Sequence) -> None:
        """Let go of all blocks, the last one first: a prefix is of use without its end only."""
        while sequence.blocks:
            self.pool.release(sequence.blocks.pop())
        sequence.n_cached = 0

    # -- coming and going -------------------------------------------------------------------------

    def add(self, sequence: Sequence) -> None:
        """Queue a new sequence behind all others."""
        self.waiting.append(sequence)

    def advance(self, sequence: Sequence, n_tokens: int) -> None:
        """Note that the next tokens are in the cache now, and let others find the full blocks."""
        n_before = sequence.n_cached // self.block_size
        sequence.n_cached += n_tokens
        n_full = sequence.n_cached // self.block_size
        if n_full > len(sequence.hashes):
            sequence.hashes = prefix_hash.block_hashes(
                sequence.ids, self.block_size, sequence.hashes
            )
        for i in range(n_before, n_full):
            self.pool.publish(sequence.blocks[i], sequence.hashes[i])

    def admit(self) -> None:
        """Let the oldest that waits run."""
        sequence = self.waiting.popleft()
        self.running.append(sequence)
        self.n_reused += sequence.n_cached

    def remove(self, sequence: Sequence) -> None:
        """Forget a sequence, whether it runs or waits, and free its blocks at once."""
        self.free(sequence)
        (self.running if sequence in self.running else self.waiting).remove(sequence)
