"""Before you buy: what does a budget give, and where will it hurt? Five questions.

Answer by returning literals. The finished file asks the law, the memory formulas, the cost model
and the schedules of this phase.

The law is that of Besiroglu et al. (arXiv:2404.10102) for N parameters and D tokens, in nats per
token: L = 1.8172 + 482.01 / N^0.3478 + 2085.43 / D^0.3658. Training costs 6 N D operations.
"""

import torch

from phase2_scaling.solution import cost_model, memory, optimal, schedules
from phase2_scaling.solution.law import Law

LAW = Law(E=1.8172, A=482.01, B=2085.43, alpha=0.3478, beta=0.3658)
CHINCHILLA_FLOPS = 5.76e23

# -- laws -------------------------------------------------------------------------------------


def growth_of_the_model() -> float:
    """You are given a hundred times the operations. How many times as many parameters are best?

    Both models are to have the lowest loss that their budget allows, by the law above.

    Return a number, right to 10 %.
    """
    # TODO 2.6: Return how many times as many parameters the larger of the two best models has.
    raise NotImplementedError("exercise 2.6: growth_of_the_model")


def work_of_half_the_size() -> float:
    """A model half as large is to reach the same loss. How many times the operations does it take?

    The large one is the best for 5.76e23 operations, Chinchilla's budget; the small one has half
    its parameters and reads as many tokens as it needs. Count the operations of training.

    Return a number, right to 8 %.
    """
    # TODO 2.6: Return the training operations of the small model over those of the large one.
    raise NotImplementedError("exercise 2.6: work_of_half_the_size")


# -- memory -----------------------------------------------------------------------------------


def bytes_of_a_sharded_optimiser() -> int:
    """How many bytes does each of 8 GPUs keep from step to step, for 7e9 parameters under ZeRO-1?

    Weights and gradients are bfloat16. Adam has its two moments and a copy of the weights, all in
    float32, and these alone are shared out among the GPUs. Forget activations.

    Return a number, right to 3 %.
    """
    # TODO 2.6: Return the bytes of weights, gradients and optimiser on one GPU.
    raise NotImplementedError("exercise 2.6: bytes_of_a_sharded_optimiser")


# -- the wire ---------------------------------------------------------------------------------


def bytes_sent_by_a_rank() -> float:
    """Four GPUs add up their gradients around a ring. How many bytes does each of them send?

    The gradients are 1e9 bytes on each GPU, and in the end all four have the whole sum. A GPU only
    ever talks to its two neighbours.

    Return a number, right to 3 %.
    """
    # TODO 2.6: Return the bytes that one GPU sends, both rounds together.
    raise NotImplementedError("exercise 2.6: bytes_sent_by_a_rank")


# -- the bubble -------------------------------------------------------------------------------


def idle_share_of_a_pipeline() -> float:
    """Eight stages, a batch in 24 micro-batches, 1F1B: which share of a step is a GPU idle?

    All stages take equally long, a backward pass twice as long as a forward pass, and messages
    take no time. The step begins with the first forward pass and ends with the last backward one.

    Return a number between 0 and 1, right to 2 %.
    """
    # TODO 2.6: Return idle time over the whole step, idle and working time together.
    raise NotImplementedError("exercise 2.6: idle_share_of_a_pipeline")
