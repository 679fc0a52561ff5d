"""Before you run out: what is kept? Two questions.

Answer by returning literals. The finished file asks the memory formulas of this phase.
"""

import torch

from phase2_scaling.solution import memory
from phase2_scaling.solution.model import GPTConfig


def bytes_of_a_sharded_optimiser() -> int:
    """How many bytes does each of 8 GPUs keep from step to step, for 7e9 parameters under ZeRO-1?

    Weights and gradients are bfloat16. Adam has its two moments and a copy of the weights, all in
    float32, and these alone are shared out among the GPUs. Forget activations.

    Return a number, right to 3 %.
    """
    plan = memory.Plan(batch_size=1, n_tokens=1, dtype=torch.bfloat16, zero=1, dp=8)
    return sum(memory.states(7 * 10**9, plan).values())


def times_its_input() -> float:
    """A block of GPT-2 goes forward. How many times its input does it keep for the backward pass?

    Everything is bfloat16 and each tensor that a gradient will need counts once, the input itself
    too. Attention is FlashAttention: no table of scores or weights is kept. No dropout.

    Return a number: bytes kept over bytes of the input (B, T, C), right to 8 %.
    """
    config = GPTConfig(vocab_size=50257, block_size=1024, n_layer=12, n_head=12, n_embd=768)
    plan = memory.Plan(batch_size=1, n_tokens=1024, dtype=torch.bfloat16)
    return memory.block_activations(config, plan) / (1024 * 768 * 2)
