"""The scheduler: step by step by hand, and its laws over random traffic."""

from collections import deque

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phase4_production.solution.block_pool import BlockPool
from phase4_production.solution.scheduler import Scheduler
from phase4_production.solution.sequence import Sequence
from shared import checks

BLOCK = 4


def make(n_blocks=20, max_tokens=12, max_running=4):
    return Scheduler(BlockPool(n_blocks), BLOCK, max_tokens, max_running)


def text(n, first=1):
    """A prompt of n tokens that has no block in common with another `first`."""
    return Sequence([first, *range(2, n + 1)])


def running(scheduler, n_ids, n_cached, drafts=0, first=1):
    """Put a sequence behind those that run, with the blocks that its ids need."""
    sequence = text(n_ids, first)
    scheduler.running.append(sequence)
    scheduler.grow(sequence)
    sequence.n_cached = n_cached
    sequence.drafts = [9] * drafts
    return sequence


def scheduled(scheduler, names):
    """Schedule, and write the answer with names."""
    chunks = scheduler.schedule()
    checks.law(isinstance(chunks, dict), "schedule returns a dict", chunks)
    known = {sequence: name for name, sequence in names.items()}
    return [[known.get(sequence), n] for sequence, n in chunks.items()]


def of(sequences, names):
    known = {sequence: name for name, sequence in names.items()}
    return [known.get(sequence) for sequence in sequences]


@pytest.mark.exercise("4.16")
def test_one_newcomer():
    scheduler, names = make(), {"a": text(5)}
    scheduler.add(names["a"])
    checks.equal(scheduled(scheduler, names), [["a", 5]], "a step with a prompt of 5 tokens")
    found = of(scheduler.running, names), of(scheduler.waiting, names)
    checks.equal(found, (["a"], []), "who runs and who waits after it")
    checks.equal(len(names["a"].blocks), 2, "its blocks of 4")


@pytest.mark.exercise("4.16")
def test_a_long_prompt_is_read_in_chunks():
    scheduler, names = make(max_tokens=8), {"a": text(20)}
    scheduler.add(names["a"])
    for n in (8, 8, 4):
        found = scheduled(scheduler, names)
        checks.equal(found, [["a", n]], "a step of 8 tokens with a prompt of 20")
        checks.equal(len(names["a"].blocks), 5, "its blocks, all taken when it began to run")
        scheduler.advance(names["a"], n)


@pytest.mark.exercise("4.16")
def test_those_that_write_come_before_those_that_read():
    scheduler = make(max_tokens=6)
    names = {"reads": running(scheduler, 30, 8, first=50)}
    names |= {"writes": running(scheduler, 6, 5), "too": running(scheduler, 3, 2, first=60)}
    names["waits"] = text(3, first=70)
    scheduler.add(names["waits"])
    found = scheduled(scheduler, names)
    checks.equal(found, [["writes", 1], ["too", 1], ["reads", 4]], "6 tokens; the oldest reads")
    checks.equal(of(scheduler.waiting, names), ["waits"], "who waits, with no token left over")


@pytest.mark.exercise("4.16")
def test_newcomers_get_what_is_left_over():
    scheduler = make(max_tokens=9, max_running=3)
    names = {"writes": running(scheduler, 4, 3)}
    names |= {"b": text(5, first=50), "c": text(7, first=60), "d": text(2, first=70)}
    for name in "bcd":
        scheduler.add(names[name])
    found = scheduled(scheduler, names)
    checks.equal(found, [["writes", 1], ["b", 5], ["c", 3]], "9 tokens; one writes, three wait")
    checks.equal(of(scheduler.running, names), ["writes", "b", "c"], "who runs, the oldest first")


@pytest.mark.exercise("4.16")
def test_no_more_run_than_may():
    scheduler = make(max_tokens=9, max_running=2)
    names = {"a": text(2), "b": text(2, first=50), "c": text(2, first=60)}
    for sequence in names.values():
        scheduler.add(sequence)
    found = scheduled(scheduler, names)
    checks.equal(found, [["a", 2], ["b", 2]], "three newcomers where two may run")


@pytest.mark.exercise("4.16")
@pytest.mark.parametrize(("n", "fits"), [(12, False), (4, True), (8, True), (9, False)])
def test_a_newcomer_leaves_a_block_for_each_that_runs(n, fits):
    scheduler = make(n_blocks=8, max_tokens=20, max_running=6)
    names = {"a": running(scheduler, 3, 2), "reads": running(scheduler, 2, 0, first=40)}
    names["b"] = running(scheduler, 2, 1, first=70)
    names |= {"large": text(n, first=50), "small": text(1, first=60)}
    scheduler.add(names["large"])
    scheduler.add(names["small"])
    found = scheduled(scheduler, names)
    expected = [["a", 1], ["b", 1], ["reads", 2]] + ([["large", n]] if fits else [])
    name = f"newcomers of {n} tokens and of 1, 5 of 8 blocks are free, three run"
    checks.equal(found, expected, name)
    waits = ["small"] if fits else ["large", "small"]
    checks.equal(of(scheduler.waiting, names), waits, f"who waits after {name}")


