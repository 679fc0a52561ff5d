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
    # TODO 4.19: Return the bytes of one token in the cache.
    raise NotImplementedError("exercise 4.19: bytes_of_a_token")


def idle_places() -> int:
    """Three texts of 17, 32 and 100 tokens lie in blocks of 16. They share nothing.

    Return how many places for tokens their blocks have that hold none. An exact number.
    """
    # TODO 4.19: Return how many places lie idle.
    raise NotImplementedError("exercise 4.19: idle_places")


def fastest_decoding() -> float:
    """A model of 124 million weights, one byte each; memory is read at 20 GB/s (1e9 bytes).

    One text is written, token by token. All weights are read for each token, and nothing else
    takes any time. Return the most tokens per second that there can be, right to 5 %.
    """
    # TODO 4.19: Return the bound in tokens per second.
    raise NotImplementedError("exercise 4.19: fastest_decoding")


def blocks_of_ten_chats() -> int:
    """Ten chats begin with the same 100 tokens, and 20 tokens follow that are each one's own.

    The first has been read before the other nine come; none has written much. Return how many
    blocks of 16 the ten hold together. An exact number.
    """
    # TODO 4.19: Return how many blocks the ten hold together.
    raise NotImplementedError("exercise 4.19: blocks_of_ten_chats")


def steps_to_the_first_token() -> int:
    """A step has 256 tokens at most. While 56 answers are being written, a prompt of 1,000 comes.

    Memory is plenty, and nobody ends. Return in which step, counted from 1, the first token of its
    answer is drawn.
    """
    # TODO 4.19: Return the number of the step.
    raise NotImplementedError("exercise 4.19: steps_to_the_first_token")


def tokens_read_again() -> int:
    """A prompt of 40 tokens has an answer of 30 so far, the newest not yet read, and is preempted.

    In the next step there is room for it again, and nobody has taken one of its blocks of 16.
    Return how many tokens that step runs for it. An exact number.
    """
    # TODO 4.19: Return how many tokens are run again.
    raise NotImplementedError("exercise 4.19: tokens_read_again")


def tokens_of_a_step_with_guesses() -> float:
    """Four tokens are guessed before each step, and each is right in four cases of five.

    A guess counts only if all before it were right, and the step itself always gives one token
    more. Return how many tokens a step writes on average, right to 2 %.
    """
    # TODO 4.19: Return the mean number of tokens a step writes.
    raise NotImplementedError("exercise 4.19: tokens_of_a_step_with_guesses")
