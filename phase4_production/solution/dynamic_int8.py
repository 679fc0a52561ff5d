"""Activations in eight bits, each token with a scale of its own, found as it comes by.

Weights wait in eight bits; when both factors are integers, so is the product, and integer units do
it. "Dynamic" because the scale is the token's own largest value, not one from a calibration text.
Xiao et al. 2022 (arXiv:2211.10438), section 2; ZeroQuant (Yao et al. 2022, arXiv:2206.01861).
"""

from torch import Tensor

from phase4_production.solution import absmax, llm_int8


def linear(x: Tensor, codes: Tensor, scale: Tensor) -> Tensor:
    """Return x W^T as a product of integers, multiplied by the scales of token and output.

    Args:
        x: (N, in), floating, left as it is.
        codes: (out, in) int8, the weight.
        scale: (out, 1) float32, a scale for each output.

    Returns:
        (N, out) float32.

    Raises:
        ValueError: if the shapes do not fit.
    """
    if x.shape[1:] != codes.shape[1:] or scale.shape != (len(codes), 1):
        shapes = [tuple(t.shape) for t in (x, codes, scale)]
        raise ValueError(f"expected (N, in), (out, in) and (out, 1), got {shapes}")
    token_scale = absmax.scale(x, 1, x.shape[1])
    sums = llm_int8.int_matmul(absmax.quantize(x, token_scale), codes)
    return sums.float() * token_scale * scale.T
