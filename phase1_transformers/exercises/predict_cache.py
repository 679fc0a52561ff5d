"""Before you generate: what does the cache cost, and what does it save? Five questions.

Answer by returning literals. The finished file builds caches and counts. On the device "meta" a
tensor has a shape and takes no memory, so that a large cache costs nothing to ask.
"""

import torch

from phase1_transformers.solution.cache import KVCache
from phase1_transformers.solution.config import gpt2, modern
from phase1_transformers.solution.counting import flops_per_token, n_parameters
from phase1_transformers.solution.generate import generate
from phase1_transformers.solution.gpt import GPT

# -- memory -----------------------------------------------------------------------------------


def bytes_of_gpt2_cache() -> int:
    """How many bytes does the cache of the 124 M GPT-2 take for one text of 1024 tokens?

    It has 12 layers, 12 heads and 768 channels, and the cache holds float32.

    Return a whole number.
    """
    # TODO 1.22: Return how many bytes the keys and values take.
    raise NotImplementedError("exercise 1.22: bytes_of_gpt2_cache")


def tokens_in_a_gibibyte() -> int:
    """How many tokens fit into 2^30 bytes of cache, if eight heads serve thirty-two?

    The shape is that of Llama 3 8B: 32 layers, 32 query heads of width 128, 8 key and value heads,
    and the cache holds bfloat16.

    Return a whole number.
    """
    # TODO 1.22: Return how many tokens fit.
    raise NotImplementedError("exercise 1.22: tokens_in_a_gibibyte")


# -- work -------------------------------------------------------------------------------------


def tokens_read_without_cache() -> int:
    """How many tokens go through the model in all, if nothing is kept?

    The prompt has 100 tokens, 100 new ones are generated, and for each of them the model reads the
    whole text so far. The last new token is not read any more.

    Return a whole number.
    """
    # TODO 1.22: Return how many tokens go through the model, over all passes.
    raise NotImplementedError("exercise 1.22: tokens_read_without_cache")


def flops_of_a_cached_token() -> int:
    """How many floating point operations does one more token take GPT-2, with 1023 in the cache?

    The 124 M model in one pass over one token, from its embedding to its scores: 12 layers of 768
    channels, 50257 scores. An addition is one operation and so is a multiplication; count the
    matrix products alone.

    Return a number, right to 10 %.
    """
    # TODO 1.22: Return how many operations one pass over one token takes.
    raise NotImplementedError("exercise 1.22: flops_of_a_cached_token")


# -- speed ------------------------------------------------------------------------------------


def tokens_per_s_at_most() -> float:
    """How many tokens a second can a machine generate at most that reads 20 GB/s from memory?

    The 124 M GPT-2 in float32, one text, right after a short prompt. For each token every weight
    is read once: 124.4 million of them, the tied table counted once. Forget the cache, and assume
    that computing is free.

    Return a number, right to 5 %.
    """
    # TODO 1.22: Return the tokens per second that the memory allows.
    raise NotImplementedError("exercise 1.22: tokens_per_s_at_most")
