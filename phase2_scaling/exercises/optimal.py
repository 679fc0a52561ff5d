"""What to do with a budget, once there is a law: how large a model, how many tokens.

Hoffmann et al. 2022 (arXiv:2203.15556), equation 4, for training alone; Sardana et al. 2023
(arXiv:2401.00448), section 2, when the model will also be used.
"""

from collections.abc import Sequence

from phase2_scaling.solution.law import Law


def optimal_allocation(law: Law, flops: float) -> tuple[float, float]:
    """Find the N and D with the lowest loss among all that cost 6 N D operations.

    Setting the derivative of the law along 6 N D = C to zero gives N = G (C / 6)^a and
    D = (C / 6)^b / G, where a = beta / (alpha + beta), b = alpha / (alpha + beta) and
    G = (alpha A / (beta B))^(1 / (alpha + beta)).

    Args:
        law: what predicts the loss.
        flops: C, operations of the whole training.

    Returns:
        (N, D), not rounded.

    Raises:
        ValueError: if there is nothing to spend.
    """
    if flops <= 0:
        raise ValueError(f"flops must be positive, got {flops}")
    # TODO 2.4: The N and D with 6 N D = C whose loss is the lowest.
    raise NotImplementedError("exercise 2.4: optimal_allocation")


def tokens_to_reach(law: Law, n_params: float, loss: float) -> float:
    """How many tokens bring a model of this size to this loss: the law, solved for D.

    A model smaller than the optimal one gets there too, on more tokens; down to the size whose
    own term alone is too much.

    Args:
        law: what predicts the loss.
        n_params: N.
        loss: wanted, nats per token.

    Returns:
        D.

    Raises:
        ValueError: if a model of this size never gets there, whatever it reads.
    """
    if loss <= law.limit(n_params):
        raise ValueError(f"a model of {n_params:.4g} parameters cannot reach a loss of {loss:.6g}")
    # TODO 2.4: The D at which a model of N parameters has exactly this loss.
    raise NotImplementedError("exercise 2.4: tokens_to_reach")


def cheapest_in_use(
    law: Law, loss: float, sizes: Sequence[float], n_tokens_served: float
) -> tuple[float, float]:
    """Of some sizes, find the one that reaches a loss and then serves tokens with least work.

    Training costs 6 N for each of D tokens, and using the model 2 N for each token served, as it
    is the forward pass alone. D is what the size needs to reach the loss.

    Args:
        law: what predicts the loss.
        loss: that the model has to reach, nats per token.
        sizes: candidates for N, in any order. Those that cannot reach the loss are passed over.
        n_tokens_served: tokens read and written over the model's whole life.

    Returns:
        (N, D) of the cheapest; the first of them, if several are.

    Raises:
        ValueError: if none of the sizes reaches the loss.
    """
    able = [n for n in sizes if law.limit(n) < loss]
    if not able:
        raise ValueError(f"none of the {len(sizes)} sizes reaches a loss of {loss:.6g}")
    # TODO 2.4: The size, with its tokens to the loss, for which training and serving together take
    # the fewest operations.
    raise NotImplementedError("exercise 2.4: cheapest_in_use")
