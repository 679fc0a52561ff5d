"""SmoothQuant: move large activations into the weights, where a large number does less harm.

Activations have a few columns of outliers, weights have none. Dividing a column of activations by s
and multiplying the same column of the weights by s changes no product, and both become easy to
quantise. The division costs nothing: it goes into whatever made the activations. Xiao et al. 2022
(arXiv:2211.10438), section 4.
"""

from collections.abc import Sequence

import torch
from torch import Tensor


def scales(x_max: Tensor, weights: Sequence[Tensor], alpha: float = 0.5) -> Tensor:
    """Return by how much each column of the activations is divided.

    Xiao et al. 2022, equation 4: s_j = max|X_j|^alpha / max|W_j|^(1 - alpha). max|W_j| is the
    largest absolute value of column j in all of the weights together, for they are multiplied with
    the same activations. s_j is 1 where either maximum is zero.

    Args:
        x_max: (C,), max|X_j| over the tokens of a calibration text, left as they are.
        weights: one or more, (out, C) each, of any number of outputs.
        alpha: how much of the difficulty moves; from 0 to 1.

    Returns:
        (C,) float32, positive, without gradients.

    Raises:
        ValueError: if there is no weight, the columns do not fit, or alpha is out of range.
    """
    if not weights or any(w.ndim != 2 or w.shape[1:] != x_max.shape for w in weights):
        shapes = [tuple(w.shape) for w in weights]
        raise ValueError(f"weights {shapes} do not fit {tuple(x_max.shape)} columns")
    if not 0 <= alpha <= 1:
        raise ValueError(f"alpha must be from 0 to 1, got {alpha}")
    # TODO 4.10: The scale of each column, from the largest activation and the largest weight in it;
    # 1 beside zeros.
    raise NotImplementedError("exercise 4.10: scales")


def fold(
    scales: Tensor, before: Sequence[Tensor], after: Sequence[Tensor]
) -> tuple[list[Tensor], list[Tensor]]:
    """Divide what makes the activations by the scales, and multiply what reads them.

    Args:
        scales: (C,), positive.
        before: what the activations are proportional to, channel by channel, on the FIRST axis: the
            weight and the bias (C,) of a norm, or the weight (C, in) of a linear layer and its bias
            (C,). Left as they are.
        after: the weights that are multiplied with the activations, (out, C) each: channels are on
            the LAST axis. Left as they are.

    Returns:
        before: new tensors in the same order, channel j divided by scales[j].
        after: new tensors in the same order, column j multiplied by scales[j].
        Their dtypes are those that PyTorch's quotient and product give.

    Raises:
        ValueError: if an axis does not have C channels.
    """
    C = len(scales)
    if any(t.shape[0] != C for t in before) or any(w.shape[-1] != C for w in after):
        raise ValueError(f"expected {C} channels in front of {len(before)}, behind {len(after)}")
    # TODO 4.10: What makes the activations divided, and what reads them multiplied, so that no
    # output changes.
    raise NotImplementedError("exercise 4.10: fold")