@pytest.mark.exercise("4.16")
def test_a_beginning_that_is_in_the_cache_is_not_read_again():
    scheduler = make(max_tokens=40)
    first = text(10)
    names = {"a": first}
    scheduler.add(first)
    scheduled(scheduler, names)
    scheduler.advance(first, 10)
    first.ids.append(7)
    names["b"] = Sequence([*first.ids[:9], 88, 89, 90])
    scheduler.add(names["b"])
    found = scheduled(scheduler, names)
    checks.equal(found, [["a", 1], ["b", 4]], "12 tokens, 8 of them in the cache")
    checks.equal(names["b"].blocks[:2], first.blocks[:2], "the first two blocks of both")
    checks.equal(scheduler.pool.n_used, 4, "blocks that the two hold")
    checks.equal(scheduler.n_reused, 8, "tokens counted as found and not read again")


@pytest.mark.exercise("4.16")
def test_who_must_wait_gives_back_what_it_found():
    scheduler = make(n_blocks=5, max_tokens=20)
    first = text(9)
    names = {"a": first}
    scheduler.add(first)
    scheduled(scheduler, names)
    scheduler.advance(first, 9)
    first.ids.append(7)
    names["b"] = Sequence([*first.ids[:8], *[77] * 8])
    scheduler.add(names["b"])
    checks.equal(scheduled(scheduler, names), [["a", 1]], "a newcomer that shares and does not fit")
    checks.equal(names["b"].blocks, [], "its blocks while it waits")
    checks.equal(names["b"].n_cached, 0, "its tokens in the cache while it waits")
    checks.equal(max(scheduler.pool.counts), 1, "holders of any block")
    del names["b"].ids[12:]
    checks.equal(scheduled(scheduler, names), [["a", 1], ["b", 4]], "the same, 4 tokens shorter")


@pytest.mark.exercise("4.16")
def test_preempt_by_hand():
    scheduler = make()
    names = {"a": running(scheduler, 6, 5), "b": running(scheduler, 9, 8, drafts=2, first=50)}
    names["c"] = text(3, first=60)
    scheduler.add(names["c"])
    ids, first, second = list(names["b"].ids), *names["b"].blocks[:2]
    scheduler.pool.publish(first, b"its first block")
    scheduler.pool.publish(second, b"its second block")
    found = scheduler.preempt()
    checks.equal(of([found], names), ["b"], "who is preempted when a and then b have come")
    checks.equal(of(scheduler.running, names), ["a"], "who runs after that")
    checks.equal(of(scheduler.waiting, names), ["b", "c"], "who waits after that, the oldest first")
    checks.law(isinstance(scheduler.waiting, deque), "`waiting` is a deque", scheduler.waiting)
    b = names["b"]
    checks.equal(b.ids, ids, "its tokens, those that it has written among them")
    checks.equal((b.blocks, b.n_cached), ([], 0), "its blocks and tokens in the cache")
    checks.equal(scheduler.pool.n_used, 2, "blocks in use after that")
    cached = list(scheduler.pool.cached)
    checks.equal(cached, [second, first], "its full blocks, cached, the end to be evicted first")
    checks.equal(b.drafts, [], "its guesses")
    checks.equal(scheduler.n_preemptions, 1, "preemptions counted")


@pytest.mark.exercise("4.16")
def test_the_youngest_goes_when_blocks_run_out():
    scheduler = make(n_blocks=5)
    names = {"a": running(scheduler, 5, 4), "b": running(scheduler, 4, 3, first=50)}
    names["c"] = running(scheduler, 8, 7, first=60)
    names["a"].ids += [1, 1, 1, 1]
    names["a"].n_cached = 8
    names["d"] = text(1, first=70)
    scheduler.add(names["d"])
    found = scheduled(scheduler, names)
    checks.equal(found, [["a", 1], ["b", 1]], "three hold all 5 blocks, the oldest lacks one")
    checks.equal(of(scheduler.waiting, names), ["c", "d"], "who waits, and nobody new runs")
    checks.equal(names["c"].blocks, [], "blocks of the youngest")
    checks.equal(len(names["a"].blocks), 3, "blocks of the oldest")


@pytest.mark.exercise("4.16")
def test_the_youngest_may_be_the_one_in_need():
    scheduler = make(n_blocks=3)
    names = {"a": running(scheduler, 4, 3), "b": running(scheduler, 8, 7, first=50)}
    names["b"].ids.append(1)
    names["b"].n_cached = 8
    found = scheduled(scheduler, names)
    checks.equal(found, [["a", 1]], "two write, all blocks are held, the younger needs another")
    checks.equal(of(scheduler.waiting, names), ["b"], "who waits after it")


