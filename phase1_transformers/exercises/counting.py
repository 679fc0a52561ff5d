"""What a model costs, before it exists: parameters and operations from the config alone.

Kaplan et al. 2020 (arXiv:2001.08361), section 2.1 and table 1, but exact: biases, norms, grouped
keys and the two kinds of feed-forward layer are counted as they are.
"""

from phase1_transformers.solution.config import GPTConfig


def matrix_weights_per_block(config: GPTConfig) -> int:
    """Count the weights in the matrices of one block: its linear layers, without their biases.

    The matrices are `qkv` and `proj` of the attention (H query heads, H_kv key heads and as many
    value heads, each of the width D) and those of the feed-forward layer: two for GELU, three for
    SwiGLU.
    """
    # TODO 1.16: The number of weights in qkv, proj and the feed-forward layer of one block, without
    # biases.
    raise NotImplementedError("exercise 1.16: matrix_weights_per_block")


def n_parameters(config: GPTConfig, embeddings: bool = True) -> int:
    """Count the numbers that training changes.

    Everything counts once: the matrices, the biases of the linear layers and of LayerNorm (if
    `config.bias`; RMSNorm has none), the weights of the two norms of each block and of the last
    one, the two norms of QK-norm (D weights each, one for queries and one for keys, which all heads
    of a layer share), the tables of tokens and of learned positions, and the head, which never has
    a bias and, if it is tied, is the token table itself.

    Args:
        config: of the model.
        embeddings: False leaves out both tables and the head, tied or not. What remains is the N
            of scaling laws.
    """
    # TODO 1.16: The number of parameters of GPT(config), a tied table counted once; without
    # embeddings, both tables and the head are left out.
    raise NotImplementedError("exercise 1.16: n_parameters")


def flops_per_token(config: GPTConfig, n_keys: float, training: bool = True) -> float:
    """Count the floating point operations of the matrix products, for one token.

    A weight of a matrix costs a token one multiplication and one addition. So does, in attention,
    each of the D numbers of each key that each of the H query heads looks at, and each of the D
    numbers of its value. An embedding is looked up, not multiplied, so it costs nothing; the head
    is a product, tied or not. The backward pass costs twice the forward pass: one product for the
    gradient of the inputs, one for that of the weights.

    Left out is what is no matrix product: norms, softmax, the activation, adding biases.

    Args:
        config: of the model.
        n_keys: keys that a token looks at, on average. In a sequence of T tokens it is T if scores
            are computed and then masked; (T + 1) / 2 if what is masked is skipped.
        training: forward and backward; False for the forward pass alone.

    Returns:
        Operations; a multiplication and an addition are two.

    Raises:
        ValueError: if a token looks at nothing, not even itself.
    """
    if n_keys < 1:
        raise ValueError(f"a token looks at 1 key at least, got {n_keys}")
    # TODO 1.16: Two operations for each weight of each matrix that a token meets, and for each
    # number of each key and each value that each query head reads; three times as many with the
    # backward pass.
    raise NotImplementedError("exercise 1.16: flops_per_token")


def mfu(tokens_per_s: float, flops_per_token: float, peak_flops: float) -> float:
    """Model FLOPs utilisation: which share of a machine's peak goes into the model's products.

    Chowdhery et al. 2022 (arXiv:2204.02311), appendix B.

    Args:
        tokens_per_s: measured.
        flops_per_token: of the same work, from `flops_per_token`.
        peak_flops: of the machine, operations per second in the dtype used.

    Returns:
        A share: 1 would be the peak. It is not cut off there; above 1, a number that went in is
        wrong, and one should see it.

    Raises:
        ValueError: if the peak is not positive.
    """
    if peak_flops <= 0:
        raise ValueError(f"peak_flops must be positive, got {peak_flops}")
    # TODO 1.16: The share of the machine's peak that the model's products use.
    raise NotImplementedError("exercise 1.16: mfu")
