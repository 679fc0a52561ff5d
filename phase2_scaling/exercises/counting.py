"""What a training run costs before it exists: parameters, operations, days, money.

Kaplan et al. 2020 (arXiv:2001.08361), section 2.1 and table 1, for the GPT of `model.py`, but
exact: biases, norms and tables are counted as they are. No weight is made.
"""

from phase2_scaling.solution.model import GPTConfig

SECONDS_PER_DAY = 86_400


def n_parameters(config: GPTConfig, embeddings: bool = True) -> int:
    """Count the numbers that training changes, each once.

    A block has six linear layers with biases (`q`, `k`, `v`, `proj` from C to C; `up` to 4 C and
    `down` back) and two LayerNorms of a weight and a bias. One more LayerNorm comes after the last
    block. Then there are the tables of tokens (V rows) and of positions (`block_size` rows), and
    the head, which has no bias and, if it is tied, is the token table itself.

    Args:
        config: of the model.
        embeddings: False leaves out both tables and the head, tied or not: the N of Kaplan et al.
            Hoffmann et al. (arXiv:2203.15556) count everything.
    """
    # TODO 2.1: Every number that training changes, counted once; without tables and head if
    # embeddings is False.
    raise NotImplementedError("exercise 2.1: n_parameters")


def flops_per_token(
    config: GPTConfig, n_keys: float | None = None, recompute: bool = False
) -> float:
    """Count the floating point operations of the matrix products for one token of training.

    Forward, a weight of a matrix costs a token a multiplication and an addition. So does, in each
    block's attention, each of the C numbers of every key that the token looks at, and each of the
    C numbers of every value. Looking up a table costs nothing; the head is a product, tied or not.
    Backward costs twice as much as forward: a product for the gradient of the inputs, one for that
    of the weights. Norms, softmax, GELU and biases are left out.

    Args:
        config: of the model.
        n_keys: keys that a token looks at, on average; None for `block_size`: every score of a
            full window is worked out, and those of the future are masked afterwards.
        recompute: activation checkpointing: each block's forward pass is done once more during the
            backward pass. The head's is not.

    Returns:
        Operations; a multiplication and an addition are two.

    Raises:
        ValueError: if a token looks at nothing, not even itself.
    """
    if n_keys is not None and n_keys < 1:
        raise ValueError(f"a token looks at 1 key at least, got {n_keys}")
    # TODO 2.1: The operations of all matrix products for one token, forward and backward, and the
    # blocks' forward pass once more if it is recomputed.
    raise NotImplementedError("exercise 2.1: flops_per_token")


def mfu(
    config: GPTConfig,
    tokens_per_s: float,
    n_gpus: int,
    peak_flops: float,
    n_keys: float | None = None,
) -> float:
    """Model FLOPs utilisation: which share of the machines' peak goes into the model's products.

    Chowdhery et al. 2022 (arXiv:2204.02311), appendix B. What is computed twice counts once, so
    that recomputing cannot make a run look faster.

    Args:
        config: of the model.
        tokens_per_s: that all GPUs together are trained on; padding is no token.
        n_gpus: that do it.
        peak_flops: operations a second of one GPU in the dtype used.
        n_keys: as in `flops_per_token`.

    Returns:
        A share: 1 would be the peak. It is not cut off there; above 1, a number that went in is
        wrong, and one should see it.
    """
    # TODO 2.1: The model's operations a second over the peak of all GPUs; what is recomputed counts
    # once, and nothing is cut off.
    raise NotImplementedError("exercise 2.1: mfu")


def training_days(
    n_params: float, n_tokens: float, n_gpus: int, peak_flops: float, mfu: float
) -> float:
    """How long a training run takes, by the rule of six operations a parameter and token.

    Kaplan et al. 2020, section 2.1 (C = 6 N D). Narayanan et al. 2021 (arXiv:2104.04473), section
    5.1, do the same sum with eight, for they recompute.

    Args:
        n_params: N.
        n_tokens: D, each seen once.
        n_gpus: that share the work.
        peak_flops: operations a second of one GPU in the dtype used, as its datasheet says.
        mfu: model FLOPs utilisation, the share of the peak that goes into those 6 N D.

    Returns:
        Days of 24 hours.

    Raises:
        ValueError: if there is no GPU, or the utilisation is no share above 0 and up to 1.
    """
    if n_gpus < 1:
        raise ValueError(f"n_gpus must be positive, got {n_gpus}")
    if not 0 < mfu <= 1:
        raise ValueError(f"mfu must be above 0 and at most 1, got {mfu}")
    # TODO 2.1: Days that 6 N D operations take at the share mfu of all GPUs' peak.
    raise NotImplementedError("exercise 2.1: training_days")


def training_cost(days: float, n_gpus: int, dollars_per_gpu_hour: float) -> float:
    """What renting the GPUs costs.

    Args:
        days: that they are rented.
        n_gpus: rented, all of them all the time.
        dollars_per_gpu_hour: for one GPU and one hour.

    Returns:
        Dollars.
    """
    # TODO 2.1: Dollars for all GPUs over all hours.
    raise NotImplementedError("exercise 2.1: training_cost")
