"""Initial weights that keep a signal's size from one layer to the next.

A sum of `fan_in` products of independent, zero-mean numbers has `fan_in` times the variance of one
product. Both recipes undo that factor; they differ in which direction they look. Weights are stored
as (fan_in, fan_out), because a layer computes `x @ weight + bias` on rows x.

Biases need no recipe: they start at zero, the weights alone break the symmetry between units.
"""

import math

import numpy as np

# What a nonlinearity takes from the signal's root mean square has to be put back (He et al. 2015,
# section 2.2: a relu zeroes half of the variance). 5/3 for tanh is the convention of torch.nn.init.
GAINS = {"linear": 1.0, "relu": math.sqrt(2.0), "tanh": 5.0 / 3.0}


def kaiming_normal(
    shape: tuple[int, int],
    rng: np.random.Generator,
    gain: float = GAINS["relu"],
    dtype: np.dtype | type = np.float32,
) -> np.ndarray:
    """Draw from N(0, gain^2 / fan_in), so that a layer's output is as large as its input.

    He et al. 2015 (arXiv:1502.01852), equation 10: the default gain is the relu's.

    Args:
        shape: (fan_in, fan_out).
        rng: where the numbers come from.
        gain: root-mean-square factor that undoes what the nonlinearity before the layer took away.
        dtype: floating dtype of the result.

    Returns:
        (fan_in, fan_out) weights.

    Raises:
        ValueError: if the shape does not have two positive sizes.
    """
    if len(shape) != 2 or min(shape) < 1:
        raise ValueError(f"weights need a shape (fan_in, fan_out) of positive sizes; got {shape}")
    # TODO 0.14: The weights come from a normal distribution around 0 whose variance makes up for
    # the sum over fan_in inputs and for the nonlinearity.
    raise NotImplementedError("exercise 0.14: kaiming_normal")


def xavier_uniform(
    shape: tuple[int, int],
    rng: np.random.Generator,
    gain: float = GAINS["linear"],
    dtype: np.dtype | type = np.float32,
) -> np.ndarray:
    """Draw from U(-a, a) with variance gain^2 * 2 / (fan_in + fan_out).

    Glorot and Bengio 2010, equation 16: the forward pass asks for the variance 1 / fan_in, the
    backward pass for 1 / fan_out; this is the compromise. U(-a, a) has the variance a^2 / 3.

    Args:
        shape: (fan_in, fan_out).
        rng: where the numbers come from.
        gain: root-mean-square factor for the nonlinearity, 1 where there is none.
        dtype: floating dtype of the result.

    Returns:
        (fan_in, fan_out) weights.

    Raises:
        ValueError: if the shape does not have two positive sizes.
    """
    if len(shape) != 2 or min(shape) < 1:
        raise ValueError(f"weights need a shape (fan_in, fan_out) of positive sizes; got {shape}")
    # TODO 0.14: The weights come from a uniform distribution around 0 whose variance is gain^2 * 2
    # / (fan_in + fan_out).
    raise NotImplementedError("exercise 0.14: xavier_uniform")
