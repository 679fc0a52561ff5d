"""The layers of a multi-layer perceptron, in the order in which a network is built of them."""

import numpy as np

from phase0_foundations.solution import init, ops
from phase0_foundations.solution.module import Module
from phase0_foundations.solution.norms import normalize, normalize_backward
from phase0_foundations.solution.tensor import Parameter, Tensor, record


class Linear(Module):
    """A matrix and a shift: x @ weight + bias.

    Args:
        fan_in: features of the input.
        fan_out: features of the output.
        rng: draws the weights, by `init.kaiming_normal`; the bias starts at zero.
        gain: the recipe's gain; `init.GAINS["linear"]` where no relu comes before.
        dtype: floating dtype of the parameters.
    """

    def __init__(
        self,
        fan_in: int,
        fan_out: int,
        rng: np.random.Generator,
        gain: float = init.GAINS["relu"],
        dtype: np.dtype | type = np.float32,
    ):
        self.weight = Parameter(init.kaiming_normal((fan_in, fan_out), rng, gain, dtype))
        self.bias = Parameter(np.zeros(fan_out, dtype))

    def forward(self, x: Tensor) -> Tensor:
        """Map (..., fan_in) to (..., fan_out)."""
        return ops.linear(x, self.weight, self.bias)


class ReLU(Module):
    """max(x, 0), element by element."""

    def forward(self, x: Tensor) -> Tensor:
        """Keep the shape."""
        return ops.relu(x)


def dropout_mask(
    shape: tuple[int, ...],
    p: float,
    rng: np.random.Generator,
    dtype: np.dtype | type = np.float32,
) -> np.ndarray:
    """Draw the factors of inverted dropout: each is 0 with probability p, and their mean is 1.

    Srivastava et al. 2014, with the rescaling done in training, so that evaluation needs none.

    Args:
        shape: shape of the array that will be multiplied.
        p: probability, for each element on its own, of being dropped.
        rng: where the randomness comes from.
        dtype: floating dtype of the result.

    Returns:
        An array of two values, 0 and one other.

    Raises:
        ValueError: if p is not in [0, 1).
    """
    if not 0 <= p < 1:
        raise ValueError(f"p must be in [0, 1); got {p}")
    # TODO 0.15: Each element, on its own, is 0 with probability p; what is kept is scaled so that
    # the mean stays 1.
    raise NotImplementedError("exercise 0.15: dropout_mask")


class Dropout(Module):
    """Zero a random share of the activations in training; do nothing in evaluation.

    Args:
        p: probability of dropping an activation.
        rng: a generator of its own; save `rng.bit_generator.state` to resume a run exactly.
    """

    def __init__(self, p: float, rng: np.random.Generator):
        self.p, self.rng = p, rng

    def forward(self, x: Tensor) -> Tensor:
        """Keep the shape."""
        if not self.training or self.p == 0:
            return x
        return x * dropout_mask(x.shape, self.p, self.rng, x.dtype)


class LayerNorm(Module):
    """Normalise each row by its own statistics, then scale and shift each feature.

    Ba et al. 2016 (arXiv:1607.06450). The same in training and evaluation.

    Args:
        size: number of features, the last axis.
        eps: added to the variance.
        dtype: floating dtype of the parameters.
    """

    def __init__(self, size: int, eps: float = 1e-5, dtype: np.dtype | type = np.float32):
        self.weight, self.bias = Parameter(np.ones(size, dtype)), Parameter(np.zeros(size, dtype))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        """Map (..., size) to (..., size)."""
        return normalized(x, -1, self.eps) * self.weight + self.bias


class BatchNorm1d(Module):
    """Normalise each feature over the batch, then scale and shift it.

    Ioffe and Szegedy 2015 (arXiv:1502.03167). Training uses the batch's own statistics and keeps
    a running average of them; evaluation uses that, so a prediction depends on its input only.

    Args:
        size: number of features.
        eps: added to the variance.
        momentum: weight of the newest batch in the running average.
        dtype: floating dtype of parameters and buffers.
    """

    def __init__(
        self,
        size: int,
        eps: float = 1e-5,
        momentum: float = 0.1,
        dtype: np.dtype | type = np.float32,
    ):
        self.weight, self.bias = Parameter(np.ones(size, dtype)), Parameter(np.zeros(size, dtype))
        self.running_mean, self.running_var = np.zeros(size, dtype), np.ones(size, dtype)
        self.eps, self.momentum = eps, momentum

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, size) to (B, size).

        Raises:
            ValueError: in training, if the batch has a single row, whose variance says nothing.
        """
        if not self.training:
            scale = 1 / np.sqrt(self.running_var + self.eps)
            return (x - self.running_mean) * scale * self.weight + self.bias
        if len(x) < 2:
            raise ValueError(f"BatchNorm1d needs at least 2 rows in training; got {x.shape}")
        # The running variance is the unbiased one: it estimates the data's, not this batch's.
        for running, batch in (
            (self.running_mean, x.data.mean(axis=0)),
            (self.running_var, x.data.var(axis=0, ddof=1)),
        ):
            running += self.momentum * (batch - running)
        return normalized(x, 0, self.eps) * self.weight + self.bias


def normalized(x: Tensor, axis: int, eps: float) -> Tensor:
    """Apply `norms.normalize` as one node of the graph."""
    x_hat, inv_std = normalize(x.data, axis, eps)
    return record(
        "normalize", x_hat, (x,), lambda grad: normalize_backward(grad, x_hat, inv_std, axis)
    )
