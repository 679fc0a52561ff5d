"""Before you serve: seven numbers of a cache in pages, its scheduler, and guesses.

Answer by returning literals. The finished file runs this phase's own cache and scheduler and looks.
"""

import torch

from phase4_production.solution.block_pool import BlockPool
from phase4_production.solution.scheduler import Scheduler
from phase4_production.solution.sequence import Sequence

BLOCK = 16


def _serve(scheduler: Scheduler) -> dict[Sequence, int]:
    """Take one step of a scheduler, with a model that always says token 7."""
    chunks = scheduler.schedule()
    for sequence, n in chunks.items():
        if n == sequence.n_left:
            sequence.ids.append(7)
        scheduler.advance(sequence, n)
    return chunks


def bytes_of_a_token() -> int:
    """A Llama has 16 layers, 32 heads for queries and 8 for keys and values, of 64 numbers each.

    Return how many bytes one token takes in its cache, in bfloat16. An exact number.
    """
    n_layer, n_kv_head, head_dim = 16, 8, 64
    cache = torch.empty(n_layer, 2, 1, 1, n_kv_head, head_dim, dtype=torch.bfloat16)
    return cache.nbytes


def idle_places() -> int:
    """Three texts of 17, 32 and 100 tokens lie in blocks of 16. They share nothing.

    Return how many places for tokens their blocks have that hold none. An exact number.
    """
    scheduler = Scheduler(BlockPool(64), BLOCK, max_tokens=256, max_running=8)
    texts = [Sequence([k] * n) for k, n in enumerate((17, 32, 100))]
    for text in texts:
        scheduler.add(text)
    scheduler.schedule()
    return sum(len(text.blocks) * BLOCK - len(text) for text in texts)


def fastest_decoding() -> float:
    """A model of 124 million weights, one byte each; memory is read at 20 GB/s (1e9 bytes).

    One text is written, token by token. All weights are read for each token, and nothing else
    takes any time. Return the most tokens per second that there can be, right to 5 %.
    """
    weights_bytes, bytes_per_s = 124e6, 20e9
    return bytes_per_s / weights_bytes


def blocks_of_ten_chats() -> int:
    """Ten chats begin with the same 100 tokens, and 20 tokens follow that are each one's own.

    The first has been read before the other nine come; none has written much. Return how many
    blocks of 16 the ten hold together. An exact number.
    """
    pool = BlockPool(256)
    scheduler = Scheduler(pool, BLOCK, max_tokens=2048, max_running=16)
    chats = [Sequence([1] * 100 + [2 + k] * 20) for k in range(10)]
    scheduler.add(chats[0])
    _serve(scheduler)
    for chat in chats[1:]:
        scheduler.add(chat)
    _serve(scheduler)
    return pool.n_used


def steps_to_the_first_token() -> int:
    """A step has 256 tokens at most. While 56 answers are being written, a prompt of 1,000 comes.

    Memory is plenty, and nobody ends. Return in which step, counted from 1, the first token of its
    answer is drawn.
    """
    scheduler = Scheduler(BlockPool(1024), BLOCK, max_tokens=256, max_running=64)
    for k in range(56):
        scheduler.add(Sequence([k] * 4))
    _serve(scheduler)
    newcomer = Sequence([99] * 1000)
    scheduler.add(newcomer)
    n_steps = 0
    while len(newcomer.ids) == 1000:
        _serve(scheduler)
        n_steps += 1
    return n_steps


def tokens_read_again() -> int:
    """A prompt of 40 tokens has an answer of 30 so far, the newest not yet read, and is preempted.

    In the next step there is room for it again, and nobody has taken one of its blocks of 16.
    Return how many tokens that step runs for it. An exact number.
    """
    scheduler = Scheduler(BlockPool(64), BLOCK, max_tokens=256, max_running=8)
    sequence = Sequence(list(range(40)))
    scheduler.add(sequence)
    while len(sequence.ids) < 70:
        _serve(scheduler)
    scheduler.preempt()
    return scheduler.schedule()[sequence]


def tokens_of_a_step_with_guesses() -> float:
    """Four tokens are guessed before each step, and each is right in four cases of five.

    A guess counts only if all before it were right, and the step itself always gives one token
    more. Return how many tokens a step writes on average, right to 2 %.
    """
    right, k = 0.8, 4
    return sum(right**i for i in range(k + 1))