@pytest.mark.exercise("4.16")
def test_guesses_are_tokens_too():
    scheduler = make(max_tokens=12)
    names = {"a": running(scheduler, 4, 3, drafts=3), "b": running(scheduler, 2, 1, first=50)}
    found = scheduled(scheduler, names)
    checks.equal(found, [["a", 4], ["b", 1]], "a has 3 guesses")
    checks.equal(len(names["a"].blocks), 2, "blocks of a, 4 tokens and 3 guesses")
    scheduler = make(max_tokens=5)
    names = {n: running(scheduler, 3, 2, drafts=3, first=i) for i, n in enumerate("abc", 40)}
    found = scheduled(scheduler, names)
    checks.equal(found, [["a", 4], ["b", 1]], "5 tokens; three write with 3 guesses each")
    scheduler = make(n_blocks=3)
    names = {n: running(scheduler, 4, 3, first=i) for i, n in enumerate("abc", 40)}
    names["a"].drafts = [9] * 5
    checks.equal(scheduled(scheduler, names), [["a", 6]], "the oldest of three lacks two blocks")


@pytest.mark.exercise("4.16")
@settings(max_examples=25)
@given(
    st.lists(st.tuples(st.integers(1, 30), st.integers(1, 12)), min_size=1, max_size=8),
    st.integers(11, 20),
)
def test_laws_of_random_traffic(wanted, n_blocks):
    """All come at once; every step keeps its budget, and everybody ends, in bounded time."""
    scheduler = make(n_blocks, max_tokens=9)
    left = {text(n, first=100 + i): n_new for i, (n, n_new) in enumerate(wanted)}
    order = list(left)
    for sequence in order:
        scheduler.add(sequence)
    for _ in range(400):
        if not left:
            break
        chunks = scheduler.schedule()
        checks.law(len(chunks) > 0, "a step with work to do has tokens", chunks)
        checks.at_most(sum(chunks.values()), 9, "tokens of a step, of 9")
        checks.at_least(min(chunks.values()), 1, "tokens of a chosen sequence")
        held = [block for sequence in scheduler.running for block in sequence.blocks]
        checks.equal(scheduler.pool.n_used, len(set(held)), "blocks in use, and blocks of who runs")
        for sequence, n in chunks.items():
            checks.law(sequence in scheduler.running, "all that are chosen run", "one does not")
            checks.at_least(
                len(sequence.blocks) * BLOCK, sequence.n_cached + n, "places for tokens"
            )
        places = [order.index(sequence) for sequence in [*scheduler.running, *scheduler.waiting]]
        checks.equal(places, sorted(places), "those that run, then those that wait, by age")
        for sequence, n in chunks.items():
            writes = n == sequence.n_left
            scheduler.advance(sequence, n)
            if writes:
                sequence.ids.append(3)
                left[sequence] -= 1
                if not left[sequence]:
                    del left[sequence]
                    scheduler.remove(sequence)
    checks.equal(len(left), 0, "sequences that have not ended after 400 steps")
    checks.equal(scheduler.pool.n_used, 0, "blocks in use at the end")


# -- what is given ------------------------------------------------------------------------------


def test_the_end_of_a_text_is_evicted_before_its_beginning():
    scheduler, sequence = make(n_blocks=4), text(12)
    scheduler.add(sequence)
    scheduler.schedule()
    scheduler.advance(sequence, 12)
    blocks = list(sequence.blocks)
    scheduler.remove(sequence)
    checks.equal(list(scheduler.pool.cached), blocks[::-1], "cached blocks, first to go first")


def test_the_last_token_is_always_run():
    scheduler, first = make(), text(8)
    scheduler.add(first)
    scheduler.schedule()
    scheduler.advance(first, 8)
    again = text(8)
    scheduler.reuse(again)
    checks.equal(again.n_cached, 4, "tokens of 8 that are reused, all of them in the cache")


def test_two_that_read_the_same_at_once_do_not_share():
    scheduler, one, other = make(), text(4), text(4)
    scheduler.add(one)
    scheduler.add(other)
    scheduler.schedule()
    for sequence in (one, other):
        scheduler.advance(sequence, 4)
    checks.equal(len({*one.blocks, *other.blocks}), 2, "blocks of two")
    checks.equal(len(scheduler.pool.names), 1, "blocks with a name")
    scheduler.remove(other)
    checks.equal(scheduler.pool.n_used, 1, "blocks in use after one has gone")


def test_a_step_must_have_room_for_a_reader():
    with pytest.raises(ValueError, match="leave nothing"):
        make(max_tokens=4, max_running=4)
