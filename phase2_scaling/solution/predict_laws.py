"""What does a law promise? Two questions on power laws, and two on what to buy.

Answer by returning literals. The finished file asks the laws of this phase.

The second law is that of Besiroglu et al. (arXiv:2404.10102) for N parameters and D tokens, in nats
per token: L = 1.8172 + 482.01 / N^0.3478 + 2085.43 / D^0.3658. Training costs 6 N D operations.
"""

import numpy as np

from phase2_scaling.solution import optimal, power_law
from phase2_scaling.solution.law import Law

KAPLAN_COMPUTE = power_law.PowerLaw(coefficient=3.1e8**0.05, exponent=-0.05)
LAW = Law(E=1.8172, A=482.01, B=2085.43, alpha=0.3478, beta=0.3658)
CHINCHILLA_FLOPS = 5.76e23

# -- what a power buys ------------------------------------------------------------------------


def work_for_a_tenth_less_loss() -> float:
    """Your loss is to fall by a tenth. How many times the operations does that take?

    Kaplan et al. (arXiv:2001.08361, equation 1.3) found that the loss falls with the operations C,
    used as well as possible, along L = (3.1e8 / C)^0.050, C in petaflop days.

    Return a number, right to 8 %.
    """
    work = np.geomspace(1, 1000, 100_001)
    enough = KAPLAN_COMPUTE(work) <= 0.9 * KAPLAN_COMPUTE(1.0)
    return float(work[enough.argmax()])


def slope_above_a_floor() -> float:
    """Somebody draws a straight line through two losses on log-log paper. What is its exponent?

    The models have 1e9 and 1e10 parameters and text without end. Nobody told the one who draws that
    the losses are 1.69 + 406.4 / N^0.34 (Hoffmann et al., arXiv:2203.15556, their equation 10).

    Return alpha of L = c / N^alpha, a positive number, right to 8 %.
    """
    sizes = np.array([1e9, 1e10])
    return -power_law.fit(sizes, 1.69 + 406.4 / sizes**0.34).exponent


# -- before you buy ---------------------------------------------------------------------------


def growth_of_the_model() -> float:
    """You are given a hundred times the operations. How many times as many parameters are best?

    Both models are to have the lowest loss that their budget allows, by the second law above.

    Return a number, right to 10 %.
    """
    small, _ = optimal.optimal_allocation(LAW, CHINCHILLA_FLOPS)
    large, _ = optimal.optimal_allocation(LAW, 100 * CHINCHILLA_FLOPS)
    return large / small


def work_of_half_the_size() -> float:
    """A model half as large is to reach the same loss. How many times the operations does it take?

    The large one is the best for 5.76e23 operations, Chinchilla's budget; the small one has half
    its parameters and reads as many tokens as it needs. Count the operations of training.

    Return a number, right to 8 %.
    """
    n_params, n_tokens = optimal.optimal_allocation(LAW, CHINCHILLA_FLOPS)
    needed = optimal.tokens_to_reach(LAW, n_params / 2, LAW.loss(n_params, n_tokens))
    return n_params / 2 * needed / (n_params * n_tokens)
